"""The gate between verify and the journal: PINs and QR codes, what both intakes show of their members.

Nothing of it is durable but through the journal: a message that is sent again passes as it did the first time.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from prometheus_client import CollectorRegistry, Counter

from node.bridge.journal.group import key_text
from node.bridge.journal.shown_codes import Claim, claim
from node.bridge.security.pins import Pins, Run
from node.bridge.security.qr import Code, Codes, is_code
from node.bridge.security.shown import Shown
from node.domain.errors import CodeExpired, CodeUsed, TillnetError, UnknownMember
from node.domain.ids import MemberId
from node.domain.payment import Entry, Payment, Reversal
from node.security_settings import QrSettings

_ADVICES: Final = "022"


class Refusals:
    """Counts what the gate and the connections' certificates refuse, by the failure's name."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._counter = Counter(
            "till_security_refusals",
            "Messages and handshakes refused: PIN, QR code, certificate.",
            ["reason"],
            registry=registry,
        )

    def add(self, reason: str) -> None:
        """One more."""
        self._counter.labels(reason).inc()


class QrCodes:
    """The codes of members. `clock` gives milliseconds."""

    def __init__(self, settings: QrSettings, run: Run, *, clock: Callable[[], int]) -> None:
        """Raises Unusable when the file of keys is no good."""
        self.codes = Codes(settings.key_file)
        self.replaces_pin = settings.replaces_pin
        self._settings, self._run, self._clock = settings, run, clock

    def is_fresh(self, code: Code) -> bool:
        """Whether it is good now: not over, and not longer than a code may be."""
        left = code.expiry - self._clock() / 1000
        skew = self._settings.skew_seconds
        return -skew <= left <= self._settings.seconds + skew

    async def claim(self, code: Code, key: str) -> None:
        """Lets the message with this key have the code. Raises CodeExpired, CodeUsed, JournalUnwritable."""
        work = partial(claim, code=code.id, key=key, fresh=self.is_fresh(code), now=self._clock())
        match await self._run(work):
            case Claim.USED:
                raise CodeUsed()
            case Claim.EXPIRED:
                raise CodeExpired()


class Gate:
    """Says whether a verified message may be journaled."""

    def __init__(
        self,
        member_of: Callable[[str], MemberId | None],
        refusals: Refusals,
        *,
        pins: Pins | None = None,
        qr: QrCodes | None = None,
    ) -> None:
        """`member_of` knows cards and phone numbers."""
        self._cards, self._refusals, self._pins, self._qr = member_of, refusals, pins, qr

    def member_of(self, card: str) -> MemberId | None:
        """The member by card, phone number or signed code; None when it is nobody's."""
        if not is_code(card):
            return self._cards(card)
        code = None if self._qr is None else self._qr.codes.read(card)
        return None if code is None else code.member

    async def admit(self, entry: Entry, shown: Shown) -> None:
        """Returns if it may, as reversals and advices always do. Raises CodeExpired, CodeUsed, WrongPin, PinLocked, and
        what Pins.check does.
        """
        try:
            await self._admit(entry, shown)
        except TillnetError as failure:
            self._refusals.add(type(failure).__name__)
            raise

    def look(self, shown: Shown) -> None:
        """Returns if what was shown is good for an inquiry, which uses nothing up. Raises CodeExpired."""
        code = self._code(shown)
        if code is not None and self._qr is not None and not self._qr.is_fresh(code):
            self._refusals.add(CodeExpired.__name__)
            raise CodeExpired()

    def refresh(self) -> None:
        """Reads the files of keys again if they changed."""
        if self._pins is not None:
            self._pins.keys.refresh()
        if self._qr is not None:
            self._qr.codes.refresh()

    def close(self) -> None:
        """Ends what runs for it."""
        if self._pins is not None:
            self._pins.close()

    async def _admit(self, entry: Entry, shown: Shown) -> None:
        if isinstance(entry, Reversal) or entry.key.mti_class == _ADVICES:
            # what took place goes on: a terminal that is refused would send it for ever
            return
        code = self._code(shown)
        if code is not None and self._qr is not None:
            await self._qr.claim(code, key_text(entry.key))
            if self._qr.replaces_pin:
                return
        if self._pins is not None and isinstance(entry, Payment) and self._pins.looks_at(entry, shown):
            await self._pins.check(entry, shown)

    def _code(self, shown: Shown) -> Code | None:
        if not is_code(shown.card):
            return None
        code = None if self._qr is None else self._qr.codes.read(shown.card)
        if code is None:
            # verify found its member; a key that was taken away in between no longer speaks for it
            raise UnknownMember()
        return code
