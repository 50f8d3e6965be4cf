"""Gift certificates: bounds, holders, codes that nobody takes over, parts, ends, and cash that is always their sum."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.devchain import Chain, Contract, Reverted
from benchmarks.suite import Suite
from benchmarks.world import Terms
from node.domain.ids import MemberId, MerchantId
from tests.contracts.suite.codes import CODES, no_code, sign_claim, sign_redeem, signed
from tests.contracts.suite.guarantee import make_indebted, owed
from tests.contracts.suite.people import wait
from tests.contracts.suite.till import Act, at_till
from tests.contracts.twin import Twin, external

pytestmark = pytest.mark.anvil
SHOP, OTHER = MerchantId(1), MerchantId(2)
ANN, BOB = MemberId(1), MemberId(2)
DAY = 86_400
KEY, CODE, THIEF = CODES[0], CODES[1], CODES[2]


class Desk:
    """Two merchants, two members with value, Ann with a key; the operator buys for cash."""

    def __init__(self, twin: Twin) -> None:
        assert isinstance(twin.world, Suite)
        self.twin, self.world = twin, twin.world
        self.contract: Contract = self.world["GiftCertificates"]
        for _ in (SHOP, OTHER):
            twin.base(twin.onboard(prepaid=10**6))
        twin.enrol(ANN, BOB)
        twin.recharge(ANN, 1_000)
        self.merchant, self.operator, self.stranger = self.world.merchant, self.world.operator, self.world.stranger
        self.key = self.world.chain.impersonate(KEY.address)
        self.world.give_key(ANN, self.key)
        self.world.cash.send("approve", self.contract.address, 2**256 - 1, sender=self.operator)
        twin.now = twin.chain.now()

    def terms(self, **changed: Any) -> tuple[Any, ...]:
        """IGiftCertificates.Terms of 5.00 for Ann, anywhere, for thirty days."""
        until = self.twin.now + 30 * DAY
        usual = {"amount": 500, "merchant": 0, "until": until, "member": ANN, "code": no_code()}
        return tuple((usual | changed).values())

    def buy(self, **changed: Any) -> int:
        self.contract.send("buy", self.terms(**changed), sender=self.operator)
        return int(self.contract.view("count"))

    def buy_by_code(self, **changed: Any) -> int:
        return self.buy(member=0, code=CODE.address, **changed)

    def left(self, number: int) -> int:
        return int(self.contract.view("certificate", number)["value"])

    def uses(self, number: int) -> int:
        return int(self.contract.view("certificate", number)["uses"])

    def payable(self, shop: int = SHOP) -> int:
        return int(self.world.ledger.view("merchant", shop)["payable_"])

    def value(self, member: int = ANN) -> int:
        return int(self.world.ledger.view("account", member)["value"])

    def held(self) -> int:
        return int(self.world.cash.view("balanceOf", self.contract.address))

    def refused(self, name: str, *arguments: Any, sender: str | None = None) -> tuple[str, tuple[Any, ...]]:
        with pytest.raises(Reverted) as caught:
            self.contract.view(name, *arguments, sender=sender or self.operator)
        return caught.value.error, caught.value.values


@pytest.fixture(scope="module")
def opened_desk(chain: Chain, terms: Terms) -> Desk:
    return Desk(Twin(chain, terms, Suite))


@pytest.fixture
def desk(opened_desk: Desk) -> Iterator[Desk]:
    with opened_desk.twin.forgotten():
        yield opened_desk


@pytest.mark.parametrize(
    ("error", "changed"),
    [
        ("BadAmount", {"amount": 0}),
        ("BadAmount", {"amount": 2**48}),
        ("BadUntil", {"until": 0}),
        ("BadUntil", {"until": 2**32 - 1}),
        ("UnknownMerchant", {"merchant": 9}),
        ("UnknownMember", {"member": 99}),
        ("BadHolder", {"member": 0}),
        ("BadHolder", {"code": CODE.address}),
    ],
)
def test_buy_is_refused_by_name_when_terms_cannot_be(desk: Desk, error: str, changed: dict[str, Any]) -> None:
    assert desk.refused("buy", desk.terms(**changed))[0] == error


def test_a_code_is_for_one_certificate(desk: Desk) -> None:
    desk.buy_by_code()
    terms = desk.terms(member=0, code=CODE.address)
    assert desk.refused("buy", terms) == ("BadHolder", (0, CODE.address.lower()))


def test_buy_takes_cash_value_or_payable_and_its_end_gives_it_back_there(desk: Desk) -> None:
    ledger, cash = desk.world.ledger, desk.world.cash
    ledger.send("creditPayable", SHOP, 800, sender=desk.operator)
    before = cash.view("balanceOf", desk.operator), desk.value(), desk.payable()
    desk.buy()
    desk.contract.send("buyWithValue", ANN, desk.terms(member=BOB), 0, b"", sender=desk.key)
    desk.contract.send("sell", SHOP, 0, desk.terms(amount=300), sender=desk.merchant)
    desk.contract.send("sell", SHOP, ANN, desk.terms(amount=200), sender=desk.merchant)
    assert (cash.view("balanceOf", desk.operator), desk.value(), desk.payable()) == (
        before[0] - 500,
        before[1] - 500,
        before[2] - 500,
    )
    assert desk.held() == desk.contract.view("outstanding") == 1_500
    assert desk.refused("expire", 1)[0] == "NotOver"
    wait(desk.twin, 30 * DAY)
    for number in (1, 2, 3, 4):
        desk.contract.send("expire", number, sender=desk.stranger)
    # the one that a shop sold for Ann goes to Ann, who paid at the till
    assert (cash.view("balanceOf", desk.operator), desk.value(), desk.payable()) == (
        before[0],
        before[1] + 200,
        before[2] - 200,
    )
    assert desk.held() == 0
    assert desk.refused("expire", 1) == ("NoCertificate", (1,))


def test_sell_is_refused_when_not_by_finance_or_beyond_the_payable(desk: Desk) -> None:
    terms = desk.terms()
    assert desk.refused("sell", SHOP, 0, terms, sender=desk.stranger) == ("NotInGroup", (SHOP, desk.stranger, 8))
    assert desk.refused("sell", SHOP, 0, terms, sender=desk.merchant)[0] == "InsufficientPayable"
    assert desk.refused("sell", SHOP, 99, terms, sender=desk.merchant) == ("UnknownMember", (99,))
    assert (
        desk.refused("buyWithValue", ANN, desk.terms(amount=1_001), 0, b"", sender=desk.key)[0] == "InsufficientValue"
    )


def test_code_is_spent_in_parts_by_whoever_signs_with_it_and_by_nobody_else(desk: Desk) -> None:
    number = desk.buy_by_code()
    uses = desk.uses(number)
    good = sign_redeem(desk.contract, CODE, number, SHOP, 200, uses)
    # another merchant, another amount, another chain, another's key: whoever sees the signature can do nothing with it
    for merchant, amount, signature in (
        (OTHER, 200, good),
        (SHOP, 201, good),
        (SHOP, 200, sign_redeem(desk.contract, CODE, number, SHOP, 200, uses, chain_id=1)),
        (SHOP, 200, sign_redeem(desk.contract, THIEF, number, SHOP, 200, uses)),
        (SHOP, 200, b""),
        (SHOP, 200, b"\1" * 65),
    ):
        found = desk.refused("redeemByCode", number, merchant, amount, signature, sender=desk.stranger)
        assert found == ("BadCode", (number, CODE.address.lower()))
    desk.contract.send("redeemByCode", number, SHOP, 200, good, sender=desk.stranger)
    assert (desk.left(number), desk.payable()) == (300, 200)
    # the same signature does not work twice: it names how often the certificate was used
    assert desk.refused("redeemByCode", number, SHOP, 200, good)[0] == "BadCode"
    again = sign_redeem(desk.contract, CODE, number, SHOP, 200, uses + 1)
    desk.contract.send("redeemByCode", number, SHOP, 200, again, sender=desk.stranger)
    assert desk.left(number) == 100


def test_claim_gives_a_code_s_certificate_to_the_member_that_its_signature_names(desk: Desk) -> None:
    number = desk.buy_by_code()
    signature = sign_claim(desk.contract, CODE, number, BOB, desk.uses(number))
    assert desk.refused("claim", number, ANN, signature)[0] == "BadCode"
    assert desk.refused("redeem", number, SHOP, 1, 0, b"", sender=desk.key) == ("HeldByCode", (number,))
    desk.contract.send("claim", number, BOB, signature, sender=desk.stranger)
    assert desk.contract.view("certificate", number)["member"] == BOB
    assert desk.contract.view("certificateOf", CODE.address) == 0
    late = sign_redeem(desk.contract, CODE, number, SHOP, 1, desk.uses(number))
    assert desk.refused("redeemByCode", number, SHOP, 1, late)[0] == "BadCode"


def test_redeem_is_refused_by_name_when_it_cannot_be(desk: Desk) -> None:
    own, key = desk.buy(merchant=SHOP), desk.key
    assert desk.refused("redeem", 9, SHOP, 1, 0, b"", sender=key) == ("NoCertificate", (9,))
    assert desk.refused("redeem", own, SHOP, 1, 0, b"", sender=desk.stranger)[0] == "NotMember"
    assert desk.refused("redeem", own, OTHER, 1, 0, b"", sender=key) == ("WrongMerchant", (own, OTHER))
    assert desk.refused("redeem", own, SHOP, 501, 0, b"", sender=key) == ("BadAmount", (501, 500))
    assert desk.refused("redeem", own, SHOP, 0, 0, b"", sender=key) == ("BadAmount", (0, 500))
    anywhere = desk.buy()
    assert desk.refused("redeem", anywhere, 9, 1, 0, b"", sender=key) == ("WrongMerchant", (anywhere, 9))
    desk.world.registry.send("setMemberState", ANN, True, False, sender=desk.operator)
    assert desk.refused("redeem", own, SHOP, 1, 0, b"", sender=key) == ("MemberLocked", (ANN,))
    # nor by way of a code
    assert desk.refused("give", own, 0, CODE.address, 0, b"", sender=key) == ("MemberLocked", (ANN,))
    desk.world.registry.send("setMemberState", ANN, False, False, sender=desk.operator)
    desk.world.ledger.send("pause", sender=desk.operator)
    assert desk.refused("redeem", own, SHOP, 1, 0, b"", sender=key)[0] == "NetworkPaused"
    desk.world.ledger.send("unpause", sender=desk.operator)
    wait(desk.twin, 30 * DAY)
    assert desk.refused("redeem", own, SHOP, 1, 0, b"", sender=key)[0] == "CertificateOver"


def test_signed_redemption_is_once_for_what_it_names_and_in_time(desk: Desk) -> None:
    number, deadline = desk.buy(), 2**40
    fields = [("member", "uint64", ANN), ("certificate", "uint64", number), ("merchant", "uint32", SHOP)]
    fields += [("amount", "uint64", 50), ("nonce", "uint256", 0), ("deadline", "uint256", deadline)]
    signature = signed(desk.contract, KEY, "Spend", fields)
    wrong_chain = signed(desk.contract, KEY, "Spend", fields, chain_id=5)
    assert desk.refused("redeem", number, SHOP, 50, deadline, wrong_chain)[0] == "NotMember"
    assert desk.refused("redeem", number, SHOP, 51, deadline, signature)[0] == "NotMember"
    assert desk.refused("redeem", number, SHOP, 50, 5, signature) == ("SignatureExpired", (5,))
    desk.contract.send("redeem", number, SHOP, 50, deadline, signature, sender=desk.stranger)
    assert desk.refused("redeem", number, SHOP, 50, deadline, signature)[0] == "NotMember"


def test_split_keeps_terms_and_sum_and_each_part_is_given_on_its_own(desk: Desk) -> None:
    number = desk.buy(merchant=SHOP)
    for amounts in ([0], [500], [499, 1], [2**48]):
        assert desk.refused("split", number, amounts, 0, b"", sender=desk.key)[0] == "BadAmount"
    desk.contract.send("split", number, [200, 100], 0, b"", sender=desk.key)
    assert [desk.left(each) for each in (1, 2, 3)] == [200, 200, 100]
    desk.contract.send("give", 2, 0, CODE.address, 0, b"", sender=desk.key)
    desk.contract.send("give", 3, BOB, no_code(), 0, b"", sender=desk.key)
    first, second = (desk.contract.view("certificate", each) for each in (1, 2))
    assert all(first[name] == second[name] for name in ("merchant", "until", "buyerKind", "buyer"))
    assert desk.refused("give", 3, ANN, no_code(), 0, b"", sender=desk.key)[0] == "NotMember"
    assert desk.refused("give", 1, BOB, CODE.address, 0, b"", sender=desk.key)[0] == "BadHolder"


def test_give_back_fills_a_certificate_to_its_face_and_no_further(desk: Desk) -> None:
    number = desk.buy(merchant=SHOP)
    desk.contract.send("redeem", number, SHOP, 300, 0, b"", sender=desk.key)
    assert desk.refused("giveBack", number, SHOP, 100, sender=desk.stranger)[0] == "NotInGroup"
    assert desk.refused("giveBack", number, OTHER, 100, sender=desk.merchant) == ("WrongMerchant", (number, OTHER))
    assert desk.refused("giveBack", number, SHOP, 301, sender=desk.merchant) == ("BadAmount", (301, 300))
    assert desk.refused("giveBack", 9, SHOP, 1, sender=desk.merchant) == ("NoCertificate", (9,))
    desk.contract.send("giveBack", number, SHOP, 300, sender=desk.merchant)
    assert (desk.left(number), desk.payable(), desk.held()) == (500, 0, 500)
    assert desk.refused("giveBack", number, SHOP, 1, sender=desk.merchant) == ("BadAmount", (1, 0))


def test_give_back_is_refused_when_the_merchant_has_nothing_of_its_own(desk: Desk) -> None:
    """Else redeem, payOut, giveBack in a circle empties the guarantee fund."""
    number = desk.buy()
    ledger = desk.world.ledger
    ledger.send("addDeposit", 0, 100_000, sender=desk.operator)
    desk.world["MerchantPayouts"].send("setPayout", SHOP, desk.stranger, sender=desk.merchant)
    act = Act(merchant=SHOP, member=ANN, sequence=70)
    data = bytes([7, 0]) + number.to_bytes(8, "big") + (500).to_bytes(6, "big")
    desk.twin.now = desk.twin.chain.now()
    at_till(desk.twin, desk.contract, act, data, model=lambda: 500)
    desk.world["MerchantPayouts"].send("payOut", SHOP, 500, sender=desk.merchant)
    assert desk.refused("giveBack", number, SHOP, 500, sender=desk.merchant) == ("InsufficientFunds", (SHOP, 500))
    undo = (Act(merchant=SHOP, member=ANN, sequence=71).words(), b"\x87" + (70).to_bytes(8, "big"))
    at_ledger = desk.world.chain.impersonate(ledger.address)
    assert desk.refused("applyAct", *undo, sender=at_ledger) == ("ActRefused", (37,))
    ledger.send("addDeposit", SHOP, 300, sender=desk.operator)
    ledger.send("creditPayable", SHOP, 200, sender=desk.operator)
    desk.contract.send("applyAct", *undo, sender=at_ledger)
    assert (desk.left(number), desk.payable(), ledger.view("deposits", SHOP)) == (500, 0, 0)
    assert (ledger.view("deposits", 0), ledger.view("guaranteed", SHOP)) == (100_000, 0)


def test_give_back_leaves_what_the_merchant_owes_the_guarantee_fund(desk: Desk) -> None:
    make_indebted(desk.world, SHOP, 1_000)
    number = desk.buy()
    act = Act(merchant=SHOP, member=ANN, sequence=70)
    data = bytes([7, 0]) + number.to_bytes(8, "big") + (300).to_bytes(6, "big")
    desk.twin.now = desk.twin.chain.now()
    at_till(desk.twin, desk.contract, act, data, model=lambda: 300)
    assert desk.refused("giveBack", number, SHOP, 1, sender=desk.merchant) == ("InsufficientFunds", (SHOP, 1))
    # the till's reversal is of money that never was the merchant's
    undo = (Act(merchant=SHOP, member=ANN, sequence=71).words(), b"\x87" + (70).to_bytes(8, "big"))
    desk.contract.send("applyAct", *undo, sender=desk.world.chain.impersonate(desk.world.ledger.address))
    assert (desk.left(number), owed(desk.world, SHOP)) == (500, (0, 1_000))
    desk.contract.send("redeem", number, SHOP, 500, 0, b"", sender=desk.key)
    desk.world.ledger.send("creditPayable", SHOP, 600, sender=desk.operator)
    assert desk.refused("giveBack", number, SHOP, 101, sender=desk.merchant) == ("InsufficientFunds", (SHOP, 101))
    desk.contract.send("giveBack", number, SHOP, 100, sender=desk.merchant)
    assert (desk.left(number), owed(desk.world, SHOP)) == (100, (1_000, 1_000))


def test_signature_of_a_code_does_not_count_again_when_what_it_spent_is_given_back(desk: Desk) -> None:
    number = desk.buy_by_code()
    uses = desk.uses(number)
    spend = sign_redeem(desk.contract, CODE, number, SHOP, 200, uses)
    desk.contract.send("redeemByCode", number, SHOP, 200, spend, sender=desk.stranger)
    desk.contract.send("giveBack", number, SHOP, 200, sender=desk.merchant)
    assert desk.left(number) == 500
    assert desk.refused("redeemByCode", number, SHOP, 200, spend) == ("BadCode", (number, CODE.address.lower()))


def test_signature_of_a_claim_does_not_count_again_when_the_code_gets_the_certificate_back(desk: Desk) -> None:
    number = desk.buy_by_code()
    signature = sign_claim(desk.contract, CODE, number, ANN, desk.uses(number))
    desk.contract.send("claim", number, ANN, signature, sender=desk.stranger)
    desk.contract.send("give", number, 0, CODE.address, 0, b"", sender=desk.key)
    assert desk.refused("claim", number, ANN, signature)[0] == "BadCode"


def test_act_spends_a_member_s_certificate_beside_lines_that_earn(desk: Desk) -> None:
    """Split tender: 3.00 by certificate, 2.00 from outside; the 2.00 alone earn."""
    number = desk.buy()
    act = Act(merchant=SHOP, member=ANN, sequence=70, amount=200)
    data = bytes([7, 0]) + number.to_bytes(8, "big") + (300).to_bytes(6, "big")
    at_till(desk.twin, desk.contract, act, data, model=lambda: 300)
    leaf = desk.twin.pay(SHOP, ANN, external(200))[0]
    assert leaf.points == 200 * 100
    assert desk.world.ledger.view("account", ANN)["current"] == 20_000
    undo = Act(merchant=SHOP, member=ANN, sequence=71)
    at_till(desk.twin, desk.contract, undo, b"\x87" + (70).to_bytes(8, "big"), model=lambda: 0)
    assert (desk.left(number), desk.payable()) == (500, 0)


def test_act_is_refused_as_unknown_when_its_bytes_are_no_certificate_s(desk: Desk) -> None:
    desk.buy()
    ledger = desk.world.chain.impersonate(desk.world.ledger.address)
    act = Act(merchant=SHOP, member=ANN, sequence=9).words()
    for data in (b"\7", b"\7\0", bytes([7, 2]) + bytes(14), bytes([7, 0]) + bytes(15), bytes([7, 1]) + bytes(14)):
        assert desk.refused("applyAct", act, data, sender=ledger) == ("ActRefused", (31,))
    # what would be a redemption, under the kind that no pause stops, is none
    spend = (1).to_bytes(8, "big") + (300).to_bytes(6, "big")
    for data in (b"\x87\0" + spend, b"\x87\1" + spend + bytes(65), b"\7" + bytes(8)):
        assert desk.refused("applyAct", act, data, sender=ledger) == ("ActRefused", (31,))
    assert desk.refused("applyAct", act, b"\7") == ("NotLedger", (desk.operator,))


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_was_paid_in_comes_out_once_whatever_the_parts(desk: Desk, data: st.DataObject) -> None:
    mark, now = desk.twin.chain.snapshot(), desk.twin.now
    parts = data.draw(st.lists(st.integers(1, 100), max_size=4))
    number = desk.buy()
    desk.contract.send("split", number, parts, 0, b"", sender=desk.key)
    spent = 0
    for each in range(number, number + len(parts) + 1):
        amount = data.draw(st.integers(0, desk.left(each)))
        if amount:
            desk.contract.send("redeem", each, SHOP, amount, 0, b"", sender=desk.key)
            spent += amount
        assert desk.held() == desk.contract.view("outstanding") == 500 - spent
    before = desk.world.cash.view("balanceOf", desk.operator)
    wait(desk.twin, 31 * DAY)
    for each in range(number, number + len(parts) + 1):
        if desk.left(each):
            desk.contract.send("expire", each, sender=desk.stranger)
    assert desk.payable() == spent
    assert desk.world.cash.view("balanceOf", desk.operator) - before == 500 - spent
    assert desk.held() == 0
    desk.twin.chain.revert(mark)
    desk.twin.now = now
