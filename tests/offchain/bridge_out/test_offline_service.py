"""Advices and partial approvals on a real ledger: what was sold offline is posted, what overdraws is an exception."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from benchmarks.world import terminal_id
from node.bridge import start
from node.bridge.assembly import Running
from node.bridge.exceptions import list_exceptions
from node.bridge.journal import exceptions
from node.bridge.journal.exceptions import What
from node.config import Iso8583Settings
from node.domain.ids import MinorUnits, TerminalId
from node.domain.payment import Payment, Status, Tender
from node.iso8583.framing import Framing
from node.iso8583.retail_mac import RetailMac
from node.iso8583.wire import Fields
from node.pos.connection import PosConnection
from node.pos.keys import with_new_key
from node.pos.messages import PosTerminal
from tests.offchain.bridge_out.conftest import bridge_on, idle, until
from tests.offchain.bridge_out.makers import debit, line, payment, reversal
from tests.offchain.bridge_out.stand import COEFFICIENT, MEMBERS, VALUE, Stand

pytestmark = pytest.mark.anvil
ANNA, BERT = MEMBERS[0], MEMBERS[1]
MAC_KEY = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
KEK = bytes.fromhex("11111111111111112222222222222222")


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


async def test_an_advice_that_overdraws_is_guaranteed_up_to_the_floor_limit_of_its_terminal(stand: Stand) -> None:
    till, floor = f"{stand.merchants[0]}T0", 5_000
    stand.world.as_operator(stand.world.registry, "setFloorLimit", terminal_id(stand.merchants[0], 0), floor)
    large, small = advised(1, stand, amount=VALUE + 1), advised(2, stand, member=BERT, amount=floor - 1)
    async with bridge_on(stand) as running:
        assert (await running.bridge.submit(debit(9, member=BERT, amount=VALUE), b"")).response_code == "00"
        for each in (large, small):
            made = replace(each, key=replace(each.key, terminal=TerminalId(till)))
            assert (await running.bridge.submit(made, b"")).response_code == "00"
        nobody = advised(3, stand, member=0)
        assert (await running.bridge.submit(nobody, b"")).response_code == "00"
        await idle(running)
    found = list_exceptions(stand.settings(), closed=False)
    assert [(each.reason, each.owed, each.guaranteed) for each in found] == [
        (14, VALUE + 1, floor),
        (14, floor - 1, floor - 1),
        (6, None, None),
    ]


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


async def test_listeners_of_two_profiles_share_their_keys(stand: Stand) -> None:
    keys, over = stand.folder / "mac.keys", stand.folder / "kek.keys"
    till = f"{stand.merchants[0]}T0"
    for path, key in ((keys, MAC_KEY), (over, KEK)):
        path.touch(mode=0o600)
        path.write_text(f"{till} {key.hex()}\n")
    common = {"mac_key_file": keys, "key_encrypting_file": over}
    listeners = (
        Iso8583Settings(**common),
        Iso8583Settings(name="old", framing="ascii", fields="bcd", sign_on=True, **common),
    )
    settings = replace(stand.settings(), iso8583=listeners)
    async with start.started(settings) as running:
        stopping = asyncio.Event()
        serving = asyncio.create_task(start.serve(settings, running, stopping))
        ready = stand.folder / "bridge.json"

        async def listening() -> bool:
            return ready.is_file()

        await until(listening, "both listen")
        ports = {name: each["port"] for name, each in json.loads(ready.read_text()).items() if name != "pid"}
        assert sorted(ports) == ["iso8583", "old"]
        new = await PosConnection.open("127.0.0.1", ports["iso8583"])
        old = await PosConnection.open("127.0.0.1", ports["old"], framing=Framing.ASCII, fields=Fields.BCD)
        terminal = PosTerminal(id=till, merchant=stand.merchants[0], mac=RetailMac(MAC_KEY))
        changed = with_new_key(terminal, await new.change_key(terminal), KEK)
        # the other listener knows the key at once
        reply = await old.sign_on(replace(changed, fields=Fields.BCD))
        assert (reply.response_code, reply.mac_right) == ("00", True)
        day = f"{datetime.now(UTC):%m%d}"
        assert (await new.cut_over(changed, day=day)).approved and (
            await old.cut_over(replace(changed, fields=Fields.BCD), day=day)
        ).approved
        for connection in (new, old):
            await connection.close()
        stopping.set()
        await serving
    assert reply.fields[70] == "001"


async def test_an_unanswered_sale_never_reads_as_approved_once_it_was_reversed(stand: Stand) -> None:
    stand.stop_mining()
    sale = replace(debit(1, member=ANNA), time=stand.now())
    async with bridge_on(stand, answers={"deadline_ms": 60_000}) as running:
        waiting = asyncio.create_task(running.bridge.submit(sale, b""))

        async def sent() -> bool:
            return bool(running.stages.sender.pending)

        await until(sent, "the batch is on its way")
        assert (await running.bridge.submit(reversal(2, sale), b"")).response_code == "00"
        assert (await running.bridge.submit(sale, b"")).response_code == "91"
        stand.mine_every(0)
        stand.mine()
        assert (await waiting).response_code == "91"
        await idle(running)
        assert (await running.bridge.submit(sale, b"")).response_code == "91"
    assert (stand.value(ANNA), stand.points(ANNA)) == (VALUE, 0)
