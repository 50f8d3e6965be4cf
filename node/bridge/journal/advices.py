"""Advices that overdrew: the payments whose acts book them, in the part that the member has (docs/bridge.md).

Functions on a connection, as transitions and reading. The ledger takes a payment whole or not at all; what it declined
of an advice for want of value or coins gets a payment of its own, under the next number, in the same write.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from node.bridge.entry import BatchResult, Kind, PaymentEntry, advice_key, entry_of, pack_advice
from node.bridge.journal.exceptions import ADVICE_CLASS, OVERDRAWN
from node.chain.advices import AdviceBooked
from node.domain import ids
from node.domain.errors import BrokenInvariant
from node.domain.payment import Status

BOOKED: Final = "booked by the bridge"
"""The note of an advice that needs nobody any more: the chain has what came of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Booking:
    """The payment that books an advice."""

    sequence: ids.Sequence
    status: Status
    packed: bytes


def begin(connection: Connection, results: Iterable[BatchResult], first: int, now: int) -> list[PaymentEntry]:
    """Journals what books the advices that these batches overdrew, from the number `first` on."""
    made: list[PaymentEntry] = []
    for result in results:
        for sequence, reason in sorted(result.declined.items()):
            if reason in OVERDRAWN:
                entry = _begun(connection, sequence, first + len(made), now)
                made += [] if entry is None else [entry]
    return made


def _begun(connection: Connection, original: int, sequence: int, now: int) -> PaymentEntry | None:
    row = connection.exec_driver_sql(
        "SELECT reference, merchant, packed FROM entries"
        " WHERE sequence = ? AND kind = 0 AND response_code = '00' AND reversed_by IS NULL",
        (original,),
    ).first()
    if row is None or row[0].split("|")[1] != ADVICE_CLASS:
        return None
    reference, merchant, advised = row
    packed = pack_advice(bytes(advised), ids.Sequence(original))
    if not packed:
        return None
    connection.exec_driver_sql(
        "INSERT INTO entries (sequence, kind, key, reference, body, status, debits, merchant, packed, sealed,"
        " original, response_code, received_at) VALUES (?, ?, ?, ?, ?, 'journaled', FALSE, ?, ?, ?, ?, '00', ?)",
        (sequence, int(Kind.ADVICE), advice_key(original), reference, b"", merchant, packed, b"", original, now),
    )
    return entry_of(sequence, merchant, packed, now, debits=False)


def booking_of(connection: Connection, original: int) -> Booking | None:
    """What books this advice; None where nothing does."""
    row = connection.exec_driver_sql(
        "SELECT sequence, status, packed FROM entries WHERE key = ?", (advice_key(original),)
    ).first()
    if row is None:
        return None
    return Booking(sequence=ids.Sequence(row[0]), status=Status(row[1]), packed=bytes(row[2]))


def on_their_way(connection: Connection) -> dict[ids.Sequence, ids.Sequence]:
    """The bookings that are not settled, each with its advice."""
    rows = connection.exec_driver_sql(
        "SELECT sequence, original FROM entries WHERE kind = 4 AND status IN ('journaled', 'batched', 'sent')"
    )
    return {ids.Sequence(sequence): ids.Sequence(original) for sequence, original in rows}


def cancel(connection: Connection, sequence: int) -> None:
    """Journaled -> declined: its advice was reversed before it went into any batch."""
    changed = connection.exec_driver_sql(
        "UPDATE entries SET status = 'declined' WHERE sequence = ? AND status = 'journaled' AND kind = 4", (sequence,)
    ).rowcount
    if changed != 1:
        raise BrokenInvariant(f"{changed} instead of 1 rows became cancelled")


def booked(connection: Connection, found: Mapping[ids.Sequence, AdviceBooked], now: int) -> None:
    """Notes with each advice's exception what became of it. It is closed where nobody has to do anything any more."""
    for sequence, event in found.items():
        connection.exec_driver_sql(
            "UPDATE exceptions SET booked_as = ?, taken = ?, guaranteed = ?, due = ?,"
            " closed_at = CASE WHEN ? = 0 THEN coalesce(closed_at, ?) ELSE closed_at END,"
            " note = CASE WHEN ? = 0 THEN coalesce(note, ?) ELSE note END WHERE sequence = ?",
            (
                sequence,
                event.taken,
                event.guaranteed,
                event.due,
                event.due,
                now,
                event.due,
                BOOKED,
                event.original,
            ),
        )
