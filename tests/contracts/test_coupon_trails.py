"""A coupon from hand to hand: its trail, ERC-721, signatures, and what a lock stops."""

from typing import Any

import pytest

from node.domain.coupons import coupon_id, member_owner, merchant_account
from node.domain.ids import MemberId
from tests.contracts.suite.codes import CODES, signed
from tests.contracts.suite.coupon_desk import ANN, BOB, CAT, KEY, LATER, OTHER, POOR, SHOP, Desk

pytestmark = pytest.mark.anvil


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
