"""Campaigns and the issue of their coupons: who may, and every refusal by its name."""

from typing import Any

import pytest

from node.domain.coupons import coupon_id, merchant_account
from tests.contracts.suite.coupon_desk import ANN, BOB, LATER, OTHER, SHOP, Desk
from tests.contracts.suite.coupons_model import Terms as Campaign
from tests.contracts.suite.till import Act

pytestmark = pytest.mark.anvil


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
