"""Record batches that cannot be read are gaps with a reason."""

from infra.postgres.migrations import run_sql_beside

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Runs the SQL file beside this one."""
    run_sql_beside(__file__)
