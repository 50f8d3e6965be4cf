"""The one table of what messages mean: type and processing code to an operation, and the private tags that it takes.

Verify goes by it, and docs/iso8583.md is made from it. Codes follow ISO 8583:1987, annex A: 00 goods and services, 20
returns, 21 deposits, 30 inquiries, 90 to 99 private use.
"""

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final

from node.domain.answer import Fact

_SALE: Final = (3, 4, 7, 11, 12, 13, 22, 25, 41, 42, 49)
_SHORT: Final = (3, 4, 7, 11, 12, 13, 41, 42, 49)
_INQUIRY: Final = (3, 7, 11, 12, 13, 41, 42)
APPROVAL_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
APPROVAL_LENGTH: Final = 6
"""DE38 is the payment's sequence in base 36, as much of it as there is room for."""
REVERSAL_NEEDS: Final = (3, 4, 7, 11, 12, 13, 41, 42, 90)


class Operation(Enum):
    """What a message asks for."""

    PURCHASE = "purchase"
    REFUND = "refund"
    RECHARGE = "recharge"
    WRITE_OFF = "write-off"
    GIFT = "gift"
    AUTHORIZE = "authorize"
    CAPTURE = "capture"
    ADVICE = "advice"
    INQUIRY = "balance inquiry"


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """Messages of these types whose processing code begins with one of `codes`.

    `sources` are the "from account" digits that are taken, all of them if there are none. `needs` are the elements that
    must be there, `tags` the private ones that count (others are skipped), `required` those that must be there.
    """

    operation: Operation
    types: tuple[str, ...]
    codes: tuple[str, ...]
    needs: tuple[int, ...]
    meaning: str
    sources: tuple[str, ...] = ("00",)
    tags: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    answered: str = "when final"

    @property
    def advice(self) -> bool:
        """Whether such a message tells of what has happened, and is taken for everything but technical reasons."""
        return all(mti[2] == "2" for mti in self.types)


PROFILE: Final[tuple[Row, ...]] = (
    Row(
        operation=Operation.PURCHASE,
        types=("0200", "0201"),
        codes=("00",),
        sources=("00", "60", "90"),
        needs=_SALE,
        tags=("LI", "CO", "SV", "PR", "PA", "QR", "CP", "CD", "CE", "CA", "CS", "DI"),
        meaning="purchase; with CP a coupon is written off, with CE a certificate pays, with DI coins pay less",
        answered="once it is journaled if it only earns; when final if it debits or has CP, CE or DI",
    ),
    Row(
        operation=Operation.REFUND,
        types=("0200", "0201"),
        codes=("20",),
        needs=_SHORT,
        tags=("PI", "QR"),
        meaning="refund of a payment, of all or a part of it",
    ),
    Row(
        operation=Operation.RECHARGE,
        types=("0200", "0201"),
        codes=("21",),
        sources=("00", "60"),
        needs=_SHORT,
        tags=("RB", "QR"),
        meaning="recharge: the clerk takes DE4, and it becomes stored value",
    ),
    Row(
        operation=Operation.WRITE_OFF,
        types=("0200", "0201"),
        codes=("91",),
        needs=_SHORT,
        tags=("CP", "CD", "SR", "LI", "QR"),
        required=("CP",),
        meaning="a coupon's write-off for a sale of DE4 (before the discount) that is not posted here",
    ),
    Row(
        operation=Operation.GIFT,
        types=("0200", "0201"),
        codes=("92",),
        needs=(3, 7, 11, 12, 13, 41, 42),
        tags=("GF", "RS", "PR", "QR"),
        meaning="a gift for coins, or the hand-over of one that is reserved; DE4 is 0 or left out",
    ),
    Row(
        operation=Operation.AUTHORIZE,
        types=("0100", "0101"),
        codes=("00",),
        sources=("00", "60", "90"),
        needs=_SHORT,
        tags=("PR", "PA", "QR"),
        meaning="authorisation: DE4 of stored value (of coins: 90) is put aside for the merchant",
    ),
    Row(
        operation=Operation.CAPTURE,
        types=("0220", "0221"),
        codes=("00",),
        sources=("00", "60", "90"),
        needs=_SHORT,
        tags=("AU", "RW", "QR"),
        meaning="completion: DE4 of an authorisation (DE90, AU or DE38) is captured, all of it or a part",
    ),
    Row(
        operation=Operation.ADVICE,
        types=("0220", "0221"),
        codes=("00",),
        sources=("00", "60", "90"),
        needs=(*_SHORT, 39),
        tags=("LI", "CO", "SV", "PR", "QR"),
        meaning="advice of a sale that took place (DE39 there, neither DE90 nor AU): posted, what overdraws in part",
        answered="once it is journaled",
    ),
    Row(
        operation=Operation.INQUIRY,
        types=("0100", "0101", "0200", "0201"),
        codes=("30", "31"),
        sources=(),
        needs=_INQUIRY,
        tags=("QR",),
        meaning="balance inquiry, where offered",
        answered="at once",
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tag:
    """A private object of a request: two characters, and what its value is."""

    name: str
    value: str


TAGS: Final[tuple[Tag, ...]] = (
    Tag(
        name="LI",
        value=(
            "line items, each `product,quantity,amount;` - product 1 to 32 printable ASCII characters without `,` and"
            " `;`, quantity (empty = 1), amount of all of it in minor units. They sum up to DE4; at most 999"
        ),
    ),
    Tag(name="CO", value="how much of DE4 is paid in coins, minor units"),
    Tag(name="SV", value="how much of DE4 is paid from stored value, minor units"),
    Tag(
        name="PR",
        value=(
            "how the terminal checked the PIN: 0 not at all, 1 by the card, 2 a PIN block is in DE52 (without PR too);"
            " 0 and 1 are the terminal's word"
        ),
    ),
    Tag(
        name="PA",
        value=(
            "1 if the terminal takes a part for an answer (DE39 10, DE4 what was approved), where all of DE4 is paid"
            " from stored value or in coins"
        ),
    ),
    Tag(name="QR", value="a member's QR code, where neither DE2 nor DE35 names one"),
    Tag(name="PI", value="the original's payment id, as its reply gave it"),
    Tag(name="CP", value="a coupon's number"),
    Tag(name="CD", value="what it takes off DE4, minor units; left out or empty, the bridge computes it"),
    Tag(name="SR", value="the till's number for the sale, the same for all coupons of it; DE13, 12, 11 without it"),
    Tag(name="CE", value="a gift certificate's number"),
    Tag(name="CA", value="how much of DE4 it pays, minor units; left out, all that CO and SV leave"),
    Tag(
        name="CS",
        value="signature of a certificate's code, 130 hexadecimal digits; without it the card's member holds it",
    ),
    Tag(
        name="DI",
        value="the discount on what is paid in coins, minor units; empty, what the network gives",
    ),
    Tag(name="RB", value="the least rebate that a recharge has to promise, minor units; else it is refused"),
    Tag(name="GF", value="a gift's number"),
    Tag(name="RS", value="the number of a gift's reservation"),
    Tag(name="AU", value="an authorisation's payment id, of this or another bridge"),
    Tag(name="RW", value="the points that a captured part gives, units; none without it"),
)


REPLY_TAGS: Final[tuple[Tag, ...]] = (
    Tag(name="PI", value="payment id"),
    Tag(name="PT", value="points given, units; once the chain has said"),
    Tag(name="BL", value="balance, units; once the chain has said"),
    *(Tag(name=fact.tag, value=fact.meaning) for fact in Fact),
    Tag(name="KB", value="a new MAC key under the terminal's key-encrypting key: a TR-31 key block (ANSI X9.143)"),
    Tag(name="KV", value="the new MAC key's check value, 6 hexadecimal digits"),
    Tag(name="DU", value="1 if this message came before"),
)
TYPES: Final = frozenset(mti for row in PROFILE for mti in row.types)
"""Types of messages that have a processing code."""


def row_for(operation: Operation) -> Row:
    """The row of an operation."""
    return next(row for row in PROFILE if row.operation is operation)


@lru_cache(maxsize=1024)
def row_of(mti: str, code: str) -> Row | None:
    """The row for a type and a processing code; None where there is none. A 0220 may be an ADVICE all the same."""
    return next(
        (
            row
            for row in PROFILE
            if mti in row.types
            and code[:2] in row.codes
            and (not row.sources or (code[2:4] in row.sources and code[4:] == "00"))
        ),
        None,
    )
