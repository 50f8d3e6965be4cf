"""Tries at PINs: counted once each, whatever comes at once, again or after a crash, until the card is locked."""

import asyncio
import threading
from dataclasses import replace
from typing import Any

import pytest

from node.bridge.journal.pins import Attempt, Verdict, begin, end, unlock
from node.bridge.security import pins as judging
from node.bridge.security.pin_hash import is_right
from node.bridge.security.shown import Shown
from node.pos.connection import PosConnection
from node.pos.messages import PosTerminal
from tests.offchain.bridge_in.conftest import CARD, FakeJournal
from tests.offchain.bridge_in.pin.conftest import Vault, sale
from tests.offchain.bridge_in.pins import (
    OTHER_CARD,
    PIN,
    WRONG,
    block,
)


async def test_card_is_locked_when_its_tries_are_used_up_until_it_is_unlocked(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal, vault: Vault
) -> None:
    wrong = [sale(terminal, number, pin_block=block(WRONG)) for number in (1, 2, 3)]
    assert [(await pos.send(each)).response_code for each in wrong] == ["55", "55", "75"]
    assert [(await pos.send(each)).response_code for each in wrong] == ["55", "55", "75"], "each has its answer"
    right = sale(terminal, 4, pin_block=block(PIN))
    assert (await pos.send(right)).response_code == "75"
    other = await pos.send(sale(terminal, 5, card=OTHER_CARD, pin_block=block(PIN, OTHER_CARD)))
    assert other.approved, "another card is not locked"
    token = vault.cards.token_of(CARD)
    assert await vault.journal.run(lambda connection: unlock(connection, [token, b"nobody's"])) == 1
    assert (await pos.send(right)).response_code == "75", "a message that was answered stays answered"
    assert (await pos.send(sale(terminal, 6, pin_block=block(PIN)))).approved
    assert len(journal.entries) == 2


async def test_right_pin_gives_the_tries_back(pos: PosConnection, terminal: PosTerminal, vault: Vault) -> None:
    codes = []
    for number, pin in enumerate((WRONG, WRONG, PIN, WRONG, WRONG), start=1):
        codes.append((await pos.send(sale(terminal, number, pin_block=block(pin)))).response_code)
    assert codes == ["55", "55", "00", "55", "55"] and await vault.tries() == 2


async def test_many_wrong_pins_at_once_are_no_more_tries_than_one_after_another(
    pos: PosConnection, terminal: PosTerminal, hashed: list[str], vault: Vault
) -> None:
    requests = [sale(terminal, number, pin_block=block(f"{number:04d}")) for number in range(2, 42)]
    replies = await asyncio.gather(*[pos.send(each) for each in requests])
    assert sorted(each.response_code for each in replies) == ["55", "55"] + ["75"] * 38
    assert len(hashed) == 3 and await vault.tries() == 3
    assert (await pos.send(sale(terminal, 50, pin_block=block(PIN)))).response_code == "75"


async def test_right_pins_at_once_do_not_lock_each_other_out(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal
) -> None:
    requests = [sale(terminal, number, pin_block=block(PIN)) for number in range(1, 11)]
    replies = await asyncio.gather(*[pos.send(each) for each in requests])
    assert {each.response_code for each in replies} == {"00"} and len(journal.entries) == 10


async def test_same_message_at_once_is_one_try(pos: PosConnection, terminal: PosTerminal, vault: Vault, listen) -> None:
    request = sale(terminal, 1, pin_block=block(WRONG))
    async with listen() as listener:
        others = [await listener.connect() for _ in range(5)]
        replies = await asyncio.gather(*[each.send(request) for each in (pos, *others)])
    assert [each.response_code for each in replies] == ["55"] * 6 and await vault.tries() == 1


async def test_try_that_a_crash_left_open_is_judged_without_counting_again(
    pos: PosConnection, terminal: PosTerminal, vault: Vault, directory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Attempt] = []

    async def die(attempt: Attempt, shown: Shown) -> Verdict:
        seen.append(attempt)
        await vault.journal.run(lambda connection: begin(connection, attempt, tries=3, now=0))
        raise OSError("the process is gone")

    with monkeypatch.context() as patched:
        patched.setattr(vault.pins, "_judge", die)
        assert (await pos.send(sale(terminal, 1, pin_block=block(WRONG)))).response_code == "96"
    assert await vault.tries() == 1 and seen
    assert (await pos.send(sale(terminal, 1, pin_block=block(PIN)))).response_code == "94", "no second guess under it"
    assert (await pos.send(sale(terminal, 1, pin_block=block(WRONG)))).response_code == "55"
    assert await vault.tries() == 1


async def test_too_many_pins_at_once_are_answered_96_and_cost_no_try(
    pos: PosConnection, terminal: PosTerminal, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, go = threading.Event(), threading.Event()

    def slow(*arguments: Any) -> bool:
        held.set()
        assert go.wait(10)
        return is_right(*arguments)

    monkeypatch.setattr(judging, "is_right", slow)
    monkeypatch.setattr(vault.pins, "_settings", replace(vault.pins._settings, waiting=1))
    first = asyncio.create_task(pos.send(sale(terminal, 1, pin_block=block(PIN))))
    assert await asyncio.to_thread(held.wait, 10)
    refused = await pos.send(sale(terminal, 2, card=OTHER_CARD, pin_block=block(WRONG, OTHER_CARD)))
    go.set()
    assert refused.response_code == "96" and (await first).approved
    assert await vault.tries(OTHER_CARD) == 0


async def test_old_tries_are_swept_and_end_is_locked_without_a_pin(vault: Vault) -> None:
    token = vault.cards.token_of(CARD)

    def work(connection: Any) -> tuple[int, Verdict]:
        for number in range(5):
            begin(connection, Attempt(key=f"k{number}", token=token, said=b"s"), tries=9, now=number)
        week = 8 * 86_400_000
        begin(connection, Attempt(key="new", token=token, said=b"s"), tries=9, now=week)
        left = connection.exec_driver_sql("SELECT count(*) FROM pin_attempts").scalar_one()
        return left, end(connection, Attempt(key="new", token=token, said=b"s"), right=False, tries=6)

    assert await vault.journal.run(work) == (1, Verdict.LOCKED)
