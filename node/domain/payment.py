"""What a verified message becomes: a payment, a reversal or a refund, and the statuses it may pass through.

Stage before: verify (builds these). Stages after: journal, batch, transaction, finality, acknowledge.
"""

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Final

from node.domain.act import Act
from node.domain.ids import (
    Hash32,
    MemberId,
    MerchantId,
    MinorUnits,
    RuleVersion,
    TerminalId,
    TerminalNumber,
)


class Tender(IntEnum):
    """What a line is paid with (docs/batch.md)."""

    EXTERNAL = 0
    COIN = 1
    STORED_VALUE = 2

    @property
    def debits(self) -> bool:
        """Whether the ledger takes something from the member."""
        return self is not Tender.EXTERNAL


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentKey:
    """What makes a POS message the same message: never the repeat digit of the MTI.

    `mti_class` is the MTI's first three digits ("020", "040", "042"); `local_time` is DE13 + DE12 (MMDDhhmmss) as sent.
    """

    terminal: TerminalId
    stan: str
    local_time: str
    amount: MinorUnits
    mti_class: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A part of a payment that one rule version and one tender apply to."""

    amount: MinorUnits
    rule_version: RuleVersion
    tender: Tender


@dataclass(frozen=True, kw_only=True, slots=True)
class Payment:
    """A verified purchase, or an act, or both. `time` is the terminal's clock in Unix seconds; `body` the digest of
    what was sent.

    `transmission_time` is DE7 as sent (MMDDhhmmss): with terminal, MTI class and STAN it is what a reversal names.
    With an act there may be no lines. `authorisation` is there if any line debits, and with any act of a message that
    was proved. `about` names the authorisation that a capture takes from where its sequence is for the journal to find;
    `member` 0 is the authorisation's then. `approved` is how much of the message's amount it is where that is less.
    An `advice` tells of a sale that took place: it is accepted at once, whatever the chain says of it.
    """

    key: PaymentKey
    transmission_time: str
    body: Hash32
    merchant: MerchantId
    terminal: TerminalNumber
    member: MemberId
    time: int
    lines: tuple[Line, ...]
    items_root: Hash32 | None
    authorisation: Hash32 | None
    act: Act | None = None
    about: "OriginalKey | OriginalNumber | None" = None
    approved: MinorUnits | None = None
    advice: bool = False

    @property
    def debits(self) -> bool:
        """Whether any line takes something from the member."""
        return any(line.tender.debits for line in self.lines)

    @property
    def waits(self) -> bool:
        """Whether it is answered when it is final: the chain may refuse it."""
        return not self.advice and (self.act is not None or self.debits)

    @property
    def amount(self) -> MinorUnits:
        """The sum of the lines."""
        return MinorUnits(sum(line.amount for line in self.lines))


@dataclass(frozen=True, kw_only=True, slots=True)
class OriginalKey:
    """What a reversal says of its original: DE41, and from DE90 the MTI's class and the STAN, and DE7 as sent.

    Not `exact`, where the terminal's repeats may have another DE7: it may name that of a copy that never came.
    """

    terminal: TerminalId
    mti_class: str
    stan: str
    transmission_time: str
    exact: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Reversal:
    """A verified reversal (0400, 0420): all of its original is to be undone, whenever that arrives.

    One that is not `proved` came without MAC: it undoes nothing that was authorised by one.
    """

    key: PaymentKey
    body: Hash32
    original: OriginalKey
    merchant: MerchantId
    terminal: TerminalNumber
    time: int
    proved: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class OriginalNumber:
    """What a refund says of its original by number: its sequence, or (`whole` false) what DE38 has room for of it."""

    number: int
    whole: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Refund:
    """A verified refund (0200, processing code 20): `amount` of its original goes back, to the tenders in their order.

    `member` is whose card was shown, None without one; it has to be the original's.
    """

    key: PaymentKey
    transmission_time: str
    body: Hash32
    original: OriginalKey | OriginalNumber
    amount: MinorUnits
    merchant: MerchantId
    terminal: TerminalNumber
    member: MemberId | None
    time: int


Entry = Payment | Reversal | Refund
"""What may be journaled."""


class Status(Enum):
    """Where a payment stands. `acknowledged` is not here: a reply is a fact of its own, and may come early."""

    JOURNALED = "journaled"
    BATCHED = "batched"
    SENT = "sent"
    FINAL = "final"
    DECLINED = "declined"


TRANSITIONS: Final[dict[Status, frozenset[Status]]] = {
    Status.JOURNALED: frozenset({Status.BATCHED, Status.FINAL, Status.DECLINED}),
    # A batch that ended early for want of gas gives its unprocessed payments back.
    Status.BATCHED: frozenset({Status.SENT, Status.JOURNALED}),
    Status.SENT: frozenset({Status.FINAL, Status.DECLINED, Status.JOURNALED}),
    Status.FINAL: frozenset(),
    Status.DECLINED: frozenset(),
}
"""The legal transitions of a payment. JOURNALED -> FINAL is a reversal of a payment that never took effect."""
