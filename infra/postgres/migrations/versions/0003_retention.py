"""Purge receipts."""

from infra.postgres.migrations import run_sql_beside

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Runs the SQL file beside this one."""
    run_sql_beside(__file__)
