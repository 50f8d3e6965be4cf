"""What the bridges of one database share, in its schema `bridges`; node/bridge/journal/shared_migrations builds it."""

from typing import Final

from sqlalchemy import BigInteger, Column, DateTime, MetaData, Table, Text

metadata: Final = MetaData()

leases: Final = Table(
    "leases",
    metadata,
    Column("stream", BigInteger, primary_key=True, autoincrement=False),
    # A name for people: host and process.
    Column("owner", Text, nullable=False),
    # Grows by one with each owner.
    Column("token", BigInteger, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
)
