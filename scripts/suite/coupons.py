"""Coupons: the pools of their incentive, the cap of their issue, and the coupons themselves."""

from collections.abc import Sequence
from typing import Any, Final

from node.domain.roles import OPERATOR
from scripts.suite.part import CREDIT_VALUE, ISSUE, TAKE_PAYABLE, Addresses, Part, Settings, usual

SECTION: Final = "coupons"
WRITE_OFF: Final = 1  # kind of act
NOBODY: Final = "0x" + "00" * 20
SETTINGS: Final[dict[str, Any]] = {
    "treasury": NOBODY,
    "period_length": 30 * 86_400,
    "first_cap": 100_000,
    "per_merchant": 500,
    "per_member": 2,
    "turnover_per_coupon": 5_000,
    "saturation": 10_000_000,
    "minimum_spend": 1_000,
}


def _pools(addresses: Addresses, settings: Settings) -> Sequence[Any]:
    return (*usual(addresses, settings), settings["treasury"])


def _cap(addresses: Addresses, settings: Settings) -> Sequence[Any]:
    names = ("per_merchant", "per_member", "turnover_per_coupon", "saturation", "minimum_spend")
    formula = tuple(settings[name] for name in names)
    return (*usual(addresses, settings), settings["period_length"], settings["first_cap"], formula)


def _coupons(addresses: Addresses, settings: Settings) -> Sequence[Any]:
    names = ("IncentivePools", "IssuanceCap", "Consents")
    return (*usual(addresses, settings), *(addresses[name] for name in names))


def _statistics(addresses: Addresses, _: Settings) -> Sequence[Any]:
    return (addresses["Coupons"], addresses["IncentivePools"])


PARTS: Final = (
    Part(
        name="IncentivePools",
        section=SECTION,
        arguments=_pools,
        roles={"annul": OPERATOR},
        doors=ISSUE | TAKE_PAYABLE | CREDIT_VALUE,
    ),
    Part(name="IssuanceCap", section=SECTION, arguments=_cap),
    Part(name="Consents", section=SECTION, arguments=usual, roles={"consentFor": OPERATOR}),
    Part(
        name="Coupons",
        section=SECTION,
        arguments=_coupons,
        roles=dict.fromkeys(("defineCampaign", "issue", "handLot", "handOut", "passOnFor"), OPERATOR),
        acts=(WRITE_OFF, 128 + WRITE_OFF),
    ),
    Part(name="CouponStatistics", section=SECTION, arguments=_statistics),
)
