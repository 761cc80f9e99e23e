"""After a restore, images that only receipts of erasures know cannot be registered again."""

from infra.postgres.migrations import run_sql_beside

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Runs the SQL file beside this one."""
    run_sql_beside(__file__)
