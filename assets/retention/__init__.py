"""Seven days: who decides the age, what is deleted, and what proves it."""
