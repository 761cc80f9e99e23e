"""The image ledger, its renditions and the progress of arrival."""

from infra.postgres.migrations import run_sql_beside

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Runs the SQL file beside this one."""
    run_sql_beside(__file__)
