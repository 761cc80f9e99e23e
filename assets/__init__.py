"""What the data is, by subject.

Pure modules in here import no Dagster, and importing any of them touches nothing outside.
"""
