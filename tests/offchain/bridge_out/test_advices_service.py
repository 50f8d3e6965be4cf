"""Advices that overdraw, on the real contracts: booked in the part that the member has, guaranteed, undone, once."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.world import terminal_id
from node.bridge.assembly import Running
from node.bridge.business_days import list_totals
from node.bridge.exceptions import list_exceptions
from node.bridge.journal.advices import BOOKED
from node.domain.ids import TerminalId
from node.domain.payment import Payment, Reversal, Tender
from node.domain.totals import Totals
from tests.offchain.bridge_out.conftest import bridge_on, idle, until
from tests.offchain.bridge_out.makers import line, payment, reversal
from tests.offchain.bridge_out.stand import COEFFICIENT, MEMBERS, VALUE
from tests.offchain.bridge_out.suite_stand import SuiteStand, suite_stand_on

pytestmark = pytest.mark.anvil
ANNA, BERT = MEMBERS[4], MEMBERS[5]
FLOOR, OVER = VALUE + 2_000, 5_000
PAR = 10_000


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[SuiteStand]:
    """A terminal with a floor limit of 2,000 above what a member has, and a guarantee of 3,000."""
    with suite_stand_on(tmp_path) as made:
        world, advices = made.world, made.part("Advices")
        world.as_operator(world.registry, "setFloorLimit", terminal_id(made.shop, 0), FLOOR)
        world.as_operator(world.cash, "approve", advices.address, 2**255)
        world.as_operator(advices, "payIntoGuarantee", 3_000)
        yield made


def advised(stan: int, stand: SuiteStand, *, member: int = ANNA, value: int = VALUE + OVER, coins: int = 0) -> Payment:
    """A sale offline at the terminal with the limit."""
    lines = tuple(
        line(amount, tender=tender, version=version)
        for amount, tender, version in ((value, Tender.STORED_VALUE, 1), (coins, Tender.COIN, 0))
        if amount
    )
    made = payment(
        stan,
        member=member,
        amount=value + coins,
        merchant=stand.shop,
        lines=lines,
        authorisation=b"\x0a" * 32,
        time=stand.now(),
        terminal=TerminalId(f"{stand.shop}T0"),
    )
    return replace(made, advice=True, key=replace(made.key, mti_class="022"))


def reversed_(stan: int, of: Payment) -> Reversal:
    made = reversal(stan, of)
    return replace(made, original=replace(made.original, mti_class="022"))


def payable(stand: SuiteStand) -> int:
    return int(stand.world.ledger.view("merchant", stand.shop)["payable_"])


def arrears(stand: SuiteStand, member: int = ANNA) -> tuple[int, int, int, int]:
    """Value and coins owed to the guarantee, and to the shop."""
    found = [stand.part("Advices").view("adviceArrears", to, member) for to in (0, stand.shop)]
    return found[0]["value"], found[0]["coins"], found[1]["value"], found[1]["coins"]


async def entries(running: Running) -> list[tuple[int, str]]:
    def read(connection: Any) -> list[tuple[int, str]]:
        rows = connection.exec_driver_sql("SELECT kind, status FROM entries ORDER BY sequence")
        return [(row[0], row[1]) for row in rows]

    return await running.stages.journal.run(read)


async def test_an_advice_is_booked_in_the_part_that_the_member_has(stand: SuiteStand) -> None:
    before = payable(stand)
    over = advised(1, stand)
    async with bridge_on(stand) as running:
        assert (await running.bridge.submit(over, b"")).response_code == "00"
        await idle(running)
        again = await running.bridge.submit(over, b"")
        assert (again.response_code, again.duplicate) == ("00", True)
        await idle(running)
        assert await entries(running) == [(0, "declined"), (4, "final")]
    assert stand.value(ANNA) == 0
    # the member paid 100,000, the guarantee what the floor limit has more than that
    assert payable(stand) - before == FLOOR
    assert stand.part("Advices").view("guarantee") == 1_000
    assert arrears(stand) == (2_000, 0, 3_000, 0)
    assert list_exceptions(stand.settings(), closed=False) == []
    (noted,) = list_exceptions(stand.settings(), closed=True)
    assert (noted.reason, noted.booked_as, noted.taken, noted.owed, noted.guaranteed, noted.due, noted.note) == (
        14, 2, VALUE, OVER, 2_000, 0, BOOKED,
    )  # fmt: skip
    # the till sold, and its totals say so; what the bridge did by itself is no till's
    (day,) = list_totals(stand.settings())
    assert (day.terminal, day.totals) == (f"{stand.shop}T0", Totals(debits=1, debit_amount=VALUE + OVER))
    # what comes in later pays the guarantee first, then this shop
    recharge_at(stand, 4_500)
    assert arrears(stand) == (0, 0, 500, 0)
    assert (stand.value(ANNA), stand.part("Advices").view("guarantee")) == (0, 3_000)
    recharge_at(stand, 4_500)
    assert (arrears(stand), stand.value(ANNA)) == ((0, 0, 0, 0), 4_000)


def recharge_at(stand: SuiteStand, amount: int) -> None:
    """Over the shop's counter."""
    stand.part("StoredValue").send("rechargeAt", stand.shop, ANNA, amount, 0, sender=stand.world.merchant)


async def test_coins_that_are_short_are_owed_as_coins(stand: SuiteStand) -> None:
    async with bridge_on(stand) as running:
        earned = payment(1, member=ANNA, amount=10_000, merchant=stand.shop, time=stand.now())
        await running.bridge.submit(earned, b"")
        await idle(running)
        have = stand.points(ANNA) // PAR
        assert have == 10_000 * COEFFICIENT // PAR
        await running.bridge.submit(advised(2, stand, value=0, coins=have + 700), b"")
        await idle(running)
        assert (stand.points(ANNA) // PAR, arrears(stand)) == (0, (0, 700, 0, 0))
        await running.bridge.submit(replace(earned, key=replace(earned.key, stan="000003"), body=b"x" * 32), b"")
        await idle(running)
        left = stand.part("Advices").view("collect", 0, ANNA)
        stand.part("Advices").send("collect", 0, ANNA, sender=stand.world.stranger)
    assert arrears(stand) == (0, left, 0, 0) and left == 700 - have


async def test_an_advice_waits_for_people_while_the_guarantee_is_short(stand: SuiteStand) -> None:
    world, advices = stand.world, stand.part("Advices")
    world.as_operator(advices, "takeFromGuarantee", 2_500, world.operator)
    before = payable(stand)
    async with bridge_on(stand) as running:
        await running.bridge.submit(advised(1, stand), b"")
        await idle(running)
    command = [sys.executable, "-m", "node.cli.main", "bridge", "exceptions", "--config", stand.folder / "bridge.toml"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert shown.endswith(
        "NOT ENOUGH STORED VALUE, booked as 1-2: paid 1000.00, owed 50.00, guaranteed 20.00 (15.00 of it still due)\n"
    )
    found = json.loads(subprocess.run([*command, "--json"], capture_output=True, text=True, check=True).stdout)
    assert (found["booked_as"], found["due"], found["closed_at"]) == (2, 1_500, None)
    assert payable(stand) - before == VALUE + 500
    world.as_operator(advices, "payIntoGuarantee", 5_000)
    advices.send("payGuaranteeDue", stand.shop, sender=world.stranger)
    assert (payable(stand) - before, advices.view("guaranteeDue", 0)) == (FLOOR, 0)


async def test_a_reversal_undoes_both_parts_of_an_advice_that_is_booked(stand: SuiteStand) -> None:
    before, over = payable(stand), advised(1, stand)
    async with bridge_on(stand) as running:
        await running.bridge.submit(over, b"")
        await idle(running)
        recharge_at(stand, 1_500)  # some of it is paid meanwhile
        for stan in (2, 3):
            assert (await running.bridge.submit(reversed_(stan, over), b"")).response_code == "00"
        await idle(running)
        assert await entries(running) == [(0, "declined"), (4, "final"), (1, "final"), (3, "final")]
    assert (arrears(stand), stand.value(ANNA)) == ((0, 0, 0, 0), VALUE + 1_500)
    # the recharge was paid from the payable
    assert (payable(stand) - before, stand.part("Advices").view("guarantee")) == (-1_500, 3_000)
    assert list_exceptions(stand.settings(), closed=False) == []


async def test_a_reversal_stops_a_booking_that_is_in_no_batch(stand: SuiteStand) -> None:
    before, over = payable(stand), advised(1, stand)
    async with bridge_on(stand, batch={"in_flight": 1}) as running:
        await running.bridge.submit(over, b"")

        async def batched() -> bool:
            return bool(running.stages.sender.pending)

        await until(batched, "the advice is on its way")
        stand.stop_mining()
        stand.mine()
        # what would book it stands behind this one, which no block takes

        async def begun() -> bool:
            return bool(running.stages.advices)

        await until(begun, "its booking is journaled")
        assert (await running.bridge.submit(reversed_(2, over), b"")).response_code == "00"
        stand.mine_every(0)
        stand.mine()
        await idle(running)
    assert (arrears(stand), stand.value(ANNA), payable(stand)) == ((0, 0, 0, 0), VALUE, before)


async def test_a_booking_is_taken_up_after_a_restart_and_made_once(stand: SuiteStand) -> None:
    before, over = payable(stand), advised(1, stand)
    for cut in range(3):
        async with bridge_on(stand) as running:
            if not cut:
                await running.bridge.submit(over, b"")

            async def begun() -> bool:
                return len(await entries(running)) == 2

            await until(begun, "its booking is journaled")  # and the bridge stops at once
    async with bridge_on(stand) as running:
        await idle(running)
        assert await entries(running) == [(0, "declined"), (4, "final")]
    assert (arrears(stand), payable(stand) - before) == ((2_000, 0, 3_000, 0), FLOOR)


async def test_an_advice_of_a_locked_card_is_left_to_people(stand: SuiteStand) -> None:
    stand.world.as_operator(stand.world.registry, "setMemberState", ANNA, True, False)
    async with bridge_on(stand) as running:
        await running.bridge.submit(advised(1, stand), b"")
        await idle(running)
        assert await entries(running) == [(0, "declined")]
    (noted,) = list_exceptions(stand.settings(), closed=False)
    assert (noted.reason, noted.booked_as, noted.guaranteed) == (11, None, None)
    assert stand.value(ANNA) == VALUE
