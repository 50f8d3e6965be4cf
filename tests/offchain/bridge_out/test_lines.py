"""Line items at rest: sealed for the merchant, opened by its key and by granted ones, and by no other."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import Connection, Engine, text

from node.bridge.journal import lines
from node.bridge.journal.admission import Admission, Admitter
from node.bridge.journal.lines import Reader
from node.bridge.journal.schema import engine_of, migrate
from node.bridge.journal.store import Journal
from node.bridge.journal.tables import metadata
from node.bridge.lines import grants, reading
from node.bridge.lines.basket import SEED_BYTES, pack_items
from node.bridge.lines.basket_keeper import DAY_MS, MOST_KEYS, BasketKeeper
from node.bridge.lines.errors import NotForThisKey
from node.bridge.lines.opening import Keys, SealedLines, open_lines
from node.bridge.lines.sealing import ContentKey, KeyName, key_from_copy
from node.config import JournalSettings
from node.domain.assignment import Item
from node.domain.errors import Unusable
from node.domain.ids import MerchantId, MinorUnits, Sequence, StreamId
from node.domain.line_items import LineItems, Salting
from node.domain.merkle import items_root
from node.iso8583.basket import write_items
from tests.offchain.bridge_out.makers import payment
from tests.offchain.bridge_out.needles import forms_of_bytes, found_in

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
    opened = await Journal.open(kept, first_sequence=1, keeper=BasketKeeper(STREAM, public(operator), os.urandom))
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


async def test_operator_opens_lines_of_a_merchant_without_a_key(
    journal: Journal, operator: X25519PrivateKey, auditor: X25519PrivateKey
) -> None:
    first, second = await pay(journal, 1), await pay(journal, 2)
    assert await reads(journal, first, operator) and await reads(journal, second, operator)
    assert not await reads(journal, first, auditor)
    numbers = {(await found(journal, each, operator)).key_name.number for each in (first, second)}
    assert len(numbers) == 1, "one content key for a merchant and day"
    assert (await found(journal, await pay(journal, 3, at=NOON + DAY_MS), operator)).key_name.number not in numbers
    assert (await found(journal, await pay(journal, 4, shop=OTHER), operator)).key_name.number not in numbers


async def test_own_key_opens_lines_and_the_operator_no_longer_does(
    journal: Journal, operator: X25519PrivateKey, merchant: X25519PrivateKey
) -> None:
    before = await pay(journal, 1)
    await let_in(journal, reader(merchant, "shop", own=True))
    after, elsewhere = await pay(journal, 2), await pay(journal, 3, shop=OTHER)
    assert await reads(journal, after, merchant) and not await reads(journal, after, operator)
    assert not await reads(journal, before, merchant) and not await reads(journal, elsewhere, merchant)


async def test_other_merchants_key_opens_nothing_even_with_its_copy_swapped_in(
    journal: Journal, merchant: X25519PrivateKey, auditor: X25519PrivateKey
) -> None:
    await let_in(journal, reader(merchant, "shop", own=True))
    await let_in(journal, reader(auditor, "other", own=True, merchant=OTHER))
    mine, theirs = await pay(journal, 1), await pay(journal, 2, shop=OTHER)
    assert not await reads(journal, mine, auditor)
    stolen = replace(await found(journal, mine, auditor), copy=(await found(journal, theirs, auditor)).copy)
    with pytest.raises(NotForThisKey):
        open_lines(stolen, auditor, {})


async def test_view_opens_its_days_and_the_past_only_if_somebody_opens_it(
    journal: Journal, operator: X25519PrivateKey, auditor: X25519PrivateKey, merchant: X25519PrivateKey
) -> None:
    days = [await pay(journal, 1 + n, at=NOON + n * DAY_MS) for n in (-2, -1, 0)]
    await let_in(journal, reader(auditor, "auditor", since=TODAY - 1, until=TODAY), operator)
    assert [await reads(journal, each, auditor) for each in days] == [False, True, True]
    later = [await pay(journal, 11 + n, at=NOON + n * DAY_MS) for n in (-1, 0, 1)]
    assert [await reads(journal, each, auditor) for each in later] == [True, True, False]
    await let_in(journal, reader(merchant, "shop", own=True, since=TODAY - 9))
    assert not await reads(journal, days[2], merchant)
    with pytest.raises(Unusable, match="already"):
        await let_in(journal, reader(auditor, "again"))
    with pytest.raises(Unusable, match="already"):
        await let_in(journal, reader(operator, "auditor"))


async def test_revoked_reader_reads_nothing_later_and_keeps_what_it_had(
    journal: Journal, operator: X25519PrivateKey, auditor: X25519PrivateKey
) -> None:
    await let_in(journal, reader(auditor, "auditor"))
    before = await pay(journal, 1)
    had: Keys = {}
    assert await reads(journal, before, auditor, had) and had
    await journal.run(lambda connection: grants.revoke(connection, SHOP, "auditor", NOON))
    after = await pay(journal, 2)
    assert not await reads(journal, after, auditor, had), "the same day, and a key that it has not"
    assert not await reads(journal, before, auditor), "its copies are gone"
    assert await reads(journal, before, auditor, had), "what was read cannot be unread"
    assert await reads(journal, after, operator)
    with pytest.raises(Unusable, match="no reader"):
        await journal.run(lambda connection: grants.revoke(connection, SHOP, "auditor", NOON))


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


async def test_pages_hold_all_accepted_lines_of_one_merchant(
    journal: Journal, operator: X25519PrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = [await pay(journal, stan) for stan in range(1, 6)]
    await pay(journal, 6, shop=OTHER)
    await journal.admit(Admission(payment(7, merchant=SHOP), b"", NOON))
    await journal.run(
        lambda connection: connection.exec_driver_sql(
            "UPDATE entries SET status = 'declined' WHERE sequence = ?", (mine[0],)
        )
    )
    monkeypatch.setattr(reading, "PAGE", 3)

    def page(connection: Connection, after: int) -> reading.Page:
        return reading.page(connection, STREAM, SHOP, public(operator), after)

    first = await journal.run(lambda connection: page(connection, 0))
    assert [each.payment for each in first.lines] == [f"1-{each}" for each in mine[1:4]] and first.after == mine[3]
    second = await journal.run(lambda connection: page(connection, mine[3]))
    assert [each.payment for each in second.lines] == [f"1-{mine[4]}"] and second.after is None
    assert all(open_lines(each, operator, {}).items == BASKET for each in first.lines)
    monkeypatch.setattr(reading, "PAGE_BYTES", 1)
    assert len((await journal.run(lambda connection: page(connection, 0))).lines) == 1


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
