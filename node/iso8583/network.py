"""The tables of what terminals say beside payments: network management (0800) and reconciliation (0500, 0520).

Verify goes by them, and docs/iso8583.md is made from them. Codes are ISO 8583:1987's, as gateways use them.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final


class NetworkAction(Enum):
    """What a network management message asks for."""

    SIGN_ON = "sign-on"
    SIGN_OFF = "sign-off"
    ECHO = "echo"
    KEY_CHANGE = "key change"
    CUT_OVER = "cut-over"


class MacNeed(Enum):
    """When a network management message needs a MAC."""

    NEVER = "no"
    """A wrong one is refused all the same."""
    PROFILE = "where `mac_required` is set"
    SIGN_ON = "where `mac_required` and `sign_on` are set"
    ALWAYS = "always"


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkRow:
    """A 0800 with this DE70. `needs` are the elements that must be there."""

    action: NetworkAction
    code: str
    needs: tuple[int, ...]
    mac: MacNeed
    meaning: str


NETWORK: Final[tuple[NetworkRow, ...]] = (
    NetworkRow(
        action=NetworkAction.SIGN_ON,
        code="001",
        needs=(7, 11, 70),
        mac=MacNeed.SIGN_ON,
        meaning="sign-on; with `sign_on` DE41 must be there, and the terminal's messages are taken from then on",
    ),
    NetworkRow(
        action=NetworkAction.SIGN_OFF,
        code="002",
        needs=(7, 11, 70),
        mac=MacNeed.SIGN_ON,
        meaning="sign-off; with `sign_on` the terminal's 0100 and 0200 are answered 58 from then on",
    ),
    NetworkRow(
        action=NetworkAction.KEY_CHANGE,
        code="161",
        needs=(7, 11, 41, 70),
        mac=MacNeed.ALWAYS,
        meaning="key change: the answer has a new MAC key in KB and KV",
    ),
    NetworkRow(
        action=NetworkAction.CUT_OVER,
        code="201",
        needs=(7, 11, 15, 41, 70),
        mac=MacNeed.PROFILE,
        meaning="cut-over: closes the terminal's business day DE15; what comes next belongs to the next one",
    ),
    NetworkRow(
        action=NetworkAction.ECHO, code="301", needs=(7, 11, 70), mac=MacNeed.NEVER, meaning="echo; nothing changes"
    ),
)
NETWORK_TYPES: Final = ("0800", "0801")
RECONCILIATION_TYPES: Final = ("0500", "0501", "0520", "0521")
RECONCILIATION_ADVICES: Final = ("0520", "0521")

TOTALS: Final[tuple[tuple[int, str], ...]] = (
    (74, "credits"),
    (75, "credit_reversals"),
    (76, "debits"),
    (77, "debit_reversals"),
    (86, "credit_amount"),
    (87, "credit_reversal_amount"),
    (88, "debit_amount"),
    (89, "debit_reversal_amount"),
)
"""Which of a day's totals (node/domain/totals.py) stands in which element."""
RECONCILIATION_NEEDS: Final = (7, 11, 41, 42, *(number for number, _ in TOTALS), 97)
NET: Final = 97
SETTLEMENT_CODE: Final = 66
IN_BALANCE, OUT_OF_BALANCE = "1", "2"
RECONCILE_ERROR: Final = "95"


def network_row(mti: str, code: str) -> NetworkRow | None:
    """The row for a type and DE70; None where there is none."""
    return next((row for row in NETWORK if mti in NETWORK_TYPES and row.code == code), None)
