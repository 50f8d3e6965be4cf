"""The rows of one group of admissions, and what the journal knows of the keys and references in it.

Part of the journal, for admission.py. Runs in the writer's thread.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from node.bridge.entry import time_of
from node.bridge.journal.near import NO_TIME, Tombstone, is_repeat, name_in, time_in
from node.bridge.journal.sql import insert_rows, select_among
from node.domain.payment import Entry, OriginalKey, OriginalNumber, Payment, PaymentKey, Refund, Reversal
from node.iso8583.profile import APPROVAL_DIGITS, APPROVAL_LENGTH

COLUMNS: Final = {
    "sequence": "bigint",
    "kind": "smallint",
    "key": "text",
    "reference": "text",
    "body": "bytea",
    "status": "text",
    "debits": "boolean",
    "merchant": "bigint",
    "packed": "bytea",
    "sealed": "bytea",
    "original": "bigint",
    "response_code": "text",
    "received_at": "bigint",
    "approved": "bigint",
}
FIELDS: Final = "sequence, kind, body, status, response_code, original, reversed_by, packed, merchant, reference"
"""What of an entry `Known` holds, in its order."""
ALIASES: Final = 32
"""Further transmission times of one entry that are kept."""
CANDIDATES: Final = 64
"""Entries of one trace number that are looked at, the newest."""
APPROVAL_CODES: Final = len(APPROVAL_DIGITS) ** APPROVAL_LENGTH
"""How many numbers DE38 has room for; of the payments that share one the newest is meant."""


@dataclass(slots=True)
class Known:
    """An entry as far as an admission needs it."""

    sequence: int
    kind: int
    body: bytes
    status: str
    response_code: str | None
    original: int | None
    reversed_by: int | None
    packed: bytes
    merchant: int
    reference: str = ""


class Group:
    """The rows of one group; `known` entries by key, tombstones by reference without its time."""

    def __init__(self, connection: Connection, known: dict[str, Known]) -> None:
        self.connection = connection
        self.known = known
        self._tombstones: dict[str, list[Tombstone]] = {}
        self._rows: list[tuple[Any, ...]] = []

    @classmethod
    def of(cls, connection: Connection, keys: Sequence[str], references: Sequence[str]) -> "Group":
        """What is known of these keys, and of what could have been reversed before it came."""
        known = {row[0]: Known(*row[1:]) for row in select_among(connection, f"key, {FIELDS}", "entries", "key", keys)}
        group = cls(connection, known)
        group.read_tombstones([name_in(reference) for reference in references])
        return group

    def read_tombstones(self, names: Sequence[str], schema: str = "") -> None:
        """What could have been reversed before it came, of this or (`schema`, with a dot) another journal."""
        columns = "name, reference, amount, time"
        for name, reference, amount, time in select_among(
            self.connection, columns, f"{schema}tombstones", "name", names
        ):
            found = Tombstone(reference=reference, amount=amount, time=time)
            self._tombstones.setdefault(name, []).append(found)

    def add(self, key: str, new: Known, rest: tuple[str, bool, bytes, int], *, approved: int | None = None) -> None:
        """A new row; `rest` is its reference, whether it debits, what is kept sealed, and when it came.

        `approved` is how much of its amount it is where that is less than all.
        """
        reference, debits, sealed, received_at = rest
        new.reference = reference
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
                new.merchant,
                new.packed,
                sealed,
                new.original,
                new.response_code,
                received_at,
                approved,
            )
        )

    def flush(self) -> None:
        """Inserts the rows."""
        insert_rows(self.connection, "entries", COLUMNS, self._rows)
        self._rows = []

    def original(
        self,
        named: OriginalKey | OriginalNumber,
        next_sequence: int,
        schema: str = "",
        *,
        reversal: Reversal | None = None,
    ) -> Known | None:
        """The payment or refund that is meant: by its reference or a repeat's, by what is near it (near.py), or by its
        number. Rows of this group that are not inserted yet are not found. `schema` is another journal's, with a
        dot; `reversal` is what names it, None for a refund or a completion.
        """
        if isinstance(named, OriginalNumber):
            number = named.number
            if not named.whole:
                number = next_sequence - 1 - (next_sequence - 1 - number) % APPROVAL_CODES
            return self._one(schema, "sequence = ?", (number,)) if 0 <= number < next_sequence else None
        reference = reference_of(named)
        if named.transmission_time != NO_TIME:
            found = self._one(schema, "reference = ?", (reference,)) or self._one(
                schema, f"sequence = (SELECT sequence FROM {schema}aliases WHERE reference = ?)", (reference,)
            )
            if found is not None or named.exact:
                return found
        return self._near(reference, schema, reversal)

    def alias(self, reference: str, known: Known) -> None:
        """A repeat of an entry came with another transmission time: it may be named by that one, too."""
        if reference == known.reference:
            return
        self.connection.exec_driver_sql(
            "INSERT INTO aliases (reference, sequence) SELECT ?, ?"
            " WHERE (SELECT count(*) FROM aliases WHERE sequence = ?) < ?"
            " ON CONFLICT (reference) DO UPDATE SET sequence = excluded.sequence",
            (reference, known.sequence, known.sequence, ALIASES),
        )

    def bury(self, reference: str, reversal: Reversal, sequence: int, received_at: int) -> None:
        """The original of this reversal, whenever it comes, comes too late."""
        left = Tombstone.of(reference, reversal)
        self._tombstones.setdefault(name_in(reference), []).append(left)
        self.connection.exec_driver_sql(
            "INSERT INTO tombstones (reference, reversal, received_at, name, amount, time) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (reference) DO UPDATE SET reversal = excluded.reversal, received_at = excluded.received_at,"
            " amount = excluded.amount, time = excluded.time",
            (reference, sequence, received_at, name_in(reference), left.amount, left.time),
        )

    def is_buried(self, reference: str, message: Payment | Refund) -> bool:
        """Whether a reversal of this message came before it."""
        return any(each.means(reference, message) for each in self._tombstones.get(name_in(reference), ()))

    def _near(self, reference: str, schema: str, reversal: Reversal | None) -> Known | None:
        """The entry whose time is near the one that is named: for a reversal the newest of its amount; for a refund or
        a completion the only one.
        """
        name, said = name_in(reference), time_in(reference)
        rows = self.connection.exec_driver_sql(
            f"SELECT {FIELDS}, key, approved, received_at FROM {schema}entries"
            " WHERE reference > ? AND reference < ? AND kind IN (0, 2) ORDER BY sequence DESC LIMIT ?",
            (name + "|", name + "}", CANDIDATES),
        )
        found = []
        for *fields, key, approved, received_at in rows:
            each = Known(*fields)
            if reversal is None:
                if said == NO_TIME or is_repeat(said, time_in(each.reference)):
                    found.append(each)
                continue
            time = time_of(each.packed) if each.kind == 0 else received_at // 1000
            amount = int(key.rsplit("|", 2)[1])
            if Tombstone.of(reference, reversal).matches(each.reference, (amount, approved), time):
                return each
        return found[0] if len(found) == 1 else None

    def _one(self, schema: str, where: str, values: tuple[Any, ...]) -> Known | None:
        row = self.connection.exec_driver_sql(
            f"SELECT {FIELDS} FROM {schema}entries WHERE {where} AND kind IN (0, 2) ORDER BY sequence DESC LIMIT 1",
            values,
        ).first()
        return None if row is None else Known(*row)


def key_text(key: PaymentKey) -> str:
    """A key as it stands in the journal."""
    return f"{key.terminal}|{key.stan}|{key.local_time}|{key.amount}|{key.mti_class}"


def reference_of(message: Entry | OriginalKey) -> str:
    """How a reversal names its original, as it stands in the journal; of a reversal, what it names."""
    if isinstance(message, Reversal):
        message = message.original
    if isinstance(message, OriginalKey):
        return f"{message.terminal}|{message.mti_class}|{message.stan}|{message.transmission_time}"
    key = message.key
    return f"{key.terminal}|{key.mti_class}|{key.stan}|{message.transmission_time}"
