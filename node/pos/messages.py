"""The messages that a terminal sends, and what it reads out of a reply; pure, and cheap in CPU.

Before node/pos/connection.py, which sends them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final

from node.domain.assignment import Item
from node.iso8583.basket import read_objects, spread, write_items, write_objects
from node.iso8583.mac import MacKey
from node.iso8583.packager import Message, mac_element
from node.iso8583.wire import Fields

PURCHASE: Final = "000000"
ALL_STORED_VALUE: Final = "006000"
ALL_COIN: Final = "009000"
REFUND: Final = "200000"
RECHARGE: Final = "210000"
WRITE_OFF: Final = "910000"
GIFT: Final = "920000"
INQUIRY: Final = "310000"
CANCELLED: Final = "4000"
TIMED_OUT: Final = "4021"


@dataclass(frozen=True, kw_only=True, slots=True)
class PosTerminal:
    """A terminal: DE41, its merchant's number (DE42), its MAC key if it has one, and how it writes its fields."""

    id: str
    merchant: int
    mac: MacKey | None = field(default=None, repr=False)
    fields: Fields = Fields.ASCII


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A message ready to be sent, again and again if need be; `content` has no length and no TPDU."""

    message: Message
    content: bytes = field(repr=False)
    terminal: PosTerminal

    @property
    def key(self) -> str:
        """What QMUX finds the reply by: the folded type, DE41, DE11."""
        return reply_key(self.message)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """A reply as it came; `sent_at` and `received_at` are readings of the connection's clock, seconds."""

    mti: str
    response_code: str
    fields: Mapping[int, str] = field(repr=False)
    request: Request | None
    content: bytes = field(repr=False)
    sent_at: float
    received_at: float

    @property
    def approved(self) -> bool:
        """Whether it says 00."""
        return self.response_code == "00"

    @property
    def text(self) -> str:
        """The receipt's text."""
        return self.fields.get(63, "")

    @property
    def payment_id(self) -> str | None:
        """The payment's id, if there is one."""
        return self._object("PI")

    @property
    def duplicate(self) -> bool:
        """Whether the bridge had had this message before."""
        return self._object("DU") == "1"

    @property
    def points(self) -> int | None:
        """Points given, units; None where the chain has not said yet."""
        text = self._object("PT")
        return None if text is None else int(text)

    @property
    def approval_code(self) -> str:
        """DE38, empty if it was not approved."""
        return self.fields.get(38, "")

    @property
    def facts(self) -> Mapping[str, str]:
        """The objects of DE48, by their tags."""
        return read_objects(self.fields.get(48, ""))

    @property
    def mac_right(self) -> bool:
        """Whether the MAC that a reply to a message with MAC must have is right (true if the request had none)."""
        mac = None if self.request is None else self.request.terminal.mac
        if mac is None or self.request is None or mac_element_of(self.request.message) is None:
            return True
        number = mac_element_of(Message(mti=self.mti, fields=self.fields))
        covered = self.request.terminal.fields.covered(self.content)
        return number is not None and mac.verify(covered, bytes.fromhex(self.fields[number]))

    def _object(self, tag: str) -> str | None:
        return self.facts.get(tag)


def mac_element_of(message: Message) -> int | None:
    """The element that holds the message's MAC, None without one."""
    return next((number for number in (128, 64) if number in message.fields), None)


def reply_key(message: Message) -> str:
    """QMUX's key of a request or a reply: the type with response and repeat folded, DE41 and DE11."""
    mti, fields = message.mti, message.fields
    return f"{mti[:2]}{int(mti[2]) & ~1}.{fields.get(41, '').strip()}.{fields.get(11, '')}"


def purchase(
    terminal: PosTerminal,
    *,
    stan: str,
    local: datetime,
    transmitted: datetime,
    card: str,
    amount: int,
    currency: str,
    items: Sequence[Item] = (),
    coin: int = 0,
    stored_value: int = 0,
    pin_result: str = "",
    processing_code: str = PURCHASE,
    asks: Mapping[str, str] = MappingProxyType({}),
) -> Request:
    """A 0200. Amounts in minor units; `coin` and `stored_value` are what the chain takes of `amount`.

    `asks` are objects beside them: CP for a coupon, CE for a certificate, DI for the coin's discount.
    """
    objects = [("LI", write_items(items))] if items else []
    objects += [(tag, str(part)) for tag, part in (("CO", coin), ("SV", stored_value)) if part]
    if pin_result:
        objects.append(("PR", pin_result))
    objects += asks.items()
    fields = _head(terminal, processing_code, amount, stan, local, transmitted)
    fields |= {2: card, 22: "021", 25: "00", 49: currency}
    fields |= spread(write_objects(objects))
    return seal("0200", fields, terminal)


def reversal(
    original: Request,
    *,
    stan: str,
    local: datetime,
    transmitted: datetime,
    mti: str = "0400",
    reason: str = CANCELLED,
) -> Request:
    """A reversal of a purchase that was sent, by DE90. A time-out reversal carries the original's STAN."""
    was = original.message
    amount = int(was.fields[4])
    fields = _head(original.terminal, was.fields[3], amount, stan, local, transmitted)
    fields |= {90: original_elements(original), 25: "00", 60: reason}
    return seal(mti, fields, original.terminal)


def act(
    terminal: PosTerminal,
    mti: str,
    processing_code: str,
    *,
    stan: str,
    local: datetime,
    transmitted: datetime,
    amount: int = 0,
    currency: str = "",
    card: str = "",
    objects: Mapping[str, str] = MappingProxyType({}),
    original: Request | None = None,
    approval_code: str = "",
) -> Request:
    """A recharge, a gift, a write-off (0200), an authorisation (0100) or a completion (0220), by processing code."""
    fields = _head(terminal, processing_code, amount, stan, local, transmitted)
    if currency:
        fields[49] = currency
    if card:
        fields[2] = card
    if original is not None:
        fields[90] = original_elements(original)
    if approval_code:
        fields[38] = approval_code
    fields |= spread(write_objects(list(objects.items())))
    return seal(mti, fields, terminal)


def refund(
    terminal: PosTerminal,
    *,
    stan: str,
    local: datetime,
    transmitted: datetime,
    amount: int,
    currency: str,
    payment_id: str = "",
    approval_code: str = "",
    original: Request | None = None,
    card: str = "",
) -> Request:
    """A refund of a part of a payment, named by its id, its approval code, or its request."""
    fields = _head(terminal, REFUND, amount, stan, local, transmitted) | {49: currency}
    if card:
        fields[2] = card
    if payment_id:
        fields[48] = write_objects([("PI", payment_id)])
    if approval_code:
        fields[38] = approval_code
    if original is not None:
        fields[90] = original_elements(original)
    return seal("0200", fields, terminal)


def original_elements(original: Request) -> str:
    """DE90 of a message that concerns an earlier one."""
    was = original.message
    return f"{was.mti}{was.fields[11]}{was.fields[7]}{'0' * 22}"


def network(code: str, *, stan: str, transmitted: datetime, terminal: PosTerminal, day: str = "") -> Request:
    """A 0800: `code` 001 signs on, 002 off, 301 asks for an echo, 161 for a new key; 201 closes the `day` (MMDD)."""
    fields = {7: f"{transmitted:%m%d%H%M%S}", 11: stan, 41: terminal.id, 70: code}
    if day:
        fields[15] = day
    return seal("0800", fields, terminal)


def inquiry(terminal: PosTerminal, *, stan: str, local: datetime, transmitted: datetime, card: str) -> Request:
    """A balance inquiry (0100, processing code 31)."""
    fields = _head(terminal, INQUIRY, 0, stan, local, transmitted)
    del fields[4]
    return seal("0100", fields | {2: card}, terminal)


def repeat(request: Request) -> Request:
    """The same message with the repeat digit: 0200 becomes 0201, 0420 becomes 0421."""
    message = request.message
    fields = {number: value for number, value in message.fields.items() if number not in (64, 128)}
    return seal(message.mti[:3] + "1", fields, request.terminal)


def seal(mti: str, fields: Mapping[int, str], terminal: PosTerminal) -> Request:
    """Packs a message, with a MAC if the terminal has a key. Raises ValueError when a value does not fit."""
    message = Message(mti=mti, fields=fields)
    if terminal.mac is None:
        return Request(message=message, content=terminal.fields.pack(message), terminal=terminal)
    content = terminal.fields.pack_with_mac(message, terminal.mac)
    sealed = Message(mti=mti, fields={**fields, mac_element(message): terminal.fields.mac_in(content)})
    return Request(message=sealed, content=content, terminal=terminal)


def _head(
    terminal: PosTerminal, code: str, amount: int, stan: str, local: datetime, transmitted: datetime
) -> dict[int, str]:
    return {
        3: code,
        4: f"{amount:012d}",
        7: f"{transmitted:%m%d%H%M%S}",
        11: stan,
        12: f"{local:%H%M%S}",
        13: f"{local:%m%d}",
        41: terminal.id,
        42: str(terminal.merchant),
    }
