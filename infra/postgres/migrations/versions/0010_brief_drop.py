"""A day is counted while readers and other days' writers go on; only its drop locks the ledger."""

from infra.postgres.migrations import run_sql_beside

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Runs the SQL file beside this one."""
    run_sql_beside(__file__)
