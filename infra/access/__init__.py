"""The access file at work: granting, people, and the report that tries every right."""
