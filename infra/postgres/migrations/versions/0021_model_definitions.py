"""A dbt model whose definition changes is computed anew."""

from infra.postgres.migrations import run_sql_beside

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Runs the SQL file beside this one."""
    run_sql_beside(__file__)
