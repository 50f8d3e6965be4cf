"""A receipt's line items as the till or the bridge gives them to a member: a JSON file.

    {"payment": "1-42", "salt": "0x00112233445566778899aabbccddeeff",
     "items": [{"product": "4006381333931", "quantity": 1, "amount": 1299}, ...]}

`salt` is that of the payment's items root; amounts are for all of the quantity, in minor units.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.domain.assignment import Item
from node.domain.ids import Sequence, StreamId
from node.domain.merkle import item_leaf, item_leaves, items_root, proof_of, receipt_token
from scripts.amounts import money
from scripts.trouble import Trouble


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """The items of a payment, and the salt of their root."""

    payment: str
    salt: bytes
    items: tuple[Item, ...]

    @property
    def root(self) -> bytes:
        """The items root that the payment's lines carry."""
        root = items_root(self.items, self.salt)
        assert root is not None  # a receipt has an item at least
        return root

    def token(self, place: int, stream: StreamId, sequence: Sequence) -> int:
        """The number of an item's token, as one of this payment."""
        return receipt_token(item_leaf(self.items[place], place, self.salt), stream, sequence)

    def words(self, place: int) -> tuple[Any, ...]:
        """IReceiptMarket.Item."""
        item = self.items[place]
        proof = list(proof_of(item_leaves(self.items, self.salt), place))
        return (self.salt, place, item.amount, item.quantity, item.product.encode(), proof)

    def rows(self) -> list[tuple[str, str, str]]:
        """The items as a table has them."""
        return [(str(place), item.product, money(item.amount)) for place, item in enumerate(self.items)]


def read_receipt(file: Path) -> Receipt:
    """The receipt in a file. Raises Trouble when it is none."""
    try:
        written = json.loads(file.read_text())
        receipt = Receipt(
            payment=str(written["payment"]),
            salt=bytes.fromhex(str(written["salt"]).removeprefix("0x")),
            items=tuple(
                Item(product=str(each["product"]), quantity=int(each["quantity"]), amount=int(each["amount"]))  # type: ignore[arg-type]
                for each in written["items"]
            ),
        )
        if not receipt.items:
            raise Trouble(f"{file} lists no item")
        receipt.root  # noqa: B018 - a field that does not fit its width is told here
    except OSError as failure:
        raise Trouble(f"{file} cannot be read: {failure.strerror}") from None
    except (ValueError, KeyError, TypeError) as failure:
        raise Trouble(f"{file} is no receipt ({failure}); offer_receipt --help tells its form") from None
    return receipt
