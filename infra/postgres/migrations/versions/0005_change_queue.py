"""What changed in the sales tables since the views were last built."""

from infra.postgres.migrations import run_sql_beside

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Runs the SQL file beside this one."""
    run_sql_beside(__file__)
