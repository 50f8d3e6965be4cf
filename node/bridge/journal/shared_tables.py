"""What the bridges of one database share, in its schema `bridges`; node/bridge/journal/shared_migrations builds it."""

from typing import Final

from sqlalchemy import ARRAY, BigInteger, Column, DateTime, Index, MetaData, Table, Text, text

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

terminals: Final = Table(
    "terminals",
    metadata,
    Column("terminal", Text, primary_key=True),
    # Whose bridge may take its messages, by the Registry as of this block.
    Column("stream", BigInteger, nullable=False),
    Column("block", BigInteger, nullable=False),
    # The streams that had it before, the last one last.
    Column("former", ARRAY(BigInteger), nullable=False),
)

forwards: Final = Table(
    "forwards",
    metadata,
    # For which stream's bridge a message was put down, by that of another.
    Column("stream", BigInteger, primary_key=True, autoincrement=False),
    Column("key", Text, primary_key=True),
    Column("message", Text, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    # Empty once that stream's journal has it, else the code that it was refused with there.
    Column("code", Text),
    Index("forwards_open", "stream", postgresql_where=text("code IS NULL")),
)
