"""The ledger's doors for the other contracts, against their model: who may, what moves, what is refused."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.devchain import Reverted
from node.domain.ids import MemberId, MerchantId
from tests.contracts.conftest import EPOCH
from tests.contracts.doors_model import holder_of
from tests.contracts.model import Refund, Undo
from tests.contracts.twin import Twin, external, stored

pytestmark = pytest.mark.anvil
SHOP, OTHER = MerchantId(1), MerchantId(2)
ANN, BOB, STRANGER = MemberId(1), MemberId(2), MemberId(99)
ALL_DOORS = 255


class Open:
    """A twin with two shops and two members, and a contract (here a plain account) with every door."""

    def __init__(self, twin: Twin) -> None:
        self.twin, self.model = twin, twin.model
        self.part = twin.world.holder
        self.key = holder_of(self.part)
        for prepaid in (10_000, 500):
            twin.base(twin.onboard(prepaid=prepaid))
        twin.enrol(ANN, BOB)
        twin.recharge(ANN, 20_000)
        twin.pay(SHOP, ANN, external(10_000))
        twin.tick()
        twin.ledger.send("setDoors", self.part, ALL_DOORS, sender=twin.world.operator)
        self._cash(10**9)

    def _cash(self, amount: int) -> None:
        cash, operator = self.twin.world.cash, self.twin.world.operator
        for name, arguments, sender in (
            ("transfer", (self.part, amount), operator),
            ("approve", (self.twin.ledger.address, 2**256 - 1), self.part),
        ):
            self.twin.tick()
            cash.send(name, *arguments, sender=sender)

    def act(self, name: str, *arguments: Any, model: Callable[[], Any]) -> Any:
        """The part uses a door, the model follows, and every word is compared."""
        done = self.twin.act(self.twin.ledger, name, *arguments, model=model, sender=self.part)
        self.twin.compare()
        self.twin.check_invariants()
        return done


@pytest.fixture
def world(twin: Twin) -> Open:
    return Open(twin)


@pytest.mark.parametrize(
    ("name", "arguments", "door"),
    [
        ("creditValue", (1, 5), 1),
        ("takeValue", (1, 5, "part"), 2),
        ("takeCoins", (1, 5, "part"), 4),
        ("redeem", (10_000, 0), 8),
        ("restore", (ANN, 10_000, 0), 8),
        ("issue", (1, "part", 5), 16),
        ("clawBack", (1, 1, 5), 16),
        ("takePayable", (1, 5, "part"), 32),
        ("drawOn", (1, 5, "part"), 32),
        ("mergeMembers", (1, 2, []), 64),
    ],
)
def test_door_is_refused_when_it_is_the_only_one_missing(world: Open, name: str, arguments: Any, door: int) -> None:
    world.twin.ledger.send("setDoors", world.part, ALL_DOORS - door, sender=world.twin.world.operator)
    words = [world.part if word == "part" else word for word in arguments]
    with pytest.raises(Reverted) as caught:
        world.twin.ledger.view(name, *words, sender=world.part)
    assert (caught.value.error, caught.value.values[1]) == ("NoDoor", door)


def test_settle_line_is_refused_when_the_door_is_missing(world: Open) -> None:
    world.twin.ledger.send("setDoors", world.part, ALL_DOORS - 128, sender=world.twin.world.operator)
    with pytest.raises(Reverted) as caught:
        world.twin.ledger.view("settleLine", (*[bytes(32)] * 5, []), 5, sender=world.part)
    assert (caught.value.error, caught.value.values[1]) == ("NoDoor", 128)


def test_set_doors_is_refused_when_the_sender_is_not_the_admin(world: Open) -> None:
    for name, arguments in (("setDoors", (world.part, 1)), ("setActTarget", (1, world.part))):
        with pytest.raises(Reverted) as caught:
            world.twin.ledger.view(name, *arguments, sender=world.twin.world.stranger)
        assert caught.value.error == "AccessManagedUnauthorized"


def test_set_act_target_is_refused_when_the_kind_is_zero(world: Open) -> None:
    with pytest.raises(Reverted) as caught:
        world.twin.ledger.view("setActTarget", 0, world.part, sender=world.twin.world.operator)
    assert caught.value.error == "BadActKind"


def test_money_doors_move_what_they_say(world: Open) -> None:
    model, part = world.model, world.part
    world.act("creditValue", ANN, 700, model=lambda: model.recharge(ANN, 700))
    world.act("creditValue", ANN, 0, model=lambda: model.recharge(ANN, 0))
    world.act("creditPayable", SHOP, 900, model=lambda: model.credit_payable(SHOP, 900))
    world.act("creditPayable", 9, 900, model=lambda: model.credit_payable(MerchantId(9), 900))
    world.act("takeValue", ANN, 20_701, part, model=lambda: model.take_value(ANN, 20_701))
    world.act("takeValue", ANN, 20_700, part, model=lambda: model.take_value(ANN, 20_700))
    world.act("takeValue", ANN, 0, part, model=lambda: model.take_value(ANN, 0))
    world.act("takeValue", STRANGER, 1, part, model=lambda: model.take_value(STRANGER, 1))
    world.act("takePayable", SHOP, 901, part, model=lambda: model.take_payable(SHOP, 901))
    world.act("takePayable", SHOP, 400, part, model=lambda: model.take_payable(SHOP, 400))
    world.act("drawOn", SHOP, 501, part, model=lambda: model.draw_on(SHOP, 501))
    world.twin.act(world.twin.ledger, "addDeposit", SHOP, 100, model=lambda: model.add_deposit(SHOP, 100))
    world.twin.act(world.twin.ledger, "addDeposit", 0, 50, model=lambda: model.add_deposit(0, 50))
    world.act("drawOn", SHOP, 640, part, model=lambda: model.draw_on(SHOP, 640))
    assert model.guaranteed[SHOP] == 40
    # what comes in pays the fund first, and is the merchant's beyond that
    for amount in (30, 100):
        world.twin.act(world.twin.ledger, "addDeposit", SHOP, amount, model=lambda n=amount: model.add_deposit(SHOP, n))
    assert model.guaranteed[SHOP] == 0
    assert world.twin.ledger.view("deposits", SHOP) == 90


def test_fund_is_repaid_before_a_merchant_takes_anything_out(world: Open) -> None:
    model, part, ledger = world.model, world.part, world.twin.ledger
    world.twin.act(ledger, "addDeposit", 0, 5_000, model=lambda: model.add_deposit(0, 5_000))
    world.act("drawOn", SHOP, 3_000, part, model=lambda: model.draw_on(SHOP, 3_000))
    assert ledger.view("guaranteed", SHOP) == 3_000
    world.act("creditPayable", SHOP, 2_000, model=lambda: model.credit_payable(SHOP, 2_000))
    world.act("takePayable", SHOP, 1, part, model=lambda: model.take_payable(SHOP, 1))  # refused: all of it is owed
    world.act("creditPayable", SHOP, 1_500, model=lambda: model.credit_payable(SHOP, 1_500))
    world.act("takePayable", SHOP, 501, part, model=lambda: model.take_payable(SHOP, 501))
    assert ledger.view("guaranteed", SHOP) == 3_000
    world.act("takePayable", SHOP, 200, part, model=lambda: model.take_payable(SHOP, 200))
    assert (ledger.view("guaranteed", SHOP), ledger.view("deposits", 0)) == (0, 5_000)
    assert ledger.view("merchant", SHOP)["payable_"] == 300


@pytest.mark.parametrize("epochs", [0, 1])
def test_points_given_and_taken_over_and_over_do_not_count_as_issued(world: Open, epochs: int) -> None:
    model, ledger = world.model, world.twin.ledger
    issued = ledger.view("supply")["issued"]
    for _ in range(3):
        world.act("issue", OTHER, world.part, 1_000_000, model=lambda: model.issue(OTHER, world.key, 1_000_000))
        world.twin.tick(epochs * EPOCH)
        ages = (0, 1_000_000) if epochs else (1_000_000, 0)
        world.act("returnPoints", OTHER, *ages, model=lambda ages=ages: model.return_points(world.key, OTHER, *ages))
    assert ledger.view("merchant", OTHER)["issued"] == 0
    closed = [ledger.view("expiry", epoch) for epoch in range(model.epoch + 1)]
    assert sum(int(given) for given, _ in closed) + ledger.view("supply")["issued"] == issued


def test_points_clawed_back_in_the_next_epoch_do_not_count_as_issued(world: Open) -> None:
    model, ledger = world.model, world.twin.ledger
    bob = ledger.view("memberAccount", BOB)
    world.act("issue", OTHER, bob, 1_000_000, model=lambda: model.issue(OTHER, BOB, 1_000_000))
    world.twin.tick(EPOCH)
    world.act("clawBack", OTHER, BOB, 1_000_000, model=lambda: model.claw_back(OTHER, BOB, 1_000_000))
    world.twin.tick(EPOCH)
    epoch = model.epoch - 2
    refused = world.twin.act(ledger, "claimExpired", OTHER, epoch, model=lambda: model.claim_expired(OTHER, epoch))
    assert refused is None


def test_value_and_coins_stay_when_the_member_is_locked_or_frozen(world: Open) -> None:
    model, part = world.model, world.part
    for state in ({"locked": True}, {"frozen": True}):
        world.twin.set_state(ANN, **state)
        world.act("takeValue", ANN, 1, part, model=lambda: model.take_value(ANN, 1))
        world.act("takeCoins", ANN, 1, part, model=lambda: model.take_coins(ANN, 1, world.key))
    world.act("issue", SHOP, world.twin.ledger.view("memberAccount", ANN), 5, model=lambda: model.issue(SHOP, ANN, 5))


@pytest.mark.parametrize("epochs", [0, 1, 2])
def test_coins_keep_their_age_on_the_way_through_a_contract(world: Open, epochs: int) -> None:
    model, part, key = world.model, world.part, world.key
    world.act("takeCoins", ANN, 700_000, part, model=lambda: model.take_coins(ANN, 700_000, key))
    world.twin.tick(epochs * EPOCH)
    held = model.touch(key)
    back = world.twin.ledger.view("memberAccount", BOB)
    coins = (held.current // 2, held.previous // 2)
    world.act("moveCoins", back, *coins, model=lambda: model.move_coins(key, BOB, *coins))
    world.act("moveCoins", back, held.current, 1, model=lambda: model.move_coins(key, BOB, held.current, 1))
    world.act("redeem", *coins, model=lambda: model.redeem(key, *coins))
    world.act("returnPoints", 1, *coins[::-1], model=lambda: model.return_points(key, SHOP, *coins[::-1]))


def test_redeem_is_refused_when_it_is_no_whole_minor_unit(world: Open) -> None:
    model, key = world.model, world.key
    world.act("takeCoins", ANN, 30_001, world.part, model=lambda: model.take_coins(ANN, 30_001, key))
    world.act("redeem", 30_001, 0, model=lambda: model.redeem(key, 30_001, 0))
    world.act("redeem", 20_000, 0, model=lambda: model.redeem(key, 20_000, 0))
    world.act("returnPoints", SHOP, 10_001, 0, model=lambda: model.return_points(key, SHOP, 10_001, 0))
    world.act("returnPoints", SHOP, 0, 0, model=lambda: model.return_points(key, SHOP, 0, 0))


def test_restored_coins_are_those_that_were_redeemed(world: Open) -> None:
    model, key = world.model, world.key
    bob = model.touch(BOB)
    world.act("takeCoins", ANN, 500_000, world.part, model=lambda: model.take_coins(ANN, 500_000, key))
    world.act("redeem", 500_000, 0, model=lambda: model.redeem(key, 500_000, 0))
    world.act("restore", BOB, 300_000, 200_000, model=lambda: model.restore(BOB, 300_000, 200_000))
    assert model.touch(BOB) == replace(bob, current=300_000, previous=200_000)
    world.act("restore", BOB, 1, 0, model=lambda: model.restore(BOB, 1, 0))
    world.act("restore", BOB, 0, 0, model=lambda: model.restore(BOB, 0, 0))
    most = 2**56 - 2**56 % model.par - model.par
    world.act("restore", BOB, most, 0, model=lambda: model.restore(BOB, most, 0))
    world.act("restore", STRANGER, 10_000, 0, model=lambda: model.restore(STRANGER, 10_000, 0))


def test_issue_gives_as_far_as_prepaid_reaches(world: Open) -> None:
    model, key = world.model, world.key
    bob = world.twin.ledger.view("memberAccount", BOB)
    world.act("issue", OTHER, bob, 4_000_000, model=lambda: model.issue(OTHER, BOB, 4_000_000))
    world.act("issue", OTHER, world.part, 4_000_000, model=lambda: model.issue(OTHER, key, 4_000_000))
    world.act("issue", OTHER, bob, 1, model=lambda: model.issue(OTHER, BOB, 1))
    assert (model.touch(BOB).earned, model.touch(key).earned, model.touch(key).current) == (4_000_000, 0, 1_000_000)
    with pytest.raises(Reverted) as caught:
        world.twin.ledger.view("issue", OTHER, world.twin.ledger.address, 1, sender=world.part)
    assert caught.value.error == "BadReceiver"


@pytest.mark.parametrize("epochs", [0, 1])
def test_claw_back_turns_into_arrears_what_is_spent(world: Open, epochs: int) -> None:
    model, key = world.model, world.key
    world.act("takeCoins", ANN, 600_000, world.part, model=lambda: model.take_coins(ANN, 600_000, key))
    world.twin.tick(epochs * EPOCH)
    world.act("clawBack", SHOP, ANN, 100_000, model=lambda: model.claw_back(SHOP, ANN, 100_000))
    world.act("clawBack", OTHER, ANN, 900_000, model=lambda: model.claw_back(OTHER, ANN, 900_000))
    assert model.arrears[OTHER, ANN] == 600_000
    world.act("clawBack", SHOP, ANN, 0, model=lambda: model.claw_back(SHOP, ANN, 0))


def test_merged_members_have_what_both_had(world: Open) -> None:
    model, twin = world.model, world.twin
    twin.pay(OTHER, BOB, external(900_000))  # the shop owes most of it
    world.act("clawBack", SHOP, BOB, 9_000_000, model=lambda: model.claw_back(SHOP, BOB, 9_000_000))
    world.act("mergeMembers", BOB, BOB, [], model=lambda: model.merge_members(BOB, BOB, []))
    world.act("mergeMembers", BOB, ANN, [2], model=lambda: model.merge_members(BOB, ANN, [2]))
    world.act("mergeMembers", BOB, ANN, [0], model=lambda: model.merge_members(BOB, ANN, [0]))
    world.act("mergeMembers", BOB, ANN, [2, 1, 2], model=lambda: model.merge_members(BOB, ANN, [2, 1, 2]))
    assert model.book.owed[OTHER, ANN] > 0 and model.arrears[SHOP, ANN] > 0
    world.act("mergeMembers", BOB, ANN, [], model=lambda: model.merge_members(BOB, ANN, []))
    world.act("mergeMembers", STRANGER, ANN, [], model=lambda: model.merge_members(STRANGER, ANN, []))


def test_what_comes_to_a_merged_member_is_the_survivor_s(world: Open) -> None:
    model, part, ledger = world.model, world.part, world.twin.ledger
    paid = world.twin.pay(SHOP, ANN, stored(5_000))[0]
    earned = world.twin.pay(SHOP, ANN, external(8_000))[0]
    world.act("mergeMembers", ANN, BOB, [SHOP], model=lambda: model.merge_members(ANN, BOB, [SHOP]))
    assert [ledger.view("survivorOf", member) for member in (ANN, BOB, STRANGER)] == [BOB, BOB, STRANGER]
    old, new = ledger.view("memberAccount", ANN), ledger.view("account", BOB)
    for undo in (Undo(leaf=paid, amount=2_000), Undo(leaf=earned, amount=8_000)):
        world.twin.refund(Refund(sequence=world.twin.next_sequence(), kind=1, lines=(undo,)))
    assert ledger.view("account", BOB)["value"] == new["value"] + 2_000
    world.act("creditValue", ANN, 30, model=lambda: model.recharge(ANN, 30))
    world.act("issue", SHOP, old, 5_000, model=lambda: model.issue(SHOP, ANN, 5_000))
    world.act("issue", SHOP, part, 70, model=lambda: model.issue(SHOP, world.key, 70))
    world.act("moveCoins", old, 70, 0, model=lambda: model.move_coins(world.key, ANN, 70, 0))
    world.act("clawBack", SHOP, ANN, 10, model=lambda: model.claw_back(SHOP, ANN, 10))
    # nobody debits by the old number
    world.act("takeValue", ANN, 1, part, model=lambda: model.take_value(ANN, 1))
    dead = ledger.view("account", ANN)
    assert (dead["value"], dead["current"], dead["previous"]) == (0, 0, 0)
    third = MemberId(3)
    world.twin.enrol(third)
    world.act("mergeMembers", BOB, third, [SHOP], model=lambda: model.merge_members(BOB, third, [SHOP]))
    world.act("creditValue", ANN, 40, model=lambda: model.recharge(ANN, 40))
    assert ledger.view("survivorOf", ANN) == third


@pytest.mark.parametrize("tender", [external, stored])
def test_settled_line_gives_its_points_back_and_is_refunded_no_more(world: Open, tender: Any) -> None:
    twin, model = world.twin, world.model
    leaf = twin.pay(SHOP, ANN, tender(10_000))[0]
    proven = (*leaf.words(), twin.root_of_leaf[leaf.hash], [])
    world.act("settleLine", proven, 10_001, model=lambda: model.settle_line(leaf, 10_001))
    world.act("settleLine", proven, 4_000, model=lambda: model.settle_line(leaf, 4_000))
    assert twin.ledger.view("refunded", leaf.hash)[0] == 4_000
    twin.refund(Refund(sequence=twin.next_sequence(), kind=1, lines=(Undo(leaf=leaf, amount=6_001),)))
    twin.refund(Refund(sequence=twin.next_sequence(), kind=3, lines=(Undo(leaf=leaf),)))
    twin.compare()
    assert twin.ledger.view("refunded", leaf.hash)[0] == 10_000
    forged = (*leaf.words()[:3], b"\1" * 32, twin.root_of_leaf[leaf.hash], [])
    with pytest.raises(Reverted) as caught:
        twin.ledger.view("settleLine", forged, 1, sender=world.part)
    assert (caught.value.error, caught.value.values) == ("RefundRefused", (20,))


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(parts=st.lists(st.integers(1, 4_000), min_size=1, max_size=6))
def test_settling_in_parts_ends_where_settling_at_once_does(world: Open, parts: list[int]) -> None:
    twin, model = world.twin, world.model
    whole = sum(parts)
    states = []
    for amounts in (parts, [whole]):
        with twin.forgotten():
            leaf = twin.pay(SHOP, ANN, external(30_000))[0]
            proven = (*leaf.words(), twin.root_of_leaf[leaf.hash], [])
            for amount in amounts:
                world.act("settleLine", proven, amount, model=partial(model.settle_line, leaf, amount))
            states.append((twin.ledger.view("balanceOf", twin.ledger.view("memberAccount", ANN)), model.book.totals))
    assert states[0] == states[1]
