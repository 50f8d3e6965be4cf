"""Terminals that another stream had before: whose messages a journal may take, and what an older journal knows of them.

Part of the journal, for admission.py; on PostgreSQL only, where the journals of all streams are in one database. A
terminal belongs to the stream that claimed it last, by the block in which its bridge saw the Registry say so. What
concerns an entry of an older stream is left to that stream's own bridge: it is put down for it, and taken in there.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection

from node.bridge.entry import Admitted, Kind
from node.bridge.journal import reading
from node.bridge.journal.admission import Admission, duplicate_of, reversed_again
from node.bridge.journal.group import FIELDS, Group, Known, reference_of
from node.bridge.journal.near import name_in
from node.bridge.journal.originals import not_refundable, not_reversible
from node.bridge.journal.postgres import schema_of
from node.bridge.journal.reading import Stored
from node.bridge.journal.sql import select_among
from node.domain.errors import TillnetError, UnknownTerminal
from node.domain.ids import Hash32, StreamId, TerminalId
from node.domain.ids import Sequence as Number
from node.domain.payment import OriginalKey, OriginalNumber, Payment, PaymentKey, Refund, Reversal, Status

MOST: Final = 200
"""Messages that are taken over from other bridges at a time."""
TAKEN: Final = ""
"""The code of a forwarded message that its stream's journal has."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Forwarded:
    """A message of a terminal that has left this stream, put down by the bridge that has the terminal now."""

    key: str
    message: Reversal | Refund
    received_at: int


class Handed:
    """What the writer of a stream asks about terminals that were another stream's."""

    def __init__(self, stream: StreamId) -> None:
        self._stream = stream
        self._former: dict[str, tuple[int, ...] | None] = {}

    def claim(self, connection: Connection, group: Sequence[Admission]) -> None:
        """Makes the terminals of these messages this stream's, unless another bridge saw a later hand-over.

        An old stream's writes under way are waited for, and from then on it refuses these terminals.
        """
        wanted = {each.message.key.terminal: each.block for each in group if not each.forwarded}
        rows = select_among(connection, "terminal, stream, former", "bridges.terminals", "terminal", sorted(wanted))
        self._former = {terminal: tuple(former) for terminal, stream, former in rows if stream == self._stream}
        others = {terminal: stream for terminal, stream, _ in rows if stream != self._stream}
        if others:
            connection.exec_driver_sql(
                "SELECT 1 FROM bridges.leases WHERE stream = ANY(?) ORDER BY stream FOR UPDATE",
                (sorted(set(others.values())),),
            ).all()
        for terminal in sorted(wanted.keys() - self._former.keys()):
            row = connection.exec_driver_sql(
                "INSERT INTO bridges.terminals AS t (terminal, stream, block, former) VALUES (?, ?, ?, '{}')"
                " ON CONFLICT (terminal) DO UPDATE SET stream = excluded.stream, block = excluded.block,"
                " former = array_append(array_remove(t.former, excluded.stream), t.stream)"
                " WHERE t.block < excluded.block RETURNING former",
                (terminal, self._stream, wanted[terminal]),
            ).first()
            self._former[terminal] = None if row is None else tuple(row[0])

    def find(self, batch: Group, key: str, admission: Admission, next_sequence: int) -> Admitted | TillnetError | None:
        """What an older stream's journal says of a message; None when it is for this one to take in."""
        message = admission.message
        former = () if admission.forwarded else self._former.get(message.key.terminal, ())
        if former is None:
            return UnknownTerminal("it was handed to another bridge")
        if not former or key in batch.known:
            return None
        for stream in reversed(former):
            known = _known(batch.connection, stream, key)
            if known is not None:
                return _of(stream, _repeated(known, message))
        if isinstance(message, Payment):
            _find_tombstones(batch, former, reference_of(message))
            return None
        if isinstance(message.original, OriginalNumber):
            return None
        reversal = message if isinstance(message, Reversal) else None
        if batch.original(message.original, next_sequence, reversal=reversal) is not None:
            return None
        for stream in reversed(former):
            schema = schema_of(StreamId(stream)) + "."
            original = batch.original(message.original, next_sequence, schema, reversal=reversal)
            if original is not None:
                return _of(stream, self._forward(batch.connection, stream, key, admission, original))
        return None

    def _forward(
        self, connection: Connection, stream: int, key: str, admission: Admission, original: Known
    ) -> Admitted | TillnetError:
        message = admission.message
        assert not isinstance(message, Payment)
        if isinstance(message, Refund):
            problem = not_refundable(original, message)
        else:
            problem = not_reversible(original, message)
        if problem is not None:
            return problem
        if isinstance(message, Reversal) and original.reversed_by is not None:
            return reversed_again(original.sequence)
        # as it was found here, so that it is found there
        message = replace(message, original=_named(original.reference))
        new = connection.exec_driver_sql(
            "INSERT INTO bridges.forwards (stream, key, message, received_at) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (stream, key) DO NOTHING",
            (stream, key, _written(message), admission.received_at),
        ).rowcount
        reversal = isinstance(message, Reversal)
        return Admitted(
            sequence=Number(original.sequence) if reversal else None,
            status=Status.JOURNALED,
            response_code="00" if reversal else None,
            entry=None,
            duplicate=not new,
        )


def forwarded(connection: Connection, stream: StreamId) -> list[Forwarded]:
    """What other bridges have put down for this stream, oldest first."""
    rows = connection.exec_driver_sql(
        "SELECT key, message, received_at FROM bridges.forwards WHERE stream = ? AND code IS NULL"
        " ORDER BY received_at, key LIMIT ?",
        (stream, MOST),
    )
    return [Forwarded(key=key, message=_read(message), received_at=received_at) for key, message, received_at in rows]


def note_taken(connection: Connection, stream: StreamId, key: str, code: str = TAKEN) -> None:
    """A forwarded message is in this stream's journal, or was refused there with a response code."""
    connection.exec_driver_sql("UPDATE bridges.forwards SET code = ? WHERE stream = ? AND key = ?", (code, stream, key))


def outcome(connection: Connection, stream: StreamId, key: str) -> Stored | str | None:
    """What became of a message in another stream's journal: its entry, the code that it was refused with, or None."""
    prefix = schema_of(stream) + "."
    sequence = connection.exec_driver_sql(f"SELECT sequence FROM {prefix}entries WHERE key = ?", (key,)).scalar()
    if sequence is not None:
        return reading.stored(connection, [sequence], prefix)[sequence]
    return connection.exec_driver_sql(
        "SELECT code FROM bridges.forwards WHERE stream = ? AND key = ? AND code <> ''", (stream, key)
    ).scalar()


def _known(connection: Connection, stream: int, key: str) -> Known | None:
    rows = select_among(connection, FIELDS, f"{schema_of(StreamId(stream))}.entries", "key", [key])
    return Known(*rows[0]) if rows else None


def _find_tombstones(batch: Group, former: Iterable[int], reference: str) -> None:
    """A reversal may have come to the old stream before its original comes to this one."""
    for stream in former:
        batch.read_tombstones([name_in(reference)], schema_of(StreamId(stream)) + ".")


def _repeated(known: Known, message: Payment | Reversal | Refund) -> Admitted | TillnetError:
    if isinstance(message, Reversal) and known.kind == Kind.REVERSAL:
        return reversed_again(known.original)
    kind = {Payment: Kind.PAYMENT, Refund: Kind.REFUND, Reversal: Kind.REVERSAL}[type(message)]
    return duplicate_of(known, message.body, kind)


def _of(stream: int, result: Admitted | TillnetError) -> Admitted | TillnetError:
    return replace(result, stream=StreamId(stream)) if isinstance(result, Admitted) else result


def _named(reference: str) -> OriginalKey:
    terminal, mti_class, stan, time = reference.rsplit("|", 3)
    return OriginalKey(terminal=TerminalId(terminal), mti_class=mti_class, stan=stan, transmission_time=time)


def _written(message: Reversal | Refund) -> str:
    """A message as JSON; its digest in hex. That it may do what it asks for was looked at here."""
    known = asdict(message)
    del known["body"], known["original"]["exact"]
    known.pop("proved", None)
    return json.dumps(
        {"kind": type(message).__name__, "original_kind": type(message.original).__name__, "body": message.body.hex()}
        | known
    )


def _read(text: str) -> Reversal | Refund:
    said: dict[str, Any] = json.loads(text)
    kind, original_kind = said.pop("kind"), _ORIGINALS[said.pop("original_kind")]
    parts = {
        "body": Hash32(bytes.fromhex(said.pop("body"))),
        "key": PaymentKey(**said.pop("key")),
        "original": original_kind(**said.pop("original")),
    }
    return Reversal(**parts, **said) if kind == Reversal.__name__ else Refund(**parts, **said)


_ORIGINALS: Final[dict[str, Any]] = {"OriginalKey": OriginalKey, "OriginalNumber": OriginalNumber}
