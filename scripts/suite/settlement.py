"""Payments in two steps, what merchants get for them, and the discount for coins (docs/settlement.md)."""

from collections.abc import Sequence
from typing import Any, Final

from node.domain.roles import OPERATOR
from scripts.suite.part import (
    CREDIT_VALUE,
    ISSUE,
    REDEEM,
    TAKE_COINS,
    TAKE_PAYABLE,
    TAKE_VALUE,
    Addresses,
    Part,
    Settings,
    usual,
)

SETTINGS: Final[dict[str, Any]] = {
    "settlement_days": 1,
    "payout_delay": 172_800,
    "chargeback_window": 10_368_000,
    "coin_discount_bps": 500,
}


def _payouts(addresses: Addresses, settings: Settings) -> Sequence[Any]:
    return (*usual(addresses, settings), settings["payout_delay"])


def _escrow(addresses: Addresses, settings: Settings) -> Sequence[Any]:
    return (
        *usual(addresses, settings),
        settings["settlement_days"],
        addresses["MerchantPayouts"],
        settings["chargeback_window"],
    )


def _discount(addresses: Addresses, settings: Settings) -> Sequence[Any]:
    return (*usual(addresses, settings), settings["coin_discount_bps"])


PARTS: Final = (
    Part(name="MerchantPayouts", section="settlement", arguments=_payouts, doors=TAKE_PAYABLE),
    Part(
        name="SettlementEscrow",
        section="settlement",
        arguments=_escrow,
        roles={"setMerchantTerms": OPERATOR, "chargeBack": OPERATOR},
        doors=CREDIT_VALUE | TAKE_VALUE | TAKE_COINS | REDEEM | ISSUE | TAKE_PAYABLE,
        acts=(3, 4, 5, 131, 132, 133),
    ),
    Part(
        name="CoinDiscount",
        section="settlement",
        arguments=_discount,
        roles={"setRate": OPERATOR, "setAllowance": OPERATOR, "withdrawFund": OPERATOR},
        doors=TAKE_PAYABLE,
        acts=(8, 136),
    ),
    Part(
        name="InstalmentPlans",
        section="settlement",
        arguments=usual,
        doors=CREDIT_VALUE | TAKE_VALUE | TAKE_PAYABLE,
    ),
)
