"""A receipt's line items (node/domain/receipt.py says how they are written), for scripts that act on one of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.domain.assignment import Item
from node.domain.ids import Sequence, StreamId
from node.domain.line_items import LineItems
from node.domain.merkle import receipt_token
from node.domain.receipt import parse_receipt
from scripts.amounts import money
from scripts.trouble import Trouble


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """The items of a payment, with the salts of their root."""

    payment: str
    lines: LineItems

    @property
    def items(self) -> tuple[Item, ...]:
        """The items, in the order of the receipt."""
        return self.lines.items

    @property
    def root(self) -> bytes:
        """The items root that the payment's lines carry."""
        return self.lines.root

    def token(self, place: int, stream: StreamId, sequence: Sequence) -> int:
        """The number of an item's token, as one of this payment."""
        return receipt_token(self.lines.leaves[place], stream, sequence)

    def words(self, place: int) -> tuple[Any, ...]:
        """IReceiptMarket.Item."""
        item, proof = self.items[place], list(self.lines.proof(place))
        return (self.lines.salts[place], place, item.amount, item.quantity, item.product.encode(), proof)

    def rows(self) -> list[tuple[str, str, str]]:
        """The items as a table has them."""
        return [(str(place), item.product, money(item.amount)) for place, item in enumerate(self.items)]


def read_receipt(file: Path) -> Receipt:
    """The receipt in a file. Raises Trouble when it is none."""
    try:
        payment, lines = parse_receipt(file.read_text())
    except OSError as failure:
        raise Trouble(f"{file} cannot be read: {failure.strerror}") from None
    except (ValueError, KeyError, TypeError) as failure:
        raise Trouble(f"{file} is no receipt ({failure}); offer_receipt --help tells its form") from None
    return Receipt(payment=payment, lines=lines)
