"""Referrals, pending points, claims by receipt, gifts and gift certificates."""

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
    "shortest_certificate": 86_400,
    "longest_certificate": 3 * 365 * 86_400,
    "longest_receipt": 30 * 86_400,
    "claims_per_day": 3,
}


def _certificates(addresses: Addresses, settings: Settings) -> Sequence[Any]:
    return (*usual(addresses, settings), settings["shortest_certificate"], settings["longest_certificate"])


def _missing(addresses: Addresses, settings: Settings) -> Sequence[Any]:
    rules = addresses["RewardRules"]
    return (*usual(addresses, settings), rules, settings["longest_receipt"], settings["claims_per_day"])


PARTS: Final = (
    Part(
        name="Gifts",
        section="loyalty",
        arguments=usual,
        doors=TAKE_COINS | REDEEM | TAKE_VALUE | CREDIT_VALUE | TAKE_PAYABLE,
        acts=(6, 134),
    ),
    Part(
        name="GiftCertificates",
        section="loyalty",
        arguments=_certificates,
        doors=TAKE_VALUE | CREDIT_VALUE | TAKE_PAYABLE,
        acts=(7, 135),
    ),
    Part(
        name="Referrals",
        section="loyalty",
        arguments=usual,
        roles={"enrolReferred": OPERATOR},
        doors=ISSUE,
    ),
    Part(name="PendingRewards", section="loyalty", arguments=usual, doors=ISSUE),
    Part(name="MissingPoints", section="loyalty", arguments=_missing, doors=ISSUE),
)
