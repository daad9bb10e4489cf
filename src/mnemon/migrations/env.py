"""Alembic's environment: runs on the connection that :mod:`mnemon.migrations.runner` opened."""

from __future__ import annotations

from alembic import context

from mnemon.catalog import metadata
from mnemon.migrations.compare import compare_type, include_object


def run() -> None:
    """Run the migrations on the connection in the configuration's attributes."""
    connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=metadata,
        include_object=include_object,
        compare_type=compare_type,
        transaction_per_migration=True,
        render_as_batch=False,
        compare_server_default=False,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run()
