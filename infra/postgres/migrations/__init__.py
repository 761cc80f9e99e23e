"""Alembic migrations: numbered SQL files, each with the few lines that Alembic needs beside it."""

from pathlib import Path

from alembic import op


def run_sql_beside(migration_file: str) -> None:
    """Runs the SQL file that has the migration's own name, in the migration's transaction.

    It goes to the driver as it is, so that neither `%` nor `:` in it means anything but SQL.
    """
    statements = Path(migration_file).with_suffix(".sql").read_text()
    op.get_bind().connection.driver_connection.execute(statements)
