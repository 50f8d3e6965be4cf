"""Making a block, and judging one: PrepareProposal's and ProcessProposal's work.

Before it comes node/consensus/application.py; after it geth. Whatever is made here goes through the same check as
what others propose.
"""

import hashlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog

from node.consensus.engine import Engine
from node.consensus.errors import EngineFailed, ProposalRefused, explain
from node.consensus.failpoints import PREPARE, PROCESS, FailPoints, after_payload, before_payload
from node.consensus.gossip import Gossip
from node.consensus.payload import Payload, decode_payload, encode_payload
from node.consensus.permissions import SenderPolicy
from node.consensus.refill import MOST_LISTED, refill
from node.consensus.rules import ChainRules, Head, check_header, find_offenders, randao_after, timestamp_after

BLOCK_SECONDS: Final = 1.0
MAX_WAIT_SECONDS: Final = 1.0
MAX_LEAD_SECONDS: Final = 0.5
LIST_ATTEMPTS: Final = 3
TRANSACTION_OVERHEAD: Final = 4
"""Bytes that each transaction adds to the binary payload beside itself."""

EXECUTED_REMEMBERED: Final = 8

log = structlog.get_logger()


class Proposals:
    """Builds and checks blocks on top of a parent. Times in seconds since 1970."""

    def __init__(
        self,
        *,
        engine: Engine,
        rules: ChainRules,
        policy: SenderPolicy,
        clock: Callable[[], float],
        gossip: Gossip,
        sleep: Callable[[float], Awaitable[None]],
        fail_points: FailPoints | None = None,
    ) -> None:
        self._gossip = gossip
        self._engine = engine
        self._rules = rules
        self._policy = policy
        self._clock = clock
        self._sleep = sleep
        self._fail_points = fail_points or FailPoints(None)
        self._build_seconds = 0.0
        self._executed: deque[bytes] = deque(maxlen=EXECUTED_REMEMBERED)

    async def make(self, *, parent: Head, height: int, block_time: int, max_bytes: int) -> bytes:
        """The binary payload of the next block: full if it passes its own check, else empty.

        Waits until the clock is one second after the parent's timestamp, and starts building so much earlier as
        the last build took. Raises only when not even an empty block can be built.
        """
        await self._pace(parent)
        budget = min(max_bytes, self._rules.payload_bytes)
        try:
            payload = await self._build_full(parent, block_time, budget)
            data = encode_payload(payload)
            await self.check(data, parent=parent, height=height, block_time=block_time, call=PREPARE)
        except Exception as failure:
            # Whatever it is: an error answered here would stop this validator's consensus, an empty block does not.
            log.error("proposal.empty", height=height, **explain(failure))
            data = encode_payload(await self._build(parent, block_time, []))
        return data

    async def check(self, data: bytes, *, parent: Head, height: int, block_time: int, call: str = PROCESS) -> Payload:
        """The payload of a proposal that may become the block at `height`; raises ProposalRefused otherwise.

        `call` is the ABCI call in which this happens (node/consensus/failpoints.py).
        """
        if len(data) > self._rules.payload_bytes:
            raise ProposalRefused(f"{len(data)} bytes, at most {self._rules.payload_bytes} are allowed")
        payload = decode_payload(data)
        check_header(payload, parent=parent, height=height, block_time=block_time, rules=self._rules)
        offenders = await find_offenders(payload.transactions, parent=parent, rules=self._rules, policy=self._policy)
        if offenders:
            raise ProposalRefused(f"transaction {min(offenders)} must not be in it")
        if not await self.execute(data, payload, call=call):
            raise ProposalRefused("geth finds it invalid")
        return payload

    async def execute(self, data: bytes, payload: Payload, *, call: str) -> bool:
        """Has geth execute a payload (`data` is its binary form) without making it the head; whether it is valid.

        The proposer checks its own block, CometBFT has it judged, and then decided: megabytes of JSON each time. So
        what this geth was just found to have executed is not sent again. Should geth have lost it since, Commit
        sees that, and CometBFT starts anew from geth's head.
        """
        self._fail_points.reach(before_payload(call))
        digest = hashlib.sha256(data).digest()
        valid = digest in self._executed
        if not valid:
            valid = await self._engine.execute(payload)
            if valid:
                self._executed.append(digest)
        self._fail_points.reach(after_payload(call))
        return valid

    def forget(self) -> None:
        """Forgets what was executed: CometBFT starts anew, and so perhaps did geth."""
        self._executed.clear()

    async def _pace(self, parent: Head) -> None:
        wait = parent.timestamp + BLOCK_SECONDS - self._build_seconds - self._clock()
        if wait > 0:
            await self._sleep(min(wait, MAX_WAIT_SECONDS))

    async def _build_full(self, parent: Head, block_time: int, budget: int) -> Payload:
        started = self._clock()
        payload = await self._build(parent, block_time, None)
        kept = await self._permitted(payload, parent, budget)
        for _ in range(LIST_ATTEMPTS):
            if list(kept) == list(payload.transactions):
                break
            try:
                payload = await self._build(parent, block_time, kept)
            except EngineFailed:
                # one of them needed one that was left out; the first half stands on its own sooner or later
                kept = kept[: len(kept) // 2]
        if list(kept) != list(payload.transactions):
            raise ProposalRefused("no list of transactions can be built")
        self._build_seconds = min(max(self._clock() - started, 0.0), MAX_LEAD_SECONDS)
        return payload

    async def _permitted(self, payload: Payload, parent: Head, budget: int) -> Sequence[bytes]:
        """The transactions of a built block that may stay, in their order, as many as fit into the budget.

        If some may not, they took the place of others, and what gossip knows to be pending is taken instead.
        """
        offenders = await find_offenders(payload.transactions, parent=parent, rules=self._rules, policy=self._policy)
        size = len(encode_payload(payload)) - sum(len(raw) + TRANSACTION_OVERHEAD for raw in payload.transactions)
        wanted = [raw for place, raw in enumerate(payload.transactions) if place not in offenders]
        if offenders:
            self._gossip.drop(payload.transactions[place] for place in offenders)
            known = set(wanted)
            others = [raw for raw in self._gossip.pending(MOST_LISTED) if raw not in known]
            wanted = await refill(
                [*wanted, *others],
                parent=parent,
                rules=self._rules,
                policy=self._policy,
                nonce=lambda sender: self._engine.nonce(sender, at=parent.hash),
            )
        return _within(budget - size, wanted)

    async def _build(self, parent: Head, block_time: int, transactions: Sequence[bytes] | None) -> Payload:
        timestamp = timestamp_after(parent, block_time)
        return await self._engine.build(
            parent=parent,
            timestamp=timestamp,
            version=self._rules.payload_version(timestamp),
            randao=randao_after(parent),
            fee_recipient=self._rules.fee_recipient,
            extra_data=self._rules.extra_data,
            transactions=transactions,
        )


def _within(budget: int, transactions: Sequence[bytes]) -> Sequence[bytes]:
    """The first of them, as many as fit into so many bytes."""
    for place, raw in enumerate(transactions):
        budget -= len(raw) + TRANSACTION_OVERHEAD
        if budget < 0:
            return transactions[:place]
    return transactions
