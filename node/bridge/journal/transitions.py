"""What the later stages write into the journal: each a function on the writer's connection, each a legal transition.

The caller's SQL transaction makes them durable. A transition that is not legal is a broken invariant.
"""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection

from node.bridge.entry import (
    BatchResult,
    Kind,
    ReversalEntry,
    TransactionRow,
    act_in,
    member_of,
    pack_undo,
    undo_key,
)
from node.bridge.journal import exceptions
from node.bridge.journal.sql import among, listed
from node.domain import ids
from node.domain.errors import BrokenInvariant
from node.domain.payment import TRANSITIONS, Status

LAST_BLOCK: Final = "last_block"


def record_batch(connection: Connection, kind: Kind, sequences: Iterable[int], row: TransactionRow) -> None:
    """Journaled -> batched: the batch, its entries and its signed transaction, before any broadcast."""
    numbers = list(sequences)
    connection.exec_driver_sql(
        "INSERT INTO batches (id, kind, count, nonce, created_at) VALUES (?, ?, ?, ?, ?)",
        (row.batch, int(kind), len(numbers), row.nonce, row.created_at),
    )
    record_transaction(connection, row)
    changed = connection.exec_driver_sql(
        f"UPDATE entries SET status = 'batched', batch = ?"
        f" WHERE {among(connection, 'sequence')} AND {_from(Status.BATCHED)}",
        (row.batch, listed(connection, numbers)),
    ).rowcount
    _check(changed, len(numbers), "batched")


def record_transaction(connection: Connection, row: TransactionRow) -> None:
    """A signed transaction of a batch: the first, or one with a higher fee."""
    connection.exec_driver_sql(
        "INSERT INTO transactions VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (row.hash, row.batch, row.nonce, row.raw, row.max_fee, row.priority_fee, row.gas, row.created_at),
    )


def mark_sent(connection: Connection, batch: int) -> None:
    """Batched -> sent: a gateway took the batch's transaction."""
    connection.exec_driver_sql(f"UPDATE entries SET status = 'sent' WHERE batch = ? AND {_from(Status.SENT)}", (batch,))


def settle(connection: Connection, block: int, results: Iterable[BatchResult], codes: dict[int, str], now: int) -> None:
    """Sent -> final, declined or journaled again: all that a finished block says, and that the block is done with.

    `codes` maps the contract's reasons to response codes.
    """
    for result in results:
        _settle_batch(connection, result, codes, now)
    set_meta(connection, LAST_BLOCK, str(block))


def _settle_batch(connection: Connection, result: BatchResult, codes: dict[int, str], now: int) -> None:
    changed = connection.exec_driver_sql(
        "UPDATE batches SET block = ?, processed = ?, root = ?, leaves = ?, final_at = ?"
        " WHERE id = ? AND block IS NULL",
        (result.block, result.processed, result.root, result.leaves, now, result.batch),
    ).rowcount
    _check(changed, 1, "finished")
    mark_sent(connection, result.batch)
    for sequence, reason in result.declined.items():
        changed = connection.exec_driver_sql(
            "UPDATE entries SET status = 'declined', reason = ?, response_code = coalesce(response_code, ?)"
            f" WHERE sequence = ? AND batch = ? AND {_from(Status.DECLINED)}",
            (reason, codes.get(reason, "96"), sequence, result.batch),
        ).rowcount
        _check(changed, 1, "declined")
        exceptions.note(connection, sequence, reason, now)
    if result.given_back:
        changed = connection.exec_driver_sql(
            "UPDATE entries SET status = 'journaled', batch = NULL"
            f" WHERE {among(connection, 'sequence')} AND {_from(Status.JOURNALED)}",
            (listed(connection, result.given_back),),
        ).rowcount
        _check(changed, len(result.given_back), "given back")
    connection.exec_driver_sql(
        "UPDATE entries SET status = 'final', response_code = coalesce(response_code, '00')"
        f" WHERE batch = ? AND {_from(Status.FINAL)}",
        (result.batch,),
    )


def cancel(connection: Connection, original: int, reversal: int) -> None:
    """Journaled -> declined and journaled -> final: a payment reversed before it went into any batch."""
    changed = connection.exec_driver_sql(
        "UPDATE entries SET status = 'declined', response_code = coalesce(response_code, '91')"
        " WHERE sequence = ? AND status = 'journaled'",
        (original,),
    ).rowcount
    _check(changed, 1, "cancelled")
    finish_reversal(connection, reversal)
    finish_undo(connection, original)


def finish_undo(connection: Connection, original: int) -> None:
    """Journaled -> final: what would undo an act that never took effect; there may be none."""
    connection.exec_driver_sql(
        "UPDATE entries SET status = 'final' WHERE key = ? AND status = 'journaled'", (undo_key(original),)
    )


def finish_reversal(connection: Connection, reversal: int) -> None:
    """Journaled -> final: a reversal that has no line to undo."""
    changed = connection.exec_driver_sql(
        "UPDATE entries SET status = 'final' WHERE sequence = ? AND status = 'journaled' AND kind = 1", (reversal,)
    ).rowcount
    _check(changed, 1, "final")


def note_parts(connection: Connection, refund: int, packed: bytes) -> None:
    """What of a refund goes back in which tender, before it goes into a batch: it is answered with this."""
    changed = connection.exec_driver_sql(
        "UPDATE entries SET packed = ? WHERE sequence = ? AND status = 'journaled' AND kind = 2", (packed, refund)
    ).rowcount
    _check(changed, 1, "split")


def decline_refund(connection: Connection, refund: int, code: str, reason: int | None) -> None:
    """Journaled -> declined: a refund that never gets into a batch, answered with this code."""
    changed = connection.exec_driver_sql(
        "UPDATE entries SET status = 'declined', reason = ?, response_code = coalesce(response_code, ?)"
        " WHERE sequence = ? AND status = 'journaled' AND kind = 2",
        (reason, code, refund),
    ).rowcount
    _check(changed, 1, "declined")


def time_out(
    connection: Connection, sequence: int, undo: int, now: int, *, unbatched: bool
) -> tuple[str, ReversalEntry | None]:
    """Answers a payment that debits 91, and sees to it that it has no effect; `undo` is the sequence of its reversal,
    the next one that of the payment that undoes its act.

    The stored answer and None if there is one already. `unbatched`: it is in no batch and never will be.
    """
    status, code, reversed_by, reference, merchant, packed = connection.exec_driver_sql(
        "SELECT status, response_code, reversed_by, reference, merchant, packed FROM entries WHERE sequence = ?",
        (sequence,),
    ).one()
    if code is not None:
        if unbatched and status == Status.JOURNALED.value:
            # its reversal was journaled a moment ago, and has not got to cancelling it
            connection.exec_driver_sql("UPDATE entries SET status = 'declined' WHERE sequence = ?", (sequence,))
        return str(code), None
    if unbatched and status == Status.JOURNALED.value:
        connection.exec_driver_sql(
            "UPDATE entries SET status = 'declined', response_code = '91' WHERE sequence = ?", (sequence,)
        )
        return "91", None
    new = undo if reversed_by is None else reversed_by
    connection.exec_driver_sql(
        "UPDATE entries SET response_code = '91', reversed_by = ? WHERE sequence = ?", (new, sequence)
    )
    if reversed_by is not None:
        return "91", None
    rows = [(undo, Kind.REVERSAL, f"undo|{sequence}", b"")]
    if act_in(packed) is not None:
        rows.append((undo + 1, Kind.UNDO, undo_key(sequence), pack_undo(packed, ids.Sequence(sequence))))
    for number, kind, key, what in rows:
        connection.exec_driver_sql(
            "INSERT INTO entries (sequence, kind, key, reference, body, status, debits, merchant, packed, sealed,"
            " original, response_code, received_at) VALUES (?, ?, ?, ?, ?, 'journaled', FALSE, ?, ?, ?, ?, '00', ?)",
            (number, int(kind), key, reference, b"", merchant, what, b"", sequence, now),
        )
    entry = ReversalEntry(
        sequence=ids.Sequence(undo), original=ids.Sequence(sequence), member=member_of(packed), received_at=now
    )
    return "91", entry


def set_meta(connection: Connection, name: str, value: str) -> None:
    """Keeps a fact about the journal as a whole."""
    connection.exec_driver_sql(
        "INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", (name, value)
    )


def _from(to: Status) -> str:
    """The statuses from which `to` may be reached, as a condition."""
    return "status IN (" + ", ".join(f"'{old.value}'" for old, new in TRANSITIONS.items() if to in new) + ")"


def _check(changed: int, expected: int, what: str) -> None:
    if changed != expected:
        raise BrokenInvariant(f"{changed} instead of {expected} rows became {what}")
