"""People change rows by procedures only; days that no image can have arrived on have no table."""

from infra.postgres.migrations import run_sql_beside

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Runs the SQL file beside this one."""
    run_sql_beside(__file__)
