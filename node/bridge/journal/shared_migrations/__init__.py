"""The steps of the schema that bridges share in one database (postgres.py)."""
