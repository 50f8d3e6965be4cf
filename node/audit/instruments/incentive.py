"""Coupons' incentive, recomputed along each coupon's own trail (docs/coupons.md, node/domain/coupons.py); pure.

Units of coin, minor units where a campaign pays cash. What a write-off generates, what merchants and the platform have
of it, and that no member ever claims more than its place in the trail gives.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from node.audit.instruments.said import Said, Wrong
from node.domain.coupons import PLATFORM_ACCOUNT, Sharing, member_part, parts_down, units_down

MERCHANT_TAG: Final = int.from_bytes(b"Tillmerchant", "big")
PLATFORM: Final = int.from_bytes(PLATFORM_ACCOUNT, "big")
INCENTIVE: Final = slice(7, 16)
"""Of a campaign's terms: cash, share, incentive, the five ratios, the data user."""


@dataclass(kw_only=True, slots=True)
class Trail:
    """Who held a coupon, in their order: first merchants, then members. `consented`: the first member did."""

    merchants: list[int] = field(default_factory=list)
    members: list[int] = field(default_factory=list)
    consented: bool = False


@dataclass(kw_only=True, slots=True)
class Incentive:
    """Recomputes all pools. `par` are units of a minor unit."""

    par: int
    checked: Counter[str] = field(default_factory=Counter)
    campaigns: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    trails: dict[int, Trail] = field(default_factory=dict)
    consents: dict[int, bool] = field(default_factory=dict)
    entitled: Counter[tuple[int, int]] = field(default_factory=Counter)

    @property
    def amounts(self) -> dict[str, int]:
        """What members' places in coupons' trails give them and they have not claimed."""
        return {"incentive to be claimed by members": sum(self.entitled.values())}

    def transaction(self, time: int, said: Sequence[Said]) -> list[Wrong]:
        """What of a transaction's events is not what the terms say."""
        wrong: list[Wrong] = []
        credited: Counter[tuple[int, int]] = Counter()
        for each in said:
            it = each.fields
            match each.part, each.name:
                case "Consents", "ConsentSet":
                    self.consents[it["member"]] = bool(it["given"])
                case "Coupons", "CampaignDefined":
                    self.campaigns[it["campaign"]] = it["terms"]
                case "Coupons", "Transfer":
                    self._moved(it["tokenId"], it["to"])
                case "IncentivePools", "MerchantCredited":
                    credited[it["use"], it["merchant"]] += it["units"]
                case "IncentivePools", "IncentiveClaimed":
                    wrong += self._claimed(it)
        sales = {each.fields["use"]: each.fields for each in said if each.name == "CouponWrittenOff"}
        for each in said:
            if each.name == "IncentiveGenerated":
                wrong += self._generated(each.fields, sales.get(each.fields["use"]), credited)
            elif each.name == "IncentiveSettled":
                wrong += self._shared(each.fields, credited)
        return wrong

    def _moved(self, coupon: int, to: int) -> None:
        trail = self.trails.setdefault(coupon, Trail())
        if to >> 64 == MERCHANT_TAG:
            trail.merchants.append(to & (2**64 - 1))
        elif to != PLATFORM and 0 < to < 2**64:
            if not trail.members:
                trail.consented = self.consents.get(to, False)
            trail.members.append(to)

    def _sharing(self, coupon: int) -> tuple[Sharing, int] | None:
        """How a coupon's incentive is shared, and with which data user."""
        trail, terms = self.trails.get(coupon), self.campaigns.get(coupon >> 32)
        if trail is None or terms is None or not trail.merchants or not trail.members:
            return None
        cash, share, incentive, first, distributors, member, data_owner, data_user, user = terms[INCENTIVE]
        sharing = Sharing(
            hops=len(trail.merchants) + len(trail.members),
            merchants=len(trail.merchants),
            cash=bool(cash),
            share=bool(share),
            incentive=incentive,
            first_bps=first,
            distributors_bps=distributors,
            member_bps=member,
            data_owner_bps=data_owner if trail.consented else 0,
            data_user_bps=data_user,
        )
        return sharing, int(user)

    def _generated(
        self, it: Mapping[str, int], sale: Mapping[str, int] | None, credited: Counter[tuple[int, int]]
    ) -> list[Wrong]:
        found, coupon = self._sharing(it["coupon"]), f"coupon {it['coupon']}"
        self.checked["incentives"] += 1
        if found is None or sale is None:
            return [(coupon, "incentive was generated for a coupon that nobody held, or without a write-off")]
        wrong: list[Wrong] = []
        due = units_down(found[0], sale["amount"], self.par)
        if it["units"] != due or sale["units"] != due:
            wrong.append((coupon, f"a write-off generated {it['units']} units, {due} by its campaign's terms"))
        return wrong + (self._shared(it, credited) if it["funded"] else [])

    def _shared(self, it: Mapping[str, int], credited: Counter[tuple[int, int]]) -> list[Wrong]:
        """What merchants and the platform have of a use; notes what its members may claim."""
        coupon, found = it["coupon"], self._sharing(it["coupon"])
        if found is None:
            return [(f"coupon {coupon}", "incentive was shared of a coupon that nobody held")]
        (sharing, user), trail = found, self.trails[coupon]
        parts = parts_down(sharing, it["units"])
        due: Counter[int] = Counter()
        for merchant in trail.merchants[1:]:
            due[merchant] += parts.distributor
        due[trail.merchants[0]] += parts.first
        if user:
            due[user] += parts.data_user
        due[it["merchant"]] = 0  # nobody is paid for writing off a coupon of its own
        lazy = 0
        for place, member in enumerate(trail.members, len(trail.merchants)):
            part = member_part(sharing, it["units"], place)
            self.entitled[coupon, member] += part
            lazy += part
        wrong: list[Wrong] = []
        for merchant in sorted({*due, *(who for use, who in credited if use == it["use"])}):
            if credited[it["use"], merchant] != due[merchant]:
                said = credited[it["use"], merchant]
                text = f"merchant {merchant} was credited {said} units of a use, {due[merchant]} are its part"
                wrong.append((f"coupon {coupon}", text))
        platform = it["units"] - lazy - sum(due.values())
        if it["platform"] != platform:
            text = f"the platform has {it['platform']} units of a use, {platform} are its part"
            wrong.append((f"coupon {coupon}", text))
        return wrong

    def _claimed(self, it: Mapping[str, int]) -> list[Wrong]:
        key = it["coupon"], it["member"]
        left = self.entitled[key]
        self.entitled[key] -= it["units"]
        self.checked["incentive claims"] += 1
        if it["units"] <= left:
            return []
        return [
            (f"coupon {it['coupon']}", f"member {it['member']} claimed {it['units']} units, {left} were left to it")
        ]
