"""The steps of the index's schema, by alembic."""
