"""Cards, stored value, rebates, points for merchants, corrections, merging, discounts (docs/value.md)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from node.domain.roles import FINANCE, MEMBERS, OPERATOR
from scripts.suite.part import (
    CREDIT_VALUE,
    ISSUE,
    MERGE,
    REDEEM,
    TAKE_COINS,
    TAKE_PAYABLE,
    TAKE_VALUE,
    Addresses,
    Part,
    Settings,
    usual,
)

SECTION: Final = "value"
# a contract's: what the contracts of this domain ask of each other
WITHIN: Final = 20
SETTINGS: Final[Mapping[str, Any]] = {"patience": 259_200}
RECHARGE_ACTS: Final = (2, 130)  # a recharge, and what undoes one
ADVICE_ACTS: Final = (9, 137)  # an advice that overdraws, and what undoes one
LIMITS: Final = dict.fromkeys(("setLimit", "raiseLimit", "removeLimit", "bindAccount"), OPERATOR)


def _beside(*names: str) -> Any:
    def arguments(addresses: Addresses, settings: Settings) -> Sequence[Any]:
        return (*usual(addresses, settings), *(addresses[name] for name in names))

    return arguments


def _patient(*names: str) -> Any:
    def arguments(addresses: Addresses, settings: Settings) -> Sequence[Any]:
        return (*_beside(*names)(addresses, settings), settings["patience"])

    return arguments


PARTS: Final[tuple[Part, ...]] = (
    Part(
        name="MemberCards",
        section=SECTION,
        arguments=usual,
        roles={
            **dict.fromkeys(("setKind", "issueCards", "activate", "hold", "release", "replace"), OPERATOR),
            "setTierTerms": OPERATOR,
            "close": WITHIN,
            "merge": WITHIN,
        },
        grants=(MEMBERS,),
    ),
    Part(
        name="Rebates",
        section=SECTION,
        arguments=_beside("MemberCards"),
        roles={
            **dict.fromkeys(("defineProgramme", "openProgramme", "chooseProgramme"), OPERATOR),
            "withdrawFund": FINANCE,
            **dict.fromkeys(("takeIn", "takeBack", "give", "payOut", "noteNet", "merge"), WITHIN),
        },
        doors=CREDIT_VALUE,
    ),
    Part(
        name="Advices",
        section=SECTION,
        arguments=usual,
        roles={"takeFromGuarantee": FINANCE, "forgiveGuarantee": FINANCE, "merge": WITHIN},
        doors=CREDIT_VALUE | TAKE_VALUE | TAKE_COINS | REDEEM | TAKE_PAYABLE,
        acts=ADVICE_ACTS,
    ),
    Part(
        name="StoredValue",
        section=SECTION,
        arguments=_beside("MemberCards", "Rebates", "Advices"),
        roles={
            **LIMITS,
            "recharge": FINANCE,
            "withdrawStartingFund": FINANCE,
            "closeCardAt": OPERATOR,
            "setCounterLimit": FINANCE,
            "noteNet": WITHIN,
            "merge": WITHIN,
        },
        doors=CREDIT_VALUE | TAKE_VALUE | TAKE_PAYABLE,
        acts=RECHARGE_ACTS,
        grants=(WITHIN,),
    ),
    Part(
        name="PointSale",
        section=SECTION,
        arguments=usual,
        roles={**LIMITS, "setSteps": OPERATOR, "setLine": OPERATOR, "takeFund": FINANCE},
        doors=TAKE_PAYABLE,
    ),
    Part(
        name="Corrections",
        section=SECTION,
        arguments=_patient("StoredValue"),
        roles={
            "proposeFor": OPERATOR,
            "cancelFor": OPERATOR,
            "approveFor": FINANCE,
            "setDayLimit": FINANCE,
            "takeFund": FINANCE,
        },
        doors=CREDIT_VALUE | TAKE_VALUE | ISSUE,
        grants=(WITHIN,),
    ),
    Part(
        name="MemberMerge",
        section=SECTION,
        arguments=_patient("MemberCards", "StoredValue", "Advices"),
        roles={"merge": OPERATOR, "proposeMerge": OPERATOR, "approveMerge": FINANCE},
        doors=MERGE,
        grants=(WITHIN,),
    ),
    Part(
        name="CardDiscounts",
        section=SECTION,
        arguments=_beside("MemberCards"),
        roles={"veto": OPERATOR},
    ),
)
