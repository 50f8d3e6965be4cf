"""From one ledger to the next: whatever a life has left in the old one arrives in the new one, in any parts."""

import os
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from benchmarks.devchain import Chain, Contract, Interface, Reverted, artifact, deploy
from benchmarks.world import STREAM, Terms
from node.domain.ids import MemberId
from node.domain.words import FROZEN, IN_ARREARS, LOCKED, REGISTERED, Account, Merchant
from tests.contracts.model import Refund, Undo
from tests.contracts.suite.ledger_rules import LedgerRules
from tests.contracts.suite.machine import EPOCH, joined
from tests.contracts.twin import (
    ACCOUNT,
    ARREARS,
    DEPOSIT,
    GUARANTEED,
    ISSUED,
    MEMBER,
    MERCHANT,
    OWED,
    Twin,
    coins,
    external,
    member_address,
    stored,
)
from tests.contracts.twin import EPOCH as CLOSED_EPOCH
from tests.contracts.worlds import RICH, furnished

pytestmark = [pytest.mark.anvil, pytest.mark.filterwarnings("ignore:A private pytest class")]
THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
SETTINGS = settings(
    max_examples=200 if THOROUGH else 12,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


class Move:
    """A ledger and its successor, which both know of each other."""

    def __init__(self, twin: Twin) -> None:
        self.twin, self.old = twin, twin.ledger
        self.world = twin.world
        self.new = self.world.deploy_ledger()
        self._admin(self.new, "setPredecessor", self.old.address)
        self._admin(self.old, "setSuccessor", self.new.address)
        self.money = self.sums()

    def _admin(self, ledger: Contract, name: str, *arguments: Any) -> None:
        self.tick()
        self.world.as_operator(ledger, name, *arguments)

    def tick(self) -> None:
        self.twin.tick()

    def send(self, name: str, *arguments: Any, sender: str | None = None) -> None:
        """Anybody sends a part over, merchants the admin; both ledgers together have what they had, each is backed."""
        self.tick()
        usual = self.world.operator if name == "emigrateMerchants" else self.world.stranger
        self.old.send(name, *arguments, sender=sender or usual)
        self.check()

    def sums(self) -> list[int]:
        """Money by kind and coins by age, of both ledgers together."""
        totals = [list(ledger.view("totals").values()) for ledger in (self.old, self.new)]
        supplies = [list(ledger.view("supply").values())[:3] for ledger in (self.old, self.new)]
        return [sum(pair) for parts in (totals, supplies) for pair in zip(*parts, strict=True)]

    def check(self) -> None:
        """Nothing is lost or doubled, and each ledger holds the cash that its totals name."""
        assert self.sums() == self.money
        for ledger in (self.old, self.new):
            held = self.world.cash.view("balanceOf", ledger.address)
            assert held == sum(ledger.view("totals").values())
        assert self.world.cash.view("allowance", self.old.address, self.new.address) == 0
        backed = self.new.view("totals")["reserve"] * self.twin.model.par
        prepaid = sum(self.new.view("merchant", m)["prepaid"] for m in self.twin.model.book.merchants)
        assert 0 <= backed - self.new.view("totalSupply") - prepaid < self.twin.model.par

    def word(self, ledger: Contract, slot: int) -> int:
        return self.twin.chain.storage(ledger.address, slot)

    def everything(self, order: random.Random) -> None:
        """All accounts, debts and merchants, in parts and in an order drawn at random."""
        book, model = self.twin.model.book, self.twin.model
        holders = [member_address(member) for member in book.accounts]
        merchants = [0, *book.merchants]
        pairs = sorted({*book.owed, *((m, who) for m, who in model.arrears if m)})
        calls: list[tuple[str, Sequence[Any]]] = []
        for name, things in (
            ("emigrateHolders", holders),
            ("emigrateDebts", pairs),
            ("emigrateMerchants", merchants),
        ):
            order.shuffle(things)
            while things:
                size = order.randint(1, 4)
                calls.append((name, things[:size]))
                things = things[size:]
        order.shuffle(calls)
        for name, part in calls:
            self.send(name, part)


class SuccessionRules:
    """At the end of every life the ledger is succeeded by another, which then has all that it had."""

    twin: Twin

    def close_succession(self) -> None:
        """Claims what has expired, moves everything, and compares word by word."""
        model, book = self.twin.model, self.twin.model.book
        if not model.epoch:
            return
        self.twin.tick()
        move = Move(self.twin)
        move.everything(random.Random(len(self.twin.trees)))
        move.tick()
        book.roll_supply(model.epoch)
        for member, account in book.accounts.items():
            owes = bool(model.arrears.get((0, member)))
            flags = account.flags & ~IN_ARREARS | (IN_ARREARS if owes else 0)
            expected = replace(account.rolled(model.epoch)[0], flags=flags)
            assert Account.unpack(move.word(move.new, MEMBER | member)) == expected
            left = Account(epoch=model.epoch, flags=account.flags & (REGISTERED | LOCKED | FROZEN))
            assert Account.unpack(move.word(move.old, MEMBER | member)) == left
        for merchant in list(book.merchants):
            word = book.roll_merchant(merchant, model.epoch)
            assert Merchant.unpack(move.word(move.new, MERCHANT | merchant)) == word
            assert Merchant.unpack(move.word(move.old, MERCHANT | merchant)) == Merchant(
                epoch=model.epoch, flags=word.flags
            )
            place = ISSUED | merchant << 16 | model.epoch - 1
            assert move.word(move.new, place) == book.issued.get((merchant, model.epoch - 1), 0)
            assert move.word(move.old, place) == 0
        for tag, pairs in ((OWED, book.owed), (ARREARS, model.arrears)):
            for (merchant, member), units in pairs.items():
                assert move.word(move.new, tag | merchant << 64 | member) == units
                assert move.word(move.old, tag | merchant << 64 | member) == 0
        for tag, single in ((DEPOSIT, model.deposits), (GUARANTEED, model.guaranteed)):
            for merchant, amount in single.items():
                assert move.word(move.new, tag | merchant) == amount
        self._nothing_is_left(move)

    def _nothing_is_left(self, move: Move) -> None:
        model = self.twin.model
        totals = move.old.view("totals")
        assert move.old.view("totalSupply") == move.old.view("supply")["issued"] == 0
        assert totals["storedValue"] == totals["payable_"] == totals["deposits"] == 0
        # only what has expired and nobody has claimed yet stays, and its reserve, to the minor unit
        expired = sum(move.old.view("expiry", epoch)[1] for epoch in range(model.epoch)) - model.claimed
        assert totals["reserve"] * model.par == expired // model.par * model.par
        before = model.book.closed_epochs.get(model.epoch - 1, (0, 0))[0]
        unheard = before - sum(model.book.issued.get((m, model.epoch - 1), 0) for m in model.book.merchants)
        assert move.word(move.old, CLOSED_EPOCH | model.epoch - 1) >> 64 == unheard
        assert move.word(move.new, CLOSED_EPOCH | model.epoch - 1) >> 64 == before - unheard


SuccessionMachine = joined("SuccessionMachine", [LedgerRules, SuccessionRules])


@pytest.fixture(scope="module")
def busy(chain: Chain, terms: Terms) -> Twin:
    return furnished(chain, terms)


@pytest.mark.slow
def test_successor_has_what_the_ledger_had_whatever_was_done_before(busy: Twin) -> None:
    run_state_machine_as_test(lambda: SuccessionMachine(busy), settings=SETTINGS)


# --- by example ---


@pytest.fixture
def world(twin: Twin) -> Twin:
    """A shop and two members with coins, value and an expired past."""
    shop = twin.onboard(prepaid=10**6)
    twin.base(shop)
    twin.enrol(MemberId(1), MemberId(2))
    twin.recharge(MemberId(1), 50_000)
    return twin


def _move(twin: Twin) -> Move:
    return Move(twin)


def test_refund_of_an_old_payment_works_once_when_its_ledger_was_succeeded(world: Twin) -> None:
    member = MemberId(1)
    leaf = world.pay(RICH, member, external(40_000))[0]
    paid = world.pay(RICH, member, stored(10_000))[0]
    bought = world.pay(RICH, member, coins(1))[0]
    world.refund(Refund(sequence=world.next_sequence(), kind=1, lines=(Undo(leaf=leaf, amount=10_000),)))
    move = _move(world)
    move.send("emigrateHolders", [member_address(member)])
    move.send("emigrateMerchants", [RICH])
    move.tick()
    world.world.as_operator(move.new, "setStream", STREAM, world.world.poster, 10**9, 10**9)

    # the new ledger undoes the rest; the model goes on as if nothing had happened
    world.ledger = move.new
    for undo in (Undo(leaf=leaf, amount=30_000), Undo(leaf=paid, amount=4_000), Undo(leaf=bought, amount=1)):
        assert world.refund(Refund(sequence=world.next_sequence(), kind=1, lines=(undo,)))[-1].values[2] == 0
    assert world.refund(Refund(sequence=world.next_sequence(), kind=1, lines=(Undo(leaf=leaf, amount=1),)))[
        0
    ].values == (STREAM, world.sequence, 21)
    assert move.new.view("refunded", leaf.hash)[0] == 40_000
    assert move.new.view("roots", world.root_of_leaf[leaf.hash]) == move.old.view(
        "roots", world.root_of_leaf[leaf.hash]
    )
    account = world.model.book.accounts[member].rolled(world.model.epoch)[0]
    assert Account.unpack(move.word(move.new, MEMBER | member)) == account


def test_old_ledger_undoes_nothing_and_earns_no_more_once_it_was_succeeded(world: Twin) -> None:
    leaf = world.pay(RICH, MemberId(1), external(40_000))[0]
    move = _move(world)
    refund = Refund(sequence=world.next_sequence(), kind=1, lines=(Undo(leaf=leaf, amount=1),))
    with pytest.raises(Reverted) as caught:
        move.old.send("postRefunds", STREAM, [world.refund_words(refund)], sender=world.world.poster)
    assert (caught.value.error, caught.value.values) == ("Succeeded", (move.new.address,))
    with pytest.raises(Reverted) as caught:
        world.world.as_operator(move.old, "unpause")
    assert caught.value.error == "Succeeded"
    world.model.set_paused(True)
    outcome = world.post(world.payment(RICH, MemberId(1), external(500)))
    assert [reason for _, reason in outcome.skipped] == [3]
    assert not move.old.view("isPosted", STREAM, world.sequence)


def test_old_ledger_tells_only_its_successor_of_the_past(world: Twin) -> None:
    leaf = world.pay(RICH, MemberId(1), external(40_000))[0]
    root = world.root_of_leaf[leaf.hash]
    assert world.ledger.view("inheritedRoot", root, sender=world.world.operator) == 0
    move = _move(world)
    assert move.old.view("inheritedRoot", root, sender=world.world.operator) == 0
    assert move.old.view("inheritedRoot", root, sender=move.new.address) != 0
    assert move.old.view("inheritedRefund", leaf.hash, sender=move.new.address) == 0


def test_account_goes_over_again_when_it_got_something_later(world: Twin) -> None:
    move = _move(world)
    move.send("emigrateHolders", [member_address(1)])
    move.send("emigrateHolders", [member_address(1), member_address(1)])
    world.world.as_operator(move.old, "recharge", 1, 700)
    move.money = move.sums()
    move.send("emigrateHolders", [member_address(1)])
    assert move.new.view("account", 1)["value"] == 50_700


def test_tier_and_locks_go_over(world: Twin) -> None:
    world.set_tier(MemberId(1), 3)
    world.set_state(MemberId(2), frozen=True)
    move = _move(world)
    move.send("emigrateHolders", [member_address(1), member_address(2)])
    assert move.new.view("account", 1)["tier"] == 3
    assert move.new.view("account", 2)["flags"] == 5


def test_expired_points_are_claimed_from_the_ledger_where_they_expired(world: Twin) -> None:
    world.pay(RICH, MemberId(1), external(40_000))
    epoch = world.model.epoch
    world.tick(EPOCH)
    move = _move(world)
    move.send("emigrateHolders", [member_address(1)])
    move.send("emigrateMerchants", [RICH])
    prepaid = move.new.view("merchant", RICH)["prepaid"]
    world.tick(EPOCH)
    world.world.as_operator(move.new, "claimExpired", RICH, epoch)
    assert move.new.view("merchant", RICH)["prepaid"] == prepaid + 4_000_000


def test_merchants_stay_half_a_year_unless_the_admin_sends_them(world: Twin) -> None:
    move = _move(world)
    stranger = world.world.stranger
    world.tick(180 * 86_400 - 60)
    with pytest.raises(Reverted) as caught:
        move.old.send("emigrateMerchants", [RICH], sender=stranger)
    assert caught.value.error == "AccessManagedUnauthorized"
    world.tick(120)
    move.old.send("emigrateMerchants", [RICH], sender=stranger)
    assert move.old.view("merchant", RICH)["prepaid"] == 0 < move.new.view("merchant", RICH)["prepaid"]


def test_lock_and_freeze_stay_when_a_member_has_gone(world: Twin) -> None:
    world.world.as_operator(world.world.registry, "setMemberState", 1, True, True)
    move = _move(world)
    move.send("emigrateHolders", [member_address(1)])
    assert [ledger.view("account", 1)["flags"] for ledger in (move.old, move.new)] == [7, 7]


Call = Callable[[Move], object]


def _as(sender: str, ledger: str, name: str, *arguments: Any) -> Call:
    return lambda move: getattr(move, ledger).view(name, *arguments, sender=getattr(move.world, sender))


@pytest.mark.parametrize(
    ("error", "call"),
    [
        ("AccessManagedUnauthorized", _as("stranger", "old", "setSuccessor", "0x" + "11" * 20)),
        ("AccessManagedUnauthorized", _as("stranger", "new", "setPredecessor", "0x" + "11" * 20)),
        ("AlreadySet", _as("operator", "old", "setSuccessor", "0x" + "11" * 20)),
        ("AlreadySet", _as("operator", "new", "setPredecessor", "0x" + "11" * 20)),
        ("BadLedger", _as("operator", "old", "setPredecessor", "0x" + "11" * 20)),
        ("BadLedger", _as("operator", "new", "setSuccessor", "0x" + "11" * 20)),
        ("NoSuccessor", _as("stranger", "new", "emigrateHolders", [])),
        ("NoSuccessor", _as("stranger", "new", "emigrateDebts", [])),
        ("NoSuccessor", _as("stranger", "new", "emigrateMerchants", [])),
        ("NotPredecessor", _as("operator", "new", "immigrateHolders", [], [], 0)),
        ("NotPredecessor", _as("operator", "new", "immigrateDebts", [])),
        ("NotPredecessor", _as("operator", "new", "immigrateMerchants", [], [], 0)),
        ("AccessManagedUnauthorized", _as("stranger", "old", "emigrateMerchants", [RICH])),
        ("AccessManagedUnauthorized", _as("stranger", "old", "emigrateMerchants", [0])),
        ("UnknownMerchant", _as("operator", "old", "emigrateMerchants", [9])),
        ("UnknownMerchant", _as("stranger", "old", "emigrateDebts", [(0, 1)])),
    ],
)
def test_succession_is_refused(world: Twin, error: str, call: Call) -> None:
    with pytest.raises(Reverted) as caught:
        call(_move(world))
    assert caught.value.error == error


def test_successor_must_have_named_the_ledger_and_share_its_terms(world: Twin) -> None:
    operator = world.world.operator
    stranger = world.world.deploy_ledger()
    with pytest.raises(Reverted) as caught:
        world.ledger.send("setSuccessor", stranger.address, sender=operator)
    assert caught.value.error == "BadLedger"
    world.world.terms = replace(world.world.terms, utc_offset=0)
    other = world.world.deploy_ledger()
    world.world.as_operator(other, "setPredecessor", world.ledger.address)
    with pytest.raises(Reverted) as caught:
        world.ledger.send("setSuccessor", other.address, sender=operator)
    assert caught.value.error == "BadLedger"


def test_contract_goes_over_only_by_itself(world: Twin) -> None:
    part = world.world.registry.address
    world.world.as_operator(world.ledger, "transfer", part, 0)
    move = _move(world)
    with pytest.raises(Reverted) as caught:
        move.old.send("emigrateHolders", [part], sender=world.world.stranger)
    assert (caught.value.error, caught.value.values) == ("HoldsForOthers", (part,))
    move.send("emigrateHolders", [part], sender=world.chain.impersonate(part))


def test_key_holder_takes_coins_of_both_ages_over(world: Twin) -> None:
    world.pay(RICH, MemberId(1), external(40_000))
    world.tick(EPOCH)
    world.pay(RICH, MemberId(1), external(10_000))
    holder = world.world.holder
    sender = world.chain.impersonate(member_address(1))
    world.tick()
    world.ledger.send("transfer", holder, 4_500_000, sender=sender)
    move = _move(world)
    move.send("emigrateHolders", [holder])
    account = Account.unpack(move.word(move.new, ACCOUNT | int(holder, 16)))
    assert (account.previous, account.current) == (4_000_000, 500_000)
    assert move.new.view("totalSupply") == 4_500_000


def test_ledger_is_not_deployed_with_the_succession_of_other_terms(world: Twin) -> None:
    right = world.world.terms
    world.world.terms = replace(right, epoch_length=0)
    foreign = world.world.deploy_ledger().view("succession")
    terms = right.words()
    with pytest.raises(Reverted) as caught:
        deploy(
            world.chain, "RewardToken", world.world.access.address, world.world.cash.address, "Coin", "C", terms,
            foreign, sender=world.world.operator,
        )  # fmt: skip
    assert caught.value.error == "BadTerms"


def test_succession_called_directly_moves_nothing(world: Twin) -> None:
    direct = Contract(world.chain, world.ledger.view("succession"), Interface(artifact("Succession")["abi"]))
    with pytest.raises(Reverted) as caught:
        direct.view("emigrateHolders", [member_address(1)], sender=world.world.stranger)
    assert caught.value.error == "NoSuccessor"
