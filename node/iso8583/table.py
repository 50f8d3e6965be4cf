"""The one table of data elements: what jPOS calls iso87ascii and iso87binary, from which the packagers and
docs/iso8583.md are made.

Numbers and lengths follow ISO 8583:1987. pyiso8583's `default_ascii` differs in DE54, 55, 65, 93 and 96.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Kind(Enum):
    """What an element is: as text in a Message, and on the wire as the listener's fields have it."""

    NUMERIC = "n"
    """Decimal digits, padded with zeros on the left. In BCD two of them are a byte."""
    TEXT = "an"
    """Characters, padded with blanks on the right."""
    BINARY = "b"
    """Bytes, as hexadecimal digits; the length counts bytes. In BCD they are the bytes themselves."""
    SIGNED = "x+n"
    """C or D and decimal digits. In BCD the sign is a byte, and two digits are one."""
    TRACK = "z"
    """A card's track: digits and separators, not looked at. In BCD two of them are a byte, the separator is D."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Element:
    """One data element. `prefix` is the number of decimal digits of the length before it, 0 where it is fixed."""

    number: int
    name: str
    kind: Kind
    length: int
    prefix: int = 0

    @property
    def characters(self) -> int:
        """How many characters it takes at most, without its length digits."""
        return self.length * 2 if self.kind is Kind.BINARY else self.length


def _numeric(number: int, length: int, name: str, prefix: int = 0) -> Element:
    return Element(number=number, name=name, kind=Kind.NUMERIC, length=length, prefix=prefix)


def _text(number: int, length: int, name: str, prefix: int = 0) -> Element:
    return Element(number=number, name=name, kind=Kind.TEXT, length=length, prefix=prefix)


def _binary(number: int, length: int, name: str) -> Element:
    return Element(number=number, name=name, kind=Kind.BINARY, length=length)


def _signed(number: int, length: int, name: str) -> Element:
    return Element(number=number, name=name, kind=Kind.SIGNED, length=length)


_LISTED: Final[tuple[Element, ...]] = (
    _numeric(2, 19, "Primary account number", 2),
    _numeric(3, 6, "Processing code"),
    _numeric(4, 12, "Amount, transaction"),
    _numeric(5, 12, "Amount, settlement"),
    _numeric(6, 12, "Amount, cardholder billing"),
    _numeric(7, 10, "Transmission date and time"),
    _numeric(8, 8, "Amount, cardholder billing fee"),
    _numeric(9, 8, "Conversion rate, settlement"),
    _numeric(10, 8, "Conversion rate, cardholder billing"),
    _numeric(11, 6, "System trace audit number"),
    _numeric(12, 6, "Time, local transaction"),
    _numeric(13, 4, "Date, local transaction"),
    _numeric(14, 4, "Date, expiration"),
    _numeric(15, 4, "Date, settlement"),
    _numeric(16, 4, "Date, conversion"),
    _numeric(17, 4, "Date, capture"),
    _numeric(18, 4, "Merchant type"),
    _numeric(19, 3, "Acquiring institution country"),
    _numeric(20, 3, "Primary account country"),
    _numeric(21, 3, "Forwarding institution country"),
    _numeric(22, 3, "Point of service entry mode"),
    _numeric(23, 3, "Card sequence number"),
    _numeric(24, 3, "Network international identifier"),
    _numeric(25, 2, "Point of service condition code"),
    _numeric(26, 2, "PIN capture code"),
    _numeric(27, 1, "Authorisation response length"),
    _signed(28, 9, "Amount, transaction fee"),
    _signed(29, 9, "Amount, settlement fee"),
    _signed(30, 9, "Amount, transaction processing fee"),
    _signed(31, 9, "Amount, settlement processing fee"),
    _numeric(32, 11, "Acquiring institution", 2),
    _numeric(33, 11, "Forwarding institution", 2),
    _text(34, 28, "Primary account number, extended", 2),
    # jPOS names it numeric, but track 2 has its separator, = or D
    Element(number=35, name="Track 2", kind=Kind.TRACK, length=37, prefix=2),
    _text(36, 104, "Track 3", 3),
    _text(37, 12, "Retrieval reference number"),
    _text(38, 6, "Approval code"),
    _text(39, 2, "Response code"),
    _text(40, 3, "Service restriction code"),
    _text(41, 8, "Terminal"),
    _text(42, 15, "Merchant"),
    _text(43, 40, "Merchant name and place"),
    _text(44, 25, "Additional response data", 2),
    _text(45, 76, "Track 1", 2),
    _text(46, 999, "Additional data, ISO", 3),
    _text(47, 999, "Additional data, national", 3),
    _text(48, 999, "Additional data, private", 3),
    _text(49, 3, "Currency, transaction"),
    _text(50, 3, "Currency, settlement"),
    _text(51, 3, "Currency, cardholder billing"),
    _binary(52, 8, "PIN block"),
    _numeric(53, 16, "Security control information"),
    _text(54, 120, "Additional amounts", 3),
    *(_text(number, 999, "Reserved, ISO", 3) for number in (55, 56)),
    *(_text(number, 999, "Reserved, national", 3) for number in (57, 58, 59)),
    *(_text(number, 999, "Reserved, private", 3) for number in (60, 61, 62, 63)),
    _binary(64, 8, "Message authentication code"),
    _binary(65, 1, "Bitmap, extended"),
    _numeric(66, 1, "Settlement code"),
    _numeric(67, 2, "Extended payment code"),
    _numeric(68, 3, "Receiving institution country"),
    _numeric(69, 3, "Settlement institution country"),
    _numeric(70, 3, "Network management code"),
    _numeric(71, 4, "Message number"),
    _numeric(72, 4, "Message number, last"),
    _numeric(73, 6, "Date, action"),
    _numeric(74, 10, "Credits, number"),
    _numeric(75, 10, "Credits, reversal number"),
    _numeric(76, 10, "Debits, number"),
    _numeric(77, 10, "Debits, reversal number"),
    _numeric(78, 10, "Transfers, number"),
    _numeric(79, 10, "Transfers, reversal number"),
    _numeric(80, 10, "Inquiries, number"),
    _numeric(81, 10, "Authorisations, number"),
    _numeric(82, 12, "Credits, processing fee"),
    _numeric(83, 12, "Credits, transaction fee"),
    _numeric(84, 12, "Debits, processing fee"),
    _numeric(85, 12, "Debits, transaction fee"),
    _numeric(86, 16, "Credits, amount"),
    _numeric(87, 16, "Credits, reversal amount"),
    _numeric(88, 16, "Debits, amount"),
    _numeric(89, 16, "Debits, reversal amount"),
    _numeric(90, 42, "Original data elements"),
    _text(91, 1, "File update code"),
    _text(92, 2, "File security code"),
    _text(93, 6, "Response indicator"),
    _text(94, 7, "Service indicator"),
    _text(95, 42, "Replacement amounts"),
    _binary(96, 16, "Message security code"),
    _signed(97, 17, "Amount, net settlement"),
    _text(98, 25, "Payee"),
    _numeric(99, 11, "Settlement institution", 2),
    _numeric(100, 11, "Receiving institution", 2),
    _text(101, 17, "File name", 2),
    _text(102, 28, "Account 1", 2),
    _text(103, 28, "Account 2", 2),
    _text(104, 100, "Transaction description", 3),
    *(_text(number, 999, "Reserved, ISO", 3) for number in range(105, 112)),
    *(_text(number, 999, "Reserved, national", 3) for number in range(112, 120)),
    *(_text(number, 999, "Reserved, private", 3) for number in range(120, 128)),
    _binary(128, 8, "Message authentication code 2"),
)

TABLE: Final[dict[int, Element]] = {element.number: element for element in _LISTED}
"""The elements by number, 2 to 128, in rising order."""
