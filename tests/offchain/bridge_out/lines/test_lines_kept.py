"""How line items and their keys are kept: sealed, bounded in memory, gone when their keys are."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import Engine, text

from node.bridge.journal import lines
from node.bridge.journal.admission import Admission, Admitter
from node.bridge.journal.schema import engine_of, migrate
from node.bridge.journal.store import Journal
from node.bridge.journal.tables import metadata
from node.bridge.lines import reading
from node.bridge.lines.basket import pack_items
from node.bridge.lines.basket_keeper import DAY_MS, MOST_KEYS, BasketKeeper
from node.bridge.lines.errors import NotForThisKey
from node.bridge.lines.opening import Keys, open_lines
from node.bridge.lines.sealing import ContentKey, KeyName, key_from_copy
from node.config import JournalSettings
from node.domain.ids import MerchantId, StreamId
from node.domain.line_items import LineItems, Salting
from node.domain.merkle import items_root
from node.iso8583.basket import write_items
from tests.offchain.bridge_out.lines.conftest import (
    BASKET,
    NOON,
    OTHER,
    PLANTED,
    SEED,
    SHOP,
    STREAM,
    TODAY,
    found,
    let_in,
    pay,
    public,
    reader,
    reads,
)
from tests.offchain.bridge_out.makers import payment
from tests.offchain.bridge_out.needles import forms_of_bytes, found_in


def everything(engine: Engine) -> bytes:
    """Every value in the journal's database, and a file's raw bytes."""
    dump = b""
    with engine.connect() as connection:
        for table in metadata.tables:
            for row in connection.execute(text(f"SELECT * FROM {table}")):
                dump += b"".join(bytes(v) if isinstance(v, bytes | memoryview) else str(v).encode() for v in row)
    if engine.url.get_backend_name() == "sqlite":
        path = Path(str(engine.url.database))
        dump += b"".join(each.read_bytes() for each in path.parent.glob(path.name + "*"))
    return dump


def test_key_of_a_transaction_that_was_undone_seals_nothing(kept: JournalSettings, operator: X25519PrivateKey) -> None:
    engine = engine_of(kept, STREAM)
    migrate(engine)
    admitter = Admitter(1, keeper=BasketKeeper(STREAM, public(operator), os.urandom))
    made = replace(payment(1, merchant=SHOP), items_root=LineItems(items=BASKET, seed=SEED).root)
    admission = Admission(made, pack_items(SEED, write_items(BASKET)), NOON)
    with engine.connect() as connection:
        undone = connection.begin()
        admitter.admit(connection, [admission])
        undone.rollback()
        admitter.rolled_back()
    with engine.begin() as connection:
        admitter.admit(connection, [admission])
        admitter.committed()
    with engine.begin() as connection:
        sealed = reading.one(connection, STREAM, 1, public(operator))
    assert sealed is not None and open_lines(sealed, operator, {}).items == BASKET


async def test_destroyed_keys_leave_nothing_to_open(
    journal: Journal, operator: X25519PrivateKey, auditor: X25519PrivateKey
) -> None:
    await let_in(journal, reader(auditor, "auditor", since=TODAY - 9))
    old, new = await pay(journal, 1, at=NOON - DAY_MS), await pay(journal, 2)
    assert await journal.run(lambda connection: lines.destroy_copies(connection, SHOP, TODAY)) == 1
    assert not await reads(journal, old, operator) and not await reads(journal, old, auditor)
    assert await reads(journal, new, operator) and await reads(journal, new, auditor)


async def test_no_basket_and_no_key_stands_in_the_database(
    kept: JournalSettings, journal: Journal, operator: X25519PrivateKey, auditor: X25519PrivateKey
) -> None:
    await let_in(journal, reader(auditor, "auditor"))
    sequence = await pay(journal, 1)
    known: Keys = {}
    assert await reads(journal, sequence, operator, known)
    (key,) = known.values()
    secrets = {"product": PLANTED.encode(), "seed": SEED, "content key": key.secret}
    secrets |= {"operator": operator.private_bytes_raw(), "auditor": auditor.private_bytes_raw()}
    needles = {
        f"{name} as {form}": each for name, secret in secrets.items() for form, each in forms_of_bytes(secret).items()
    }
    dump = everything(journal.engine)
    assert public(auditor) in dump and not found_in(dump, needles)
    assert PLANTED.encode() not in repr(key).encode() and key.secret.hex() not in repr(known)


async def test_baskets_of_an_older_version_are_sealed_and_gone(
    kept: JournalSettings, operator: X25519PrivateKey
) -> None:
    root = items_root(BASKET, SEED)
    before = await Journal.open(kept)
    for stan in (1, 2):
        await before.admit(Admission(replace(payment(stan, merchant=SHOP), items_root=root), b"", NOON))
    old = bytes([Salting.SHARED]) + SEED + write_items(BASKET).encode()
    await before.run(lambda c: c.exec_driver_sql("UPDATE entries SET sealed = ?", (old,)).rowcount)
    assert PLANTED.encode() in everything(before.engine)
    await before.close()
    keeper = BasketKeeper(STREAM, public(operator), os.urandom)
    journal = await Journal.open(kept, keeper=keeper)
    sealed = [await journal.insist(keeper.seal_old) for _ in range(3)]
    assert sealed == [2, 0, 0]
    opened = open_lines(await found(journal, 1, operator), operator, {})
    assert opened == LineItems(items=BASKET, seed=SEED, salting=Salting.SHARED) and opened.root == root
    await journal.close()
    assert PLANTED.encode() not in everything(engine_of(kept, STREAM))


def test_vault_remembers_a_bounded_number_of_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_KEYS > 1_000
    monkeypatch.setattr("node.bridge.lines.basket_keeper.MOST_KEYS", 3)

    async def run() -> None:
        keeper = BasketKeeper(STREAM, public(X25519PrivateKey.generate()), os.urandom)
        journal = await Journal.open(JournalSettings(path=tmp_path / "journal.sqlite"), keeper=keeper)
        for stan in range(1, 6):
            await pay(journal, stan, shop=stan)
        assert len(keeper._keys) == 3
        await pay(journal, 6, at=NOON + DAY_MS)
        assert {day for _, day in keeper._keys} == {TODAY + 1}
        await journal.close()

    asyncio.run(run())


def test_copy_of_another_day_is_refused(operator: X25519PrivateKey) -> None:
    name = KeyName(stream=STREAM, merchant=MerchantId(SHOP), day=TODAY, number=5)
    key = ContentKey(name=name, secret=os.urandom(32))
    copy = key.copy_for(public(operator))
    assert key_from_copy(name, copy, operator) == key
    for other in (
        replace(name, stream=StreamId(2)),
        replace(name, merchant=MerchantId(OTHER)),
        replace(name, day=TODAY + 1),
        replace(name, number=6),
    ):
        with pytest.raises(NotForThisKey):
            key_from_copy(other, copy, operator)
