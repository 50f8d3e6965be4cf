"""Advices and partial approvals on a real ledger: what was sold offline is posted, what overdraws is an exception."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from node.bridge.exceptions import list_exceptions
from node.bridge.journal import exceptions
from node.bridge.journal.exceptions import What
from node.bridge.start import Running
from node.domain.ids import MinorUnits
from node.domain.payment import Payment, Status, Tender
from tests.offchain.bridge_out.conftest import bridge_on, idle
from tests.offchain.bridge_out.makers import debit, line, payment, reversal
from tests.offchain.bridge_out.stand import COEFFICIENT, MEMBERS, VALUE, Stand

pytestmark = pytest.mark.anvil
ANNA, BERT = MEMBERS[0], MEMBERS[1]


def advised(stan: int, stand: Stand, *, member: int = ANNA, amount: int = 500) -> Payment:
    made = replace(debit(stan, member=member, amount=amount), time=stand.now(), advice=True)
    return replace(made, key=replace(made.key, mti_class="022"))


async def noted(running: Running) -> list[exceptions.Noted]:
    return await running.stages.journal.run(lambda connection: list(exceptions.noted(connection)))


async def test_an_advice_is_answered_while_the_chain_stands_and_posted_when_it_goes_on(stand: Stand) -> None:
    stand.stop_mining()
    async with bridge_on(stand, answers={"deadline_ms": 300}) as running:
        answer = await running.bridge.submit(advised(1, stand), b"")
        assert (answer.response_code, answer.status) == ("00", Status.JOURNALED)
        declined = await running.bridge.submit(debit(2, member=BERT), b"")
        assert declined.response_code == "91"  # a request is not taken meanwhile
        stand.mine_every(0)
        stand.mine()
        await idle(running)
        assert await noted(running) == []
    assert (stand.value(ANNA), stand.value(BERT), stand.points(ANNA)) == (VALUE - 500, VALUE, 500 * COEFFICIENT)


async def test_an_advice_that_overdraws_is_an_exception_until_it_is_reversed(stand: Stand) -> None:
    async with bridge_on(stand) as running:
        over = advised(1, stand, amount=VALUE + 1)
        nobody = advised(2, stand, member=0)
        assert (await running.bridge.submit(over, b"")).response_code == "00"
        assert (await running.bridge.submit(nobody, b"")).response_code == "00"
        await idle(running)
        assert [(each.what, each.reason, each.amount) for each in await noted(running)] == [
            (What.ADVICE, 14, VALUE + 1),
            (What.ADVICE, 6, 500),
        ]
        again = await running.bridge.submit(over, b"")
        assert (again.response_code, again.duplicate) == ("00", True)
        undo = reversal(3, over)
        undo = replace(undo, original=replace(undo.original, mti_class="022"))
        assert (await running.bridge.submit(undo, b"")).response_code == "00"
        await idle(running)
        assert [each.sequence for each in await noted(running)] == [2]
    assert stand.value(ANNA) == VALUE


async def test_an_advice_is_taken_up_after_a_restart(stand: Stand) -> None:
    stand.stop_mining()
    async with bridge_on(stand) as running:
        await running.bridge.submit(advised(1, stand, amount=VALUE + 1), b"")
        await running.bridge.submit(advised(2, stand, member=BERT), b"")
    stand.mine_every(0)
    stand.mine()
    async with bridge_on(stand) as running:
        await idle(running)
        assert [each.sequence for each in await noted(running)] == [1]
    assert (stand.value(ANNA), stand.value(BERT)) == (VALUE, VALUE - 500)


async def test_a_part_is_answered_10_and_reversed_as_a_whole(stand: Stand) -> None:
    part = (line(VALUE, tender=Tender.STORED_VALUE),)
    asked = payment(1, member=ANNA, amount=VALUE + 900, lines=part, authorisation=b"a" * 32, time=stand.now())
    asked = replace(asked, approved=MinorUnits(VALUE))
    async with bridge_on(stand) as running:
        for duplicate in (False, True):
            answer = await running.bridge.submit(asked, b"")
            assert (answer.response_code, answer.amount, answer.duplicate) == ("10", VALUE, duplicate)
        assert stand.value(ANNA) == 0
        # what has become less meanwhile is declined as ever, and never told as a part
        late = replace(replace(asked, key=replace(asked.key, stan="000009")), body=b"x" * 32)
        refused = await running.bridge.submit(late, b"")
        assert (refused.response_code, refused.amount) == ("51", None)
        assert (await running.bridge.submit(reversal(2, asked), b"")).response_code == "00"
        await idle(running)
    assert (stand.value(ANNA), stand.points(ANNA)) == (VALUE, 0)


@asynccontextmanager
async def with_an_exception(stand: Stand) -> AsyncIterator[list[str]]:
    async with bridge_on(stand) as running:
        await running.bridge.submit(advised(1, stand, amount=VALUE + 1), b"")
        await idle(running)
    yield [sys.executable, "-m", "node.cli.main", "bridge"]


def said(command: list[str], *words: Any) -> str:
    done = subprocess.run([*command, *map(str, words)], capture_output=True, text=True, check=True)
    return done.stdout


async def test_the_command_lists_and_closes_exceptions(stand: Stand) -> None:
    config = stand.folder / "bridge.toml"
    async with with_an_exception(stand) as command:
        (row,) = said(command, "exceptions", "--config", config).splitlines()
        assert row.startswith(f"1-1         {datetime.now(UTC):%Y-%m-%d} ") and "TILL0001" in row
        assert "1000.01" in row and row.endswith("advice: 14 NOT ENOUGH STORED VALUE")
        found = json.loads(said(command, "exceptions", "--json", "--config", config))
        assert (found["payment_id"], found["what"], found["amount"]) == ("1-1", "advice", VALUE + 1)
        assert "exceptions to settle        1" in said(command, "status", "--config", config)
        closed = said(command, "exceptions", "--config", config, "close", "1-1", "--note", "paid in cash")
        assert closed == "1-1 is closed\n"
        assert said(command, "exceptions", "--config", config) == "none\n"
        assert "(closed: paid in cash)" in said(command, "exceptions", "--all", "--config", config)
        for wrong in ("1-1", "1-77", "2-1", "x"):
            again = subprocess.run(
                [*command, "exceptions", "--config", str(config), "close", wrong, "--note", "again"],
                capture_output=True,
                text=True,
                check=False,
            )
            assert again.returncode == 1 and again.stderr.count("\n") == 1, again.stderr
    assert list_exceptions(stand.settings(), closed=False) == []
