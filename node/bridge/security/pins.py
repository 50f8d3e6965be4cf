"""Judges PINs: which payments need one, and whether the one that came is the card's.

Part of the gate, between verify and the journal. The slow hash runs in threads of its own, never in the event loop.
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, Protocol
from weakref import WeakValueDictionary

from sqlalchemy import Connection

from node.bridge.journal.group import key_text
from node.bridge.journal.pins import Attempt, SealedPin, StoredPin, Verdict, begin, end
from node.bridge.keys.vault import Vault
from node.bridge.security.pin_block import PinKeys
from node.bridge.security.pin_hash import is_right, pepper_of
from node.bridge.security.shown import Shown
from node.domain.act import ActKind
from node.domain.errors import DuplicateOtherBody, Overloaded, PinLocked, TillnetError, WrongPin
from node.domain.payment import Payment
from node.security_settings import PinSettings

Token = Callable[[str], bytes]
_SAID: Final = b"\x00attempt\x00"


class Run(Protocol):
    """`Journal.run`."""

    def __call__(self, operation: Callable[[Connection], Any], /) -> Awaitable[Any]:
        """The operation's result once it is on the disk. Raises JournalUnwritable."""
        ...


class Pins:
    """The PINs of one bridge. `token` names a card; `clock` gives milliseconds."""

    def __init__(
        self,
        settings: PinSettings,
        run: Run,
        token: Token,
        card_key: bytes,
        opened: Callable[[bytes, SealedPin], StoredPin],
        *,
        clock: Callable[[], int],
        vault: Vault | None = None,
    ) -> None:
        """`opened` takes the seal off a card's PIN, `vault` opens the PIN keys. Raises Unusable when their file is no
        good.
        """
        self._opened = opened
        self.keys = PinKeys(settings.key_file, vault, clock=lambda: clock() / 1000)
        self._settings, self._run, self._token, self._clock = settings, run, token, clock
        self._pepper = pepper_of(card_key)
        self._threads = ThreadPoolExecutor(settings.workers, thread_name_prefix="pin")
        self._under_way: dict[str, tuple[bytes, asyncio.Task[Verdict]]] = {}
        self._turns: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()

    def looks_at(self, payment: Payment, shown: Shown) -> bool:
        """Whether the payment came with a PIN, or takes so much from the member that the card is not enough.

        What a gift costs only the chain knows: it needs one.
        """
        return bool(shown.pin_block) or self._takes_much(payment)

    async def check(self, payment: Payment, shown: Shown) -> None:
        """Lets a payment with the right PIN go on, whoever sends it again. Raises WrongPin, PinLocked,
        DuplicateOtherBody, MalformedMessage, Overloaded, JournalUnwritable.
        """
        if not shown.pin_block:
            raise WrongPin("this payment needs one")
        attempt = self._attempt(payment, shown)
        said, task = self._under_way.get(attempt.key, (attempt.said, None))
        if said != attempt.said:
            raise DuplicateOtherBody()
        if task is None:
            if len(self._under_way) >= self._settings.waiting:
                raise Overloaded("too many PINs wait to be checked")
            task = asyncio.create_task(self._judge(attempt, shown))
            self._under_way[attempt.key] = (attempt.said, task)
            task.add_done_callback(lambda _: self._under_way.pop(attempt.key, None))
        failure = _failure(await asyncio.shield(task))
        if failure is not None:
            raise failure

    def close(self) -> None:
        """Ends the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _takes_much(self, payment: Payment) -> bool:
        kind = None if payment.act is None else payment.act.kind
        takes: int = sum(line.amount for line in payment.lines if line.tender.debits)
        if kind == ActKind.AUTHORIZE:
            takes = payment.key.amount
        return kind == ActKind.GIFT or takes > self._settings.above

    def _attempt(self, payment: Payment, shown: Shown) -> Attempt:
        token = self._token(shown.card)
        said = hmac.digest(self._pepper, _SAID + token + payment.body + shown.pin_block, "sha256")
        return Attempt(key=key_text(payment.key), token=token, said=said)

    async def _judge(self, attempt: Attempt, shown: Shown) -> Verdict:
        pin = self.keys.open(shown.terminal, shown.pin_block, shown.card)
        # one after another for each card: a try that is being judged is counted, and shall not lock out the next one
        turn = self._turns.setdefault(attempt.token, asyncio.Lock())
        async with turn:
            return await self._judged(attempt, pin)

    async def _judged(self, attempt: Attempt, pin: str) -> Verdict:
        tries, now = self._settings.tries, self._clock()
        begun = await self._run(partial(begin, attempt=attempt, tries=tries, now=now))
        if isinstance(begun, Verdict):
            return begun
        assert isinstance(begun, SealedPin)
        right = await asyncio.get_running_loop().run_in_executor(self._threads, self._is_right, attempt, pin, begun)
        verdict = await self._run(partial(end, attempt=attempt, right=right, tries=tries))
        assert isinstance(verdict, Verdict)
        return verdict

    def _is_right(self, attempt: Attempt, pin: str, sealed: SealedPin) -> bool:
        return is_right(self._pepper, attempt.token, pin, self._opened(attempt.token, sealed))


def _failure(verdict: Verdict) -> TillnetError | None:
    match verdict:
        case Verdict.RIGHT:
            return None
        case Verdict.LOCKED:
            return PinLocked()
        case Verdict.OTHER:
            return DuplicateOtherBody()
        case Verdict.NO_PIN:
            return WrongPin("this card has none")
    return WrongPin()
