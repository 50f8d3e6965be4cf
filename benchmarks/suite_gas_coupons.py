"""Gas of coupons: issued, handed on, written off with 4, 8 and 16 in the trail, claimed; for the common gas table.

Each figure is of one transaction of its own (21,000 included), but for "of 100" which are a hundredth of one. "First"
is the first time that the first merchant gets a credit, "known" every later time; the coupon itself is new each time.
"""

from itertools import pairwise
from typing import Final

from benchmarks.devchain import Chain, Receipt
from benchmarks.suite import Suite
from benchmarks.world import STREAM
from node.domain.act import ActKind, undoing
from node.domain.acts.coupon import WriteOff
from node.domain.coupons import coupon_id
from node.domain.ids import MinorUnits
from node.domain.ids import Sequence as SequenceNumber

BATCH: Final = 100
TRAILS: Final = (4, 8, 16)
FUNDED: Final = 10**8  # minor units of points
BASKET: Final = 10_000
DISCOUNT: Final = 1_000  # ten per cent
# OpenZeppelin's ERC-721, measured in the same run (suite_gas_ledger)
BESIDE: Final = {
    "coupon_issue_1": "OpenZeppelin ERC-721 mint to a new holder",
    "coupon_issue_of_100": "OpenZeppelin ERC-721 mint",
    "coupon_hand_to_merchant_1": "OpenZeppelin ERC-721 transfer",
    "coupon_give_1": "OpenZeppelin ERC-721 mint to a new holder",
    "coupon_give_of_50": "OpenZeppelin ERC-721 mint",
    "coupon_pass_on_1": "OpenZeppelin ERC-721 transfer",
}
# a tenth off, once, 5 % of what is paid as points: a fifth to the first merchant, the rest among all
TERMS: Final = (0, 0, 0, 0, 1_000, 1, True, False, True, 500, 2_000, 3_000, 3_000, 0, 0, 0, bytes(32))

# a gift, often, with a share for everybody who can have one, and so for whose data led to it
REWARDING_DATA: Final = (0, 0, 0, 2, 1_000, 9, True, False, True, 500, 2_000, 4_000, 2_000, 500, 500)


def measure(chain: Chain) -> dict[str, int]:
    """Gas by the name of the act."""
    suite = Suite(chain)
    shop, other = suite.onboard(), suite.onboard()
    for merchant in (shop, other):
        suite.fund(merchant, FUNDED)
    members = list(range(1_000, 1_000 + 2 * BATCH))
    suite.enrol(*members)
    coupons = suite["Coupons"]
    suite.as_operator(coupons, "defineCampaign", TERMS, "")
    gas = {"coupon_issue_1": suite.as_operator(coupons, "issue", 1, 1).gas}
    gas["coupon_issue_of_100"] = suite.as_operator(coupons, "issue", 1, BATCH).gas // BATCH
    gas["coupon_hand_to_merchant_1"] = suite.as_operator(coupons, "handOut", [coupon_id(1, 0, 0)], shop).gas
    gas["coupon_hand_lot_of_100"] = suite.as_operator(coupons, "handLot", 1, 1, shop).gas // BATCH
    lot = [coupon_id(1, 1, serial) for serial in range(BATCH)]
    gas["coupon_give_1"] = _give(suite, shop, lot[:1], members[:1]).gas
    gas["coupon_give_of_50"] = _give(suite, shop, lot[1:51], members[1:51]).gas // 50
    gas["coupon_pass_on_1"] = suite.as_operator(coupons, "passOnFor", lot[1], members[1], members[2]).gas
    gas |= _write_offs(suite, members, other)
    return gas | {"coupon_undo_16_at_till_all_owing": _worst_undo(suite, members[0])}


def _write_offs(suite: Suite, members: list[int], other: int) -> dict[str, int]:
    """Trails of each length: alone by a clerk, and at a till as the ledger calls it."""
    gas: dict[str, int] = {}
    coupons, ledger = suite["Coupons"], suite.chain.impersonate(suite.ledger.address)
    sale = 0
    for length in TRAILS:
        merchant = suite.onboard()
        suite.as_operator(coupons, "issue", 1, 3)
        lot = int(coupons.view("campaignOf", 1)[1]["lots"]) - 1
        suite.as_operator(coupons, "handLot", 1, lot, merchant)
        for serial, name in enumerate(("first", "known", "at_till")):
            coupon = coupon_id(1, lot, serial)
            holder = _handed(suite, coupon, merchant, members, length)
            sale += 1
            if name == "at_till":
                act = (STREAM, sale, other, 0, holder, suite.chain.now(), BASKET - DISCOUNT, 0, 0, b"\1" * 32)
                data = WriteOff(coupon=coupon, discount=MinorUnits(DISCOUNT)).act().data
                gas[f"coupon_write_off_{length}_{name}"] = coupons.send("applyAct", act, data, sender=ledger).gas
            else:
                terms = (other, coupon, sale, BASKET - DISCOUNT, DISCOUNT, b"", [], 0, b"")
                gas[f"coupon_write_off_{length}_{name}"] = coupons.send("writeOff", *terms, sender=suite.merchant).gas
        pools = suite["IncentivePools"]
        claimed = pools.send("claim", holder, [coupon], sender=suite.stranger)
        gas[f"coupon_claim_{length}"] = claimed.gas
        gas[f"coupon_claim_merchant_{length}"] = pools.send("claimMerchant", merchant, False, sender=suite.stranger).gas
    return gas


def _worst_undo(suite: Suite, member: int) -> int:
    """Undoing at a till costs most when the trail's merchants, its member and the data user have claimed their parts,
    owe them to one merchant since that undid its sale, and come to owe another one by this.
    """
    trail = [suite.onboard() for _ in range(TRAILS[-1] - 1)]
    data_user, first, second = (suite.onboard() for _ in range(3))
    coupons, pools = suite["Coupons"], suite["IncentivePools"]
    ledger = suite.chain.impersonate(suite.ledger.address)
    suite.as_operator(suite["Consents"], "consentFor", member, True)
    suite.as_operator(pools, "setTreasury", suite.holder)
    suite.as_operator(coupons, "defineCampaign", (*REWARDING_DATA, data_user, bytes(32)), "")
    campaign = int(coupons.view("campaignCount"))
    suite.as_operator(coupons, "issue", campaign, 1)
    suite.as_operator(coupons, "handLot", campaign, 0, trail[0])
    coupon = coupon_id(campaign, 0, 0)
    for holder, receiver in pairwise(trail):
        coupons.send("handOn", holder, [coupon], receiver, sender=suite.merchant)
    _give(suite, trail[-1], [coupon], [member])
    gas = 0
    for sale, (shop, amount) in enumerate(((first, BASKET), (second, BASKET // 3)), 1_000):
        suite.fund(shop, FUNDED)
        act = (STREAM, sale, shop, 0, member, suite.chain.now(), amount, 0, 0, b"\1" * 32)
        data = WriteOff(coupon=coupon, discount=MinorUnits(0)).act().data
        coupons.send("applyAct", act, data, sender=ledger)
        for merchant in (*trail, data_user):
            pools.send("claimMerchant", merchant, False, sender=suite.stranger)
        pools.send("claimPlatform", trail[:1], False, sender=suite.stranger)
        pools.send("claim", member, [coupon], sender=suite.stranger)
        undo = undoing(ActKind.COUPON, SequenceNumber(sale)).data
        gas = coupons.send("applyAct", act, undo, sender=ledger).gas
    return gas


def _handed(suite: Suite, coupon: int, merchant: int, members: list[int], length: int) -> int:
    """Gives a coupon through a trail of this many holders after the platform; the last one."""
    trail = members[: length - 1]
    _give(suite, merchant, [coupon], trail[:1])
    for holder, receiver in pairwise(trail):
        suite.as_operator(suite["Coupons"], "passOnFor", coupon, holder, receiver)
    return trail[-1]


def _give(suite: Suite, merchant: int, coupons: list[int], members: list[int]) -> Receipt:
    receipt: Receipt = suite["Coupons"].send("give", merchant, coupons, members, sender=suite.merchant)
    return receipt
