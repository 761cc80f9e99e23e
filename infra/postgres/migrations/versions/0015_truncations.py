"""Truncations of partitions are numbered, and offsets have the leader epoch that wrote them."""

from infra.postgres.migrations import run_sql_beside

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Runs the SQL file beside this one."""
    run_sql_beside(__file__)
