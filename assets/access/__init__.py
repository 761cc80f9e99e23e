"""Who may do what in the warehouse: what the access file says, and what PostgreSQL holds."""
