"""Dagster's own settings, and what they name."""
