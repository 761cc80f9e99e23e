"""Buckets, their queue and their settings, brought to what the platform expects."""
