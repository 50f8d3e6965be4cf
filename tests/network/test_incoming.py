"""Transactions from peers in a flood: consensus gets its answers at once, and all of them are let in all the same."""

import asyncio

import pytest

from node.consensus import incoming
from node.consensus.admission import ACCEPTED, RETRY
from node.consensus.incoming import SHARE, Incoming

COST = 0.01


class Door:
    """An admission that takes `COST` seconds of its own clock for each."""

    def __init__(self) -> None:
        self.now = 0.0
        self.let_in: list[bytes] = []
        self.open = asyncio.Event()
        self.open.set()

    def clock(self) -> float:
        return self.now

    def knows(self, raw: bytes) -> bool:
        return raw in self.let_in

    async def admit(self, raw: bytes) -> int:
        await self.open.wait()
        self.now += COST
        self.let_in.append(raw)
        return ACCEPTED


def number(place: int) -> bytes:
    return place.to_bytes(4, "big")


async def until_empty(waiting: Incoming) -> None:
    async with asyncio.timeout(5):
        while waiting._waiting:
            await asyncio.sleep(0)


async def test_insert_answers_what_admission_says_when_there_is_time() -> None:
    door = Door()
    waiting = Incoming(door.admit, door.knows, door.clock)
    for place in range(100):
        door.now += COST / SHARE
        assert await waiting.insert(number(place)) == ACCEPTED


async def test_insert_lets_a_flood_wait_and_takes_all_of_it() -> None:
    door = Door()
    waiting = Incoming(door.admit, door.knows, door.clock)
    honest = 0
    while await waiting.insert(number(honest)) == ACCEPTED:
        honest += 1
    assert honest == pytest.approx(SHARE / COST / (1 - SHARE), abs=2)
    door.open.clear()
    # nobody waits for admission now: these are all answered although it stands still
    assert {await waiting.insert(number(place)) for place in range(honest, 1000)} == {RETRY}
    assert await waiting.insert(number(500)) == RETRY
    door.open.set()
    await until_empty(waiting)
    assert door.let_in == [number(place) for place in range(1000)]
    # offered once more, CometBFT hears that it is in, and nothing is done twice
    assert await waiting.insert(number(999)) == ACCEPTED
    assert len(door.let_in) == 1000
    door.now += 100
    assert await waiting.insert(b"later") == ACCEPTED


async def test_insert_gives_up_what_finds_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incoming, "MAX_WAITING", 10)
    door = Door()
    waiting = Incoming(door.admit, door.knows, door.clock)
    waiting._owed = 1000.0
    door.open.clear()
    assert {await waiting.insert(number(place)) for place in range(50)} == {RETRY}
    door.open.set()
    await until_empty(waiting)
    assert door.let_in == [number(place) for place in range(10)]


async def test_insert_counts_bytes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incoming, "MAX_WAITING_BYTES", 1_000)
    door = Door()
    waiting = Incoming(door.admit, door.knows, door.clock)
    waiting._owed = 1000.0
    for place in range(50):
        await waiting.insert(number(place) * 100)
    await until_empty(waiting)
    assert len(door.let_in) == 3
