"""Payments in two steps and the coin's discount as they come from tills: in batches, through the ledger."""

from typing import Any

import pytest

from benchmarks.devchain import Chain
from benchmarks.suite import Suite
from benchmarks.world import STREAM, Terms
from node.domain.act import undoing
from node.domain.batch_format import BatchPayment, make_batch
from node.domain.ids import MemberId, MerchantId
from node.domain.ids import Sequence as SequenceNumber
from tests.contracts.suite.guarantee import make_indebted
from tests.contracts.suite.people import merge
from tests.contracts.twin import AUTHORISATION, ONE, Twin, coins, external

pytestmark = pytest.mark.anvil
SHOP, AT_ONCE = MerchantId(1), MerchantId(2)
ANN, BOB, CARL = MemberId(1), MemberId(2), MemberId(3)
VALUE, COINS = 2, 1
DAY = 86_400


class Tills:
    """Two merchants with terms (by batch, at once), two members with value and coins, a discount that the platform
    bears at the first."""

    def __init__(self, twin: Twin) -> None:
        self.twin = twin
        self.world: Suite = twin.world  # type: ignore[assignment]
        self.escrow, self.discount = self.world["SettlementEscrow"], self.world["CoinDiscount"]
        operator = self.world.operator
        for _ in range(2):
            twin.base(twin.onboard(prepaid=10**6))
        twin.enrol(ANN, BOB)
        for member in (ANN, BOB):
            twin.recharge(member, 50_000)
            twin.pay(SHOP, member, external(1_000_000))
        for merchant, at_once in ((SHOP, False), (AT_ONCE, True)):
            shares = [(self.world.holder, 10_000)]
            self.escrow.send("setMerchantTerms", merchant, 100, at_once, shares, sender=operator)
        self.world.cash.send("approve", self.discount.address, 10**6, sender=operator)
        self.discount.send("fillFund", 10**6, sender=operator)
        self.discount.send("setAllowance", SHOP, 10**6, sender=operator)
        self.discount.send("setBearer", SHOP, 2, sender=self.world.merchant)

    def fields(self, tender: int, amount: int, *, reward: int = 0) -> bytes:
        now = self.world.chain.now()
        parts = ((3, 1), (tender, 1), (amount, 6), (now + DAY, 4), (now + 9 * DAY, 4), (reward, 7))
        return b"".join(value.to_bytes(size, "big") for value, size in parts)

    def payment(self, act: bytes, *lines: Any, member: MemberId = ANN, merchant: MerchantId = SHOP) -> BatchPayment:
        self.twin.now = self.world.chain.now()
        return self.twin.payment(merchant, member, *lines, act=act, authorisation=AUTHORISATION)

    def post(self, *payments: BatchPayment) -> list[int]:
        """The reasons of those that were skipped, in the order given (a batch sorts by merchants)."""
        receipt = self.world.post(make_batch(ONE, payments))
        events = self.world.ledger.events(receipt)
        assert events[-1].args["processed"] == len(payments)
        skipped = {event.args["sequence"]: event.args["reason"] for event in events if event.name == "Skipped"}
        return [skipped[payment.sequence] for payment in payments if payment.sequence in skipped]

    def of(self, kind: int, origin: BatchPayment, *parts: tuple[int, int]) -> bytes:
        """An act about the payment that authorised."""
        body = bytes([kind]) + STREAM.to_bytes(4, "big") + origin.sequence.to_bytes(8, "big")
        return body + b"".join(value.to_bytes(size, "big") for value, size in parts)

    def value(self, member: MemberId = ANN) -> int:
        return int(self.world.ledger.view("account", member)["value"])

    def payable(self, merchant: MerchantId) -> int:
        return int(self.world.ledger.view("merchant", merchant)["payable_"])

    def backed(self) -> None:
        """What everybody holds is what it owes."""
        held = sum(self.world.ledger.view("totals").values())
        assert self.world.cash.view("balanceOf", self.world.ledger.address) == held
        owed = sum(self.escrow.view("holdings").values())
        assert self.world.cash.view("balanceOf", self.escrow.address) == owed
        assert self.world.cash.view("balanceOf", self.discount.address) == self.discount.view("fund")


@pytest.fixture(scope="module")
def tills(chain: Chain, terms: Terms) -> Tills:
    return Tills(Twin(chain, terms, Suite))


@pytest.fixture(autouse=True)
def forgotten(tills: Tills) -> Any:
    with tills.twin.forgotten():
        yield
        tills.backed()


@pytest.mark.parametrize(("merchant", "debt"), [(SHOP, 0), (AT_ONCE, 0), (AT_ONCE, 20_000)])
def test_stored_value_is_authorised_captured_undone_and_captured_again(
    tills: Tills, merchant: MerchantId, debt: int
) -> None:
    """Whatever the merchant owes the guarantee fund: what is undone never was its own."""
    if debt:
        make_indebted(tills.world, merchant, debt)
    origin = tills.payment(tills.fields(VALUE, 9_000, reward=90_000), merchant=merchant)
    assert tills.post(origin) == []
    assert tills.value() == 41_000
    assert tills.world.ledger.view("stream", STREAM)["debited"] >= 9_000
    capture = tills.payment(tills.of(4, origin, (9_000, 6), (90_000, 7)), merchant=merchant)
    assert tills.post(capture) == []
    assert tills.payable(merchant) == (0 if merchant == SHOP else 8_910)
    undo = tills.payment(undoing(4, SequenceNumber(capture.sequence)).data, merchant=merchant)
    assert tills.post(undo) == []
    assert tills.escrow.view("holdings")["authorized"] == 9_000
    assert tills.payable(merchant) == 0
    says = tills.escrow.view("statementOf", merchant)
    assert (says["gross"], says["fees"], says["net"], says["carryForward"]) == (0, 0, 0, debt)
    again = tills.payment(undoing(4, SequenceNumber(capture.sequence)).data, merchant=merchant)
    assert tills.post(again) == [32]
    part = tills.payment(tills.of(4, origin, (4_000, 6), (40_000, 7)), merchant=merchant)
    void = tills.payment(tills.of(5, origin), merchant=merchant)
    # one after the other in one batch
    assert tills.post(part, void) == []
    assert tills.value() == 50_000 - 4_000
    late = tills.payment(tills.of(4, origin, (1, 6), (10, 7)), merchant=merchant)
    assert tills.post(late) == [32]


def test_capture_is_undone_on_its_day_and_on_no_other(tills: Tills) -> None:
    origin = tills.payment(tills.fields(VALUE, 9_000))
    capture = tills.payment(tills.of(4, origin, (9_000, 6), (0, 7)))
    assert tills.post(origin, capture) == []
    tills.twin.tick(DAY)
    tills.world.cash.send("withdraw", 0, bytes(32), sender=tills.world.operator)
    undo = tills.payment(undoing(4, SequenceNumber(capture.sequence)).data)
    assert tills.post(undo) == [33]
    assert tills.value() == 41_000


def test_coins_are_authorised_captured_and_given_back(tills: Tills) -> None:
    before = tills.world.ledger.view("account", BOB)
    origin = tills.payment(tills.fields(COINS, 50), member=BOB)
    assert tills.post(origin) == []
    assert tills.world.ledger.view("balanceOf", tills.escrow.address) == 500_000
    capture = tills.payment(tills.of(4, origin, (50, 6), (0, 7)), member=BOB)
    assert tills.post(capture) == []
    assert tills.escrow.view("statementOf", SHOP)["net"] == 50
    # the money is there, so it can be undone; what was redeemed goes back to the member
    assert tills.post(tills.payment(undoing(4, SequenceNumber(capture.sequence)).data, member=BOB)) == []
    after = tills.world.ledger.view("account", BOB)
    assert (after["current"], after["previous"]) == (before["current"], before["previous"])
    assert tills.post(tills.payment(tills.of(5, origin), member=BOB)) == [32]


@pytest.mark.parametrize("tender", [VALUE, COINS])
def test_who_a_merged_member_is_now_completes_undoes_and_voids_its_payment(tills: Tills, tender: int) -> None:
    tills.world.registry.send("enrolMembers", [CARL], sender=tills.world.operator)
    both = [tills.world.ledger.view("account", member) for member in (ANN, BOB)]
    origin = tills.payment(tills.fields(tender, 50))
    assert tills.post(origin) == []
    merge(tills.twin, ANN, BOB, SHOP)
    capture = tills.of(4, origin, (20, 6), (0, 7))
    # the old number is frozen, and a stranger is nobody to this payment
    assert tills.post(tills.payment(capture), tills.payment(capture, member=CARL)) == [7, 38]
    for member in (BOB, ANN):
        taken = tills.payment(capture, member=BOB)
        assert tills.post(taken) == []
        # a reversal comes by the number that the till read, which may be the old one
        undo = undoing(4, SequenceNumber(taken.sequence)).data
        assert tills.post(tills.payment(undo, member=CARL), tills.payment(undo, member=member)) == [38]
    assert tills.post(tills.payment(tills.of(5, origin), member=BOB)) == []
    now = tills.world.ledger.view("account", BOB)
    for field in ("value", "current"):
        assert now[field] == sum(account[field] for account in both)


def test_closed_merchant_s_till_authorises_nothing(tills: Tills) -> None:
    tills.world.registry.send("setMerchantActive", SHOP, False, sender=tills.world.operator)
    assert len(tills.post(tills.payment(tills.fields(VALUE, 700)))) == 1
    assert tills.escrow.view("holdings")["authorized"] == 0


def test_authorisation_undone_by_the_bridge_goes_back_once(tills: Tills) -> None:
    origin = tills.payment(tills.fields(VALUE, 700))
    assert tills.post(origin) == []
    undo = undoing(3, SequenceNumber(origin.sequence)).data
    assert tills.post(tills.payment(undo)) == []
    assert tills.value() == 50_000
    assert tills.post(tills.payment(undo)) == [32]
    assert tills.post(tills.payment(undoing(5, SequenceNumber(origin.sequence)).data)) == [32]


def test_act_is_refused_when_it_is_not_this_member_s_or_merchant_s(tills: Tills) -> None:
    origin = tills.payment(tills.fields(VALUE, 700))
    assert tills.post(origin) == []
    body = tills.of(4, origin, (700, 6), (0, 7))
    wrong = [
        tills.payment(body, member=BOB),
        tills.payment(body, merchant=AT_ONCE),
        tills.payment(tills.of(4, origin, (701, 6), (0, 7))),
        tills.payment(tills.of(4, origin, (700, 6), (10**15, 7))),
        tills.payment(bytes([4]) + bytes(25)),
        tills.payment(bytes([4])),
        tills.payment(tills.fields(VALUE, 60_000)),
        tills.payment(tills.fields(COINS, 60_000)),
        tills.payment(tills.fields(0, 60)),
        tills.payment(tills.of(5, origin), external(500)),
    ]
    assert tills.post(*wrong) == [38, 34, 35, 37, 31, 30, 14, 15, 34, 34]
    assert tills.escrow.view("holdings")["authorized"] == 700


def test_discount_comes_with_the_coins_that_it_is_given_for(tills: Tills) -> None:
    act = bytes([8]) + (5).to_bytes(6, "big")
    assert tills.post(tills.payment(act, coins(95), external(500))) == []
    assert tills.payable(SHOP) == 100
    # a discount that is too large takes its payment with it
    assert tills.post(tills.payment(bytes([8]) + (6).to_bytes(6, "big"), coins(95), member=BOB)) == [35]
    assert tills.payable(SHOP) == 100
    undo = undoing(8, SequenceNumber(tills.twin.sequence - 1)).data
    assert tills.post(tills.payment(undo)) == []
    assert tills.payable(SHOP) == 95
