"""What the intakes are given by whoever starts them: the way into the journal, and what they may look up.

node/bridge/service.py makes one; a listener test makes another.
"""

import os
import socket
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from node.bridge.announcer import Announcer
from node.bridge.journal.claims import Claim
from node.bridge.journal.refusals import Refusal
from node.bridge.lines.reading import Page
from node.bridge.security.shown import Admits
from node.domain.answer import Answer
from node.domain.directory import Directory
from node.domain.errors import Unusable
from node.domain.ids import Address, Hash32, MemberId, MerchantId, MinorUnits, PaymentId, StreamId, TerminalId, Units
from node.domain.payment import Entry, PaymentKey
from node.domain.totals import Totals


class Submit(Protocol):
    """Puts a verified message into the journal and waits for its answer."""

    async def __call__(self, entry: Entry, basket: bytes) -> Answer:
        """The answer, in time; `basket` is kept sealed. Raises errors of the tree."""
        ...


class Claimed(Protocol):
    """Remembers which signed requests came before (journal/claims.py)."""

    async def take(self, claim: Claim) -> str | None:
        """What this very request was refused with before; None when it may go on. Raises errors of the tree."""
        ...

    async def refuse(self, claim: Claim, refusal: str) -> None:
        """The request was refused for good with this answer. Raises JournalUnwritable."""
        ...


class Refused(Protocol):
    """Remembers which ISO 8583 requests were refused for good (journal/refusals.py)."""

    def find(self, key: str) -> Refusal | None:
        """What the message with this key was refused with."""
        ...

    async def keep(self, key: str, refusal: Refusal) -> None:
        """Remembers a refusal. Raises JournalUnwritable."""
        ...


class Recalls(Protocol):
    """Answers what was accepted before (recall.py)."""

    async def __call__(self, key: PaymentKey, bodies: Callable[[MemberId], Collection[Hash32]]) -> Answer | None:
        """The answer to the message with this key, None when it was never accepted; `bodies` are the digests that it
        may have had then, if it was this member's. Raises DuplicateOtherBody, JournalUnwritable.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Holdings:
    """What a member has, in minor units: stored value, and coins at par (rounded down); and coins in units."""

    stored_value: MinorUnits
    coins_at_par: MinorUnits
    coins: Units = Units(0)


class Desk(Protocol):
    """What the bridge keeps for each terminal beside payments. A date is a number of days since 1970."""

    def signed_on(self, terminal: TerminalId) -> bool:
        """Whether the terminal signed on, and not off since."""
        ...

    async def sign(self, terminal: TerminalId, on: bool) -> None:
        """The terminal signs on or off; durable when this returns."""
        ...

    async def cut_over(self, terminal: TerminalId, date: int) -> None:
        """Closes the terminal's business day; a day that is closed stays as it is."""
        ...

    async def totals(self, terminal: TerminalId, date: int | None) -> Totals | None:
        """The totals of a closed day, or (None) of the open one; None for a day that was not closed."""
        ...

    async def reconciled(self, terminal: TerminalId, date: int, claimed: Totals, balanced: bool) -> None:
        """Keeps what the terminal said of a closed day."""
        ...


class LinesDesk(Protocol):
    """Sealed line items, for accounts in their merchant's groups (lines/desk.py)."""

    async def may_read(self, merchant: MerchantId, account: Address) -> bool:
        """Whether an account may have a merchant's. Raises ChainUnreachable."""
        ...

    async def page(self, merchant: MerchantId, reader: bytes, after: int) -> Page:
        """Those above a sequence, with the copies of content keys for a reader's public key."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Ports:
    """The callables behind the intakes. What is None is not offered (DE39 12, JSON-RPC -32012).

    `came` counts a message that could be read, whatever becomes of it, by the intake's name; `refused` what the
    listeners refuse for a certificate, by the failure's name.
    """

    stream: StreamId
    submit: Submit
    member_of: Callable[[str], MemberId | None]
    directory: Callable[[], Directory]
    status: Callable[[PaymentId], Awaitable[Answer | None]] | None = None
    holdings: Callable[[MemberId], Awaitable[Holdings]] | None = None
    health: Callable[[], Awaitable[Mapping[str, object]]] | None = None
    desk: Desk | None = None
    claims: Claimed | None = None
    announcer: Announcer | None = None
    gate: Admits | None = None
    refusals: Refused | None = None
    recall: Recalls | None = None
    lines: LinesDesk | None = None
    came: Callable[[str], None] = lambda intake: None
    refused: Callable[[str], None] = lambda reason: None


def cannot_listen(host: str, port: int, failure: OSError) -> Unusable:
    """Why a port cannot be had, in one sentence."""
    known = isinstance(failure.errno, int) and failure.errno > 0 and not isinstance(failure, socket.gaierror)
    reason = os.strerror(failure.errno or 0).lower() if known else str(failure.strerror)
    return Unusable(f"cannot listen on {host} port {port}: {reason}")
