"""What alembic runs to migrate: on the connection that node/bridge/journal/schema.py gave it."""

from alembic import context

from node.bridge.journal.shared_tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
