"""Alembic's entry point: connects as the administration role and runs what is missing."""

from alembic import context
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

engine = create_engine(context.config.attributes["url"], poolclass=NullPool)
with engine.connect() as connection:
    context.configure(
        connection=connection,
        version_table_schema="migration",
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()
