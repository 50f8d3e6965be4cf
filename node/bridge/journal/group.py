"""The rows of one group of admissions, and what the journal knows of the keys and references in it.

Part of the journal, for admission.py. Runs in the writer's thread.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from node.bridge.journal.sql import insert_rows, select_among
from node.domain.payment import Entry, OriginalKey, OriginalNumber, PaymentKey, Reversal
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
FIELDS: Final = "sequence, kind, body, status, response_code, original, reversed_by, packed, merchant"
"""What of an entry `Known` holds, in its order."""
NO_TIME: Final = "0000000000"
"""The transmission time of a reversal that does not know its original's."""
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


class Group:
    """The rows of one group; `known` entries by key, `tombstones` by reference."""

    def __init__(self, connection: Connection, known: dict[str, Known], tombstones: set[str]) -> None:
        self.connection = connection
        self.known = known
        self.tombstones = tombstones
        self._rows: list[tuple[Any, ...]] = []

    @classmethod
    def of(cls, connection: Connection, keys: Sequence[str], references: Sequence[str]) -> "Group":
        """What is known of these keys, and of what could have been reversed before it came."""
        known = {row[0]: Known(*row[1:]) for row in select_among(connection, f"key, {FIELDS}", "entries", "key", keys)}
        wanted = [*references, *map(timeless, references)]
        buried = {row[0] for row in select_among(connection, "reference", "tombstones", "reference", wanted)}
        return cls(connection, known, buried)

    def add(self, key: str, new: Known, rest: tuple[str, bool, bytes, int], *, approved: int | None = None) -> None:
        """A new row; `rest` is its reference, whether it debits, what is kept sealed, and when it came.

        `approved` is how much of its amount it is where that is less than all.
        """
        reference, debits, sealed, received_at = rest
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

    def original(self, named: OriginalKey | OriginalNumber, next_sequence: int, schema: str = "") -> Known | None:
        """The payment or refund that is meant: by its whole reference, the newest one where the time is not known, or
        by its number. Rows of this group that are not inserted yet are not found. `schema` is another journal's, with a
        dot.
        """
        if isinstance(named, OriginalNumber):
            number = named.number
            if not named.whole:
                number = next_sequence - 1 - (next_sequence - 1 - number) % APPROVAL_CODES
            return self._one(schema, "sequence = ?", (number,)) if 0 <= number < next_sequence else None
        reference = reference_of(named)
        prefix, _, time = reference.rpartition("|")
        if time == NO_TIME:
            return self._one(schema, "reference > ? AND reference < ?", (prefix + "|", prefix + "}"))
        return self._one(schema, "reference = ?", (reference,))

    def bury(self, reference: str, reversal: int, received_at: int) -> None:
        """Whatever comes with this reference came too late."""
        self.tombstones.add(reference)
        self.connection.exec_driver_sql(
            "INSERT INTO tombstones VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (reference, reversal, received_at)
        )

    def is_buried(self, reference: str) -> bool:
        """Whether a reversal of this came before it."""
        return reference in self.tombstones or timeless(reference) in self.tombstones

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


def timeless(reference: str) -> str:
    """What a reversal that does not know the time calls the same payment."""
    return reference.rpartition("|")[0] + "|" + NO_TIME
