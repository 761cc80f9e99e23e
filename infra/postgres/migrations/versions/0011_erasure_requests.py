"""Erasures are requested by a row, so that a run is given a number and no image."""

from infra.postgres.migrations import run_sql_beside

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Runs the SQL file beside this one."""
    run_sql_beside(__file__)
