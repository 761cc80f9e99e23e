"""Proof of what was deleted: chained receipts, a horizon that hides, days dropped whole."""

from infra.postgres.migrations import run_sql_beside

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Runs the SQL file beside this one."""
    run_sql_beside(__file__)
