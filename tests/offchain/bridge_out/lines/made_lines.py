"""Line items as they are sealed, proved and written to files, for the tests of them."""

import os

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import HealthCheck, settings

from node.bridge.lines.basket import pack_items
from node.bridge.lines.opening import SealedLines
from node.bridge.lines.sealing import ContentKey, KeyName
from node.domain.assignment import Item
from node.domain.ids import MerchantId, MinorUnits, PaymentId, Sequence, StreamId
from node.domain.line_items import LineItems
from node.iso8583.basket import write_items

HOLDER = X25519PrivateKey.from_private_bytes(b"\x21" * 32)
READER = HOLDER.public_key().public_bytes_raw()
NAME = KeyName(stream=StreamId(1), merchant=MerchantId(7), day=20_000, number=2**62 + 1)
KEY = ContentKey(name=NAME, secret=b"\x42" * 32)
SEED = bytes(range(16))
ITEMS = tuple(Item(product=f"P{n}", quantity=n + 1, amount=MinorUnits(100 * n)) for n in range(5))
BASKET = LineItems(items=ITEMS, seed=SEED)
PAYMENT = PaymentId("1-42")
SMALL = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def sealed(items: tuple[Item, ...] = ITEMS, seed: bytes = SEED) -> SealedLines:
    root = LineItems(items=items, seed=seed).root
    packed = pack_items(seed, write_items(items))
    return SealedLines(
        payment=PAYMENT,
        merchant=NAME.merchant,
        day=NAME.day,
        root=root,
        sealed=KEY.seal(packed, Sequence(42), root, os.urandom(12)),
        copy=KEY.copy_for(READER),
    )
