"""A package, because spawned workers import a plain main module again but not a package's.

Dagster's own program is a package too, so its workers start as quickly.
"""
