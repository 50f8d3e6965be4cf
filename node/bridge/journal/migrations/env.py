"""What alembic runs to migrate: on the connection that node/bridge/journal/schema.py gave it."""

from alembic import context

from node.bridge.journal import claims, lines, outbox, people, pins, shown_codes  # noqa: F401  (their tables)
from node.bridge.journal.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
