"""The only DDL: roles, databases and schemas (bootstrap), tables and grants (migrations)."""
