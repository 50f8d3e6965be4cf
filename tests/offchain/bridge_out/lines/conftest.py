"""A journal that seals line items, and who may open them."""

import os
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from node.bridge.journal.admission import Admission
from node.bridge.journal.lines import Reader
from node.bridge.journal.store import Journal
from node.bridge.lines import grants, reading
from node.bridge.lines.basket import SEED_BYTES, pack_items
from node.bridge.lines.basket_keeper import DAY_MS, BasketKeeper
from node.bridge.lines.errors import NotForThisKey
from node.bridge.lines.opening import Keys, SealedLines, open_lines
from node.config import JournalSettings
from node.domain.assignment import Item
from node.domain.ids import MinorUnits, Sequence, StreamId
from node.domain.line_items import LineItems
from node.iso8583.basket import write_items
from tests.offchain.bridge_out.makers import payment

STREAM, SHOP, OTHER = StreamId(1), 7, 8
PLANTED = "PLANTED-4006381333931"
BASKET = (
    Item(product=PLANTED, quantity=2, amount=MinorUnits(700)),
    Item(product="1000000", quantity=1, amount=MinorUnits(300)),
)
SEED = bytes(range(SEED_BYTES))
TODAY = 20_000
NOON = TODAY * DAY_MS + DAY_MS // 2


def public(holder: X25519PrivateKey) -> bytes:
    return holder.public_key().public_bytes_raw()


@pytest.fixture
def operator() -> X25519PrivateKey:
    return X25519PrivateKey.generate()


@pytest.fixture
def merchant() -> X25519PrivateKey:
    return X25519PrivateKey.generate()


@pytest.fixture
def auditor() -> X25519PrivateKey:
    return X25519PrivateKey.generate()


@pytest.fixture
async def journal(kept: JournalSettings, operator: X25519PrivateKey) -> AsyncIterator[Journal]:
    opened = await Journal.open(kept, keeper=BasketKeeper(STREAM, public(operator), os.urandom))
    yield opened
    await opened.close()


def reader(holder: X25519PrivateKey, name: str, **changes: object) -> Reader:
    made = Reader(
        number=0,
        merchant=SHOP,
        name=name,
        public_key=public(holder),
        own=False,
        since=TODAY,
        until=None,
        granted_at=NOON,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


async def pay(journal: Journal, stan: int, *, at: int = NOON, shop: int = SHOP) -> Sequence:
    packed = pack_items(SEED, write_items(BASKET))
    made = replace(payment(stan, merchant=shop), items_root=LineItems(items=BASKET, seed=SEED).root)
    admitted = await journal.admit(Admission(made, packed, at))
    assert admitted.sequence is not None
    return admitted.sequence


async def found(journal: Journal, sequence: int, holder: X25519PrivateKey) -> SealedLines:
    one = await journal.run(lambda connection: reading.one(connection, STREAM, sequence, public(holder)))
    assert one is not None
    return one


async def reads(journal: Journal, sequence: int, holder: X25519PrivateKey, known: Keys | None = None) -> bool:
    try:
        opened = open_lines(await found(journal, sequence, holder), holder, {} if known is None else known)
    except NotForThisKey:
        return False
    assert opened == LineItems(items=BASKET, seed=SEED)
    return True


async def let_in(journal: Journal, new: Reader, opener: X25519PrivateKey | None = None) -> None:
    await journal.run(lambda connection: grants.grant(connection, STREAM, new, opener))
