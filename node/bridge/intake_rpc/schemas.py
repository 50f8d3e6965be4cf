"""JSON Schemas of what this intake answers, for the OpenRPC document.

Beside bridge/acknowledge and domain/announcement, which make the answers; tests check real ones against these.
"""

from typing import Any, Final

from node.bridge.intake_rpc.desk import totals_result
from node.domain.announcement import Happening
from node.domain.answer import Fact
from node.domain.payment import Status
from node.domain.totals import Totals

Json = dict[str, Any]
_STATUSES: Final = [status.value for status in Status]
_UNITS: Final = {"type": ["string", "null"], "pattern": "^[0-9]+$"}
_BYTES: Final = {"type": "string", "pattern": "^0x[0-9a-f]*$"}
_PAYMENT_ID: Final = {"type": "string", "pattern": "^[0-9]+-[0-9]+$"}
_ANY_PAYMENT: Final = {"type": ["string", "null"], "pattern": "^[0-9]+-[0-9]+$"}


def refer(name: str) -> Json:
    """A reference to a schema of this document."""
    return {"$ref": f"#/components/schemas/{name}"}


def _object(properties: Json, *, optional: tuple[str, ...] = (), more: bool = False) -> Json:
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": more,
    }


COMPONENTS: Final[Json] = {
    "Payment": _object(
        {
            "approved": {"type": "boolean"},
            "responseCode": {"type": "string", "description": "ISO 8583 DE39", "minLength": 2, "maxLength": 2},
            "paymentId": {**_ANY_PAYMENT, "description": "null for a reversal of what never came"},
            "status": {"enum": _STATUSES},
            "amount": {
                "type": ["integer", "null"],
                "description": "what was approved, minor units, where that is less than was asked for",
            },
            "points": {**_UNITS, "description": "units of 10^-6 coin; null as long as the chain has not said"},
            "balance": _UNITS,
            "holdings": {
                "oneOf": [refer("Holdings"), {"type": "null"}],
                "description": "what the member has now, where the bridge is set to say so",
            },
            "duplicate": {"type": "boolean", "description": "whether this very message came before"},
            "text": {"type": "string", "description": "a line for the receipt"},
            "facts": _object(
                {fact.member: {"type": "string", "description": fact.meaning} for fact in Fact},
                optional=tuple(fact.member for fact in Fact),
            ),
        }
    ),
    "Holdings": _object(
        {
            "storedValue": {"type": "integer", "description": "minor units"},
            "coinsAtPar": {"type": "integer", "description": "what the coins are worth, minor units"},
            "coins": {"type": "string", "pattern": "^[0-9]+$", "description": "units of 10^-6 coin"},
            "text": {"type": "string", "description": "a line for the receipt"},
        }
    ),
    "SignedOn": _object({"signedOn": {"type": "boolean"}}),
    "ClosedDay": _object({"day": {"type": "string", "format": "date"}}),
    "Reconciliation": _object(
        {
            "balanced": {"type": "boolean", "description": "whether the totals are the bridge's, reversals set off"},
            "day": {"type": "string", "description": "the closed business day; empty: the open one"},
            "totals": {
                **_object({name: {"type": "integer"} for name in totals_result(Totals())}),
                "description": "the bridge's own; `net` is credits less debits, reversals set off",
            },
        }
    ),
    "Lines": _object(
        {
            "lines": {
                "type": "array",
                "items": _object(
                    {
                        "payment": _PAYMENT_ID,
                        "merchant": {"type": "integer"},
                        "day": {"type": "string", "format": "date"},
                        "root": {**_BYTES, "description": "the items root that the payment carries"},
                        "sealed": {**_BYTES, "description": "the line items, encrypted (docs/lines.md)"},
                        "copy": {
                            **_BYTES,
                            "description": "the content key, for the reader's key; 0x where it has none",
                        },
                    }
                ),
            },
            "after": {"type": ["integer", "null"], "description": "asks for the next page; null when there is none"},
        }
    ),
    "Subscription": _object(
        {
            "subscription": {"type": "string"},
            "payment": {
                "oneOf": [refer("Payment"), {"type": "null"}],
                "description": "where the payment stands now; null for a terminal",
            },
        }
    ),
    "Notification": _object({"subscription": {"type": "string"}, "result": refer("Announcement")}),
    "Announcement": _object(
        {
            "type": {"enum": [each.value for each in Happening]},
            "timestamp": {"type": "string", "description": "RFC 3339"},
            "data": _object(
                {
                    "merchant": {"type": "integer"},
                    "paymentId": {**_PAYMENT_ID, "description": "whose state it is"},
                    "by": {**_ANY_PAYMENT, "description": "the reversal or refund that did it"},
                    "terminal": {"type": "string"},
                },
                optional=("paymentId", "by", "terminal"),
                more=True,
            ),
        }
    ),
}
