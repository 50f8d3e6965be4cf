"""Points that lines give later: pending until the return window, and back from a friend's spending."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.devchain import Chain, Contract, Reverted
from benchmarks.suite import Suite
from benchmarks.world import Terms
from node.domain.ids import MemberId, MerchantId
from node.domain.leaf import Leaf
from tests.contracts.conftest import EPOCH
from tests.contracts.model import Refund, Undo
from tests.contracts.suite.codes import CODES, signed
from tests.contracts.suite.people import wait
from tests.contracts.suite.proofs import proven
from tests.contracts.twin import Twin, coins, external, stored

pytestmark = pytest.mark.anvil
SHOP, OTHER = MerchantId(1), MerchantId(2)
ANN, BOB, EVE = MemberId(1), MemberId(2), MemberId(3)
CID, DAN = MemberId(71), MemberId(72)
DAY = 86_400
RATE = 500_000  # units for 10,000 minor units: half a per cent at par
KEY = CODES[0]


class Till:
    """Two merchants whose base is 1 %; Ann referred Bob; Bob pays."""

    def __init__(self, twin: Twin) -> None:
        assert isinstance(twin.world, Suite)
        self.twin, self.world, self.ledger = twin, twin.world, twin.ledger
        self.pending: Contract = self.world["PendingRewards"]
        self.referrals: Contract = self.world["Referrals"]
        for _ in (SHOP, OTHER):
            twin.base(twin.onboard(prepaid=10**6))
        twin.enrol(ANN, BOB, EVE)
        twin.recharge(BOB, 100_000)
        self.merchant, self.operator, self.stranger = self.world.merchant, self.world.operator, self.world.stranger
        self.referrals.send("enrolReferred", BOB, ANN, sender=self.operator)
        twin.now = twin.chain.now()

    @property
    def today(self) -> int:
        return int(self.ledger.view("currentDay"))

    def set_terms(self, **changed: int) -> None:
        self.pending.send("set", SHOP, self.terms(**changed), sender=self.merchant)

    def terms(self, **changed: int) -> tuple[int, ...]:
        """IPendingRewards.Terms from today on, a window of two days."""
        usual = {"rate": RATE, "first": self.today, "until": 0, "window": 2, "budget": 10**12}
        return tuple((usual | changed).values())

    def open(self, **changed: Any) -> None:
        self.referrals.send("open", self.programme(**changed), sender=self.merchant)

    def programme(self, **changed: Any) -> tuple[Any, ...]:
        """IReferrals.Programme of the shop from today on, without a window."""
        usual = {"sponsor": SHOP, "rate": RATE, "first": self.today, "until": 0, "window": 0, "everywhere": False}
        return tuple((usual | {"budget": 10**12, "per_referred": 0, "per_referrer": 0} | changed).values())

    def pay(self, *lines: Any, shop: MerchantId = SHOP) -> list[Leaf]:
        return self.twin.pay(shop, BOB, *lines)

    def refund(self, leaf: Leaf, amount: int) -> None:
        undo = (Undo(leaf=leaf, amount=amount),)
        self.twin.refund(Refund(sequence=self.twin.next_sequence(), kind=1, lines=undo))

    def claim(self, *leaves: Leaf, version: int = 1) -> None:
        self.pending.send("claim", SHOP, version, self.words(leaves), sender=self.stranger)
        self.twin.now = self.twin.chain.now()

    def claim_referral(self, *leaves: Leaf, programme: int = 1) -> None:
        self.referrals.send("claim", programme, self.words(leaves), sender=self.stranger)
        self.twin.now = self.twin.chain.now()

    def words(self, leaves: Any) -> list[Any]:
        return [proven(self.twin, leaf) for leaf in leaves]

    def wait(self, days: int) -> None:
        self.twin.now = self.twin.chain.now()
        wait(self.twin, days * DAY)

    def coins(self, member: int) -> int:
        account = self.ledger.view("account", member)
        return int(account["current"] + account["previous"])

    def refused(self, contract: Contract, name: str, *arguments: Any, sender: str | None = None) -> str:
        with pytest.raises(Reverted) as caught:
            contract.view(name, *arguments, sender=sender or self.merchant)
        return caught.value.error


@pytest.fixture(scope="module")
def opened_till(chain: Chain, terms: Terms) -> Till:
    return Till(Twin(chain, terms, Suite))


@pytest.fixture
def till(opened_till: Till) -> Iterator[Till]:
    with opened_till.twin.forgotten():
        yield opened_till


# --- pending ----------------------------------------------------------------------------------------------------------


def test_line_gives_its_pending_points_once_after_the_window_net_of_refunds(till: Till) -> None:
    till.set_terms()
    (leaf,) = till.pay(external(10_000))
    at_once = till.coins(BOB)
    assert till.refused(till.pending, "claim", SHOP, 1, till.words([leaf])) == "TooEarly"
    till.wait(2)
    assert till.refused(till.pending, "claim", SHOP, 1, till.words([leaf])) == "TooEarly"
    till.refund(leaf, 3_333)
    after_refund = till.coins(BOB)
    assert after_refund == at_once * 6_667 // 10_000
    till.wait(1)
    till.claim(leaf)
    assert till.coins(BOB) - after_refund == 6_667 * RATE // 10_000
    assert till.refused(till.pending, "claim", SHOP, 1, till.words([leaf])) == "NothingToGive"


def test_coins_and_other_merchants_lines_give_no_pending_points(till: Till) -> None:
    """Earning is net of coins: the coin line of a split payment gives nothing, now or later."""
    till.set_terms(window=0)
    till.pay(external(50_000))
    coin, cash, value = till.pay(coins(300), external(500), stored(200))
    (other,) = till.pay(external(100), shop=OTHER)
    till.wait(1)
    assert coin.points == 0
    assert till.refused(till.pending, "claim", SHOP, 1, till.words([coin])) == "LineDoesNotCount"
    assert till.refused(till.pending, "claim", SHOP, 1, till.words([other])) == "LineDoesNotCount"
    before = till.coins(BOB)
    till.claim(cash, value)
    assert till.coins(BOB) - before == 500 * RATE // 10_000 + 200 * RATE // 10_000


def test_what_prepaid_or_budget_does_not_reach_stays_claimable(till: Till) -> None:
    till.set_terms(window=0, budget=100_000)
    (leaf,) = till.pay(external(10_000))
    till.wait(1)
    till.claim(leaf)
    assert till.pending.view("givenFor", leaf.hash)["units"] == 100_000
    assert till.refused(till.pending, "claim", SHOP, 1, till.words([leaf])) == "NothingToGive"
    till.pending.send("raiseBudget", SHOP, 1, 10**9, sender=till.merchant)
    # the merchant gives all its points away but a few
    till.ledger.send("setDoors", till.world.holder, 16, sender=till.operator)
    prepaid = till.ledger.view("merchant", SHOP)["prepaid"]
    till.ledger.send("issue", SHOP, till.world.holder, prepaid - 7, sender=till.world.holder)
    till.claim(leaf)
    assert till.pending.view("givenFor", leaf.hash)["units"] == 100_007
    till.ledger.send("buyPoints", SHOP, 10_000, sender=till.operator)
    till.claim(leaf)
    assert till.pending.view("givenFor", leaf.hash)["units"] == 500_000


def test_a_refund_after_the_claim_takes_the_points_back_or_makes_a_debt_of_them(till: Till) -> None:
    till.set_terms(window=0)
    (leaf,) = till.pay(external(10_000))
    till.wait(1)
    till.claim(leaf)
    till.refund(leaf, 10_000)
    assert till.coins(BOB) == 500_000
    budget = till.pending.view("termsOf", SHOP, 1)["budget"]
    till.claim(leaf)
    assert till.coins(BOB) == 0
    assert till.pending.view("termsOf", SHOP, 1)["budget"] == budget + 500_000
    (again,) = till.pay(external(10_000))
    till.wait(1)
    till.claim(again)
    account = till.ledger.view("memberAccount", BOB)
    till.ledger.send("transfer", till.world.holder, till.coins(BOB), sender=till.world.chain.impersonate(account))
    till.twin.now = till.twin.chain.now()
    quiet(till, again, 10_000)
    till.claim(again)
    # 1 % of the line by the ledger, half a per cent by the pending points
    assert till.ledger.view("arrears", SHOP, BOB) == 1_000_000 + 500_000


def test_points_of_an_expired_epoch_are_not_collected_again(till: Till) -> None:
    till.set_terms(window=0)
    (leaf,) = till.pay(external(10_000))
    till.wait(1)
    till.claim(leaf)
    till.twin.tick(2 * EPOCH)
    till.ledger.send("setStream", 1, till.world.poster, 10**9, 10**9, sender=till.operator)
    till.refund(leaf, 10_000)
    till.claim(leaf)
    assert till.pending.view("givenFor", leaf.hash)["units"] == 0
    assert till.ledger.view("arrears", SHOP, BOB) == 0


def test_terms_of_a_day_do_not_change_once_it_has_come(till: Till) -> None:
    today = till.today
    till.set_terms()
    assert till.refused(till.pending, "set", SHOP, till.terms()) == "BadDays"
    assert till.refused(till.pending, "end", SHOP, today) == "BadDays"
    till.set_terms(first=today + 1, rate=7)
    assert till.pending.view("termsOf", SHOP, 1)["untilDay"] == today + 1
    (leaf,) = till.pay(external(10_000))
    till.wait(3)
    assert till.refused(till.pending, "claim", SHOP, 2, till.words([leaf])) == "LineDoesNotCount"
    till.claim(leaf)
    assert till.pending.view("givenFor", leaf.hash)["units"] == 500_000


@pytest.mark.parametrize(
    ("error", "changed"),
    [
        ("BadRate", {"rate": 0}),
        ("BadBudget", {"budget": 0}),
        ("BadDays", {"first": 1}),
        ("BadDays", {"until": 1}),
        ("BadDays", {"window": 366}),
    ],
)
def test_terms_are_refused_by_name_when_they_cannot_be(till: Till, error: str, changed: dict[str, int]) -> None:
    assert till.refused(till.pending, "set", SHOP, till.terms(**changed)) == error
    assert till.refused(till.referrals, "open", till.programme(**changed)) == error


def test_claims_are_refused_by_name_when_nothing_is_there(till: Till) -> None:
    (leaf,) = till.pay(external(100))
    assert till.refused(till.pending, "claim", SHOP, 1, till.words([leaf])) == "UnknownTerms"
    assert till.refused(till.referrals, "claim", 1, till.words([leaf])) == "UnknownProgramme"
    assert till.refused(till.pending, "set", SHOP, till.terms(), sender=till.stranger) == "NotInGroup"
    assert till.refused(till.referrals, "open", till.programme(), sender=till.stranger) == "NotInGroup"
    assert till.refused(till.pending, "raiseBudget", SHOP, 1, 5) == "UnknownTerms"
    assert till.refused(till.referrals, "raiseBudget", 1, 5) == "UnknownProgramme"
    till.set_terms(window=0)
    till.open()
    for contract, name, arguments in (
        (till.pending, "raiseBudget", (SHOP, 1, 2**56 - 1)),
        (till.referrals, "raiseBudget", (1, 0)),
    ):
        assert till.refused(contract, name, *arguments) == "BadBudget"
    forged = dataclasses.replace(leaf, amount=leaf.amount + 1)
    for contract, arguments in ((till.pending, (SHOP, 1)), (till.referrals, (1,))):
        assert till.refused(contract, "claim", *arguments, till.words([forged])) == "NotProven"
    assert till.refused(till.pending, "claim", SHOP, 1, []) == "NothingToGive"


def test_what_lines_give_no_more_is_taken_back_in_a_pause_and_nothing_given(till: Till) -> None:
    till.set_terms()
    till.open()
    (leaf,), (fresh,) = till.pay(external(1_000)), till.pay(external(1_000))
    wait(till.twin, 3 * DAY)
    till.claim(leaf)
    till.claim_referral(leaf)
    till.refund(leaf, 400)
    till.ledger.send("pause", sender=till.operator)
    assert till.refused(till.pending, "claim", SHOP, 1, till.words([fresh])) == "NetworkPaused"
    assert till.refused(till.referrals, "claim", 1, till.words([fresh])) == "NetworkPaused"
    till.claim(leaf)
    till.claim_referral(leaf)
    assert till.pending.view("givenFor", leaf.hash)["units"] == 600 * RATE // 10_000
    assert till.referrals.view("earningsOf", 1, ANN)["debt"] == 400 * RATE // 10_000


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    amount=st.integers(1, 5_000),
    steps=st.lists(st.one_of(st.just("claim"), st.integers(1, 2_000)), max_size=6),
)
def test_claims_and_refunds_in_any_order_end_where_one_refund_before_one_claim_ends(
    till: Till, amount: int, steps: list[str | int]
) -> None:
    """No order of calls lets anybody end with more than the line gives for what was kept."""
    with till.twin.forgotten():
        till.set_terms(window=0)
        till.open()
        (leaf,) = till.pay(external(amount))
        till.wait(1)
        left = amount
        for step in [*steps, "claim"]:
            if step == "claim":
                for claim in (till.claim, till.claim_referral):
                    with_nothing(claim, leaf)
            elif int(step) <= left:
                till.refund_quietly(leaf, int(step)) if hasattr(till, "refund_quietly") else quiet(
                    till, leaf, int(step)
                )
                left -= int(step)
        entitled = left * RATE // 10_000
        assert till.pending.view("givenFor", leaf.hash)["units"] == entitled
        assert till.referrals.view("givenFor", 1, leaf.hash)["units"] == entitled
        debt = till.referrals.view("earningsOf", 1, ANN)["debt"]
        assert till.coins(ANN) == entitled + debt
        assert till.coins(BOB) == entitled + left * 100


def with_nothing(claim: Any, leaf: Leaf) -> None:
    """A claim that may find nothing to do."""
    try:
        claim(leaf)
    except Reverted as reverted:
        assert reverted.error == "NothingToGive"


def quiet(till: Till, leaf: Leaf, amount: int) -> None:
    """A refund that the twin's model does not follow: it knows nothing of these claims."""
    refund = Refund(sequence=till.twin.next_sequence(), kind=1, lines=(Undo(leaf=leaf, amount=amount),))
    till.ledger.send("postRefunds", 1, [till.twin.refund_words(refund)], sender=till.world.poster)


# --- referrals --------------------------------------------------------------------------------------------------------


def test_referrer_gets_points_on_what_comes_from_outside_and_on_nothing_else(till: Till) -> None:
    till.open()
    till.pay(external(50_000))
    coin, cash, value = till.pay(coins(300), external(500), stored(200))
    (other,) = till.pay(external(100), shop=OTHER)
    till.wait(1)
    for leaf in (coin, value, other):
        assert till.refused(till.referrals, "claim", 1, till.words([leaf])) == "LineDoesNotCount"
    till.claim_referral(cash)
    assert till.coins(ANN) == 500 * RATE // 10_000
    assert till.refused(till.referrals, "claim", 1, till.words([cash])) == "NothingToGive"
    till.open(everywhere=True)
    (later,) = till.pay(external(100), shop=OTHER)
    till.wait(1)
    till.claim_referral(later, programme=2)
    assert till.referrals.view("broughtBy", 2, BOB) == 100 * RATE // 10_000


def test_nobody_is_referred_twice_by_itself_or_in_a_circle(till: Till) -> None:
    def refused(*pair: int) -> str:
        return till.refused(till.referrals, "enrolReferred", *pair, sender=till.operator)

    assert refused(EVE, EVE) == "SelfReferral"
    assert refused(BOB, EVE) == "AlreadyReferred"
    assert refused(ANN, BOB) == "ReferrerAlready"
    assert refused(ANN, EVE) == "ReferrerAlready"
    assert refused(99, ANN) == "NoSuchMember"
    assert refused(EVE, 99) == "NoSuchMember"
    assert till.refused(till.referrals, "enrolReferred", EVE, ANN, sender=till.stranger) == "AccessManagedUnauthorized"
    assert till.refused(till.referrals, "recordReferrer", SHOP, EVE, ANN, sender=till.stranger) == "NotInGroup"
    assert till.refused(till.referrals, "nameReferrer", EVE, ANN, 0, b"", sender=till.stranger) == "NotMember"
    # a chain of friends is none: each gets points on its own friend's spending alone
    till.referrals.send("enrolReferred", EVE, BOB, sender=till.operator)


def test_no_circle_goes_over_a_sponsor_s_record_and_what_members_named(till: Till) -> None:
    # Ann referred Bob, for all; a clerk says that Bob referred Ann
    record = ("recordReferrer", SHOP, ANN, BOB)
    assert till.refused(till.referrals, *record, sender=till.merchant) == "ReferrerAlready"
    till.referrals.send("recordReferrer", SHOP, EVE, BOB, sender=till.merchant)
    assert till.refused(till.referrals, "recordReferrer", SHOP, BOB, EVE, sender=till.merchant) == "ReferrerAlready"
    # and the other way round: what a clerk said of Cid and Dan first
    till.twin.enrol(CID, DAN)
    till.referrals.send("recordReferrer", SHOP, CID, DAN, sender=till.merchant)
    assert till.refused(till.referrals, "enrolReferred", DAN, CID, sender=till.operator) == "ReferrerAlready"
    till.referrals.send("enrolReferred", CID, DAN, sender=till.operator)


def test_member_names_its_referrer_by_a_signature_that_works_once(till: Till) -> None:
    till.world.give_key(EVE, KEY.address)
    fields = [("member", "uint64", EVE), ("referrer", "uint64", ANN), ("nonce", "uint256", 0)]
    fields.append(("deadline", "uint256", 2**40))
    arguments = (EVE, ANN, 2**40)
    wrong = signed(till.referrals, KEY, "Refer", fields, name="Tillnet Referrals", chain_id=1)
    assert till.refused(till.referrals, "nameReferrer", *arguments, wrong) == "NotMember"
    late = signed(till.referrals, KEY, "Refer", [*fields[:-1], ("deadline", "uint256", 1)], name="Tillnet Referrals")
    assert till.refused(till.referrals, "nameReferrer", EVE, ANN, 1, late) == "SignatureExpired"
    signature = signed(till.referrals, KEY, "Refer", fields, name="Tillnet Referrals")
    assert till.refused(till.referrals, "nameReferrer", EVE, BOB, 2**40, signature) == "NotMember"
    till.referrals.send("nameReferrer", *arguments, signature, sender=till.stranger)
    assert till.refused(till.referrals, "nameReferrer", *arguments, signature) == "NotMember"
    assert till.referrals.view("referralOf", 0, EVE)["referrer"] == ANN


def test_spending_before_the_referral_and_of_others_does_not_count(till: Till) -> None:
    till.open()
    (before,) = till.twin.pay(SHOP, EVE, external(100))
    till.referrals.send("recordReferrer", SHOP, EVE, ANN, sender=till.merchant)
    till.twin.now = till.twin.chain.now()
    (after,) = till.twin.pay(SHOP, EVE, external(100))
    (own,) = till.twin.pay(SHOP, ANN, external(100))
    till.wait(1)
    for leaf in (before, own):
        assert till.refused(till.referrals, "claim", 1, till.words([leaf])) == "NotReferred"
    till.claim_referral(after)


def test_caps_hold_and_what_they_leave_out_waits_for_the_next_epoch(till: Till) -> None:
    till.open(per_referrer=30_000, per_referred=70_000)
    (leaf,) = till.pay(external(2_000))  # due: 100,000
    till.wait(1)
    till.claim_referral(leaf)
    assert till.coins(ANN) == 30_000
    assert till.refused(till.referrals, "claim", 1, till.words([leaf])) == "NothingToGive"
    for units in (60_000, 70_000):
        till.wait(30)
        till.claim_referral(leaf)
        assert till.referrals.view("givenFor", 1, leaf.hash)["units"] == units
    till.wait(30)
    assert till.refused(till.referrals, "claim", 1, till.words([leaf])) == "NothingToGive"


def test_refund_after_the_claim_is_set_off_against_the_next_points(till: Till) -> None:
    till.open()
    (first,) = till.pay(external(1_000))
    till.wait(1)
    till.claim_referral(first)
    quiet(till, first, 600)
    till.claim_referral(first)
    assert till.referrals.view("earningsOf", 1, ANN)["debt"] == 30_000
    till.twin.now = till.twin.chain.now()
    body = till.twin.payment(SHOP, BOB, external(1_000))
    (second,) = accepted(till, body)
    till.wait(1)
    till.claim_referral(second)
    # 50,000 for 10.00 and 20,000 for what is left of the other
    assert till.coins(ANN) == 70_000
    assert till.referrals.view("earningsOf", 1, ANN)["debt"] == 0


def accepted(till: Till, payment: Any) -> list[Leaf]:
    """The leaves of a payment that is posted; the model has not seen what happened before."""
    return list(till.twin.post(payment).leaves)


def merged(till: Till, source: int, into: int) -> None:
    """Two members become one, as the network's contracts do it: the ledger's words, and who the survivor is."""
    ledger, cards = till.ledger, till.world["MemberCards"]
    part = till.world.holder
    ledger.send("setDoors", part, 64, sender=till.operator)
    ledger.send("mergeMembers", source, into, [SHOP, OTHER], sender=part)
    cards.send("merge", source, into, sender=till.world.chain.impersonate(till.world["MemberMerge"].address))
    till.twin.now = till.twin.chain.now()


def test_merged_members_get_and_owe_what_was_theirs(till: Till) -> None:
    till.open()
    till.set_terms(window=0)
    (leaf,) = till.pay(external(1_000))
    till.wait(1)
    assert till.refused(till.referrals, "carryDebt", 1, ANN) == "NothingToGive"
    till.claim_referral(leaf)
    quiet(till, leaf, 500)
    till.claim_referral(leaf)
    merged(till, ANN, EVE)
    till.referrals.send("carryDebt", 1, ANN, sender=till.stranger)
    assert till.refused(till.referrals, "carryDebt", 1, ANN) == "NothingToGive"
    quiet(till, leaf, 500)
    till.claim_referral(leaf)
    assert till.referrals.view("earningsOf", 1, EVE)["debt"] == 50_000
    till.twin.now = till.twin.chain.now()
    (own,) = accepted(till, till.twin.payment(SHOP, BOB, external(100)))
    # Bob becomes its own referrer: what it spent brings it nothing, and its pending points are its survivor's
    merged(till, BOB, EVE)
    till.wait(1)
    assert till.refused(till.referrals, "claim", 1, till.words([own])) == "NotReferred"
    before = till.coins(EVE)
    till.claim(own)
    assert till.coins(EVE) - before == 100 * RATE // 10_000


def test_programme_ends_tomorrow_at_the_earliest(till: Till) -> None:
    till.open()
    assert till.refused(till.referrals, "end", 1, till.today) == "BadDays"
    assert till.refused(till.referrals, "end", 1, till.today + 1, sender=till.stranger) == "NotInGroup"
    till.referrals.send("end", 1, till.today + 1, sender=till.merchant)
    assert till.refused(till.referrals, "end", 1, till.today + 2) == "BadDays"
    till.twin.now = till.twin.chain.now()
    till.wait(1)
    (late,) = accepted(till, till.twin.payment(SHOP, BOB, external(100)))
    till.wait(1)
    assert till.refused(till.referrals, "claim", 1, till.words([late])) == "LineDoesNotCount"
