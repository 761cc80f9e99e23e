"""All DDL: roles, databases and schemas (bootstrap), everything in the schemas (migrations)."""
