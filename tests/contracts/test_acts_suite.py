"""Acts of the contracts that take them, through the ledger's batch as a bridge posts it, and their undoing."""

from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.devchain import Chain
from benchmarks.suite import Suite
from benchmarks.world import Terms
from node.domain.act import Act, undoing
from node.domain.acts.authorization import Authorize, Capture, Void
from node.domain.acts.certificate import RedeemCertificate
from node.domain.acts.gift import TakeGift
from node.domain.batch_format import BatchPayment, gas_limit, make_batch
from node.domain.ids import MemberId, MerchantId, MinorUnits, StreamId
from node.domain.ids import Sequence as SequenceNumber
from node.domain.payment import Tender
from tests.contracts.suite.codes import no_code
from tests.contracts.twin import AUTHORISATION, ONE, STREAM, Twin, external

pytestmark = pytest.mark.anvil
SHOP = MerchantId(1)
ANN, BOB = MemberId(1), MemberId(2)
MUG = SHOP << 32 | 1
DAY = 86_400


class Till:
    """A shop that takes whatever members can do at a till, and what its terminal sends."""

    def __init__(self, twin: Twin) -> None:
        assert isinstance(twin.world, Suite)
        self.twin, self.world = twin, twin.world
        self.gifts, self.certificates, self.escrow = (
            self.world[name] for name in ("Gifts", "GiftCertificates", "SettlementEscrow")
        )
        twin.base(twin.onboard(prepaid=10**6))
        twin.enrol(ANN, BOB)
        twin.recharge(ANN, 50_000)
        twin.pay(SHOP, ANN, external(100_000))
        operator, merchant = self.world.operator, self.world.merchant
        self.gifts.send("publish", SHOP, b"mug".ljust(32, b"\0"), (250, 100, 3, 0, 0, 2, 3_600), sender=merchant)
        self.world.cash.send("approve", self.certificates.address, 2**256 - 1, sender=operator)
        bought = (500, 0, self.world.chain.now() + 30 * DAY, ANN, no_code())
        self.certificates.send("buy", bought, sender=operator)
        self.escrow.send("setMerchantTerms", SHOP, 150, False, [(self.world.stranger, 10_000)], sender=operator)
        self.now = twin.now = self.world.chain.now()

    def payment(self, act: Act, *lines: Any, member: MemberId = ANN) -> BatchPayment:
        return self.twin.payment(SHOP, member, *lines, act=act.data, authorisation=AUTHORISATION)

    def undo(self, payment: BatchPayment) -> BatchPayment:
        assert payment.act is not None
        return self.payment(undoing(payment.act[0], payment.sequence), member=payment.member)

    def post(self, *payments: BatchPayment) -> list[int]:
        """Posts them in one batch; the reasons of what was skipped."""
        batch = make_batch(ONE, payments)
        self.twin.tick()
        receipt = self.world.post(batch, gas=gas_limit(batch))
        events = self.twin.events(receipt)
        assert events[-1].args["processed"] == len(payments)
        return [event.args["reason"] for event in events if event.name == "Skipped"]

    def state(self) -> dict[str, Any]:
        ledger = self.world.ledger
        shop, account = ledger.view("merchant", SHOP), ledger.view("account", ANN)
        return {
            "prepaid": shop["prepaid"],
            "payable": shop["payable_"],
            "account": account,
            "supply": ledger.view("totalSupply"),
            "totals": ledger.view("totals"),
            "certificate": self.certificates.view("certificate", 1)["value"],
            "escrow": self.escrow.view("holdings"),
        }

    def debited(self) -> int:
        return int(self.world.ledger.view("stream", STREAM)["debited"])


@pytest.fixture(scope="module")
def opened_till(chain: Chain, terms: Terms) -> Till:
    return Till(Twin(chain, terms, Suite))


@pytest.fixture
def till(opened_till: Till) -> Iterator[Till]:
    with opened_till.twin.forgotten():
        yield opened_till


def test_acts_of_many_contracts_run_in_one_batch_and_are_undone_in_another(till: Till) -> None:
    before = till.state()
    acts = [
        till.payment(TakeGift(gift=MUG).act()),
        till.payment(RedeemCertificate(certificate=1, amount=MinorUnits(300)).act(), external(200)),
        till.payment(
            Authorize(
                tender=Tender.STORED_VALUE,
                amount=MinorUnits(5_000),
                capture_by=till.now + DAY,
                refund_by=till.now + 2 * DAY,
            ).act()
        ),
    ]
    assert till.post(*acts) == []
    after = till.state()
    assert after["certificate"] == 200
    assert after["escrow"]["authorized"] - before["escrow"]["authorized"] == 5_000
    assert before["account"]["value"] - after["account"]["value"] == 5_000 + 100
    points = 200 * 100
    assert after["account"]["current"] == before["account"]["current"] - 250 * 10_000 + points
    assert after["payable"] - before["payable"] == 350 + 300
    assert till.debited() == 350 + 300 + 5_000
    assert till.post(*(till.undo(act) for act in acts)) == []
    undone = till.state()
    earned = {**undone["account"], "current": undone["account"]["current"] - points}
    assert (earned["value"], earned["current"]) == (before["account"]["value"], before["account"]["current"])
    assert (undone["certificate"], undone["payable"]) == (before["certificate"], before["payable"])
    assert undone["escrow"] == before["escrow"]
    assert till.post(*(till.undo(act) for act in acts)) == [32, 32, 32]


def test_a_second_part_of_an_authorisation_finds_the_first(till: Till) -> None:
    limits = {"capture_by": till.now + DAY, "refund_by": till.now + 2 * DAY}
    first = till.payment(Authorize(tender=Tender.STORED_VALUE, amount=MinorUnits(5_000), **limits).act())
    part = {"stream": StreamId(STREAM), "sequence": first.sequence}
    captures = [till.payment(Capture(**part, amount=MinorUnits(amount)).act()) for amount in (2_000, 3_001)]
    assert till.post(first, *captures) == [35]
    assert till.post(till.payment(Void(**part).act())) == []
    assert till.world.ledger.view("account", ANN)["value"] == 48_000
    assert till.post(till.payment(Capture(**part, amount=MinorUnits(1)).act())) != []


def test_acts_of_the_wrong_member_or_of_nothing_are_skipped_by_name(till: Till) -> None:
    wrong = [
        till.payment(TakeGift(gift=MUG + 1).act()),
        till.payment(RedeemCertificate(certificate=1, amount=MinorUnits(300)).act(), external(200), member=BOB),
        till.payment(RedeemCertificate(certificate=1, amount=MinorUnits(501)).act(), external(200)),
        till.payment(undoing(6, SequenceNumber(4_000))),
        till.payment(TakeGift(gift=MUG).act(), member=BOB),
    ]
    before = till.state()
    assert till.post(*wrong) == [31, 38, 35, 31, 14]
    assert till.state() == before
