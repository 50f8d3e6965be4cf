"""Points for merchants, corrections by two people, and published discounts: examples and each typed error by name."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.devchain import Chain, Contract, Reverted
from benchmarks.suite import Suite
from benchmarks.world import Terms
from node.domain.ids import MemberId
from tests.contracts.suite.guarantee import make_indebted, owed
from tests.contracts.suite.people import merge
from tests.contracts.twin import Twin

pytestmark = [pytest.mark.anvil, pytest.mark.filterwarnings("ignore:A private pytest class")]
ADA, BOB = MemberId(81), MemberId(82)
LAST = 2**256 - 1
REASON = b"\7" * 32
DAY = 86_400
ADDRESS = "0x" + "77" * 20
GRANT, CLAW_BACK, GIVE, TAKE = range(1, 5)
UNAUTHORIZED = "AccessManagedUnauthorized"
PROPERTY = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
SET = b"\5" * 32


class Office:
    """A suite with two merchants, funds of 100.00 for bonuses and 1,000.00 for credit, and a second approver."""

    def __init__(self, twin: Twin) -> None:
        assert isinstance(twin.world, Suite)
        self.twin, self.world, self.ledger = twin, twin.world, twin.ledger
        self.sale, self.corrections, self.discounts, self.cards = (
            self.world[name] for name in ("PointSale", "Corrections", "CardDiscounts", "MemberCards")
        )
        self.merchant, self.finance = self.world.merchant, twin.chain.accounts[6]
        self.shop, self.other = twin.onboard(), twin.onboard()
        twin.enrol(ADA)
        cash, operator = self.world.cash, self.world.operator
        self.operate(cash, "deposit", self.merchant, 10**7, bytes(32))
        for owner, contract in ((operator, self.sale), (self.merchant, self.sale), (operator, self.corrections)):
            self.send(cash, "approve", contract.address, LAST, sender=owner)
        self.operate(self.world.access, "grantRole", 2, self.finance, 0)
        self.operate(self.sale, "setSteps", [(10_000, 200), (100_000, 500)])
        self.operate(self.sale, "payFund", False, 10_000)
        self.operate(self.sale, "payFund", True, 100_000)
        self.operate(self.sale, "setLimit", self.shop, 0, 0, 10**7, 10**6)
        self.operate(self.sale, "setLine", self.shop, 80_000, 30 * DAY, 0)
        self.operate(self.corrections, "payFund", 5_000)
        for merchant, kind, limit in (
            (self.shop, GRANT, 10**6),
            (self.shop, CLAW_BACK, 10**6),
            (0, GIVE, 900),
            (0, TAKE, 900),
        ):
            self.operate(self.corrections, "setDayLimit", merchant, kind, limit)

    def operate(self, contract: Contract, name: str, *arguments: Any) -> Any:
        return self.send(contract, name, *arguments, sender=self.world.operator)

    def send(self, contract: Contract, name: str, *arguments: Any, sender: str) -> Any:
        self.twin.tick()
        return contract.send(name, *arguments, sender=sender)

    def prepaid(self) -> int:
        return int(self.ledger.view("merchant", self.shop)["prepaid"])

    def pass_days(self, days: int) -> None:
        self.twin.tick(days * DAY)
        self.operate(self.world.cash, "withdraw", 0, bytes(32))

    def proposed(self, kind: int, amount: int, merchant: int | None = None) -> tuple[int, bytes]:
        """The operator's proposal, and its terms."""
        named = self.shop if kind in (GRANT, CLAW_BACK) else 0
        self.operate(self.corrections, "proposeFor", kind, named if merchant is None else merchant, ADA, amount, REASON)
        number = int(self.corrections.view("proposalCount"))
        return number, self.corrections.view("termsOf", number)


def refusal(contract: Contract, name: str, *arguments: Any, sender: str) -> tuple[str, tuple[Any, ...]]:
    with pytest.raises(Reverted) as caught:
        contract.view(name, *arguments, sender=sender)
    return caught.value.error, caught.value.values


@pytest.fixture(scope="module")
def opened_office(chain: Chain, terms: Terms) -> Office:
    return Office(Twin(chain, terms, Suite))


@pytest.fixture
def office(opened_office: Office) -> Iterator[Office]:
    with opened_office.twin.forgotten():
        yield opened_office


# --- points ahead ---


@pytest.mark.parametrize(("paid", "bonus"), [(9_999, 0), (10_000, 200), (99_999, 1_999), (100_000, 5_000)])
def test_bonus_follows_the_steps_rounded_down(office: Office, paid: int, bonus: int) -> None:
    office.send(office.sale, "buyAhead", office.shop, paid, bonus, False, sender=office.merchant)
    assert office.prepaid() == (paid + bonus) * 10_000
    assert office.sale.view("bonusFund") == 10_000 - bonus


def test_bonus_is_what_the_fund_covers_or_refused(office: Office) -> None:
    office.operate(office.sale, "takeFund", False, 9_000, ADDRESS)
    buying = ("buyAhead", office.shop, 100_000)
    assert refusal(office.sale, *buying, 1_001, False, sender=office.merchant) == ("BonusTooSmall", (1_000, 1_001))
    office.send(office.sale, *buying, 0, False, sender=office.merchant)
    assert office.prepaid() == 101_000 * 10_000


def test_bonus_needs_a_limit_but_par_does_not(office: Office) -> None:
    buying = ("buyAhead", office.other)
    assert refusal(office.sale, *buying, 10_000, 0, False, sender=office.merchant) == ("NoLimit", (office.other,))
    office.send(office.sale, *buying, 9_999, 0, False, sender=office.merchant)


def test_restricted_store_s_account_buys_within_its_own_limit(office: Office) -> None:
    clerk = office.twin.chain.accounts[7]
    office.send(office.world.registry, "setGroups", office.shop, clerk, 8, sender=office.merchant)
    office.operate(office.sale, "setLimit", office.shop, 1, 0, 500, 500)
    office.operate(office.sale, "bindAccount", office.shop, clerk, 0, True)
    error = refusal(office.sale, "buyOnCredit", office.shop, 501, sender=clerk)
    assert error == ("LimitUsedUp", (office.shop, 1, 0, 500, 501))
    office.send(office.sale, "buyOnCredit", office.shop, 500, sender=clerk)


@PROPERTY
@given(paid=st.lists(st.integers(1, 150_000), min_size=1, max_size=4))
def test_every_point_bought_is_paid_for(office: Office, paid: list[int]) -> None:
    """Cash in is points out; what the contract holds is its funds."""
    with office.twin.forgotten():
        before = office.ledger.view("totals")["reserve"]
        for amount in paid:
            office.send(office.sale, "buyAhead", office.shop, amount, 0, False, sender=office.merchant)
        spent = 10_000 - office.sale.view("bonusFund")
        assert office.ledger.view("totals")["reserve"] - before == sum(paid) + spent
        held = office.world.cash.view("balanceOf", office.sale.address)
        assert held == office.sale.view("bonusFund") + office.sale.view("creditFund")


# --- on credit ---


def test_credit_is_used_settled_and_used_again(office: Office) -> None:
    office.send(office.sale, "buyOnCredit", office.shop, 80_000, sender=office.merchant)
    assert office.prepaid() == 80_000 * 10_000
    error = refusal(office.sale, "buyOnCredit", office.shop, 1, sender=office.merchant)
    assert error == ("CreditUsedUp", (office.shop, 0, 1))
    office.send(office.sale, "settle", office.shop, 50_000, sender=office.merchant)
    assert office.sale.view("receivables") == 30_000
    office.send(office.sale, "buyOnCredit", office.shop, 50_000, sender=office.merchant)
    assert office.sale.view("creditFund") == 20_000


def test_overdue_credit_is_collected_but_not_from_the_guarantee_fund(office: Office) -> None:
    office.operate(office.ledger, "addDeposit", 0, 10**6)
    office.operate(office.ledger, "addDeposit", office.shop, 30_000)
    office.operate(office.ledger, "creditPayable", office.shop, 5_000)
    stranger = office.world.stranger
    assert refusal(office.sale, "collect", office.shop, sender=stranger)[0] == "NothingOwed"
    office.send(office.sale, "buyOnCredit", office.shop, 80_000, sender=office.merchant)
    assert refusal(office.sale, "collect", office.shop, sender=stranger)[0] == "NotDueYet"
    office.pass_days(30)
    office.send(office.sale, "collect", office.shop, sender=stranger)
    assert office.sale.view("lineOf", office.shop)["owed"] == 45_000
    assert office.ledger.view("deposits", 0) == 10**6
    assert refusal(office.sale, "collect", office.shop, sender=stranger) == ("NothingToCollect", (office.shop, 45_000))
    assert refusal(office.sale, "buyOnCredit", office.shop, 1, sender=office.merchant)[0] == "Overdue"
    office.send(office.sale, "settle", office.shop, 45_000, sender=office.merchant)
    office.send(office.sale, "buyOnCredit", office.shop, 1, sender=office.merchant)


def test_overdue_credit_is_collected_after_what_the_merchant_owes_the_guarantee_fund(office: Office) -> None:
    make_indebted(office.world, office.shop, 3_000)
    office.send(office.sale, "buyOnCredit", office.shop, 80_000, sender=office.merchant)
    office.pass_days(30)
    office.operate(office.ledger, "creditPayable", office.shop, 3_000)
    nothing = refusal(office.sale, "collect", office.shop, sender=office.world.stranger)
    assert nothing == ("NothingToCollect", (office.shop, 80_000))
    office.operate(office.ledger, "creditPayable", office.shop, 500)
    office.send(office.sale, "collect", office.shop, sender=office.world.stranger)
    assert office.sale.view("lineOf", office.shop)["owed"] == 79_500
    assert owed(office.world, office.shop) == (3_000, 3_000)


def test_cover_and_fund_bound_the_credit(office: Office) -> None:
    office.operate(office.sale, "setLine", office.shop, 200_000, 30 * DAY, 5_000)
    buying = ("buyOnCredit", office.shop)
    error = refusal(office.sale, *buying, 1_001, sender=office.merchant)
    assert error == ("NotCovered", (office.shop, 0, 501))
    office.operate(office.ledger, "addDeposit", office.shop, 100_000)
    assert refusal(office.sale, *buying, 100_001, sender=office.merchant) == ("FundUsedUp", (100_000, 100_001))
    office.send(office.sale, *buying, 100_000, sender=office.merchant)


def test_settlement_from_the_payable(office: Office) -> None:
    office.send(office.sale, "buyOnCredit", office.shop, 1_000, sender=office.merchant)
    settling = ("settleFromPayable", office.shop, 1_000)
    assert refusal(office.sale, *settling, sender=office.merchant)[0] == "InsufficientPayable"
    office.operate(office.ledger, "creditPayable", office.shop, 1_000)
    assert refusal(office.sale, *settling, sender=office.world.stranger)[0] == "NotInGroup"
    office.send(office.sale, *settling, sender=office.merchant)
    assert office.sale.view("receivables") == 0


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        ("setSteps", ([(5, 10), (5, 20)],), "BadSteps"),
        ("setSteps", ([(5, 10), (6, 10)],), "BadSteps"),
        ("setSteps", ([(5, 10_001)],), "BadSteps"),
        ("setSteps", ([(n, n) for n in range(9)],), "BadSteps"),
        ("setLine", (1, 5, DAY - 1, 0), "BadLine"),
        ("setLine", (1, 5, DAY, 10_001), "BadLine"),
        ("payFund", (True, 0), "ZeroAmount"),
        ("payFund", (False, 2**48), "TooMuch"),
        ("takeFund", (True, 100_001, ADDRESS), "FundUsedUp"),
        ("settle", (1, 0), "NothingOwed"),
        ("settle", (1, 1), "NothingOwed"),
        ("buyAhead", (1, 5, 0, False), "NotInGroup"),
        ("buyOnCredit", (1, 5), "NotInGroup"),
    ],
)
def test_point_sale_refuses_by_name(office: Office, name: str, arguments: tuple[Any, ...], error: str) -> None:
    assert refusal(office.sale, name, *arguments, sender=office.world.operator)[0] == error


def test_limit_is_not_raised_beyond_its_word(office: Office) -> None:
    office.operate(office.sale, "setLimit", office.shop, 0, 0, 2**64 - 5, 1)
    raising = ("raiseLimit", office.shop, 0, 0)
    operator = office.world.operator
    assert refusal(office.sale, *raising, 5, sender=operator) == ("TooMuch", (2**64,))
    assert refusal(office.sale, *raising, 2**64 - 1, sender=operator) == ("TooMuch", (2**65 - 6,))
    office.operate(office.sale, *raising, 4)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("setSteps", ([],)),
        ("setLine", (1, 5, DAY, 0)),
        ("takeFund", (True, 5, ADDRESS)),
        ("setLimit", (1, 0, 0, 5, 5)),
        ("raiseLimit", (1, 0, 0, 5)),
    ],
)
def test_nobody_raises_a_limit_that_is_not_theirs(office: Office, name: str, arguments: tuple[Any, ...]) -> None:
    for thief in (
        office.merchant,
        office.world.stranger,
        office.finance if name != "takeFund" else office.world.poster,
    ):
        assert refusal(office.sale, name, *arguments, sender=thief)[0] == UNAUTHORIZED


@pytest.mark.parametrize(("amount", "error"), [(0, "ZeroAmount"), (2**48, "TooMuch")])
def test_points_are_not_bought_for_impossible_amounts(office: Office, amount: int, error: str) -> None:
    assert refusal(office.sale, "buyAhead", office.shop, amount, 0, False, sender=office.merchant)[0] == error


# --- corrections ---


def test_grant_takes_two_people_of_the_merchant(office: Office) -> None:
    clerk = office.twin.chain.accounts[7]
    office.twin.buy_points(office.shop, 100)
    office.send(office.world.registry, "setGroups", office.shop, clerk, 2, sender=office.merchant)
    proposing = ("propose", GRANT, office.shop, ADA, 700_000, REASON)
    assert refusal(office.corrections, *proposing, sender=office.world.stranger)[0] == "NotInGroup"
    office.send(office.corrections, *proposing, sender=clerk)
    terms = office.corrections.view("termsOf", 1)
    assert refusal(office.corrections, "approve", 1, terms, sender=clerk)[0] == "NotInGroup"
    assert refusal(office.corrections, "approveFor", 1, terms, sender=office.finance)[0] == "BadKind"
    error, values = refusal(office.corrections, "approve", 1, REASON, sender=office.merchant)
    assert (error, values) == ("OtherProposal", (1, terms))
    office.send(office.corrections, "approve", 1, terms, sender=office.merchant)
    assert office.ledger.view("account", ADA)["current"] == 700_000
    assert refusal(office.corrections, "approve", 1, terms, sender=office.merchant) == ("NotOpen", (1, 2))
    office.send(office.corrections, *proposing, sender=clerk)
    error, values = refusal(
        office.corrections, "approve", 2, office.corrections.view("termsOf", 2), sender=office.merchant
    )
    assert (error, values) == ("DayLimitUsedUp", (office.shop, GRANT, 300_000, 700_000))


def test_nobody_approves_what_it_proposed(office: Office) -> None:
    office.twin.buy_points(office.shop, 100)
    office.send(office.corrections, "propose", GRANT, office.shop, ADA, 5, REASON, sender=office.merchant)
    terms = office.corrections.view("termsOf", 1)
    assert refusal(office.corrections, "approve", 1, terms, sender=office.merchant)[0] == "SamePerson"
    number, terms = office.proposed(GIVE, 5)
    assert refusal(office.corrections, "approveFor", number, terms, sender=office.world.operator)[0] == "SamePerson"


def test_claw_back_leaves_a_debt_where_points_are_spent(office: Office) -> None:
    office.twin.buy_points(office.shop, 100)
    number, terms = office.proposed(GRANT, 500_000)
    office.send(office.corrections, "approve", number, terms, sender=office.merchant)
    number, terms = office.proposed(CLAW_BACK, 700_000)
    assert refusal(office.corrections, "approveFor", number, terms, sender=office.merchant)[0] == UNAUTHORIZED
    office.send(office.corrections, "approveFor", number, terms, sender=office.finance)
    assert office.ledger.view("arrears", office.shop, ADA) == 200_000


def test_value_given_and_taken_goes_through_the_fund(office: Office) -> None:
    number, terms = office.proposed(GIVE, 900)
    office.send(office.corrections, "approveFor", number, terms, sender=office.finance)
    assert (office.ledger.view("account", ADA)["value"], office.corrections.view("fund")) == (900, 4_100)
    number, terms = office.proposed(GIVE, 1)
    error = refusal(office.corrections, "approveFor", number, terms, sender=office.finance)
    assert error == ("DayLimitUsedUp", (0, GIVE, 0, 1))
    number, terms = office.proposed(TAKE, 300)
    office.send(office.corrections, "approveFor", number, terms, sender=office.finance)
    number, terms = office.proposed(TAKE, 600, merchant=office.shop)
    office.send(office.corrections, "approveFor", number, terms, sender=office.finance)
    assert (office.ledger.view("account", ADA)["value"], office.corrections.view("fund")) == (0, 4_400)
    assert office.ledger.view("merchant", office.shop)["payable_"] == 600


def test_correction_of_a_member_that_was_merged_is_of_who_it_is_now(office: Office) -> None:
    """What is given is noted under the number that gets it: else it could never be paid out."""
    office.operate(office.world.registry, "enrolMembers", [BOB])
    given, of_given = office.proposed(GIVE, 900)
    taken, of_taken = office.proposed(TAKE, 300)
    merge(office.twin, ADA, BOB)
    office.send(office.corrections, "approveFor", given, of_given, sender=office.finance)
    rebates = office.world["Rebates"]
    assert (office.ledger.view("account", BOB)["value"], rebates.view("payoutOf", BOB)) == (900, 900)
    office.send(office.corrections, "approveFor", taken, of_taken, sender=office.finance)
    assert (office.ledger.view("account", BOB)["value"], rebates.view("payoutOf", BOB)) == (600, 600)
    assert rebates.view("balanceOf", ADA)["net"] == 0


def test_value_given_by_hand_earns_no_rebate_later(office: Office) -> None:
    rebates, value = office.world["Rebates"], office.world["StoredValue"]
    for contract in (rebates, value):
        office.operate(office.world.cash, "approve", contract.address, LAST)
    office.operate(rebates, "defineProgramme", 2_000, 1, 0)
    office.operate(rebates, "chooseProgramme", 0, 1)
    office.operate(rebates, "fundProgramme", 1, 10_000)
    number, terms = office.proposed(GIVE, 900)
    office.send(office.corrections, "approveFor", number, terms, sender=office.finance)
    office.operate(value, "recharge", ADA, 1_000, 0)
    assert rebates.view("promiseOf", ADA, 0)["total"] == 200


def test_proposal_ends_with_its_time_or_is_taken_back(office: Office) -> None:
    number, terms = office.proposed(GIVE, 5)
    office.pass_days(3)
    assert refusal(office.corrections, "approveFor", number, terms, sender=office.finance)[0] == "NotProposed"
    assert refusal(office.corrections, "cancel", number, sender=office.merchant)[0] == "NotProposer"
    office.operate(office.corrections, "cancel", number)
    assert refusal(office.corrections, "cancelFor", number, sender=office.world.operator) == ("NotOpen", (number, 3))


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        ("propose", (GIVE, 0, ADA, 5, REASON), "BadKind"),
        ("propose", (CLAW_BACK, 1, ADA, 5, REASON), "NotInGroup"),
        ("proposeFor", (0, 0, ADA, 5, REASON), "BadKind"),
        ("proposeFor", (GRANT, 0, ADA, 5, REASON), "BadKind"),
        ("proposeFor", (GIVE, 1, ADA, 5, REASON), "BadKind"),
        ("proposeFor", (GIVE, 0, ADA, 5, bytes(32)), "NoReason"),
        ("proposeFor", (GIVE, 0, ADA, 0, REASON), "ZeroAmount"),
        ("proposeFor", (GIVE, 0, ADA, 2**56, REASON), "TooMuch"),
        ("proposeFor", (GIVE, 0, 999, 5, REASON), "UnknownMember"),
        ("approveFor", (1, REASON), "NotOpen"),
        ("cancel", (1,), "NotOpen"),
        ("setDayLimit", (0, GRANT, 5), "BadKind"),
        ("setDayLimit", (1, GIVE, 5), "BadKind"),
        ("setDayLimit", (0, 0, 5), "BadKind"),
        ("payFund", (0,), "ZeroAmount"),
        ("takeFund", (5_001, ADDRESS), "FundShort"),
    ],
)
def test_corrections_refuse_by_name(office: Office, name: str, arguments: tuple[Any, ...], error: str) -> None:
    assert refusal(office.corrections, name, *arguments, sender=office.world.operator)[0] == error


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("proposeFor", (GIVE, 0, ADA, 5, REASON)),
        ("approveFor", (1, REASON)),
        ("cancelFor", (1,)),
        ("setDayLimit", (0, GIVE, 5)),
        ("takeFund", (5, ADDRESS)),
    ],
)
def test_corrections_are_for_their_roles(office: Office, name: str, arguments: tuple[Any, ...]) -> None:
    assert refusal(office.corrections, name, *arguments, sender=office.merchant)[0] == UNAUTHORIZED


# --- discounts ---


def test_the_largest_discount_that_applies_counts(office: Office) -> None:
    office.operate(office.cards, "setKind", 2, 0, 0, 10_000, 0)
    now = office.twin.now
    for product_set, kind, bps, starts, until in (
        (bytes(32), 0, 100, 0, 0),
        (SET, 0, 500, 0, 0),
        (bytes(32), 2, 700, 0, 0),
        (SET, 2, 2_000, now + DAY, now + 2 * DAY),
    ):
        terms = (office.shop, product_set, kind, bps, starts, until, "")
        office.send(office.discounts, "publish", *terms, sender=office.merchant)
    found = {
        (product_set, kind, when): office.discounts.view(
            "discountFor", office.shop, product_set, kind, now + when * DAY
        )
        for product_set, kind, when in ((bytes(32), 0, 0), (SET, 0, 0), (SET, 2, 0), (SET, 2, 1), (SET, 2, 2))
    }
    assert list(found.values()) == [(100, 1), (500, 2), (700, 3), (2_000, 4), (700, 3)]
    office.send(office.discounts, "end", office.shop, 3, sender=office.merchant)
    assert office.discounts.view("discountFor", office.shop, SET, 2, now) == (500, 2)
    office.operate(office.discounts, "veto", office.shop, 2)
    assert refusal(office.discounts, "end", office.shop, 2, sender=office.merchant)[0] == "UnknownTerms"
    assert sorted(office.discounts.view("standing", office.shop)) == [1, 4]


def test_discount_of_a_card_ends_with_the_card(office: Office) -> None:
    office.operate(office.cards, "setKind", 2, 0, 0, 10_000, 0)
    office.operate(office.cards, "issueCards", 0, 2, [5])
    office.send(office.discounts, "publish", office.shop, SET, 2, 500, 0, 0, "", sender=office.merchant)
    assert office.discounts.view("discountForCard", office.shop, SET, 5) == (0, 0)
    office.operate(office.cards, "activate", 5, ADA)
    assert office.discounts.view("discountForCard", office.shop, SET, 5) == (500, 1)
    office.operate(office.cards, "hold", 5)
    assert office.discounts.view("discountForCard", office.shop, SET, 5) == (0, 0)


@pytest.mark.parametrize(("amount", "bps", "left"), [(999, 500, 950), (1, 9_999, 1), (100, 10_000, 0), (100, 0, 100)])
def test_price_is_rounded_up(office: Office, amount: int, bps: int, left: int) -> None:
    assert office.discounts.view("priceUp", amount, bps) == left


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((1, SET, 0, 0, 0, 0, ""), "BadDiscount"),
        ((1, SET, 0, 10_001, 0, 0, ""), "BadDiscount"),
        ((1, SET, 0, 5, 10, 10, ""), "BadWindow"),
        ((1, SET, 0, 5, 0, 10, ""), "BadWindow"),
        ((1, SET, 9, 5, 0, 0, ""), "UnknownKind"),
    ],
)
def test_discounts_refuse_by_name(office: Office, arguments: tuple[Any, ...], error: str) -> None:
    assert refusal(office.discounts, "publish", *arguments, sender=office.merchant)[0] == error
    assert refusal(office.discounts, "publish", *arguments, sender=office.world.operator)[0] == "NotInGroup"
    assert refusal(office.discounts, "veto", 1, 1, sender=office.merchant)[0] == UNAUTHORIZED
    assert refusal(office.discounts, "termsOf", 1, 1, sender=office.merchant)[0] == "UnknownTerms"


def test_merchant_has_few_terms_at_once_but_those_that_are_over_do_not_count(office: Office) -> None:
    until = office.twin.now + DAY
    for _ in range(32):
        office.send(office.discounts, "publish", office.shop, SET, 0, 5, 0, until, "", sender=office.merchant)
    one_more = ("publish", office.shop, SET, 0, 5, 0, 0, "")
    assert refusal(office.discounts, *one_more, sender=office.merchant) == ("TooManyTerms", (office.shop, 32))
    office.pass_days(1)
    office.send(office.discounts, *one_more, sender=office.merchant)
    assert office.discounts.view("standing", office.shop) == (33,)
