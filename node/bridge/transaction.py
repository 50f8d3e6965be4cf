"""Signs a batch's transaction, records it, and only then broadcasts it; sends the same bytes again as long as need be.

Stage before: batch. Stage after: finality. Nonces are counted in the journal. "Already known" and "nonce too low" mean
that the chain has these bytes or one of its hashes: finality looks them up; a new transaction is never made for them.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from node.bridge.entry import Formed, Pending, TransactionRow
from node.bridge.failpoint import FailPoint
from node.bridge.journal import transitions
from node.bridge.journal.reading import OpenBatch
from node.bridge.journal.store import Journal
from node.chain.external_signer import NotSigned
from node.chain.rpc import Rpc, SendResult
from node.chain.signer import Call, TransactionSigner, calldata_of
from node.config import TransactionSettings
from node.domain.errors import BrokenInvariant, Unusable
from node.domain.ids import Address, Hash32

log = structlog.get_logger("transaction")
TAKEN: Final = (SendResult.ACCEPTED, SendResult.KNOWN)
LOOKUPS: Final = 30
"""How often a transaction whose nonce is used is looked for in vain before the key is called shared."""


class Sender:
    """The transactions of one key on one chain, in the order of their nonces."""

    def __init__(
        self,
        *,
        journal: Journal,
        rpc: Rpc,
        signer: TransactionSigner,
        chain_id: int,
        to: Address,
        settings: TransactionSettings,
        clock: Callable[[], int],
        failpoint: FailPoint,
    ) -> None:
        self._journal, self._rpc, self._signer = journal, rpc, signer
        self._chain_id, self._to, self._settings = chain_id, to, settings
        self._clock, self._failpoint = clock, failpoint
        self._next_batch = 1
        self.next_nonce: int | None = None
        """None until the chain was asked how many this key has sent, where the journal has none."""
        self.base_fee = 1
        self.refusal = ""
        """Why the signer gave no signature, or a gateway did not take the last transaction; empty if they did."""
        self.pending: dict[int, Pending] = {}
        self._hashes: dict[Hash32, int] = {}
        self._order = asyncio.Lock()
        self._signing = 0
        self._rest_until = 0

    def restore(self, batches: list[OpenBatch], *, next_batch: int, next_nonce: int | None) -> None:
        """What the journal had open when the process started."""
        self._next_batch, self.next_nonce = next_batch, next_nonce
        for each in batches:
            self._remember(
                Pending(batch=each.id, kind=each.kind, sequences=each.sequences, rows=list(each.transactions))
            )

    @property
    def in_flight(self) -> int:
        """Batches that no final block holds yet, with the one that is being signed."""
        return len(self.pending) + self._signing

    def batch_of(self, transaction: Hash32) -> Pending | None:
        """The pending batch of a transaction of ours."""
        batch = self._hashes.get(transaction)
        return None if batch is None else self.pending.get(batch)

    def finished(self, batch: int) -> Pending:
        """A final block holds the batch."""
        done = self.pending.pop(batch)
        for row in done.rows:
            self._hashes.pop(row.hash, None)
        return done

    async def look_up(self) -> None:
        """Looks for each transaction whose nonce a gateway called used: one of its hashes must be in a block.

        Once for each such answer; the next `resend` asks again. What counts is that the very gateway that said so has
        none of them, and no other one has: a validator that is some blocks behind knows nothing yet. Raises Unusable
        when a transaction was looked for in vain too often.
        """
        for pending in [each for each in self.pending.values() if each.used_at is not None]:
            gateway, pending.used_at = pending.used_at, None
            if await self._is_nowhere(pending, gateway) and pending.batch in self.pending:
                pending.lookups += 1
                log.warning("nonce used, not found", batch=pending.batch, nonce=pending.rows[0].nonce)
            else:
                pending.lookups = 0
            if pending.lookups > LOOKUPS:
                raise Unusable(
                    f"nonce {pending.rows[0].nonce} of the stream's key was used by a transaction that is not this"
                    " bridge's; nothing else may send with this key"
                )

    async def _is_nowhere(self, pending: Pending, gateway: int | None) -> bool:
        for row in pending.rows:
            answers = await self._rpc.ask_all("eth_getTransactionReceipt", "0x" + row.hash.hex())
            if any(answers.values()) or gateway not in answers:
                return False
        return True

    async def send(self, formed: Formed) -> int:
        """Signs, records, broadcasts; the batch's number. One caller at a time: nonces rise without a gap.

        A signer that gives no signature is asked again and again: what waits meanwhile is bounded by the batcher, and
        `resend` goes on. A broadcast that fails is repeated by `resend`. Raises Unusable when the journal cannot be
        written.
        """
        self._signing += 1
        try:
            return await self._send(formed)
        finally:
            self._signing -= 1

    async def _send(self, formed: Formed) -> int:
        row = await self._sign_at_last(formed)
        async with self._order:
            self._failpoint.passed("before-record")
            await self._journal.insist(
                lambda connection: transitions.record_batch(connection, formed.kind, formed.sequences, row)
            )
            self._failpoint.passed("after-record")
            self._next_batch += 1
            self.next_nonce = row.nonce + 1
            pending = Pending(batch=row.batch, kind=formed.kind, sequences=formed.sequences, rows=[row])
            self._remember(pending)
            log.info("batched", batch=row.batch, nonce=row.nonce, tx="0x" + row.hash.hex(), count=len(formed.sequences))
            await self._broadcast(pending)
            return row.batch

    async def resend(self) -> None:
        """Gives every transaction that no block took in time to a gateway again, oldest nonce first; bumps its fee.

        When no gateway answers the round is over, and the next one begins with the oldest again.
        """
        async with self._order:
            now = self._clock()
            if now < self._rest_until:
                return
            for pending in sorted(self.pending.values(), key=lambda each: each.rows[0].nonce):
                if pending.batch not in self.pending or now - pending.tried_at < self._settings.resend_ms:
                    continue
                await self._journal.still_ours()
                await self._bump_if_late(pending, now)
                if await self._broadcast(pending) is SendResult.UNREACHABLE:
                    self._rest_until = self._clock() + self._settings.resend_ms
                    return

    async def _bump_if_late(self, pending: Pending, now: int) -> None:
        last = pending.rows[-1]
        settings = self._settings
        if now - last.created_at < settings.bump_ms or len(pending.rows) > settings.max_bumps or not pending.sent:
            return
        percent = 100 + settings.bump_percent
        try:
            row = await self._resign(
                last, last.max_fee * percent // 100 + 1, last.priority_fee * percent // 100 + 1, now
            )
        except NotSigned as failure:
            log.warning("fee not bumped", batch=last.batch, nonce=last.nonce, reason=failure.detail)
            return
        self._failpoint.passed("before-bump")
        await self._journal.insist(lambda connection: transitions.record_transaction(connection, row))
        self._failpoint.passed("after-bump")
        pending.rows.append(row)
        self._hashes[row.hash] = pending.batch
        log.warning("fee bumped", batch=row.batch, nonce=row.nonce, tx="0x" + row.hash.hex(), max_fee=row.max_fee)

    async def _broadcast(self, pending: Pending) -> SendResult:
        """Gives the newest bytes to a gateway; to the next ones while they are not reachable."""
        row = pending.rows[-1]
        for _ in self._rpc.urls:
            self._failpoint.passed("before-send")
            answer = await self._rpc.send_raw(row.raw, turn=pending.turn)
            self._failpoint.passed("after-send")
            if answer.result is not SendResult.UNREACHABLE:
                break
            log.warning("gateway not reachable", batch=pending.batch, nonce=row.nonce, reason=answer.text)
            self._rpc.turn_away()
        pending.tried_at = self._clock()
        pending.turn += 1
        self.refusal = "" if answer.result in TAKEN else answer.text
        if answer.result in TAKEN:
            if not pending.sent:
                await self._mark_sent(pending)
        elif answer.result is SendResult.NONCE_USED:
            pending.used_at = answer.gateway
        else:
            log.warning("not taken", batch=pending.batch, nonce=row.nonce, reason=answer.text)
        return answer.result

    async def _mark_sent(self, pending: Pending) -> None:
        pending.sent = True
        await self._journal.insist(lambda connection: transitions.mark_sent(connection, pending.batch))
        self._failpoint.passed("after-mark-sent")
        log.info("sent", batch=pending.batch, nonce=pending.rows[-1].nonce)

    def _remember(self, pending: Pending) -> None:
        self.pending[pending.batch] = pending
        for row in pending.rows:
            self._hashes[row.hash] = pending.batch

    async def _sign_at_last(self, formed: Formed) -> TransactionRow:
        nonce = self.next_nonce
        if nonce is None:
            raise BrokenInvariant("a batch before the chain was asked for the key's nonce")
        while True:
            try:
                row = await self._sign(self._next_batch, nonce, formed.data, formed.gas, self._clock())
            except NotSigned as failure:
                self.refusal = failure.detail
                log.warning("not signed", nonce=nonce, reason=failure.detail)
                await asyncio.sleep(self._settings.sign_again_ms / 1000)
                continue
            self.refusal = ""
            return row

    async def _sign(self, batch: int, nonce: int, data: bytes, gas: int, now: int) -> TransactionRow:
        priority = self._settings.priority_fee
        call = Call(
            chain_id=self._chain_id,
            nonce=nonce,
            to=self._to,
            data=data,
            gas=gas,
            max_fee=2 * self.base_fee + priority + self._settings.fee_headroom,
            priority_fee=priority,
        )
        return await self._row(batch, call, now)

    async def _resign(self, last: TransactionRow, max_fee: int, priority: int, now: int) -> TransactionRow:
        call = Call(
            chain_id=self._chain_id,
            nonce=last.nonce,
            to=self._to,
            data=calldata_of(last.raw),
            gas=last.gas,
            max_fee=max(max_fee, 2 * self.base_fee + priority),
            priority_fee=priority,
        )
        return await self._row(last.batch, call, now)

    async def _row(self, batch: int, call: Call, now: int) -> TransactionRow:
        signed = await self._signer.signed(call)
        return TransactionRow(
            hash=signed.hash,
            batch=batch,
            nonce=call.nonce,
            raw=signed.raw,
            max_fee=call.max_fee,
            priority_fee=call.priority_fee,
            gas=call.gas,
            created_at=now,
        )
