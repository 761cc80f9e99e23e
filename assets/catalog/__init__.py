"""The catalog: one row per image, who works on it, and what came of it."""
