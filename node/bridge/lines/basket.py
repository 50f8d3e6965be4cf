"""The bytes of a payment's line items before they are sealed and after they are opened.

    salting 1 | random bytes 16 | the items' canonical text (ASCII), empty without items

Made by verify, read by whoever has a key (opening.py). They are never stored like this.
"""

from typing import Final

from node.domain.line_items import LineItems, Salting
from node.iso8583.basket import read_items

SEED_BYTES: Final = 16


def pack_items(seed: bytes, text: str) -> bytes:
    """The bytes; empty without items."""
    return bytes([Salting.EACH]) + seed + text.encode("ascii") if text else b""


def unpack_items(packed: bytes) -> LineItems:
    """What `pack_items` put together. Raises ValueError for other bytes, MalformedMessage where the text is no list."""
    if len(packed) <= 1 + SEED_BYTES or packed[0] not in list(Salting):
        raise ValueError("these are no line items")
    seed, text = packed[1 : 1 + SEED_BYTES], packed[1 + SEED_BYTES :].decode("ascii")
    return LineItems(items=read_items(text), seed=seed, salting=Salting(packed[0]))
