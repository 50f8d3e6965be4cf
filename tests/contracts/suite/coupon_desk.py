"""A desk that issues coupons, hands them on and writes them off, for the tests of single calls."""

from itertools import pairwise
from typing import Any

import pytest

from benchmarks.devchain import Contract, Receipt, Reverted
from benchmarks.suite import Suite
from node.domain.acts.coupon import WriteOff
from node.domain.coupons import coupon_id
from node.domain.ids import MemberId, MerchantId, MinorUnits
from tests.contracts.suite.codes import CODES
from tests.contracts.suite.coupon_holders import FAR, sign_write_off
from tests.contracts.suite.coupons_model import Terms as Campaign
from tests.contracts.suite.till import Act
from tests.contracts.twin import Twin, external

SHOP, OTHER, POOR = MerchantId(1), MerchantId(2), MerchantId(3)
ANN, BOB, CAT = (MemberId(m) for m in (11, 12, 13))
KEY = CODES[0]
PAID, OFF = 9_000, 1_000  # ten per cent off
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
