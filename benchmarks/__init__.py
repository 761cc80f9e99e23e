"""Measured against the limit, side by side, in one run."""
