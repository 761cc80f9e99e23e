"""Alembic's entry point: connects as the migrator and runs the missing migrations."""

import psycopg
from alembic import context
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

conninfo = context.config.attributes["conninfo"]
engine = create_engine(
    "postgresql+psycopg://", creator=lambda: psycopg.connect(conninfo), poolclass=NullPool
)
with engine.connect() as connection:
    context.configure(
        connection=connection,
        version_table_schema="migration",
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()
