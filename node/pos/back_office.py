"""What a terminal sends after the fact: advices of sales that it approved by itself, and its totals of a day.

Beside messages.py; PosConnection.send sends them.
"""

from datetime import datetime
from typing import Any, Final

from node.domain.totals import Totals
from node.iso8583.network import NET, TOTALS
from node.pos import messages
from node.pos.messages import PosTerminal, Request, seal

OFFLINE_CODE: Final = "OFF001"


def advice(terminal: PosTerminal, *, decision: str = "00", approval_code: str = OFFLINE_CODE, **sale: Any) -> Request:
    """A 0220 of a sale (as messages.purchase) on which the terminal decided: DE39 and DE38."""
    asked = messages.purchase(terminal, **sale)
    fields = {number: text for number, text in asked.message.fields.items() if number not in (64, 128)}
    return seal("0220", {**fields, 38: approval_code, 39: decision}, terminal)


def reconciliation(
    terminal: PosTerminal,
    totals: Totals,
    *,
    stan: str,
    transmitted: datetime,
    day: str = "",
    mti: str = "0500",
) -> Request:
    """A 0500 or 0520: the totals of the open business day, or of the closed one `day` (MMDD)."""
    fields = {number: str(getattr(totals, name)) for number, name in TOTALS}
    fields |= {7: f"{transmitted:%m%d%H%M%S}", 11: stan, 41: terminal.id, 42: str(terminal.merchant)}
    fields[NET] = f"{'D' if totals.net < 0 else 'C'}{abs(totals.net):016d}"
    if day:
        fields[15] = day
    return seal(mti, fields, terminal)
