"""Values that every sum can hold, stamps that name people, prices per line, clear refusals."""

from infra.postgres.migrations import run_sql_beside

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Runs the SQL file beside this one."""
    run_sql_beside(__file__)
