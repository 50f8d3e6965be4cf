"""What a purchase says beyond ISO 8583's own elements: line items and tenders, as text over DE48, DE62 and DE63.

The three elements, in this order, are one text of objects: a tag of two characters, four digits of length, the value.
    LI  line items, each `product,quantity,amount;` (quantity empty = 1; the amount, minor units, is for all of it)
    CO  what of DE4 is paid in coins, minor units
    SV  what of DE4 is paid from stored value, minor units
    PR  how the terminal checked the PIN: 0 not at all, 1 by the card, 2 a PIN block is in DE52
    QR  a member's code, in place of a card
    PI, PT, BL, DU  of a reply, in DE48: payment id, points given, balance (both in units), 1 = this message came before
Objects with other tags are skipped, so that terminals may say more than a bridge knows.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from node.domain.assignment import Item, TenderSplit
from node.domain.errors import MalformedMessage
from node.domain.ids import MinorUnits

CARRIERS: Final = (48, 62, 63)
CARRIER_LENGTH: Final = 999
MAX_ITEMS: Final = 999
MAX_PRODUCT: Final = 32
_MAX_AMOUNT: Final = 2**48
_MAX_QUANTITY: Final = 2**32
_TAG: Final = 2
_HEAD: Final = 6
PIN_RESULTS: Final = ("0", "1", "2")
PIN_BLOCK: Final = 52


@dataclass(frozen=True, kw_only=True, slots=True)
class Basket:
    """What a purchase's private elements say. `text` is the items' canonical text, empty without items."""

    items: tuple[Item, ...] = ()
    text: str = ""
    split: TenderSplit | None = None
    pin_result: str = "0"
    objects: Mapping[str, str] = field(default_factory=dict)


def read_basket(fields: Mapping[int, str]) -> Basket:
    """The basket in a message's elements. Raises MalformedMessage."""
    objects = read_objects("".join([fields.get(number, "") for number in CARRIERS]))
    text = objects.get("LI", "")
    split = None
    if "CO" in objects or "SV" in objects:
        split = TenderSplit(coin=_amount(objects.get("CO", "0")), stored_value=_amount(objects.get("SV", "0")))
    pin_result = objects.get("PR", "2" if PIN_BLOCK in fields else "0")
    if pin_result not in PIN_RESULTS:
        raise MalformedMessage("PR is 0, 1 or 2")
    return Basket(items=read_items(text), text=text, split=split, pin_result=pin_result, objects=objects)


def read_objects(text: str) -> dict[str, str]:
    """Tag to value. Raises MalformedMessage on a wrong length or a tag that comes twice."""
    objects: dict[str, str] = {}
    position = 0
    while position < len(text):
        tag, digits = text[position : position + _TAG], text[position + _TAG : position + _HEAD]
        if len(digits) != _HEAD - _TAG or not digits.isdecimal() or tag in objects:
            raise MalformedMessage(f"the private elements cannot be read at character {position}")
        position += _HEAD
        end = position + int(digits)
        if end > len(text):
            raise MalformedMessage(f"{tag!r} is longer than the private elements")
        objects[tag] = text[position:end]
        position = end
    return objects


def read_items(text: str) -> tuple[Item, ...]:
    """The items in `product,quantity,amount;` text. Raises MalformedMessage."""
    if not text:
        return ()
    if not text.endswith(";") or not text.isascii() or not text.isprintable():
        raise MalformedMessage("the line items are printable ASCII and end with a semicolon")
    parts = text[:-1].split(";")
    if len(parts) > MAX_ITEMS:
        raise MalformedMessage(f"more than {MAX_ITEMS} line items")
    return tuple([_item(part) for part in parts])


def _item(part: str) -> Item:
    try:
        product, quantity_text, amount_text = part.split(",")
    except ValueError:
        raise MalformedMessage("a line item is product,quantity,amount") from None
    if not 1 <= len(product) <= MAX_PRODUCT:
        raise MalformedMessage(f"a product code has 1 to {MAX_PRODUCT} characters")
    quantity = 1
    if quantity_text:
        quantity = int(quantity_text) if quantity_text.isdecimal() and len(quantity_text) <= 10 else _MAX_QUANTITY
    if quantity >= _MAX_QUANTITY:
        raise MalformedMessage("a quantity is a number of up to 32 bits")
    return Item(product=product, quantity=quantity, amount=_amount(amount_text))


def _amount(text: str) -> MinorUnits:
    value = int(text) if text.isdecimal() and text.isascii() and len(text) <= 15 else _MAX_AMOUNT
    if value >= _MAX_AMOUNT:
        raise MalformedMessage("an amount of the private elements is a number of up to 48 bits")
    return MinorUnits(value)


def write_items(items: Iterable[Item]) -> str:
    """The canonical text of items; `read_items` undoes it."""
    return "".join([f"{item.product},{'' if item.quantity == 1 else item.quantity},{item.amount};" for item in items])


def write_objects(objects: Sequence[tuple[str, str]]) -> str:
    """Objects as text, in this order."""
    return "".join([f"{tag}{len(value):04d}{value}" for tag, value in objects])


def spread(text: str) -> dict[int, str]:
    """The private elements that carry this text. Raises ValueError when it is too long for all of them."""
    if len(text) > CARRIER_LENGTH * len(CARRIERS):
        raise ValueError(f"{len(text)} characters do not fit into DE48, DE62 and DE63")
    pieces = [text[start : start + CARRIER_LENGTH] for start in range(0, len(text), CARRIER_LENGTH)]
    return dict(zip(CARRIERS, pieces, strict=False))
