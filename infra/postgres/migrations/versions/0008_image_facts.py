"""What is found out about an image, and the renditions that a new recipe leaves behind."""

from infra.postgres.migrations import run_sql_beside

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Runs the SQL file beside this one."""
    run_sql_beside(__file__)
