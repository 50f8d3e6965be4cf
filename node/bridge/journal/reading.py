"""What is read from the journal: everything open at a start, stored answers, originals of reversals, and the status."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from node.bridge.entry import Kind, PaymentEntry, ReversalEntry, TransactionRow, entry_of, member_of, undo_key
from node.bridge.journal.sql import among, listed
from node.domain import ids
from node.domain.ids import Hash32, MemberId
from node.domain.payment import Status
from node.domain.refund_split import RefundParts

RECENT: Final = 10_000
"""Entries whose latency `till bridge status` looks at."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenBatch:
    """A batch that no final block holds yet, with its entries' sequences and its transactions, oldest first."""

    id: int
    kind: Kind
    nonce: int
    created_at: int
    sequences: tuple[int, ...]
    transactions: tuple[TransactionRow, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Original:
    """The payment that a reversal undoes, as far as the chain has it; `leaves` are those of its whole batch."""

    sequence: int
    status: Status
    root: Hash32
    leaves: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """What the journal knows of an entry, to answer its message (again)."""

    sequence: int
    status: Status
    response_code: str | None
    reason: int | None
    block: int | None
    leaves: bytes
    kind: Kind = Kind.PAYMENT
    packed: bytes = b""
    approved: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """The payment or refund of a message; `member` is a refund's original's."""

    sequence: ids.Sequence
    body: bytes
    response_code: str | None
    member: MemberId


def open_entries(connection: Connection) -> Iterator[tuple[Status, PaymentEntry | ReversalEntry]]:
    """Entries that are not settled, in the order of their sequence; without payments that only earn and have no batch
    (waiting.py).
    """
    rows = connection.exec_driver_sql(
        "SELECT e.status, e.sequence, e.kind, e.merchant, e.packed, e.debits, e.received_at, e.original, o.packed,"
        " o.status = 'journaled' AND o.kind = 0 AND NOT o.debits"
        " FROM entries e LEFT JOIN entries o ON o.sequence = e.original"
        " LEFT JOIN entries r ON r.sequence = o.reversed_by AND e.kind = 3"
        " WHERE e.status IN ('journaled', 'batched', 'sent')"
        " AND NOT (e.status = 'journaled' AND e.kind = 0 AND NOT e.debits)"
        # what undoes an act goes together with the reversal, as long as that is open
        " AND NOT (e.kind = 3 AND e.status = 'journaled' AND r.status = 'journaled') ORDER BY e.sequence"
    )
    for status, sequence, kind, merchant, packed, debits, received_at, original, of, unsent in rows:
        entry: PaymentEntry | ReversalEntry
        if kind in (Kind.PAYMENT, Kind.UNDO, Kind.ADVICE):
            entry = entry_of(sequence, merchant, packed, received_at, debits=bool(debits))
        else:
            entry = ReversalEntry(
                sequence=ids.Sequence(sequence),
                original=ids.Sequence(original),
                member=member_of(of) if of else MemberId(0),
                received_at=received_at,
                amount=RefundParts.unpack(packed).amount if kind == Kind.REFUND else None,
                unsent=bool(unsent),
            )
        yield Status(status), entry


def payments(connection: Connection, sequences: Iterable[int]) -> list[PaymentEntry]:
    """These payments, in the order of their sequence."""
    rows = connection.exec_driver_sql(
        "SELECT sequence, merchant, packed, received_at, debits FROM entries"
        f" WHERE kind IN (0, 3, 4) AND {among(connection, 'sequence')} ORDER BY sequence",
        (listed(connection, sequences),),
    )
    return [
        entry_of(sequence, merchant, packed, received_at, debits=bool(debits))
        for sequence, merchant, packed, received_at, debits in rows
    ]


def unanswered(connection: Connection) -> dict[int, int]:
    """Sequences of payments and refunds that nobody was told the outcome of yet, with the time they came."""
    rows = connection.exec_driver_sql(
        "SELECT sequence, received_at FROM entries WHERE response_code IS NULL AND kind IN (0, 2)"
        " AND status IN ('journaled', 'batched', 'sent')"
    )
    return {row[0]: row[1] for row in rows}


def open_batches(connection: Connection) -> list[OpenBatch]:
    """Batches that no final block holds yet, by nonce."""
    batches = connection.exec_driver_sql(
        "SELECT id, kind, nonce, created_at FROM batches WHERE block IS NULL ORDER BY nonce"
    ).all()
    return [
        OpenBatch(
            id=number,
            kind=Kind(kind),
            nonce=nonce,
            created_at=created_at,
            sequences=tuple(
                row[0]
                for row in connection.exec_driver_sql(
                    "SELECT sequence FROM entries WHERE batch = ? ORDER BY sequence", (number,)
                )
            ),
            transactions=tuple(_transactions(connection, number)),
        )
        for number, kind, nonce, created_at in batches
    ]


def original_of(connection: Connection, sequence: int) -> Original:
    """The original of a reversal."""
    status, root, leaves = connection.exec_driver_sql(
        "SELECT e.status, b.root, b.leaves FROM entries e LEFT JOIN batches b ON b.id = e.batch WHERE e.sequence = ?",
        (sequence,),
    ).one()
    return Original(sequence=sequence, status=Status(status), root=Hash32(root or b""), leaves=leaves or b"")


def undo_of_act(connection: Connection, original: int) -> PaymentEntry | None:
    """The payment that undoes the act of this one, if it has one and it is in no batch yet."""
    row = connection.exec_driver_sql(
        "SELECT sequence, merchant, packed, received_at FROM entries WHERE key = ? AND status = 'journaled'",
        (undo_key(original),),
    ).first()
    return None if row is None else entry_of(*row, debits=False)


def stored(connection: Connection, sequences: Iterable[int], schema: str = "") -> dict[int, Stored]:
    """What is known of these entries; one that does not exist is not in the answer. `schema` is another journal's, with
    a dot."""
    rows = connection.exec_driver_sql(
        "SELECT e.sequence, e.status, e.response_code, e.reason, b.block, CASE WHEN e.kind = 0 THEN b.leaves END,"
        f" e.kind, e.packed, e.approved FROM {schema}entries e LEFT JOIN {schema}batches b ON b.id = e.batch"
        f" WHERE {among(connection, 'e.sequence')}",
        (listed(connection, sequences),),
    )
    return {
        sequence: Stored(
            sequence=sequence,
            status=Status(status),
            response_code=code,
            reason=reason,
            block=block,
            leaves=leaves or b"",
            kind=Kind(kind),
            packed=packed,
            approved=approved,
        )
        for sequence, status, code, reason, block, leaves, kind, packed, approved in rows
    }


def recorded(connection: Connection, key: str) -> Recorded | None:
    """What the message with this key became; None where it was never accepted, or reversed something."""
    row = connection.exec_driver_sql(
        "SELECT e.sequence, e.body, e.response_code, CASE WHEN e.kind = 0 THEN e.packed ELSE o.packed END"
        " FROM entries e LEFT JOIN entries o ON o.sequence = e.original WHERE e.key = ? AND e.kind IN (0, 2)",
        (key,),
    ).first()
    if row is None:
        return None
    sequence, body, code, packed = row
    return Recorded(
        sequence=ids.Sequence(sequence), body=bytes(body), response_code=code, member=member_of(bytes(packed))
    )


def meta(connection: Connection) -> dict[str, str]:
    """The facts about the journal as a whole."""
    return {row[0]: row[1] for row in connection.exec_driver_sql("SELECT name, value FROM meta")}


def next_numbers(connection: Connection) -> tuple[int, int, int | None]:
    """The next free sequence (from 1 on), the next batch id, and the next nonce (None: nothing was ever sent)."""
    sequence = connection.exec_driver_sql("SELECT coalesce(max(sequence), 0) + 1 FROM entries").scalar_one()
    batch = connection.exec_driver_sql("SELECT coalesce(max(id), 0) + 1 FROM batches").scalar_one()
    nonce = connection.exec_driver_sql("SELECT max(nonce) + 1 FROM batches").scalar_one()
    return int(sequence), int(batch), None if nonce is None else int(nonce)


def counts(connection: Connection) -> dict[str, int]:
    """Entries by status."""
    rows = connection.exec_driver_sql("SELECT status, count(*) FROM entries GROUP BY status")
    return {status.value: 0 for status in Status} | {row[0]: row[1] for row in rows}


def latencies(connection: Connection) -> list[int]:
    """Milliseconds from message to finality of the newest final payments, sorted."""
    rows = connection.exec_driver_sql(
        "SELECT b.final_at - e.received_at FROM entries e JOIN batches b ON b.id = e.batch"
        " WHERE e.kind = 0 AND b.final_at IS NOT NULL ORDER BY e.sequence DESC LIMIT ?",
        (RECENT,),
    )
    return sorted(row[0] for row in rows)


def _transactions(connection: Connection, batch: int) -> Iterator[TransactionRow]:
    rows = connection.exec_driver_sql(
        "SELECT hash, batch, nonce, raw, max_fee, priority_fee, gas, created_at FROM transactions"
        " WHERE batch = ? ORDER BY created_at, max_fee",
        (batch,),
    )
    for hash_, number, nonce, raw, max_fee, priority_fee, gas, created_at in rows:
        yield TransactionRow(
            hash=Hash32(hash_),
            batch=number,
            nonce=nonce,
            raw=raw,
            max_fee=max_fee,
            priority_fee=priority_fee,
            gas=gas,
            created_at=created_at,
        )


def never_sent(connection: Connection) -> Iterator[int]:
    """The sequences that were used up and are in no batch: payments reversed before they went out, and their reversals.

    What is still on its way is not among them.
    """
    rows = connection.exec_driver_sql(
        "SELECT sequence FROM entries WHERE batch IS NULL AND status NOT IN ('journaled', 'batched', 'sent')"
        " ORDER BY sequence"
    )
    for (sequence,) in rows:
        yield int(sequence)
