"""What the bridge tells whoever sent a message: the outcome so far, to be put into a reply by the intake stages.

Built by bridge/service from the journal; encoded by bridge/acknowledge (ISO 8583, JSON-RPC).
"""

from dataclasses import dataclass

from node.domain.ids import PaymentId, Units
from node.domain.payment import Status


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """The reply to one message.

    `response_code` is ISO 8583 DE39. `payment_id` is None only for a reversal whose original never came. `points` and
    `balance` are units, None as long as the chain has not said. `duplicate` says that this very message came before.
    `text` is one printable ASCII line for the receipt (DE63), possibly empty.
    """

    response_code: str
    payment_id: PaymentId | None
    status: Status
    points: Units | None
    balance: Units | None
    duplicate: bool
    text: str

    @property
    def approved(self) -> bool:
        """Whether the message was accepted."""
        return self.response_code == "00"
