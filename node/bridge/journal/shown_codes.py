"""The QR codes that were shown: each is good for one message, and for the same message again.

A function for `Journal.run`, in one SQL transaction; asked by node/bridge/security/gate.py.
"""

from enum import Enum
from typing import Final

from sqlalchemy import BigInteger, Column, Connection, Index, LargeBinary, Table, Text

from node.bridge.journal.tables import metadata

NAME: Final = Text().with_variant(Text(collation="C"), "postgresql")
KEPT_MS: Final = 7 * 86_400_000
"""How long a code is remembered: longer than any is good, and than a terminal sends the same message again."""
SWEPT: Final = 16
"""Old codes that go with each new one."""

CODES: Final = Table(
    "shown_codes",
    metadata,
    # the number of the key that signed, and the nonce
    Column("code", LargeBinary, primary_key=True),
    # of the message that showed it
    Column("key", NAME, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("shown_codes_by_time", "at"),
)


class Claim(Enum):
    """Whether a message may go by a code."""

    GRANTED = "granted"
    USED = "used"
    EXPIRED = "expired"


def claim(connection: Connection, code: bytes, key: str, *, fresh: bool, now: int) -> Claim:
    """Grants the code to the message with this key if no other one has it, and if it is `fresh`, or was when the same
    message came first. `now` in milliseconds.
    """
    run = connection.exec_driver_sql
    known = run("SELECT key FROM shown_codes WHERE code = ?", (code,)).scalar()
    if known is not None:
        return Claim.GRANTED if known == key else Claim.USED
    if not fresh:
        return Claim.EXPIRED
    run(
        "DELETE FROM shown_codes WHERE code IN (SELECT code FROM shown_codes WHERE at < ? ORDER BY at LIMIT ?)",
        (now - KEPT_MS, SWEPT),
    )
    run("INSERT INTO shown_codes (code, key, at) VALUES (?, ?, ?)", (code, key, now))
    return Claim.GRANTED
