"""The access report: every right of every kind of person, tried on the running database."""
