"""The cap of coupons: what counts for it, what does not, and that nobody raises it by repeating."""

from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.devchain import Chain, Contract, Reverted, deploy
from benchmarks.suite import Suite
from benchmarks.world import Terms
from node.domain.ids import MemberId, MerchantId
from node.domain.leaf import Leaf
from tests.contracts.model import Refund, Undo
from tests.contracts.suite.people import wait
from tests.contracts.suite.proofs import block_of, proven
from tests.contracts.twin import Twin, coins, external, stored

pytestmark = pytest.mark.anvil
SHOP, OTHER = MerchantId(1), MerchantId(2)
ANN, BOB = MemberId(1), MemberId(2)
PERIOD = 30 * 86_400
FORMULA = {
    "per_merchant": 100, "per_member": 7, "turnover_per_coupon": 500, "saturation": 5_000, "minimum_spend": 500,
    "first_cap": 3,
}  # fmt: skip


class Office:
    """Two merchants, two members with stored value and coins, and the cap."""

    def __init__(self, twin: Twin) -> None:
        assert isinstance(twin.world, Suite)
        self.twin, self.world = twin, twin.world
        self.cap: Contract = self.world["IssuanceCap"]
        for _ in (SHOP, OTHER):
            twin.base(twin.onboard(prepaid=10**6))
        twin.enrol(ANN, BOB)
        for member in (ANN, BOB):
            twin.recharge(member, 50_000)
        twin.pay(SHOP, ANN, external(1_000_000))

    def count(self, *leaves: Leaf) -> None:
        self.cap.send("countSales", [proven(self.twin, leaf) for leaf in leaves], sender=self.world.stranger)
        self.twin.now = self.twin.chain.now()

    def counted(self) -> tuple[int, int, int]:
        """Merchants, members and turnover of the open period."""
        period = self.cap.view("period")
        return period["merchants"], period["members"], period["turnover"]

    def give_back(self, leaf: Leaf, amount: int) -> None:
        undo = Undo(leaf=leaf, amount=amount)
        self.twin.refund(Refund(sequence=self.twin.next_sequence(), kind=1, lines=(undo,)))

    def refused(self, name: str, *arguments: Any, sender: str | None = None) -> tuple[str, Any]:
        with pytest.raises(Reverted) as caught:
            self.cap.view(name, *arguments, sender=sender or self.world.stranger)
        return caught.value.error, caught.value.values

    def close(self) -> int:
        wait(self.twin, PERIOD)
        self.cap.send("close", sender=self.world.stranger)
        self.twin.now = self.twin.chain.now()
        return int(self.cap.view("left"))


@pytest.fixture(scope="module")
def opened_office(chain: Chain, terms: Terms) -> Office:
    return Office(Twin(chain, terms, lambda chain, terms: Suite(chain, terms, coupons=FORMULA)))


@pytest.fixture
def office(opened_office: Office) -> Iterator[Office]:
    with opened_office.twin.forgotten():
        yield opened_office


def test_cap_follows_from_merchants_turnover_and_first_spends(office: Office) -> None:
    """Turnover counts to 5,000 a merchant: 5,000 + 1,250 at 500 a coupon are 12; 2 merchants 200; 2 members 14."""
    (first,) = office.twin.pay(SHOP, ANN, stored(4_000))
    (second,) = office.twin.pay(SHOP, ANN, stored(4_000))
    (third,) = office.twin.pay(OTHER, BOB, stored(1_000))
    (fourth,) = office.twin.pay(OTHER, ANN, coins(250))
    # the first period has none before it: what is sold in it counts in the next, of which the first cap is the cap too
    assert office.close() == 3
    (later,) = office.twin.pay(OTHER, BOB, stored(999))
    office.count(first, second, third)
    office.count(fourth)
    assert office.counted() == (2, 2, 6_250)
    assert office.cap.view("countedOf", 2, SHOP) == 5_000
    assert office.close() == 200 + 14 + 12
    # a member counts once for ever; a merchant in every period
    office.count(later)
    assert office.close() == 100 + 1
    assert office.close() == 0


def test_line_counts_once_and_only_what_was_not_refunded(office: Office) -> None:
    leaves = office.twin.pay(SHOP, ANN, stored(3_000), external(500))
    office.give_back(leaves[0], 1_000)
    (gone,) = office.twin.pay(SHOP, ANN, stored(10))
    office.twin.refund(Refund(sequence=office.twin.next_sequence(), kind=3, lines=(Undo(leaf=gone),)))
    office.close()
    office.count(leaves[0])
    assert office.cap.view("isCounted", leaves[0].stream, leaves[0].sequence, 0)
    assert not office.cap.view("isCounted", leaves[0].stream, leaves[0].sequence, 1)
    assert office.cap.view("isMemberCounted", ANN) and not office.cap.view("isMemberCounted", BOB)
    assert office.counted() == (1, 1, 2_000)
    for leaf, error in ((leaves[0], "AlreadyCounted"), (leaves[1], "NotThroughNetwork")):
        found, values = office.refused("countSales", [proven(office.twin, leaf)])
        assert (found, values[0]) == (error, bytes(leaf.hash))
    forged = (*proven(office.twin, leaves[0])[:4], b"\1" * 32, [])
    assert office.refused("countSales", [forged])[0] == "NotProven"
    assert office.refused("countSales", [proven(office.twin, gone)]) == ("Undone", (bytes(gone.hash),))
    assert office.refused("countSales", [proven(office.twin, each) for each in (leaves[0],) * 2])[0] == "AlreadyCounted"


def test_recycled_money_counts_nobody(office: Office) -> None:
    """Spent, brought, given back and spent again: not brought while its period is open, and nothing is left then."""
    office.close()
    leaves = []
    for merchant, member in ((SHOP, ANN), (OTHER, BOB), (SHOP, BOB)):
        (leaf,) = office.twin.pay(merchant, member, stored(4_000))
        number = block_of(office.twin, leaf)
        assert office.refused("countSales", [proven(office.twin, leaf)]) == ("TooYoung", (bytes(leaf.hash), number))
        office.give_back(leaf, 4_000)
        leaves.append(leaf)
    office.close()
    for leaf in leaves:
        assert office.refused("countSales", [proven(office.twin, leaf)]) == ("Undone", (bytes(leaf.hash),))
    assert office.counted() == (0, 0, 0)
    assert office.close() == 0


def test_spend_below_the_smallest_counts_no_member_and_of_all_of_them_no_merchant_before_its_sum(
    office: Office,
) -> None:
    small = [office.twin.pay(SHOP, member, stored(249))[0] for member in (ANN, BOB, ANN)]
    (half,) = office.twin.pay(OTHER, BOB, stored(600))
    office.give_back(half, 101)
    office.close()
    office.count(*small[:2], half)
    assert office.counted() == (0, 0, 2 * 249 + 499)
    office.count(small[2])
    assert office.counted() == (1, 0, 3 * 249 + 499)
    assert not office.cap.view("isMemberCounted", BOB)


def test_line_of_the_period_before_counts_and_an_older_one_not(office: Office) -> None:
    (old,) = office.twin.pay(SHOP, ANN, stored(1_000))
    (older,) = office.twin.pay(SHOP, ANN, stored(1_000))
    office.close()
    office.count(old)
    office.close()
    assert office.refused("countSales", [proven(office.twin, older)])[0] == "TooOld"


def test_period_is_closed_when_it_is_over_and_starts_where_it_should(office: Office) -> None:
    started = office.cap.view("period")["startedAt"]
    assert office.refused("close") == ("PeriodOpen", (1, started + PERIOD))
    wait(office.twin, 3 * PERIOD + 100)
    office.cap.send("close", sender=office.world.stranger)
    period = office.cap.view("period")
    assert (period["number"], (period["startedAt"] - started) % PERIOD) == (2, 0)
    assert 0 <= office.twin.chain.now() - period["startedAt"] < PERIOD


def test_issue_is_refused_beyond_the_cap_and_what_is_left_lapses(office: Office) -> None:
    operator, coupons = office.world.operator, office.world["Coupons"]
    terms = (0, 0, 0, 0, 1_000, 1, True, False, True, 500, 0, 0, 0, 0, 0, 0, bytes(32))
    coupons.send("defineCampaign", terms, "", sender=operator)
    coupons.send("issue", 1, 2, sender=operator)
    assert office.cap.view("left") == 1
    with pytest.raises(Reverted) as caught:
        coupons.view("issue", 1, 2, sender=operator)
    assert (caught.value.error, caught.value.values) == ("CapExceeded", (2, 1))
    assert office.refused("use", 1) == ("NotCoupons", (office.world.stranger,))
    office.twin.now = office.twin.chain.now()
    # what is left lapses: the second period has the first cap, and the third what was counted in it
    assert office.close() == 3
    assert office.close() == 0


def test_only_the_admin_sets_the_formula(office: Office) -> None:
    for sender in (office.world.stranger, office.world.merchant, office.world.poster):
        assert office.refused("setFormula", (1, 1, 1, 1, 1), sender=sender)[0] == "AccessManagedUnauthorized"
    for saturation, least in ((0, 0), (5, 0), (5, 6)):
        found = office.refused("setFormula", (1, 1, 1, saturation, least), sender=office.world.operator)
        assert found == ("BadFormula", (saturation, least))
    office.cap.send("setFormula", (1, 2, 0, 4, 4), sender=office.world.operator)
    office.twin.now = office.twin.chain.now()
    (leaf,) = office.twin.pay(SHOP, ANN, stored(1_000))
    office.close()
    office.count(leaf)
    assert office.close() == 1 + 2


def test_cap_is_not_deployed_with_periods_shorter_than_an_hour(office: Office) -> None:
    world = office.world
    others = (world.access.address, world.ledger.address, world.registry.address)
    with pytest.raises(Reverted) as caught:
        deploy(world.chain, "IssuanceCap", *others, 3_599, 1, (1, 1, 1, 1, 1), sender=world.operator)
    assert (caught.value.error, caught.value.values) == ("BadLength", (3_599,))


def test_what_was_sold_before_the_cap_was_made_never_counts(office: Office) -> None:
    """A network that gets new coupons does not get a cap of all its years."""
    (old,) = office.twin.pay(SHOP, ANN, stored(4_000))
    world, formula = office.world, tuple(FORMULA[name] for name in list(FORMULA)[:5])
    addresses = (world.access.address, world.ledger.address, world.registry.address)
    office.cap = deploy(world.chain, "IssuanceCap", *addresses, PERIOD, 3, formula, sender=world.operator)
    office.twin.now = office.twin.chain.now()
    number = block_of(office.twin, old)
    (new,) = office.twin.pay(OTHER, BOB, stored(1_000))
    assert office.refused("countSales", [proven(office.twin, old)]) == ("TooOld", (bytes(old.hash), number))
    office.close()
    assert office.refused("countSales", [proven(office.twin, old)]) == ("TooOld", (bytes(old.hash), number))
    office.count(new)
    assert office.counted() == (1, 1, 1_000)
