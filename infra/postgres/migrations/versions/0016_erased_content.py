"""Erased content is recognised by a keyed hash, whatever id it returns with."""

from infra.postgres.migrations import run_sql_beside

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Runs the SQL file beside this one."""
    run_sql_beside(__file__)
