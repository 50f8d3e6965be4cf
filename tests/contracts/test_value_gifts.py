"""Gifts of value are spent and not cashed, wherever the value lies while something comes in."""

from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.devchain import Chain
from benchmarks.escrow import VALUE
from benchmarks.escrow import Terms as Agreed
from benchmarks.suite import Suite
from benchmarks.world import Terms
from node.domain.ids import MemberId
from tests.contracts.suite.codes import CODES
from tests.contracts.twin import Twin, stored

pytestmark = pytest.mark.anvil
ADA = MemberId(71)
KIND, CARD = 1, 1
DAY = 86_400
START = 50_000


class Till:
    """A merchant that an escrow admits, and Ada, whose card brings 500.00 to begin with and whose key signs."""

    def __init__(self, twin: Twin) -> None:
        assert isinstance(twin.world, Suite)
        self.twin, self.world = twin, twin.world
        self.value, self.rebates, self.escrow = (
            self.world[name] for name in ("StoredValue", "Rebates", "SettlementEscrow")
        )
        self.shop = twin.onboard(prepaid=10**6)
        twin.base(self.shop)
        twin.enrol(ADA)
        self.key = self.world.chain.impersonate(CODES[0].address)
        self.operate("registry", "setMemberKey", ADA, self.key)
        self.operate("cash", "approve", self.value.address, 10**9)
        self.operate("StoredValue", "fundStartingValues", 2 * START)
        self.operate("MemberCards", "setKind", KIND, START, 0, 10_000, 0)
        self.operate("MemberCards", "issueCards", 0, KIND, [CARD])
        self.operate("MemberCards", "activate", CARD, ADA)
        self.operate("SettlementEscrow", "setMerchantTerms", self.shop, 0, False, [])
        self.salt = 0

    def operate(self, contract: str, name: str, *arguments: Any) -> None:
        target = getattr(self.world, contract) if hasattr(self.world, contract) else self.world[contract]
        target.send(name, *arguments, sender=self.world.operator)

    def recharge(self, amount: int) -> None:
        self.operate("StoredValue", "recharge", ADA, amount, 0)

    def start(self) -> None:
        self.value.send("payStartingValue", CARD, sender=self.world.stranger)

    def spend(self, amount: int) -> None:
        self.twin.model.recharge(ADA, amount)
        self.twin.now = self.world.chain.now()
        self.twin.post(self.twin.payment(self.shop, ADA, stored(amount)))

    def put_aside(self, amount: int) -> Agreed:
        self.salt += 1
        until = self.world.chain.now() + DAY
        terms = Agreed(
            merchant=self.shop, member=ADA, tender=VALUE, amount=amount, authorize_by=until, capture_by=until,
            refund_by=until, max_fee_bps=10_000, salt=self.salt,
        )  # fmt: skip
        self.escrow.send("authorize", terms.words(), amount, b"", sender=self.key)
        return terms

    def take_out(self, terms: Agreed) -> None:
        self.escrow.send("void", terms.words(), sender=self.world.merchant)

    def seen(self) -> tuple[int, int]:
        """Value, and what of it could be paid out."""
        return int(self.world.ledger.view("account", ADA)["value"]), int(self.rebates.view("payoutOf", ADA))


@pytest.fixture(scope="module")
def opened_till(chain: Chain, terms: Terms) -> Till:
    return Till(Twin(chain, terms, Suite))


@pytest.fixture
def till(opened_till: Till) -> Iterator[Till]:
    with opened_till.twin.forgotten():
        yield opened_till


def test_gifts_that_were_put_aside_while_money_came_in_are_gifts_still(till: Till) -> None:
    till.recharge(START)
    till.start()
    till.spend(START)
    assert till.seen() == (START, 0)
    aside = till.put_aside(START)
    till.recharge(1)
    assert till.seen() == (1, 1)
    till.take_out(aside)
    assert till.seen() == (START + 1, 1)
    till.recharge(100)
    assert till.seen() == (START + 101, 101)
    till.spend(200)
    assert till.seen() == (START - 99, 0)


def test_own_money_that_was_put_aside_while_money_came_in_can_be_paid_out(till: Till) -> None:
    till.recharge(START)
    till.start()
    aside = till.put_aside(START - 100)
    till.recharge(7)
    assert till.seen() == (START + 107, 107)
    till.take_out(aside)
    assert till.seen() == (2 * START + 7, START + 7)


def test_money_that_comes_in_after_all_gifts_were_spent_can_be_paid_out(till: Till) -> None:
    till.start()
    till.spend(START)
    till.recharge(300)
    assert till.seen() == (300, 300)
    till.recharge(50)
    assert till.seen() == (350, 350)
    # what a refund or a release brings back counts as the gifts that were spent, first
    till.operate("ledger", "recharge", ADA, 90)
    assert till.seen() == (440, 350)
