"""The sales tables of schema "ASSESSMENT"."""

from infra.postgres.migrations import run_sql_beside

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Runs the SQL file beside this one."""
    run_sql_beside(__file__)
