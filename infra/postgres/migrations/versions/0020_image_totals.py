"""Totals and times of the images, kept up to date by what each statement changes."""

from infra.postgres.migrations import run_sql_beside

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Runs the SQL file beside this one."""
    run_sql_beside(__file__)
