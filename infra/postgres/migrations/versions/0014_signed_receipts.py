"""Receipts are signed, and say which role requested an erasure."""

from infra.postgres.migrations import run_sql_beside

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Runs the SQL file beside this one."""
    run_sql_beside(__file__)
