"""Coupons: who may do what with them, every refusal by its name, signatures, and what their incentive adds up to."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.devchain import Contract, Receipt, Reverted
from benchmarks.suite import Suite
from benchmarks.world import STREAM
from node.domain.acts.coupon import Face, WriteOff
from node.domain.coupons import coupon_id, lone_use_id, member_owner, merchant_account, use_id
from node.domain.ids import Hash32, MemberId, MerchantId, MinorUnits
from node.domain.merkle import product_leaf, product_leaves, product_set_root, proof_of
from tests.contracts.conftest import EPOCH
from tests.contracts.model import Refund, Undo
from tests.contracts.suite.codes import CODES, signed
from tests.contracts.suite.coupon_holders import FAR, sign_write_off
from tests.contracts.suite.coupons_model import Terms as Campaign
from tests.contracts.suite.people import wait
from tests.contracts.suite.proofs import proven
from tests.contracts.suite.till import Act
from tests.contracts.twin import Twin, external, stored

pytestmark = pytest.mark.anvil
SHOP, OTHER, POOR = MerchantId(1), MerchantId(2), MerchantId(3)
ANN, BOB, CAT = (MemberId(m) for m in (11, 12, 13))
KEY = CODES[0]
BASKET, PAID, OFF = 10_000, 9_000, 1_000  # ten per cent off
PRODUCTS = [f"{code:013d}" for code in range(7)]
LATER = 2_000_000_000


class Desk:
    """Three merchants (the third without points), Ann with a key, Bob and Cat without, and coupons of one campaign."""

    def __init__(self, twin: Twin) -> None:
        assert isinstance(twin.world, Suite)
        self.twin, self.world = twin, twin.world
        self.coupons, self.pools = self.world["Coupons"], self.world["IncentivePools"]
        self.cap, self.statistics = self.world["IssuanceCap"], self.world["CouponStatistics"]
        for prepaid in (10**6, 10**6, 0):
            twin.base(twin.onboard(prepaid=prepaid))
        twin.enrol(ANN, BOB, CAT)
        self.merchant, self.key = self.world.merchant, self.world.chain.impersonate(KEY.address)
        self.twin.give_key(ANN, self.key)
        self.sale = 0
        self.holders: dict[int, int] = {}
        self.campaign()
        twin.now = twin.chain.now()

    def operator(self, contract: str, name: str, *arguments: Any) -> Receipt:
        target: Contract = getattr(self.world, contract) if hasattr(self.world, contract) else self.world[contract]
        receipt: Receipt = target.send(name, *arguments, sender=self.world.operator)
        return receipt

    def campaign(self, count: int = 6, **terms: Any) -> int:
        """A campaign with a lot at the first merchant; its number."""
        self.operator("Coupons", "defineCampaign", Campaign(**terms).words(), "")
        number = int(self.coupons.view("campaignCount"))
        self.operator("Coupons", "issue", number, count)
        self.operator("Coupons", "handLot", number, 0, SHOP)
        return number

    def given(self, *members: int, campaign: int = 1, serial: int = 0) -> int:
        """A coupon that went to these members; its number."""
        coupon = coupon_id(campaign, 0, serial)
        self.coupons.send("give", SHOP, [coupon], [members[0]], sender=self.merchant)
        for holder, receiver in pairwise(members):
            self.operator("Coupons", "passOnFor", coupon, holder, receiver)
        self.holders[coupon] = members[-1]
        return coupon

    def write_off(self, coupon: int, merchant: int = OTHER, **changed: Any) -> Receipt:
        return self.coupons.send("writeOff", *self.terms(coupon, merchant, **changed), sender=self.merchant)

    def terms(self, coupon: int, merchant: int = OTHER, **changed: Any) -> tuple[Any, ...]:
        """What writeOff takes."""
        self.sale += 1
        usual = {"sale": self.sale, "amount": PAID, "discount": OFF, "product": b"", "proof": [], "deadline": FAR}
        usual |= changed
        if "signature" not in usual:
            says = [usual[name] for name in ("sale", "amount", "discount")]
            ours = self.holders.get(coupon) == ANN
            usual["signature"] = sign_write_off(self.coupons, KEY, ANN, merchant, coupon, *says) if ours else b""
        return (merchant, coupon, *usual.values())

    def at_till(self, coupon: int, **changed: Any) -> tuple[tuple[Any, ...], bytes]:
        """What applyAct takes."""
        act = {"merchant": OTHER, "member": ANN, "sequence": 1, "time": self.twin.now, "amount": PAID} | changed
        return Act(**act).words(), WriteOff(coupon=coupon, discount=MinorUnits(OFF)).act().data

    def sold(self, coupon: int, member: MemberId, *amounts: int) -> list[Any]:
        """The coupon written off at a till of the other merchant with these lines; their leaves."""
        sequence = self.twin.next_sequence()
        act, data = self.at_till(coupon, member=member, sequence=sequence, amount=sum(amounts))
        self.coupons.send("applyAct", act, data, sender=self.ledger)
        payment = self.twin.payment(OTHER, member, *map(external, amounts), sequence=sequence)  # type: ignore[arg-type]
        self.twin.now = self.twin.chain.now()
        return list(self.twin.post(payment).leaves)

    @property
    def ledger(self) -> str:
        return self.world.chain.impersonate(self.world.ledger.address)

    def refused(self, contract: str, name: str, *arguments: Any, sender: str | None = None) -> tuple[str, Any]:
        with pytest.raises(Reverted) as caught:
            self.world[contract].view(name, *arguments, sender=sender or self.world.operator)
        return caught.value.error, caught.value.values

    def claim(self, member: int, *coupons: int) -> tuple[int, int]:
        """Units and minor units paid."""
        before = self.world.ledger.view("account", member)
        self.pools.send("claim", member, list(coupons), sender=self.world.stranger)
        after = self.world.ledger.view("account", member)
        coins = [it["current"] + it["previous"] for it in (before, after)]
        return coins[1] - coins[0], after["value"] - before["value"]

    def money(self) -> tuple[int, int, int, int]:
        """Coins in the pools, credits of the first merchant and of the platform there, the other merchant's points."""
        account = self.world.ledger.view("accountOf", self.pools.address)
        return (account["current"], *self.pools.view("creditOf", SHOP, False), self.prepaid(OTHER))

    def prepaid(self, merchant: int) -> int:
        return int(self.world.ledger.view("merchant", merchant)["prepaid"])


# --- campaigns and issue ---


@pytest.mark.parametrize(
    ("error", "changed"),
    [
        ("BadFace", {"value": 0}),
        ("BadFace", {"value": 10_001}),
        ("BadFace", {"face": 3}),
        ("BadWeights", {"first": 6_000, "member": 4_001, "distributors": 0}),
        ("BadWeights", {"data_owner": 1}),
        ("BadWeights", {"data_user_bps": 1}),
        ("BadWeights", {"data_user": 1}),
        ("BadIncentive", {"incentive": 10_001}),
        ("BadUses", {"max_uses": 0}),
        ("BadTimes", {"starts": LATER, "until": LATER}),
        ("BadTimes", {"until": 1_600_000_000}),
        ("UnknownMerchant", {"data_user": 9, "data_owner": 1}),
    ],
)
def test_campaign_is_refused_by_name_when_its_terms_cannot_be(desk: Desk, error: str, changed: dict[str, Any]) -> None:
    words = list(Campaign(**{k: v for k, v in changed.items() if k != "face"}).words())
    words[3] = changed.get("face", words[3])
    assert desk.refused("Coupons", "defineCampaign", tuple(words), "")[0] == error


@pytest.mark.parametrize(
    ("error", "name", "arguments"),
    [
        ("UnknownCampaign", "issue", (9, 1)),
        ("UnknownCampaign", "issue", (0, 1)),
        ("BadCount", "issue", (1, 0)),
        ("BadCount", "issue", (1, 65_537)),
        ("CapExceeded", "issue", (1, 65_536)),
        ("UnknownLot", "handLot", (1, 1, SHOP)),
        ("LotOpened", "handLot", (1, 0, SHOP)),
        ("UnknownMerchant", "handOut", ([coupon_id(1, 0, 0)], 9)),
        ("UnknownMerchant", "handOut", ([coupon_id(1, 0, 0)], 0)),
        ("NotHolder", "handOut", ([coupon_id(1, 0, 0)], SHOP)),
        ("UnknownCoupon", "handOut", ([coupon_id(1, 0, 6)], SHOP)),
        ("NotHolder", "passOnFor", (coupon_id(1, 0, 0), ANN, BOB)),
        ("UnknownCoupon", "ownerOf", (2**64,)),
        ("UnknownCoupon", "ownerOf", (coupon_id(2, 0, 0),)),
        ("ERC721InvalidOwner", "balanceOf", ("0x" + "00" * 20,)),
        ("ERC721InvalidOperator", "setApprovalForAll", ("0x" + "00" * 20, True)),
        ("NotAllowed", "approve", ("0x" + "11" * 20, coupon_id(1, 0, 0))),
        ("NotPools", "giveBack", (coupon_id(1, 0, 0), 0)),
        ("NotLedger", "applyAct", (Act(merchant=1, member=1, sequence=1).words(), b"\1" * 29)),
    ],
)
def test_call_is_refused_by_name(desk: Desk, error: str, name: str, arguments: tuple[Any, ...]) -> None:
    if error == "CapExceeded":
        desk.operator("Coupons", "issue", 1, 65_536)
    assert desk.refused("Coupons", name, *arguments)[0] == error


@pytest.mark.parametrize(
    ("contract", "name", "arguments"),
    [
        ("Coupons", "defineCampaign", (Campaign().words(), "")),
        ("Coupons", "issue", (1, 1)),
        ("Coupons", "handLot", (1, 0, 1)),
        ("Coupons", "handOut", ([], 1)),
        ("Coupons", "passOnFor", (1, 1, 1)),
        ("Consents", "consentFor", (ANN, True)),
        ("IncentivePools", "setTreasury", ("0x" + "11" * 20,)),
        ("IncentivePools", "annul", (1, "why")),
        ("IssuanceCap", "setFormula", ((1, 1, 1, 1, 1),)),
    ],
)
def test_door_is_shut_when_sender_has_no_role(desk: Desk, contract: str, name: str, arguments: tuple[Any, ...]) -> None:
    for sender in (desk.world.stranger, desk.merchant, desk.world.poster):
        assert desk.refused(contract, name, *arguments, sender=sender)[0] == "AccessManagedUnauthorized"


@pytest.mark.parametrize(
    ("name", "arguments", "groups"),
    [
        ("handOn", (SHOP, [], OTHER), 2),
        ("give", (SHOP, [], []), 18),
        ("writeOff", (OTHER, coupon_id(1, 0, 0), 1, 1, 1, b"", [], 0, b""), 16),
    ],
)
def test_merchant_s_act_is_refused_outside_of_its_groups(
    desk: Desk, name: str, arguments: tuple[Any, ...], groups: int
) -> None:
    error, values = desk.refused("Coupons", name, *arguments, sender=desk.world.stranger)
    assert (error, values[2]) == ("NotInGroup", groups)


def test_coupons_of_another_merchant_are_not_handed_on(desk: Desk) -> None:
    coupon = coupon_id(1, 0, 0)
    refused = desk.refused("Coupons", "give", OTHER, [coupon], [ANN], sender=desk.merchant)
    assert refused == ("NotHolder", (coupon, "0x" + merchant_account(OTHER).hex()))
    refused = desk.refused("Coupons", "give", SHOP, [coupon], [ANN, BOB], sender=desk.merchant)
    assert refused == ("LengthsDiffer", (1, 2))
    assert desk.refused("Coupons", "give", SHOP, [coupon], [99], sender=desk.merchant)[0] == "UnknownMember"


# --- trail ---


def test_trail_holds_nobody_twice_and_sixteen_at_most(desk: Desk) -> None:
    members = [MemberId(m) for m in range(100, 117)]
    desk.operator("registry", "enrolMembers", members)
    coupon = desk.given(*members[:15])
    trail, merchants = desk.coupons.view("trailOf", coupon)
    assert (list(trail), merchants) == ([SHOP, *members[:15]], 1)
    assert desk.refused("Coupons", "passOnFor", coupon, members[14], members[15]) == ("TrailFull", (coupon,))
    short = desk.given(*members[:3], serial=1)
    for again in members[:3]:
        found = desk.refused("Coupons", "passOnFor", short, members[2], again)
        assert found == ("AlreadyInTrail", (short, "0x" + member_owner(again).hex()))
    desk.write_off(short)
    assert desk.refused("Coupons", "passOnFor", short, members[2], members[5]) == ("CouponUsed", (short,))


def test_merchants_come_before_members(desk: Desk) -> None:
    coupon = coupon_id(1, 0, 0)
    desk.coupons.send("handOn", SHOP, [coupon], OTHER, sender=desk.merchant)
    assert desk.refused("Coupons", "handOn", OTHER, [coupon], SHOP, sender=desk.merchant)[0] == "AlreadyInTrail"
    desk.coupons.send("give", OTHER, [coupon], [ANN], sender=desk.merchant)
    for to in ("0x" + merchant_account(POOR).hex(), desk.coupons.view("platformAccount"), desk.world.stranger):
        refused = desk.refused("Coupons", "transferFrom", owner(ANN), to, coupon, sender=desk.key)
        assert refused == ("BadHolder", (to.lower(),))


def owner(member: int) -> str:
    return "0x" + member_owner(member).hex()


def test_erc721_moves_a_member_s_coupon_by_its_key_and_by_whom_it_approved(desk: Desk) -> None:
    coupon, friend = desk.given(ANN), desk.world.stranger
    assert desk.coupons.view("supportsInterface", bytes.fromhex("80ac58cd"))
    assert desk.coupons.view("supportsInterface", bytes.fromhex("01ffc9a7"))
    assert not desk.coupons.view("supportsInterface", bytes.fromhex("ffffffff"))
    assert desk.coupons.view("ownerOf", coupon) == owner(ANN)
    assert desk.coupons.view("balanceOf", owner(ANN)) == 1
    move = ("transferFrom", owner(ANN), owner(BOB), coupon)
    assert desk.refused("Coupons", *move, sender=friend) == ("ERC721InsufficientApproval", (friend, coupon))
    assert desk.refused("Coupons", "approve", friend, coupon, sender=friend)[0] == "ERC721InvalidApprover"
    wrong = ("transferFrom", owner(CAT), owner(BOB), coupon)
    assert desk.refused("Coupons", *wrong, sender=desk.key)[0] == "ERC721IncorrectOwner"
    desk.coupons.send("approve", friend, coupon, sender=desk.key)
    assert desk.coupons.view("getApproved", coupon).lower() == friend.lower()
    desk.coupons.send(*move, sender=friend)
    assert desk.coupons.view("ownerOf", coupon) == owner(BOB)
    assert int(desk.coupons.view("getApproved", coupon), 16) == 0
    assert [desk.coupons.view("balanceOf", owner(m)) for m in (ANN, BOB)] == [0, 1]
    other = desk.given(ANN, serial=1)
    desk.coupons.send("setApprovalForAll", friend, True, sender=desk.key)
    assert desk.coupons.view("isApprovedForAll", desk.key, friend)
    desk.coupons.send("transferFrom", owner(ANN), owner(CAT), other, sender=friend)
    assert desk.coupons.view("ownerOf", other) == owner(CAT)


def test_locked_member_neither_passes_on_nor_uses(desk: Desk) -> None:
    coupon = desk.given(ANN)
    desk.operator("registry", "setMemberState", ANN, True, False)
    assert desk.refused("Coupons", "passOnFor", coupon, ANN, BOB) == ("MemberLocked", (ANN,))
    refused = desk.refused("Coupons", "writeOff", *desk.terms(coupon), sender=desk.merchant)
    assert refused == ("MemberLocked", (ANN,))


PASS_ON = [("coupon", "uint64"), ("from", "uint64"), ("to", "uint64"), ("nonce", "uint256"), ("deadline", "uint256")]


def sign_pass_on(desk: Desk, *values: int, key: Any = KEY, **domain: Any) -> bytes:
    fields = [(name, kind, value) for (name, kind), value in zip(PASS_ON, values, strict=True)]
    return signed(desk.coupons, key, "PassOn", fields, **({"name": "Till Coupon"} | domain))


def test_signature_moves_a_coupon_once_and_only_as_signed(desk: Desk) -> None:
    coupon, anyone = desk.given(ANN), desk.world.stranger
    good = sign_pass_on(desk, coupon, ANN, BOB, 0, LATER)
    call = ("passOn", coupon, ANN, BOB)
    wrong = [
        sign_pass_on(desk, coupon, ANN, BOB, 0, LATER, chain_id=4_242),
        sign_pass_on(desk, coupon, ANN, BOB, 0, LATER, name="Till Consents"),
        sign_pass_on(desk, coupon, ANN, CAT, 0, LATER),
        sign_pass_on(desk, coupon, ANN, BOB, 1, LATER),
        sign_pass_on(desk, coupon, ANN, BOB, 0, LATER, key=CODES[1]),
    ]
    for signature in wrong:
        assert desk.refused("Coupons", *call, LATER, signature, sender=anyone)[0] == "NotMember"
    assert desk.refused("Coupons", *call, LATER, b"", sender=anyone)[0] == "NotMember"
    late = sign_pass_on(desk, coupon, ANN, BOB, 0, 1)
    assert desk.refused("Coupons", *call, 1, late, sender=anyone) == ("SignatureExpired", (1,))
    desk.coupons.send(*call, LATER, good, sender=anyone)
    assert desk.refused("Coupons", *call, LATER, good, sender=anyone)[0] == "NotMember"
    assert desk.coupons.view("ownerOf", coupon) == owner(BOB)


# --- writing off ---


def test_write_off_is_refused_by_name(desk: Desk) -> None:
    fixed = desk.campaign(face=Face.SUM, value=500, minimum=2_000, starts=LATER, share=False)
    short = desk.campaign(until=desk.twin.now + 1_000)
    ours, early, brief = desk.given(ANN), desk.given(ANN, campaign=fixed), desk.given(ANN, campaign=short)
    ours_twice = desk.terms(ours)
    wait(desk.twin, 1_000)

    def refused(coupon: int, **changed: Any) -> tuple[str, Any]:
        return desk.refused("Coupons", "writeOff", *desk.terms(coupon, **changed), sender=desk.merchant)

    assert refused(coupon_id(1, 0, 99))[0] == "UnknownCoupon"
    assert refused(coupon_id(1, 0, 5))[0] == "NotHolder"
    assert refused(early) == ("NotValidYet", (early, LATER))
    assert refused(brief)[0] == "CouponExpired"
    assert refused(ours, discount=OFF + 1) == ("BadDiscount", (ours, OFF + 1, OFF))
    assert refused(ours, discount=OFF - 10) == ("BadDiscount", (ours, OFF - 10, OFF - 1))
    assert refused(ours, amount=0, discount=0) == ("NothingSold", (ours,))
    assert refused(ours, amount=2**40, discount=0)[0] == "AmountTooLarge"
    assert refused(ours, amount=2**48, discount=0)[0] == "AmountTooLarge"
    assert refused(ours, sale=0) == ("NoSale", (ours,))
    closed = desk.refused("Coupons", "writeOff", *desk.terms(ours, POOR), sender=desk.world.stranger)
    assert closed[0] == "NotInGroup"
    desk.operator("registry", "setMerchantActive", POOR, False)
    assert desk.refused("Coupons", "writeOff", *desk.terms(ours, POOR), sender=desk.merchant) == (
        "MerchantClosed", (POOR,),
    )  # fmt: skip
    desk.operator("ledger", "pause")
    assert refused(ours) == ("NetworkPaused", ())
    desk.operator("ledger", "unpause")
    desk.coupons.send("writeOff", *ours_twice, sender=desk.merchant)
    assert refused(ours) == ("CouponUsedUp", (ours,))


def test_minimum_basket_counts_before_the_discount(desk: Desk) -> None:
    number = desk.campaign(face=Face.SUM, value=500, minimum=2_000)
    coupon = desk.given(ANN, campaign=number)
    low = desk.terms(coupon, amount=1_499, discount=500)
    assert desk.refused("Coupons", "writeOff", *low, sender=desk.merchant) == ("BasketTooSmall", (coupon, 1_999, 2_000))
    desk.write_off(coupon, amount=1_500, discount=500)


def test_product_set_is_proved_or_the_coupon_is_refused(desk: Desk) -> None:
    root, leaves = product_set_root(PRODUCTS), product_leaves(PRODUCTS)
    number = desk.campaign(product_set=bytes(root))
    coupon = desk.given(ANN, campaign=number)
    good = {"product": PRODUCTS[3].encode(), "proof": list(proof_of(leaves, leaves.index(product_leaf(PRODUCTS[3]))))}
    for wrong in ({}, {"product": b""}, {"product": b"other"}, {"proof": []}, {"proof": good["proof"][::-1]}):
        terms = desk.terms(coupon, **((good | wrong) if wrong else {}))
        refused = desk.refused("Coupons", "writeOff", *terms, sender=desk.merchant)
        assert refused == ("ProductSetNotProved", (coupon, bytes(root)))
    # at a till the same, and the proof in the act's bytes
    proof = tuple(Hash32(node) for node in good["proof"])
    act, bare = desk.at_till(coupon)
    assert desk.refused("Coupons", "applyAct", act, bare, sender=desk.ledger) == ("ActRefused", (34,))
    data = WriteOff(coupon=coupon, discount=MinorUnits(OFF), product=PRODUCTS[3], proof=proof).act().data
    for broken in (data[:-1], data + b"\0", bare + b"\xff"):
        assert desk.refused("Coupons", "applyAct", act, broken, sender=desk.ledger) == ("ActRefused", (34,))
    desk.coupons.send("applyAct", act, data, sender=desk.ledger)


def test_coupon_that_stands_alone_refuses_a_sale_with_another(desk: Desk) -> None:
    stackable = desk.campaign(stackable=True)
    first, second = (desk.given(ANN, campaign=stackable, serial=each) for each in (0, 1))
    lonely = desk.given(ANN)
    desk.write_off(first, sale=7)
    desk.write_off(second, sale=7)
    refused = desk.refused("Coupons", "writeOff", *desk.terms(lonely, sale=7), sender=desk.merchant)
    assert refused == ("NotStackable", (lonely, 7))
    desk.write_off(lonely, sale=8)
    third = desk.given(ANN, campaign=stackable, serial=2)
    refused = desk.refused("Coupons", "writeOff", *desk.terms(third, sale=8), sender=desk.merchant)
    assert refused == ("NotStackable", (third, 8))
    desk.write_off(third, SHOP, sale=8)  # another merchant's sale of this number


@pytest.mark.parametrize(
    ("reason", "changed"),
    [
        (12, {"authorisation": bytes(32)}),
        (38, {"member": BOB}),
        (35, {"amount": PAID + 10}),
        (34, {"amount": 0}),  # alone, without a reference of the sale
    ],
)
def test_act_is_refused_for_its_reason(desk: Desk, reason: int, changed: dict[str, Any]) -> None:
    act, data = desk.at_till(desk.given(ANN), **changed)
    if reason == 34:
        data = WriteOff(coupon=coupon_id(1, 0, 0), discount=MinorUnits(OFF), amount=MinorUnits(PAID)).act().data
    assert desk.refused("Coupons", "applyAct", act, data, sender=desk.ledger) == ("ActRefused", (reason,))


def test_act_of_no_coupon_is_unknown(desk: Desk) -> None:
    act, data = desk.at_till(coupon_id(7, 0, 0))
    for bytes_ in (data, data[:28], b"\x81" + bytes(8), b"\x81", b"\x81" + bytes(9)):
        assert desk.refused("Coupons", "applyAct", act, bytes_, sender=desk.ledger) == ("ActRefused", (31,))


def test_coupon_s_time_is_the_terminal_s_when_its_clock_is_near(desk: Desk) -> None:
    coupon = desk.given(ANN, campaign=desk.campaign(until=desk.twin.now + 1_000))
    wait(desk.twin, 10_000)
    late, data = desk.at_till(coupon, time=desk.twin.now)
    assert desk.refused("Coupons", "applyAct", late, data, sender=desk.ledger) == ("ActRefused", (33,))
    far, _ = desk.at_till(coupon, time=desk.twin.now - 259_300)
    assert desk.refused("Coupons", "applyAct", far, data, sender=desk.ledger) == ("ActRefused", (33,))
    in_time, _ = desk.at_till(coupon, time=desk.twin.now - 9_500)
    desk.coupons.send("applyAct", in_time, data, sender=desk.ledger)


# --- money ---


def test_incentive_is_claimable_at_once_by_everybody(desk: Desk) -> None:
    """Ten per cent off 100.00; 5 % of 90.00 is 4.50, at par 4,500,000 units."""
    coupon = desk.given(ANN, BOB, CAT)
    before = desk.prepaid(SHOP), desk.prepaid(OTHER)
    desk.write_off(coupon)
    units = 4_500_000
    assert before[1] - desk.prepaid(OTHER) == units
    each = units * 1_500 // 20_000
    assert desk.claim(ANN, coupon) == (each, 0) and desk.claim(BOB, coupon) == (each, 0)
    assert desk.claim(CAT, coupon) == (units * 3_000 // 10_000, 0)
    desk.pools.send("claimMerchant", SHOP, False, sender=desk.world.stranger)
    assert desk.prepaid(SHOP) - before[0] == units * 2_000 // 10_000
    assert desk.refused("IncentivePools", "claimPlatform", [SHOP], False)[0] == "NoTreasury"
    desk.operator("IncentivePools", "setTreasury", desk.world.holder)
    desk.pools.send("claimPlatform", [SHOP], False, sender=desk.world.stranger)
    rest = units - units * 2_000 // 10_000 - 2 * each - units * 3_000 // 10_000
    assert desk.world.ledger.view("balanceOf", desk.world.holder) == rest
    assert desk.world.ledger.view("balanceOf", desk.pools.address) == 0
    for call in (("claim", ANN, [coupon]), ("claimMerchant", SHOP, False), ("claimPlatform", [SHOP], False)):
        assert desk.refused("IncentivePools", *call) == ("NothingToClaim", ())
    assert desk.refused("IncentivePools", "claim", 99, [coupon]) == ("NotInTrail", (coupon, 99))
    pool = desk.statistics.view("poolOf", coupon)
    assert (pool["generated"], pool["paid"], pool["balance"], pool["expired"]) == (units, units, 0, 0)


def test_nobody_is_rewarded_for_its_own_coupon(desk: Desk) -> None:
    desk.write_off(desk.given(ANN), SHOP)
    units, platform = desk.pools.view("creditOf", SHOP, False)
    assert units == 0
    assert platform == 4_500_000 - 4_500_000 * 3_000 // 10_000


def test_data_scheme_rewards_the_member_that_consented_and_the_merchant_that_paid(desk: Desk) -> None:
    terms = {"data_owner": 1_000, "data_user_bps": 500, "data_user": POOR, "max_uses": 2}
    number = desk.campaign(**terms)
    without = desk.given(ANN, campaign=number)
    desk.operator("Consents", "consentFor", ANN, True)
    consented = desk.given(ANN, BOB, campaign=number, serial=1)
    for coupon in (without, consented):
        desk.write_off(coupon)
    assert desk.coupons.view("couponOf", consented)["consented"]
    assert not desk.coupons.view("couponOf", without)["consented"]
    assert desk.statistics.view("claimableOf", without, ANN) == 4_500_000 * 3_000 // 10_000
    assert desk.statistics.view("claimableOf", consented, ANN) == 4_500_000 * 2_500 // 10_000
    assert desk.pools.view("creditOf", POOR, False)[0] == 2 * 4_500_000 * 500 // 10_000
    desk.world["Consents"].send("consent", ANN, False, 0, b"", sender=desk.key)
    assert not desk.world["Consents"].view("consentOf", ANN)
    refused = desk.refused("Consents", "consent", BOB, True, 0, b"", sender=desk.key)
    assert refused[0] == "NotMember"
    assert desk.refused("Consents", "consentFor", 99, True) == ("UnknownMember", (99,))


def test_cash_incentive_comes_from_payable_and_goes_to_value_and_payable(desk: Desk) -> None:
    desk.operator("IncentivePools", "setTreasury", desk.world.holder)
    desk.twin.recharge(BOB, 5_000)
    desk.twin.pay(OTHER, BOB, stored(1_000))
    coupon = desk.given(ANN, campaign=desk.campaign(cash=True, share=False, incentive=333))
    desk.write_off(coupon)
    payable = desk.world.ledger.view("merchant", OTHER)["payable_"]
    assert payable == 1_000 - 333
    assert desk.claim(ANN, coupon) == (0, 99)
    shop = desk.world.ledger.view("merchant", SHOP)["payable_"]
    desk.pools.send("claimMerchant", SHOP, True, sender=desk.world.stranger)
    assert desk.world.ledger.view("merchant", SHOP)["payable_"] - shop == 66
    desk.pools.send("claimPlatform", [SHOP], True, sender=desk.world.stranger)
    assert desk.world.cash.view("balanceOf", desk.world.holder) == 333 - 99 - 66
    assert desk.world.cash.view("balanceOf", desk.pools.address) == 0


def test_unclaimed_incentive_expires_as_with_its_owner(desk: Desk) -> None:
    coupon = desk.given(ANN, BOB)
    desk.write_off(coupon)
    desk.claim(ANN, coupon)
    wait(desk.twin, EPOCH)
    assert desk.statistics.view("claimableOf", coupon, BOB) == 1_350_000
    wait(desk.twin, EPOCH)
    assert desk.refused("IncentivePools", "claim", BOB, [coupon]) == ("NothingToClaim", ())
    assert desk.refused("IncentivePools", "claimMerchant", SHOP, False) == ("NothingToClaim", ())
    pool = desk.statistics.view("poolOf", coupon)
    assert (pool["balance"], pool["expired"]) == (0, 1_350_000)
    assert pool["generated"] == pool["paid"] + pool["expired"]
    assert desk.world.ledger.view("balanceOf", desk.pools.address) == 0


# --- undoing ---


def test_refund_takes_back_what_is_there_and_sets_off_the_rest(desk: Desk) -> None:
    first, second = desk.given(ANN), desk.given(ANN, serial=1)
    (leaf,) = desk.sold(first, ANN, PAID)
    assert desk.claim(ANN, first) == (1_350_000, 0)
    before = desk.prepaid(OTHER)
    desk.twin.refund(Refund(sequence=desk.twin.next_sequence(), kind=1, lines=(Undo(leaf=leaf, amount=3_000),)))
    clawed = desk.prepaid(OTHER) - before
    desk.pools.send("unwind", proven(desk.twin, leaf), sender=desk.world.stranger)
    # a third of 4,500,000: the member's 450,000 are gone, the rest is back
    assert desk.prepaid(OTHER) - before - clawed == 1_500_000 - 450_000
    subject = desk.pools.view("subjectOf", 2, ANN, False)
    assert desk.pools.view("toSetOff", subject) == 450_000
    assert desk.refused("IncentivePools", "unwind", proven(desk.twin, leaf)) == ("NothingUndone", (bytes(leaf.hash),))
    desk.write_off(second)
    assert desk.claim(ANN, second) == (1_350_000 - 450_000, 0)
    assert desk.pools.view("toSetOff", subject) == 0


def test_sale_that_is_refunded_whole_gives_the_coupon_back(desk: Desk) -> None:
    coupon = desk.given(ANN)
    leaves = desk.sold(coupon, ANN, 4_000, 5_000)
    before = desk.prepaid(OTHER)
    refund = Refund(sequence=desk.twin.next_sequence(), kind=3, lines=tuple(Undo(leaf=each) for each in leaves))
    desk.twin.refund(refund)
    clawed = desk.prepaid(OTHER) - before
    for leaf in leaves:
        assert desk.coupons.view("couponOf", coupon)["live"] == 1
        desk.pools.send("unwind", proven(desk.twin, leaf), sender=desk.world.stranger)
    assert desk.prepaid(OTHER) - before - clawed == 4_500_000
    assert desk.world.ledger.view("balanceOf", desk.pools.address) == 0
    assert desk.coupons.view("couponOf", coupon)["live"] == 0
    desk.write_off(coupon)
    use = desk.coupons.view("usesOf", coupon)
    assert list(use) == [use_id(STREAM, leaves[0].sequence), lone_use_id(coupon, 1)]


def test_undoing_is_refused_by_name(desk: Desk) -> None:
    coupon = desk.given(ANN)
    (leaf,) = desk.sold(coupon, ANN, PAID)
    use = use_id(STREAM, leaf.sequence)
    assert desk.refused("IncentivePools", "unwind", proven(desk.twin, leaf)) == ("NothingUndone", (bytes(leaf.hash),))
    forged = (*proven(desk.twin, leaf)[:4], b"\1" * 32, [])
    assert desk.refused("IncentivePools", "unwind", forged)[0] == "NotProven"
    assert desk.refused("IncentivePools", "cancel", use, sender=desk.merchant) == ("NotAlone", (use,))
    (plain,) = desk.twin.pay(OTHER, ANN, external(500))
    error = desk.refused("IncentivePools", "unwind", proven(desk.twin, plain))
    assert error == ("UnknownUse", (use_id(STREAM, plain.sequence),))
    lone = desk.given(ANN, serial=1)
    desk.write_off(lone)
    alone = lone_use_id(lone, 0)
    assert desk.refused("IncentivePools", "cancel", alone, sender=desk.world.stranger)[0] == "NotInGroup"
    assert desk.refused("IncentivePools", "generate", 1, _sharing(), _sale()) == ("NotCoupons", (desk.world.operator,))
    wait(desk.twin, 2 * 86_400)
    assert desk.refused("IncentivePools", "cancel", alone, sender=desk.merchant) == ("TooLate", (alone,))


def _sharing() -> tuple[Any, ...]:
    return (1, False, True, 1, 0, 0, 0, 0, 0, 0, 2, [1])


def _sale() -> tuple[Any, ...]:
    return (1, 1, True, 1, 1)


def test_undo_at_a_till_is_for_the_same_day_merchant_and_member(desk: Desk) -> None:
    coupon = desk.given(ANN)
    act, data = desk.at_till(coupon, sequence=41)
    desk.coupons.send("applyAct", act, data, sender=desk.ledger)
    undo = b"\x81" + (41).to_bytes(8, "big")

    def undone(**changed: Any) -> Callable[[], Any]:
        words = desk.at_till(coupon, **({"sequence": 42, "amount": 0} | changed))[0]
        return lambda: desk.refused("Coupons", "applyAct", words, undo, sender=desk.ledger)

    assert undone(merchant=SHOP)() == ("ActRefused", (34,))
    assert undone(member=BOB)() == ("ActRefused", (38,))
    assert undone(stream=2)() == ("ActRefused", (31,))
    wait(desk.twin, 86_400)
    assert undone()() == ("ActRefused", (33,))
    again = desk.given(ANN, serial=1)
    desk.coupons.send("applyAct", *desk.at_till(again, sequence=43), sender=desk.ledger)
    undo = b"\x81" + (43).to_bytes(8, "big")
    words = desk.at_till(again, sequence=44, amount=0, authorisation=bytes(32))[0]
    desk.coupons.send("applyAct", words, undo, sender=desk.ledger)
    assert desk.coupons.view("couponOf", again)["live"] == 0
    assert undone()() == ("ActRefused", (32,))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), amount=st.integers(2, 20_000))
def test_refund_in_parts_ends_where_one_at_once_ends(desk: Desk, data: st.DataObject, amount: int) -> None:
    """Prepaid points, credits and the use are the same; nothing is made by rounding."""
    total = data.draw(st.integers(1, amount))
    cuts = sorted(data.draw(st.sets(st.integers(1, total), max_size=4)) - {total})
    number = desk.campaign(face=Face.GIFT, incentive=777, first=1_111, distributors=2_222, member=3_333)
    ends = []
    for serial, parts in enumerate(([total], [b - a for a, b in pairwise([0, *cuts, total])])):
        coupon = desk.given(ANN, BOB, CAT, campaign=number, serial=serial)
        before = desk.money()
        sequence = desk.twin.next_sequence()
        act = Act(merchant=OTHER, member=CAT, sequence=sequence, amount=amount)
        act_data = WriteOff(coupon=coupon, discount=MinorUnits(0)).act().data
        desk.coupons.send("applyAct", act.words(), act_data, sender=desk.ledger)
        desk.twin.now = desk.twin.chain.now()
        (leaf,) = desk.twin.post(desk.twin.payment(OTHER, CAT, external(amount), sequence=sequence)).leaves
        for part in parts:
            undo = Undo(leaf=leaf, amount=part)
            desk.twin.refund(Refund(sequence=desk.twin.next_sequence(), kind=1, lines=(undo,)))
            desk.pools.send("unwind", proven(desk.twin, leaf), sender=desk.world.stranger)
            desk.twin.now = desk.twin.chain.now()
        it = desk.pools.view("useOf", use_id(STREAM, sequence))
        assert it["basis"] == amount - total and it["units"] == (amount - total) * 777 * 10_000 // 10_000
        pool = desk.statistics.view("poolOf", coupon)
        held, first, platform, prepaid = (now - then for now, then in zip(desk.money(), before, strict=True))
        assert held == first + platform + pool["balance"] == it["units"]
        ends.append((it["units"], it["basis"], it["givenBack"], pool, first, platform, prepaid))
    assert ends[0] == ends[1]
