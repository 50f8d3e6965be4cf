"""What alembic runs to migrate: on the connection that node/indexer/database.py gave it."""

from alembic import context

from node.indexer.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
