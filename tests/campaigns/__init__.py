"""Test campaigns: kill processes, send hostile files, and count what came of it."""
