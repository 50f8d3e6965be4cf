"""A receipt's line items as the till or the bridge gives them to a member: a JSON file.

    {"payment": "1-42", "seed": "0x00112233445566778899aabbccddeeff",
     "items": [{"product": "4006381333931", "quantity": 1, "amount": 1299}, ...]}

The items' salts are made of `seed` (docs/batch.md); in its place stands `salt` where all of a payment's items have the
same one. Amounts are for all of the quantity, in minor units.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.domain.assignment import Item
from node.domain.ids import Sequence, StreamId
from node.domain.line_items import LineItems, Salting
from node.domain.merkle import receipt_token
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
        written = json.loads(file.read_text())
        salting = Salting.SHARED if "salt" in written else Salting.EACH
        lines = LineItems(
            seed=bytes.fromhex(str(written["salt" if "salt" in written else "seed"]).removeprefix("0x")),
            salting=salting,
            items=tuple(
                Item(product=str(each["product"]), quantity=int(each["quantity"]), amount=int(each["amount"]))  # type: ignore[arg-type]
                for each in written["items"]
            ),
        )
        receipt = Receipt(payment=str(written["payment"]), lines=lines)
        if not receipt.items:
            raise Trouble(f"{file} lists no item")
        receipt.root  # noqa: B018 - a field that does not fit its width is told here
    except OSError as failure:
        raise Trouble(f"{file} cannot be read: {failure.strerror}") from None
    except (ValueError, KeyError, TypeError) as failure:
        raise Trouble(f"{file} is no receipt ({failure}); offer_receipt --help tells its form") from None
    return receipt
