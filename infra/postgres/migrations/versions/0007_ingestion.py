"""What the three doors keep: API keys, topic incarnations, offset gaps, listing slices."""

from infra.postgres.migrations import run_sql_beside

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Runs the SQL file beside this one."""
    run_sql_beside(__file__)
