"""The journal's tables, as SQLAlchemy Core sees them; node/bridge/journal/migrations builds them.

One journal belongs to one stream of one network (meta `stream`, `chain_id`, `ledger`), so a sequence alone names an
entry. On PostgreSQL it is a schema of its own (postgres.py). Times are milliseconds of the Unix clock.
"""

from typing import Any, Final

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
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

metadata: Final = MetaData()
# Integer and not BigInteger: in SQLite that is the row's own number, and an append costs nothing.
NUMBER: Final = Integer().with_variant(BigInteger(), "postgresql")
# compared byte by byte whatever the database's language is: a reversal without its time is looked for by prefix
NAME: Final = Text().with_variant(Text(collation="C"), "postgresql")
OPEN: Final = text("status IN ('journaled', 'batched', 'sent')")
BATCHED: Final = text("batch IS NOT NULL")
UNSETTLED: Final = text("block IS NULL")


class TerminalOf(FunctionElement[str]):
    """The terminal that a key begins with; the databases know an index by the very words."""

    type = Text()
    inherit_cache = True


@compiles(TerminalOf)
def _(element: TerminalOf, compiler: Any, **more: Any) -> str:
    key = compiler.process(element.clauses, **more)
    return f"substr({key}, 1, instr({key}, '|') - 1)"


@compiles(TerminalOf, "postgresql")
def _(element: TerminalOf, compiler: Any, **more: Any) -> str:
    return f"split_part({compiler.process(element.clauses, **more)}, '|', 1)"


entries: Final = Table(
    "entries",
    metadata,
    Column("sequence", NUMBER, primary_key=True, autoincrement=False),
    Column("kind", SmallInteger, nullable=False),
    Column("key", NAME, nullable=False, unique=True),
    # What a reversal names its original by: terminal|MTI class|STAN|transmission time.
    Column("reference", NAME, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("status", Text, nullable=False),
    Column("debits", Boolean, nullable=False),
    Column("merchant", BigInteger, nullable=False),
    # The payment's bytes as in a batch, from the flags on (docs/batch.md); empty for a reversal.
    Column("packed", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("original", NUMBER),
    Column("reversed_by", NUMBER),
    Column("batch", NUMBER, ForeignKey("batches.id")),
    Column("reason", SmallInteger),
    # What the message was answered, NULL as long as it was not.
    Column("response_code", Text),
    Column("received_at", BigInteger, nullable=False),
    # How much of a message's amount was approved where that is less than all of it (DE39 10), minor units.
    Column("approved", BigInteger),
    Index("entries_by_reference", "reference"),
    Index("entries_by_batch", "batch", sqlite_where=BATCHED, postgresql_where=BATCHED),
    Index("entries_open", "status", sqlite_where=OPEN, postgresql_where=OPEN),
)

Index("entries_by_terminal", TerminalOf(entries.c.key), entries.c.sequence)

aliases: Final = Table(
    "aliases",
    metadata,
    # of a repeat whose transmission time was another one than the first message's
    Column("reference", NAME, primary_key=True),
    Column("sequence", NUMBER, nullable=False),
    Index("aliases_by_sequence", "sequence"),
)

tombstones: Final = Table(
    "tombstones",
    metadata,
    Column("reference", NAME, primary_key=True),
    Column("reversal", NUMBER, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    # The reference without its time. Whatever else the reversal says of its original (near.py): NULL is nothing.
    Column("name", NAME, nullable=False, server_default=""),
    Column("amount", BigInteger),
    Column("time", BigInteger),
    Index("tombstones_by_name", "name"),
)

batches: Final = Table(
    "batches",
    metadata,
    Column("id", NUMBER, primary_key=True, autoincrement=False),
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
    Index("batches_open", "block", sqlite_where=UNSETTLED, postgresql_where=UNSETTLED),
)

transactions: Final = Table(
    "transactions",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("batch", NUMBER, ForeignKey("batches.id"), nullable=False, index=True),
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
    # sealed with the data key of `person` (people.py)
    Column("member", LargeBinary, nullable=False),
    Column("person", BigInteger, index=True),
)

exceptions: Final = Table(
    "exceptions",
    metadata,
    # What had been answered 00 and the chain then declined: people settle it (docs/bridge.md).
    Column("sequence", NUMBER, ForeignKey("entries.sequence"), primary_key=True, autoincrement=False),
    Column("reason", SmallInteger, nullable=False),
    Column("noted_at", BigInteger, nullable=False),
    Column("closed_at", BigInteger),
    Column("note", Text),
    # Of an advice that overdrew: the sequence that books it, what the member paid, what the guarantee stands for, and
    # what it still owes the merchant; NULL while it is not booked.
    Column("booked_as", BigInteger),
    Column("taken", BigInteger),
    Column("guaranteed", BigInteger),
    Column("due", BigInteger),
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

directory: Final = Table(
    "directory",
    metadata,
    # What the bridge knew last of the network (picture.py), in one row.
    Column("one", SmallInteger, primary_key=True, autoincrement=False),
    Column("block", BigInteger, nullable=False),
    Column("content", LargeBinary, nullable=False),
)

meta: Final = Table(
    "meta",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
