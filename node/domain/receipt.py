"""A receipt's line items as till or bridge give them to a member, and as `till lines show --json` prints them; pure.

    {"payment": "1-42", "seed": "0x00112233445566778899aabbccddeeff",
     "items": [{"product": "4006381333931", "quantity": 1, "amount": 1299}, ...]}

The items' salts are made of `seed` (docs/batch.md); in its place stands `salt` where all of a payment's items have the
same one. Amounts are for all of the quantity, in minor units.
"""

import json

from node.domain.assignment import Item
from node.domain.ids import MinorUnits
from node.domain.line_items import LineItems, Salting


def parse_receipt(text: str) -> tuple[str, LineItems]:
    """The payment's name, and its items. Raises ValueError, KeyError or TypeError for a text that is no receipt."""
    written = json.loads(text)
    salting = Salting.SHARED if "salt" in written else Salting.EACH
    lines = LineItems(
        seed=bytes.fromhex(str(written["salt" if "salt" in written else "seed"]).removeprefix("0x")),
        salting=salting,
        items=tuple(
            Item(product=str(each["product"]), quantity=int(each["quantity"]), amount=MinorUnits(int(each["amount"])))
            for each in written["items"]
        ),
    )
    if not lines.items:
        raise ValueError("it lists no item")
    lines.root  # noqa: B018 - a field that does not fit its width is told here
    return str(written["payment"]), lines
