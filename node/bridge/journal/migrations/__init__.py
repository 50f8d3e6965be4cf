"""The journal's schema, step by step, up and down (alembic)."""
