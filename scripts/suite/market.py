"""Paying in other assets, and trade among members: PriceOracle, AssetGateway, PeerExchange, ReceiptMarket."""

from collections.abc import Sequence
from typing import Any, Final

from node.domain.roles import FINANCE, OPERATOR, REPORTER
from scripts.suite.part import CREDIT_VALUE, SETTLE, TAKE_COINS, TAKE_PAYABLE, Addresses, Part, Settings, usual

SECTION: Final = "market"
SETTINGS: Final[dict[str, Any]] = {
    "lock_time": 900,
    "refund_window": 2_592_000,
    "lock_deposit_bps": 100,
    "locks_per_payer": 3,
    "exchange_fee_bps": 5,
    "dispute_window": 604_800,
}


def _gateway(addresses: Addresses, settings: Settings) -> Sequence[Any]:
    names = ("lock_time", "refund_window", "lock_deposit_bps", "locks_per_payer")
    return (*usual(addresses, settings), addresses["PriceOracle"], tuple(settings[name] for name in names))


PARTS: Final = (
    Part(
        name="PriceOracle",
        section=SECTION,
        arguments=lambda addresses, _: (addresses["NetworkAccess"],),
        roles={"setFeed": OPERATOR, "reset": OPERATOR, "drop": OPERATOR, "report": REPORTER},
    ),
    Part(
        name="AssetGateway",
        section=SECTION,
        arguments=_gateway,
        roles={"setAsset": OPERATOR, "takeInventory": FINANCE, "takeAsset": FINANCE},
        doors=TAKE_PAYABLE,
    ),
    Part(
        name="PeerExchange",
        section=SECTION,
        arguments=lambda addresses, settings: (*usual(addresses, settings), settings["exchange_fee_bps"]),
        roles={"setToken": OPERATOR, "setFee": OPERATOR, "takeFees": FINANCE},
        doors=TAKE_COINS,
    ),
    Part(
        name="ReceiptMarket",
        section=SECTION,
        arguments=lambda addresses, settings: (*usual(addresses, settings), settings["dispute_window"]),
        roles={"resolve": OPERATOR},
        doors=SETTLE | CREDIT_VALUE,
    ),
)
