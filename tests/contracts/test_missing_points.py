"""A claim for missing points: two people, one receipt, bounds, the merchant's base; and what undoes it."""

from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.devchain import Chain, Contract, Reverted
from benchmarks.suite import Suite
from benchmarks.world import Terms
from node.domain.ids import MemberId, MerchantId
from tests.contracts.conftest import EPOCH
from tests.contracts.suite.missing_model import Receipt
from tests.contracts.suite.people import wait
from tests.contracts.twin import Twin

pytestmark = pytest.mark.anvil
SHOP, OTHER = MerchantId(1), MerchantId(2)
ANN = MemberId(1)
DAY = 86_400
RECONCILE, FINANCE = 128, 8


class Office:
    """A merchant with tiers, a clerk who reconciles and a second person; Ann's tier earns 1.5x."""

    def __init__(self, twin: Twin) -> None:
        assert isinstance(twin.world, Suite)
        self.twin, self.world, self.ledger = twin, twin.world, twin.ledger
        self.missing: Contract = self.world["MissingPoints"]
        twin.base(twin.onboard(prepaid=1_000), tiers=(15_000,))
        twin.onboard()
        twin.enrol(ANN)
        twin.set_tier(ANN, 1)
        self.clerk, self.second = (self.world.chain.impersonate("0x" + byte * 20) for byte in ("c1", "c2"))
        for account, groups in ((self.clerk, RECONCILE), (self.second, FINANCE | RECONCILE)):
            for shop in (SHOP, OTHER):
                self.world.registry.send("setGroups", shop, account, groups, sender=self.world.merchant)
        twin.now = twin.chain.now()

    def receipt(self, **changed: Any) -> Receipt:
        usual = {"merchant": SHOP, "number": b"no. 7".ljust(32, b"\0"), "amount": 2_000, "member": ANN}
        return Receipt(**({"time": self.twin.now - 60} | usual | changed))

    def attest(self, **changed: Any) -> bytes:
        receipt = self.receipt(**changed)
        self.missing.send("attest", receipt.words(), sender=self.clerk)
        number = self.missing.view("idOf", receipt.merchant, receipt.store, receipt.number, receipt.time)
        assert isinstance(number, bytes)
        return number

    def coins(self) -> int:
        account = self.ledger.view("account", ANN)
        return int(account["current"] + account["previous"])

    def refused(self, name: str, *arguments: Any, sender: str | None = None) -> str:
        with pytest.raises(Reverted) as caught:
            self.missing.view(name, *arguments, sender=sender or self.clerk)
        return caught.value.error


@pytest.fixture(scope="module")
def opened_office(chain: Chain, terms: Terms) -> Office:
    return Office(Twin(chain, terms, Suite))


@pytest.fixture
def office(opened_office: Office) -> Iterator[Office]:
    with opened_office.twin.forgotten():
        yield opened_office


def test_claim_gives_what_the_merchant_s_base_gives_the_member_s_tier(office: Office) -> None:
    number = office.attest()
    prepaid = office.ledger.view("merchant", SHOP)["prepaid"]
    office.missing.send("approve", number, sender=office.second)
    assert office.coins() == 2_000 * 100 * 3 // 2
    assert office.ledger.view("merchant", SHOP)["prepaid"] == prepaid - 300_000
    assert office.ledger.view("account", ANN)["earnedInWindow"] == 300_000


def test_approval_is_another_person_s_of_this_merchant(office: Office) -> None:
    number = office.attest()
    office.world.registry.send("setGroups", SHOP, office.clerk, RECONCILE | FINANCE, sender=office.world.merchant)
    assert office.refused("approve", number) == "SamePerson"
    assert office.refused("approve", number, sender=office.world.stranger) == "NotInGroup"
    office.world.registry.send("setGroups", SHOP, office.second, RECONCILE, sender=office.world.merchant)
    assert office.refused("approve", number, sender=office.second) == "NotInGroup"
    assert office.refused("attest", office.receipt().words(), sender=office.world.stranger) == "NotInGroup"


@pytest.mark.parametrize(
    ("error", "changed"),
    [
        ("BadAmount", {"amount": 0}),
        ("BadAmount", {"amount": 100_000_001}),
        ("BadAmount", {"amount": 2**48 + 1}),
        ("BadTime", {"time": 2_000_000_000}),
        ("BadTime", {"time": 1_600_000_000}),
        ("NoStore", {"store": 1}),
        ("NoSuchMember", {"member": 99}),
    ],
)
def test_attest_is_refused_by_name_when_the_receipt_cannot_be(office: Office, error: str, changed: Any) -> None:
    assert office.refused("attest", office.receipt(**changed).words()) == error


def test_a_receipt_counts_once_whatever_else_is_said_of_it(office: Office) -> None:
    office.attest()
    for changed in ({}, {"amount": 5}, {"time": office.twin.now - 30}):
        assert office.refused("attest", office.receipt(**changed).words()) == "ReceiptUsed"
    # the same number on another day, or at another merchant, is another receipt
    office.attest(time=office.twin.now - 2 * DAY)
    office.attest(merchant=OTHER)


def test_claims_of_a_member_and_day_are_bounded(office: Office) -> None:
    for count in range(3):
        office.attest(number=bytes([count]) * 32)
    assert office.refused("attest", office.receipt(number=b"\7" * 32).words()) == "TooManyClaims"
    office.twin.now = office.twin.chain.now()
    wait(office.twin, DAY)
    office.attest(number=b"\7" * 32)


def test_approve_is_refused_when_there_is_nothing_to_give_or_to_give_from(office: Office) -> None:
    assert office.refused("approve", office.attest(merchant=OTHER), sender=office.second) == "NothingEarned"
    number = office.attest(amount=10**8)
    assert office.refused("approve", number, sender=office.second) == "PrepaidTooLow"
    office.ledger.send("buyPoints", SHOP, 10**7, sender=office.world.operator)
    office.missing.send("approve", number, sender=office.second)
    office.ledger.send("pause", sender=office.world.operator)
    assert office.refused("attest", office.receipt().words()) == "NetworkPaused"
    assert office.refused("approve", number, sender=office.second) == "NetworkPaused"


def test_claim_is_rejected_by_who_attested_or_the_second_person_and_stays_used(office: Office) -> None:
    number = office.attest()
    assert office.refused("reject", number, sender=office.world.stranger) == "NotInGroup"
    office.missing.send("reject", number, sender=office.clerk)
    for name in ("approve", "reject", "revoke"):
        assert office.refused(name, number, sender=office.second) == "WrongState"
    assert office.refused("attest", office.receipt(time=office.twin.now - 60).words()) == "ReceiptUsed"


def test_revoked_claim_goes_back_to_the_merchant_and_not_after_two_epochs(office: Office) -> None:
    first, second = office.attest(), office.attest(number=b"\1" * 32)
    for number in (first, second):
        office.missing.send("approve", number, sender=office.second)
    prepaid = office.ledger.view("merchant", SHOP)["prepaid"]
    assert office.refused("revoke", first, sender=office.clerk) == "NotInGroup"
    office.missing.send("revoke", first, sender=office.second)
    assert (office.coins(), office.ledger.view("merchant", SHOP)["prepaid"]) == (300_000, prepaid + 300_000)
    office.twin.now = office.twin.chain.now()
    wait(office.twin, 2 * EPOCH)
    office.missing.send("revoke", second, sender=office.second)
    assert office.ledger.view("arrears", SHOP, ANN) == 0
