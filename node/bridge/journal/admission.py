"""Takes verified messages into the journal: the same message once, a late original of a reversal never.

Runs in the writer's thread, a group of messages at a time.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Connection

from node.bridge.entry import Admitted, Kind, PaymentEntry, ReversalEntry, member_of, pack_payment
from node.domain import ids
from node.domain.errors import DuplicateOtherBody, ReversedBefore, TillnetError
from node.domain.ids import MemberId, RuleVersion
from node.domain.payment import OriginalKey, Payment, PaymentKey, Reversal, Status

COLUMNS: Final = (
    "sequence",
    "kind",
    "key",
    "reference",
    "body",
    "status",
    "debits",
    "merchant",
    "packed",
    "sealed",
    "original",
    "response_code",
    "received_at",
)
CHUNKS: Final = (256, 64, 16, 4, 1)
"""Rows of one INSERT: few sizes, so that statements stay prepared; many rows, so that threads seldom switch."""
NO_TIME: Final = "0000000000"
"""The transmission time of a reversal that does not know its original's."""


@dataclass(frozen=True, slots=True)
class Admission:
    """A verified message with what is to be kept for it; `received_at` in milliseconds."""

    message: Payment | Reversal
    sealed: bytes
    received_at: int


@dataclass(slots=True)
class _Known:
    """An entry as far as an admission needs it."""

    sequence: int
    kind: int
    body: bytes
    status: str
    response_code: str | None
    original: int | None
    reversed_by: int | None
    packed: bytes


class Admitter:
    """Numbers the entries of one stream. `next` is the sequence of the next one."""

    def __init__(self, next_sequence: int, *, enrol: bool = False) -> None:
        self.next = self._committed = next_sequence
        self._enrol = enrol

    def committed(self) -> None:
        """The SQL transaction that the last admissions were in is on the disk."""
        self._committed = self.next

    def rolled_back(self) -> None:
        """It is not: its numbers are free again."""
        self.next = self._committed

    def admit(self, connection: Connection, group: Sequence[Admission]) -> list[Admitted | TillnetError]:
        """What became of each message of the group, in order; their rows are inserted, not yet committed."""
        keys = [key_text(each.message.key) for each in group]
        payments = [reference_of(each.message) for each in group if isinstance(each.message, Payment)]
        payments += [_timeless(reference) for reference in payments]
        known = {row[0]: _Known(*row[1:]) for row in _select(connection, _by_key, keys)}
        tombstones = {row[0] for row in _select(connection, _tombstones, payments)}
        batch = _Group(connection, known, tombstones)
        results: list[Admitted | TillnetError] = []
        for key, admission in zip(keys, group, strict=True):
            if isinstance(admission.message, Payment):
                results.append(self._payment(batch, key, admission, admission.message))
            else:
                batch.flush()  # its original may stand in this very group
                results.append(self._reversal(batch, key, admission, admission.message))
        batch.flush()
        return results

    def _payment(self, batch: "_Group", key: str, admission: Admission, payment: Payment) -> Admitted | TillnetError:
        known = batch.known.get(key)
        if known is not None:
            return _duplicate(known, payment.body)
        reference = reference_of(payment)
        if reference in batch.tombstones or _timeless(reference) in batch.tombstones:
            return ReversedBefore()
        packed = pack_payment(payment, enrol=self._enrol)
        sequence, self.next = self.next, self.next + 1
        debits = payment.debits
        # A payment that only earns is answered as soon as this row is on the disk.
        code = None if debits else "00"
        batch.add(
            key,
            _Known(sequence, Kind.PAYMENT, payment.body, _JOURNALED, code, None, None, packed),
            (reference, debits, payment.merchant, admission.sealed, admission.received_at),
        )
        entry = PaymentEntry(
            sequence=ids.Sequence(sequence),
            merchant=payment.merchant,
            member=payment.member,
            rule=RuleVersion(payment.lines[-1].rule_version),
            lines=len(payment.lines),
            debits=debits,
            packed=packed,
            received_at=admission.received_at,
        )
        return Admitted(
            sequence=entry.sequence, status=Status.JOURNALED, response_code=code, entry=entry, duplicate=False
        )

    def _reversal(self, batch: "_Group", key: str, admission: Admission, reversal: Reversal) -> Admitted | TillnetError:
        known = batch.known.get(key)
        reference = reference_of(reversal)
        if known is not None:
            if known.kind == Kind.REVERSAL:
                return _reversed_again(known.original)
            return DuplicateOtherBody(key)
        original = batch.original(reference)
        if original is not None and original.reversed_by is not None:
            return _reversed_again(original.sequence)
        sequence, self.next = self.next, self.next + 1
        status = Status.FINAL if original is None else Status.JOURNALED
        number = None if original is None else original.sequence
        batch.add(
            key,
            _Known(sequence, Kind.REVERSAL, reversal.body, status.value, "00", number, None, b""),
            (reference, False, reversal.merchant, admission.sealed, admission.received_at),
        )
        batch.flush()
        if original is None:
            batch.bury(reference, sequence, admission.received_at)
            return Admitted(sequence=None, status=status, response_code="00", entry=None, duplicate=False)
        batch.connection.exec_driver_sql(
            "UPDATE entries SET reversed_by = ? WHERE sequence = ?", (sequence, original.sequence)
        )
        entry = ReversalEntry(
            sequence=ids.Sequence(sequence),
            original=ids.Sequence(original.sequence),
            member=member_of(original.packed) if original.packed else MemberId(0),
            received_at=admission.received_at,
        )
        return Admitted(sequence=entry.original, status=status, response_code="00", entry=entry, duplicate=False)


class _Group:
    """The rows of one group, and what is known of the keys and references in it."""

    def __init__(self, connection: Connection, known: dict[str, _Known], tombstones: set[str]) -> None:
        self.connection = connection
        self.known = known
        self.tombstones = tombstones
        self._rows: list[tuple[Any, ...]] = []

    def add(self, key: str, new: _Known, rest: tuple[str, bool, int, bytes, int]) -> None:
        reference, debits, merchant, sealed, received_at = rest
        self.known[key] = new
        self._rows.append(
            (
                new.sequence,
                int(new.kind),
                key,
                reference,
                new.body,
                new.status,
                debits,
                merchant,
                new.packed,
                sealed,
                new.original,
                new.response_code,
                received_at,
            )
        )

    def flush(self) -> None:
        start, rows = 0, self._rows
        for size in CHUNKS:
            while len(rows) - start >= size:
                values = [value for row in rows[start : start + size] for value in row]
                self.connection.exec_driver_sql(_insert(size), tuple(values))
                start += size
        self._rows = []

    def original(self, reference: str) -> _Known | None:
        """The payment that a reversal names: by the whole reference, or the newest one where the time is unknown."""
        prefix, _, time = reference.rpartition("|")
        where, values = "reference = ?", (reference,)
        if time == NO_TIME:
            where, values = "reference > ? AND reference < ?", (prefix + "|", prefix + "}")  # type: ignore[assignment]
        row = self.connection.exec_driver_sql(
            f"SELECT {_FIELDS} FROM entries WHERE {where} AND kind = 0 ORDER BY sequence DESC LIMIT 1", values
        ).first()
        return None if row is None else _Known(*row)

    def bury(self, reference: str, reversal: int, received_at: int) -> None:
        self.tombstones.add(reference)
        self.connection.exec_driver_sql(
            "INSERT INTO tombstones VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (reference, reversal, received_at)
        )


def key_text(key: PaymentKey) -> str:
    """A key as it stands in the journal."""
    return f"{key.terminal}|{key.stan}|{key.local_time}|{key.amount}|{key.mti_class}"


def reference_of(message: Payment | Reversal | OriginalKey) -> str:
    """How a reversal names its original, as it stands in the journal."""
    if isinstance(message, Payment):
        key = message.key
        return f"{key.terminal}|{key.mti_class}|{key.stan}|{message.transmission_time}"
    original = message.original if isinstance(message, Reversal) else message
    return f"{original.terminal}|{original.mti_class}|{original.stan}|{original.transmission_time}"


def _timeless(reference: str) -> str:
    """What a reversal that does not know the time calls the same payment."""
    return reference.rpartition("|")[0] + "|" + NO_TIME


def _duplicate(known: _Known, body: bytes) -> Admitted | TillnetError:
    if known.body != body or known.kind != Kind.PAYMENT:
        return DuplicateOtherBody()
    return Admitted(
        sequence=ids.Sequence(known.sequence),
        status=Status(known.status),
        response_code=known.response_code,
        entry=None,
        duplicate=True,
    )


def _reversed_again(original: int | None) -> Admitted:
    return Admitted(
        sequence=None if original is None else ids.Sequence(original),
        status=Status.FINAL if original is None else Status.JOURNALED,
        response_code="00",
        entry=None,
        duplicate=True,
    )


_JOURNALED: Final = Status.JOURNALED.value
_FIELDS: Final = "sequence, kind, body, status, response_code, original, reversed_by, packed"


def _select(
    connection: Connection, statement: Callable[[int], str], values: Sequence[str]
) -> Iterable[tuple[Any, ...]]:
    """Rows for the values, whose number is rounded up to a power of two, so that few statements are prepared."""
    if not values:
        return []
    size = 1 << (len(values) - 1).bit_length()
    padded = (*values, *[""] * (size - len(values)))
    return [tuple(row) for row in connection.exec_driver_sql(statement(size), padded)]


@lru_cache(maxsize=32)
def _by_key(size: int) -> str:
    return f"SELECT key, {_FIELDS} FROM entries WHERE key IN ({', '.join('?' * size)})"


@lru_cache(maxsize=32)
def _tombstones(size: int) -> str:
    return f"SELECT reference FROM tombstones WHERE reference IN ({', '.join('?' * size)})"


@lru_cache(maxsize=32)
def _insert(size: int) -> str:
    row = f"({', '.join('?' * len(COLUMNS))})"
    return f"INSERT INTO entries ({', '.join(COLUMNS)}) VALUES {', '.join([row] * size)}"
