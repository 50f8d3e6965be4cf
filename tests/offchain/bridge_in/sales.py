"""Purchases as a terminal sends them, for the tests of the wire."""

from datetime import UTC, datetime

from node.pos import messages
from node.pos.messages import PosTerminal, Request
from tests.offchain.bridge_in.conftest import CARD, CURRENCY

LOCAL = datetime(2026, 6, 1, 12, 30, 15, tzinfo=UTC)
GOOD = {"card": CARD, "amount": 1_200, "currency": CURRENCY}
REQUESTS = tuple(f"0{kind}{way}{repeat}" for kind in "1245" for way in "02" for repeat in "01")
"""Every type that somebody may send beside network management, taken or not."""


GOOD_VALUES = {
    2: CARD,
    3: "000000",
    4: "000000001200",
    7: "0601123015",
    11: "000001",
    12: "123015",
    13: "0601",
    15: "0601",
    22: "021",
    25: "00",
    38: "000001",
    39: "00",
    41: "TILL0001",
    42: "42",
    48: "PA00011",
    49: CURRENCY,
    **dict.fromkeys((74, 75, 76, 77, 86, 87, 88, 89), "0"),
    90: "0200" + "000001" + "0601123015" + "0" * 22,
    97: "C" + "0" * 16,
}


def purchase(terminal: PosTerminal, *, drop: tuple[int, ...] = (), **changes: object) -> Request:
    """A purchase, good but for the changes; `DE<n>` sets an element, `drop` leaves some out."""
    elements = {int(name[2:]): changes.pop(name) for name in tuple(changes) if name.startswith("DE")}
    known = {"stan": "000001", "local": LOCAL, "transmitted": LOCAL, **GOOD, **changes}
    request = messages.purchase(terminal, **known)
    fields = {number: text for number, text in request.message.fields.items() if number not in (64, 128, *drop)}
    return messages.seal(request.message.mti, {**fields, **elements}, terminal)
