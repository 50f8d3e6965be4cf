"""What the bridge tells whoever sent a message: the outcome so far, to be put into a reply by the intake stages.

Built by bridge/service from the journal; encoded by bridge/acknowledge (ISO 8583, JSON-RPC).
"""

from dataclasses import dataclass
from enum import Enum

from node.domain.ids import MinorUnits, PaymentId, Units
from node.domain.payment import Status


class Fact(Enum):
    """Something that an answer says beside its code: the tag of its object in DE48, its name in JSON-RPC, and what it
    is. Amounts are minor units.
    """

    COIN = ("CO", "coin", "how much was taken, or given back, in coins, minor units")
    STORED_VALUE = ("SV", "storedValue", "how much was taken from, or given back to, stored value, minor units")
    EXTERNAL = ("XT", "external", "how much the clerk takes, or gives back, in cash or by another card, minor units")

    DISCOUNT = ("DC", "discount", "how much a coupon or the coin's discount took off, minor units")
    CERTIFICATE = ("CA", "certificateAmount", "how much a certificate paid, minor units")
    RECHARGED = ("RC", "recharged", "how much became stored value, minor units")
    AUTHORISED = ("AA", "authorised", "how much is put aside, minor units")
    CAPTURED = ("CC", "captured", "how much was captured, minor units")
    AUTHORISATION = ("AU", "authorization", "the authorisation's payment id, for its completions")
    COUPON = ("CP", "coupon", "the number of the coupon that was written off")
    GIFT = ("GF", "gift", "the number of the gift that is the member's")
    RESERVATION = ("RS", "reservation", "the number of the reservation that was handed over")

    def __init__(self, tag: str, member: str, meaning: str) -> None:
        self.tag = tag
        self.member = member
        self.meaning = meaning


Facts = tuple[tuple[Fact, str], ...]
"""What an answer says, in its order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """The reply to one message.

    `response_code` is ISO 8583 DE39. `payment_id` is None only for a reversal whose original never came. `points` and
    `balance` are units, None as long as the chain has not said. `duplicate` says that this very message came before.
    `text` is one printable ASCII line for the receipt (DE63), possibly empty. `facts` are what acts and refunds did.
    `amount` is what was approved where that is less than was asked for (DE39 10, DE4), minor units.
    """

    response_code: str
    payment_id: PaymentId | None
    status: Status
    points: Units | None
    balance: Units | None
    duplicate: bool
    text: str
    facts: Facts = ()
    amount: MinorUnits | None = None

    @property
    def approved(self) -> bool:
        """Whether the message was accepted, or a part of it (10)."""
        return self.response_code in ("00", "10")
