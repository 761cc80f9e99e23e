"""Hostile files made from a seed, and a campaign that sends them through the real workers."""
