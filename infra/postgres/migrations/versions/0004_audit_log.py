"""The audit log of the sales tables, and stamps that name the acting person."""

from infra.postgres.migrations import run_sql_beside

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Runs the SQL file beside this one."""
    run_sql_beside(__file__)
