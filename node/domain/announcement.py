"""What the bridge tells others about a payment once it is true: subscribers (docs/rpc.md), webhooks (docs/webhooks.md).

Made by bridge/journal/happenings from what the journal wrote; pure.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from node.domain.ids import MerchantId, PaymentId


class Happening(Enum):
    """What can happen; the value is the type on the wire."""

    FINAL = "payment.final"
    """A final block holds it."""
    DECLINED = "payment.declined"
    """It has no effect, and will have none."""
    REVERSED = "payment.reversed"
    """All of it was undone, or it was cancelled before it went to the chain."""
    REFUNDED = "payment.refunded"
    """A part of it was given back."""
    SETTLED = "merchant.settled"
    """A settlement period of a merchant was closed and paid out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Announcement:
    """One thing that happened, once. `id` is unique and without a full stop, `at` milliseconds of the Unix clock.

    `payment` is whose state it is, `by` the reversal or refund that did it; `terminal` sent one of them. Where the
    whole merchant is meant, they are None and empty. `facts` are JSON values without personal data.
    """

    id: str
    type: Happening
    at: int
    merchant: MerchantId
    payment: PaymentId | None
    by: PaymentId | None
    terminal: str
    facts: Mapping[str, Any]

    def document(self) -> dict[str, Any]:
        """As it stands on the wire: type, timestamp (RFC 3339), data."""
        data: dict[str, Any] = {"merchant": int(self.merchant)}
        if self.payment is not None:
            data |= {"paymentId": self.payment, "by": self.by, "terminal": self.terminal}
        moment = datetime.fromtimestamp(self.at / 1000, UTC).isoformat(timespec="milliseconds")
        return {
            "type": self.type.value,
            "timestamp": moment.replace("+00:00", "Z"),
            "data": {**data, **self.facts},
        }

    def body(self) -> str:
        """The document as compact JSON."""
        return json.dumps(self.document(), separators=(",", ":"))
