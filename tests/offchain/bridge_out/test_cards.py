"""Cards beside the event loop: a database that does not answer delays nobody, a card not in memory is fetched."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from node.bridge import cards as cards_module
from node.bridge.at_hand import NotAtHand, with_all_at_hand
from node.bridge.cards import Cards, import_cards
from node.bridge.journal.schema import engine_of, migrate
from node.bridge.people import People, open_people
from node.config import JournalSettings
from node.domain.errors import JournalUnwritable, Overloaded
from node.domain.ids import MemberId, StreamId
from tests.offchain.bridge_out.conftest import until

KEY = b"k" * 32


def imported(kept: JournalSettings, folder: Path, rows: str) -> None:
    engine = engine_of(kept, StreamId(1))
    migrate(engine)
    (folder / "cards.csv").write_text(rows)
    import_cards(engine, KEY, people_of(engine, folder), folder / "cards.csv")
    engine.dispose()


def people_of(engine: Engine, folder: Path) -> People:
    return open_people(engine, JournalSettings(people_master_key_file=folder / "people-master.key"), KEY)


def opened(kept: JournalSettings, folder: Path) -> Cards:
    engine = engine_of(kept, StreamId(1))
    return Cards(engine, KEY, people_of(engine, folder))


@pytest.fixture
async def cards(kept: JournalSettings, tmp_path: Path) -> AsyncIterator[Cards]:
    imported(kept, tmp_path, "card-a,7\ncard-b,8\ncard-c,9\n")
    found = opened(kept, tmp_path)
    yield found
    found.close()


async def member(cards: Cards, card: str) -> MemberId | None:
    async def look() -> MemberId | None:
        return cards.member_of(card)

    return await with_all_at_hand(look)


async def test_keep_notices_an_import(cards: Cards, kept: JournalSettings, tmp_path: Path) -> None:
    keeping = asyncio.create_task(cards.keep())
    imported(kept, tmp_path, "card-d,10\n")

    async def noticed() -> bool:
        return cards.member_of("card-d") == 10

    await until(noticed, "the import is noticed")
    keeping.cancel()
    with suppress(asyncio.CancelledError):
        await keeping


async def test_member_of_is_fetched_when_there_are_more_cards_than_fit(
    cards: Cards, kept: JournalSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cards_module, "CACHE", 1)
    imported(kept, tmp_path, "card-a,70\n")  # whoever is read again keeps one of them
    await cards.refresh()
    found = [await member(cards, name) for name in ("card-a", "card-b", "card-c", "nobody")]
    assert found == [70, 8, 9, None]
    assert cards.member_of("nobody") is None  # fetched just now
    imported(kept, tmp_path, "nobody,11\n")
    await cards.refresh()
    assert [await member(cards, name) for name in ("nobody", "card-c")] == [11, 9]


async def test_with_all_at_hand_gives_up_when_something_is_missing_again_and_again() -> None:
    fetched = 0

    async def fetch() -> None:
        nonlocal fetched
        fetched += 1

    async def work() -> None:
        raise NotAtHand(fetch)

    with pytest.raises(Overloaded):
        await with_all_at_hand(work)
    assert fetched == 4


async def test_member_of_delays_nobody_when_the_database_does_not_answer(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = JournalSettings(url=database)
    imported(kept, tmp_path, "card-a,7\ncard-b,8\n")
    monkeypatch.setattr(cards_module, "CACHE", 1)
    monkeypatch.setattr(cards_module, "FRESH_SECONDS", 0.1)
    monkeypatch.setattr(cards_module, "FETCH_SECONDS", 0.3)
    cards = opened(kept, tmp_path)
    known = next(name for name in ("card-a", "card-b") if cards.token_of(name) in cards._known)
    keeping = asyncio.create_task(cards.keep())
    with psycopg.connect(database) as other:
        other.execute("LOCK TABLE stream_1.cards, stream_1.meta IN ACCESS EXCLUSIVE MODE")

        async def waits() -> bool:
            query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            row = other.execute(query).fetchone()
            return row is not None and bool(row[0])

        await until(waits, "the look for imports hangs")
        longest, asked = 0.0, asyncio.create_task(member(cards, "somebody"))
        for _ in range(20):
            began = time.monotonic()
            assert cards.member_of(known) in (7, 8)
            await asyncio.sleep(0)
            longest = max(longest, time.monotonic() - began)
        assert longest < 0.1
        with pytest.raises(JournalUnwritable):
            await asyncio.wait_for(asked, 5)
    keeping.cancel()
    with suppress(asyncio.CancelledError, SQLAlchemyError):
        await keeping
    assert await member(cards, "somebody") is None  # it answers again
    cards.close()
