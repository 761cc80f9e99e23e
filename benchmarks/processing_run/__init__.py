"""A program of its own, and a package for that: workers import again what a plain module imports.

Dagster's own program is a package too, so that its workers start as quickly.
"""
