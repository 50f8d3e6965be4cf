"""Requests that their terminals signed: proved, claimed once, verified, journaled, answered.

Between the exchange, which knows JSON-RPC, and the stages. What differs between methods stands in methods.py, desk.py.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from node.bridge.acknowledge import rpc_error, rpc_result
from node.bridge.answers import taken_without_effect
from node.bridge.at_hand import with_all_at_hand
from node.bridge.holdings import holdings_of, lowered_to_holdings
from node.bridge.intake_ports import Ports
from node.bridge.intake_rpc import params as asked
from node.bridge.intake_rpc.desk import DeskMethod
from node.bridge.intake_rpc.methods import SignedMethod
from node.bridge.journal.claims import Claim
from node.bridge.security.shown import Shown
from node.bridge.verify.lookup import Verified, check_active
from node.bridge.verify.offline import NOTHING_TO_POST, REVERSED_BEFORE
from node.bridge.verify.rpc import bodies_of, key_of
from node.bridge.verify.rpc_advice import took_place
from node.bridge.verify.rpc_sender import Proved, SignedRules, prove
from node.domain.answer import Answer
from node.domain.errors import (
    Declined,
    DuplicateOtherBody,
    IdempotencyConflict,
    NotSignedOn,
    ReversedBefore,
    TillnetError,
)
from node.domain.ids import TerminalId
from node.domain.payment import Entry, Payment
from node.domain.terminal_terms import Terms

Result = dict[str, Any]


class RefusedBefore(Exception):
    """This very request was refused before, with the error object `answer`."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__()
        self.answer = answer


class SignedRequests:
    """Answers signed requests. `clock` gives Unix seconds.

    With `sign_on` a terminal's requests are taken only while it is signed on; with `balances` the answer to a payment
    that is final says what the member has.
    """

    def __init__(
        self,
        ports: Ports,
        rules: SignedRules,
        *,
        clock: Callable[[], float],
        check_terminal: Callable[[TerminalId], None],
        sign_on: bool,
        balances: bool,
    ) -> None:
        self._ports, self._rules, self._clock = ports, rules, clock
        self._check_terminal = check_terminal
        self._sign_on, self._balances = sign_on, balances

    async def payment(self, method: SignedMethod[Any], params: object) -> Result:
        """The result of a method that may put something on the chain. Raises errors of the tree, RefusedBefore."""
        terms, signature = asked.terms_of(method.terms, params)
        key, pin_block = asked.idempotency_key(params), asked.pin_block_of(params)
        self._check_terminal(TerminalId(terms.terminal))
        proved = prove(terms, signature, self._rules, int(self._clock()))
        claim = self._claim(proved, method.mti_class, key)
        try:
            await self._take(claim)
            if not method.undoes:
                check_active(proved.terminal)
            self._check_signed_on(proved.terminal.id, past=method.past)
            if not took_place(terms):
                return rpc_result(taken_without_effect(NOTHING_TO_POST))
            verified = await with_all_at_hand(partial(_verify, method, proved))
            await self._admit(verified.entry, proved, pin_block)
            verified = await lowered_to_holdings(verified, proved.terminal, proved.directory, self._ports)
            return await self._submit(verified)
        except (DuplicateOtherBody, IdempotencyConflict):
            # another copy came first, with another PIN block or card: what that one is answered stands
            raise
        except (Declined, RefusedBefore) as failure:
            if method.undoes:
                raise  # it may be taken yet
            answer = await self._accepted_before(proved, method.mti_class)
            if answer is not None:
                return rpc_result(answer)
            # else a copy of it might be accepted when the clerk has long taken cash
            if self._ports.claims is not None and isinstance(failure, Declined) and not method.is_advice:
                await self._ports.claims.refuse(claim, json.dumps(rpc_error(failure)))
            raise

    async def _submit(self, verified: Verified) -> Result:
        entry = verified.entry
        try:
            answer = await self._ports.submit(entry, verified.basket)
        except ReversedBefore:
            if not (isinstance(entry, Payment) and entry.advice):
                raise
            # both were taken, and undo each other: an advice that was refused would be sent for ever
            return rpc_result(taken_without_effect(REVERSED_BEFORE))
        if not (self._balances and isinstance(entry, Payment) and answer.approved and answer.points is not None):
            return rpc_result(answer)
        try:
            holdings = await holdings_of(entry.member, self._ports)
        except TillnetError:
            # the answer stands, whatever the chain does now
            return rpc_result(answer)
        return rpc_result(replace(answer, balance=holdings.coins), holdings)

    async def desk(self, method: DeskMethod[Any], params: object) -> Result:
        """The result of a method that puts nothing there. Raises errors of the tree, RefusedBefore."""
        terms, signature = asked.terms_of(method.terms, params)
        key = asked.idempotency_key(params)
        self._check_terminal(TerminalId(terms.terminal))
        now = int(self._clock())
        proved = prove(terms, signature, self._rules, now)
        check_active(proved.terminal)
        await self.claim(proved, "desk", key, once=method.once)
        self._check_signed_on(proved.terminal.id, past=method.past)
        return await with_all_at_hand(lambda: method.answer(proved, self._ports, now))

    def _check_signed_on(self, terminal: TerminalId, *, past: bool) -> None:
        if self._sign_on and not past and (self._ports.desk is None or not self._ports.desk.signed_on(terminal)):
            raise NotSignedOn()

    async def _accepted_before(self, proved: Proved[Terms], mti_class: str) -> Answer | None:
        """What the same message was answered when it was accepted: what is true today does not count for it."""
        if self._ports.recall is None:
            return None
        return await self._ports.recall(key_of(proved, mti_class), partial(bodies_of, proved))

    async def _admit(self, entry: Entry, proved: Proved[Terms], pin_block: bytes) -> None:
        if self._ports.gate is not None:
            card = getattr(proved.terms, "card", "")
            await self._ports.gate.admit(entry, Shown(terminal=proved.terminal.id, card=card, pin_block=pin_block))

    async def claim(self, proved: Proved[Terms], kind: str, key: str = "", *, once: bool = False) -> None:
        """Takes a request's nonce, and its idempotency key. Raises errors of the tree, RefusedBefore."""
        await self._take(self._claim(proved, kind, key, once=once))

    def _claim(self, proved: Proved[Terms], kind: str, key: str = "", *, once: bool = False) -> Claim:
        terms, terminal = proved.terms, proved.terminal.id
        return Claim(
            nonce=f"n|{terminal}|{kind}|{terms.stan}|{terms.time}",
            # a digest: whatever a client builds its keys from stays out of the journal
            key=f"k|{terminal}|{hashlib.sha256(key.encode()).hexdigest()}" if key else "",
            said=proved.said,
            until=(terms.time + self._rules.replay_seconds + 1) * 1_000,
            once=once,
        )

    async def _take(self, claim: Claim) -> None:
        refused = None if self._ports.claims is None else await self._ports.claims.take(claim)
        if refused is not None:
            raise RefusedBefore(json.loads(refused))


async def _verify(method: SignedMethod[Any], proved: Proved[Any]) -> Verified:
    return method.verify(proved)
