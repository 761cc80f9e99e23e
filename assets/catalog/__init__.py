"""The catalog: one row per image, the lease of the run that works on it, and its outcome."""
