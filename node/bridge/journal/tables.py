"""The journal's tables, as SQLAlchemy Core sees them; node/bridge/journal/migrations builds them.

One journal belongs to one stream of one network (meta `stream`, `chain_id`, `ledger`), so a sequence alone names an
entry. Times are milliseconds of the Unix clock.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    text,
)

metadata: Final = MetaData()

entries: Final = Table(
    "entries",
    metadata,
    # Integer and not BigInteger: in SQLite that is the row's own number, and an append costs nothing.
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("kind", SmallInteger, nullable=False),
    Column("key", Text, nullable=False, unique=True),
    # What a reversal names its original by: terminal|MTI class|STAN|transmission time.
    Column("reference", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("status", Text, nullable=False),
    Column("debits", Boolean, nullable=False),
    Column("merchant", BigInteger, nullable=False),
    # The payment's bytes as in a batch, from the flags on (docs/batch.md); empty for a reversal.
    Column("packed", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("original", Integer),
    Column("reversed_by", Integer),
    Column("batch", Integer, ForeignKey("batches.id")),
    Column("reason", SmallInteger),
    # What the message was answered, NULL as long as it was not.
    Column("response_code", Text),
    Column("received_at", BigInteger, nullable=False),
    # How much of a message's amount was approved where that is less than all of it (DE39 10), minor units.
    Column("approved", BigInteger),
    Index("entries_by_reference", "reference"),
    Index("entries_by_batch", "batch", sqlite_where=text("batch IS NOT NULL")),
    Index("entries_open", "status", sqlite_where=text("status IN ('journaled', 'batched', 'sent')")),
)

tombstones: Final = Table(
    "tombstones",
    metadata,
    Column("reference", Text, primary_key=True),
    Column("reversal", Integer, nullable=False),
    Column("received_at", BigInteger, nullable=False),
)

batches: Final = Table(
    "batches",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("kind", SmallInteger, nullable=False),
    Column("count", Integer, nullable=False),
    Column("nonce", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("final_at", BigInteger),
    Column("block", BigInteger),
    Column("processed", Integer),
    Column("root", LargeBinary),
    # The leaves under the root, four words each, in the tree's order: what a reversal proves its original with.
    Column("leaves", LargeBinary),
    Index("batches_open", "block", sqlite_where=text("block IS NULL")),
)

transactions: Final = Table(
    "transactions",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("batch", Integer, ForeignKey("batches.id"), nullable=False, index=True),
    Column("nonce", BigInteger, nullable=False, index=True),
    Column("raw", LargeBinary, nullable=False),
    Column("max_fee", BigInteger, nullable=False),
    Column("priority_fee", BigInteger, nullable=False),
    Column("gas", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

cards: Final = Table(
    "cards",
    metadata,
    # HMAC-SHA256 of the card's number under the bridge's card key; the number itself is stored nowhere.
    Column("token", LargeBinary, primary_key=True),
    Column("member", LargeBinary, nullable=False),
)

exceptions: Final = Table(
    "exceptions",
    metadata,
    # What had been answered 00 and the chain then declined: people settle it (docs/bridge.md).
    Column("sequence", Integer, ForeignKey("entries.sequence"), primary_key=True, autoincrement=False),
    Column("reason", SmallInteger, nullable=False),
    Column("noted_at", BigInteger, nullable=False),
    Column("closed_at", BigInteger),
    Column("note", Text),
)

terminals: Final = Table(
    "terminals",
    metadata,
    Column("terminal", Text, primary_key=True),
    Column("signed_on", Boolean, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)

days: Final = Table(
    "days",
    metadata,
    Column("terminal", Text, primary_key=True),
    # Days since 1970; the day has the sequences after `since`, up to `upto`.
    Column("date", Integer, primary_key=True, autoincrement=False),
    Column("since", BigInteger, nullable=False),
    Column("upto", BigInteger, nullable=False),
    Column("closed_at", BigInteger, nullable=False),
    # What the terminal said of it last (JSON), and whether that was right.
    Column("claimed", Text),
    Column("balanced", Boolean),
    Column("claimed_at", BigInteger),
)

meta: Final = Table(
    "meta",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
