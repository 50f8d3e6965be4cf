"""Coupons as the contracts compute them (interfaces/ICoupons.sol, IIncentivePools.sol); pure.

What a write-off generates and whose that is, and how coupons, uses and holders are named; what a coupon gives and the
bytes of its act stand in node/domain/acts/coupon.py. Used by the scripts, by whoever recomputes an incentive from the
chain, and by the tests as the contracts' mirror. Money is in minor units, ratios are basis points; each part is rounded
down, and the platform has what is left.
"""

from dataclasses import dataclass
from typing import Final

from node.domain.acts.coupon import BASIS_POINTS
from node.domain.ids import MemberId, MerchantId

MAX_HOPS: Final = 16
MAX_UNITS: Final = 2**48 - 1
WITHOUT_BATCH: Final = 0xFFFFFF00
"""And the number of the use, where the name of a use in a batch has its stream."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sharing:
    """How a coupon's incentive is shared; `hops` are all holders after the platform, the first `merchants` merchants.

    `share`: the incentive is basis points of what is paid, else a sum of money. `data_owner_bps` is 0 when nobody
    consented, `data_user_bps` when nobody paid for targeting.
    """

    hops: int
    merchants: int = 1
    cash: bool = False
    share: bool = True
    incentive: int = 0
    first_bps: int = 0
    distributors_bps: int = 0
    member_bps: int = 0
    data_owner_bps: int = 0
    data_user_bps: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """Of one use's incentive; `distributor` of each of them."""

    platform: int
    first: int
    distributor: int
    holder: int
    data_owner: int
    data_user: int


def coupon_id(campaign: int, lot: int, serial: int) -> int:
    """`campaign 32 | lot 16 | serial 16`. Raises ValueError when a number does not fit."""
    if not (0 <= campaign < 2**32 and 0 <= lot < 2**16 and 0 <= serial < 2**16):
        raise ValueError(f"no coupon has campaign {campaign}, lot {lot}, serial {serial}")
    return campaign << 32 | lot << 16 | serial


def use_id(stream: int, sequence: int) -> int:
    """How a use is named that came in a batch: `stream 32 | sequence 64`."""
    return stream << 64 | sequence


def lone_use_id(coupon: int, number: int) -> int:
    """How use `number` (from 0) of a coupon is named that came without a batch."""
    return WITHOUT_BATCH + number << 64 | coupon


def units_down(sharing: Sharing, amount: int, units_per_minor_unit: int) -> int:
    """What paying `amount` generates: units of coin, or minor units if the incentive is cash."""
    unit = 1 if sharing.cash else units_per_minor_unit
    if sharing.share:
        return min(amount * sharing.incentive * unit // BASIS_POINTS, MAX_UNITS)
    return min(sharing.incentive * unit, MAX_UNITS) if amount else 0


def parts_down(sharing: Sharing, units: int) -> Parts:
    """Whose the units are, before a merchant that writes off its own coupon leaves its part to the platform."""
    between = sharing.hops - 2
    first = units * sharing.first_bps // BASIS_POINTS
    distributor = units * sharing.distributors_bps // (BASIS_POINTS * between) if between else 0
    holder = units * sharing.member_bps // BASIS_POINTS
    data_owner = units * sharing.data_owner_bps // BASIS_POINTS
    data_user = units * sharing.data_user_bps // BASIS_POINTS
    return Parts(
        platform=units - first - distributor * between - holder - data_owner - data_user,
        first=first,
        distributor=distributor,
        holder=holder,
        data_owner=data_owner,
        data_user=data_user,
    )


def member_part(sharing: Sharing, units: int, place: int) -> int:
    """The part of the member at a place of the trail (from 0): as distributor or holder, and as data owner."""
    parts = parts_down(sharing, units)
    part = parts.holder if place + 1 == sharing.hops else parts.distributor
    return part + (parts.data_owner if place == sharing.merchants else 0)


def members_part(sharing: Sharing, units: int) -> int:
    """What all members of the trail have together."""
    return sum(member_part(sharing, units, place) for place in range(sharing.merchants, sharing.hops))


def merchant_account(merchant: MerchantId | int) -> bytes:
    """The ERC-721 owner that stands for a merchant."""
    return b"Tillmerchant" + merchant.to_bytes(8, "big")


def member_owner(member: MemberId | int) -> bytes:
    """The ERC-721 owner that stands for a member: its account in the ledger."""
    return b"Tillmember\x00\x00" + member.to_bytes(8, "big")


PLATFORM_ACCOUNT: Final = b"Tillplatform" + bytes(8)
"""The ERC-721 owner that stands for the platform."""
