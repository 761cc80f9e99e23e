"""Legal transitions of a purchase, and the procedures of Logistics and Sales."""

from infra.postgres.migrations import run_sql_beside

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Runs the SQL file beside this one."""
    run_sql_beside(__file__)
