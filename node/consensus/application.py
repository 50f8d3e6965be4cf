"""The ABCI application: one method a call, no state of its own beyond what geth's head says.

Before it comes node/consensus/server.py; after it geth. One CometBFT block carries exactly one EVM payload, so height
is the EVM block number and the app hash is the EVM block hash.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import structlog

from node.consensus.admission import Admission
from node.consensus.engine import Engine
from node.consensus.errors import EngineBehind, EngineFailed, EngineUnreachable, ProposalRefused, explain
from node.consensus.evidence import Evidence
from node.consensus.failpoints import (
    AFTER_FINALIZE,
    AFTER_FORKCHOICE,
    BEFORE_COMMIT,
    BEFORE_COMMIT_ANSWER,
    BEFORE_INFO,
    BEFORE_INIT_CHAIN,
    FINALIZE,
    FailPoints,
)
from node.consensus.gossip import Gossip
from node.consensus.incoming import Incoming
from node.consensus.payload import Payload, decode_payload
from node.consensus.peer_filter import NOT_ONE_OF_US, PEER_FILTER, PeerFilter
from node.consensus.permissions import ValidatorSource
from node.consensus.proposals import Proposals
from node.consensus.rules import ChainRules, Head
from node.consensus.wire import abci
from node.domain.errors import Unusable

MIN_KEPT_BLOCKS: Final = 10_000
LEAST_IN_TESTS: Final = 150
"""With fail points: 128 blocks that a SIGKILL may throw geth back, and some more."""
"""geth may rewind after a crash, and CometBFT must still have what it replays: pruning past that point is fatal."""
ENGINE_START_SECONDS: Final = 60.0
ENGINE_POLL_SECONDS: Final = 0.1
DRIFT_ALARM_SECONDS: Final = 10

log = structlog.get_logger()


class Application:
    """Answers ABCI requests. An exception from a handler ends the connection, and CometBFT with it.

    `keep_blocks` is how many blocks CometBFT keeps (0: all of them, else 10,000 at least).
    """

    def __init__(
        self,
        *,
        engine: Engine,
        rules: ChainRules,
        validators: ValidatorSource,
        proposals: Proposals,
        admission: Admission,
        gossip: Gossip,
        evidence: Evidence,
        keep_blocks: int,
        clock: Callable[[], float],
        fail_points: FailPoints,
    ) -> None:
        least = LEAST_IN_TESTS if fail_points.exist else MIN_KEPT_BLOCKS
        if 0 < keep_blocks < least:
            raise Unusable(f"keep_blocks is {keep_blocks}; it is 0 (all) or {least} at least")
        self._engine = engine
        self._rules = rules
        self._validators = validators
        self._proposals = proposals
        self._incoming = Incoming(admission.insert, gossip.knows, clock)
        self._gossip = gossip
        self._evidence = evidence
        self._keep_blocks = keep_blocks
        self._clock = clock
        self._fail_points = fail_points
        self._peers = PeerFilter(validators, clock)
        self._head: Head | None = None
        self._finalized: Head | None = None
        self._handlers: dict[str, Callable[[Any], Awaitable[Any]]] = {
            name: getattr(self, name) for name in abci.Request.DESCRIPTOR.fields_by_name if hasattr(self, name)
        }

    async def answer(self, request: Any) -> Any:
        """The Response to a Request. Raises Unusable for a call that is not offered (vote extensions)."""
        name = request.WhichOneof("value")
        if name not in self._handlers:
            raise Unusable(f"CometBFT asked for {name}, which is not offered")
        return abci.Response(**{name: await self._handlers[name](getattr(request, name))})

    def answered(self, request: Any) -> None:
        """The answer to a Request has been handed to the socket."""
        if request.HasField("finalize_block"):
            self._fail_points.reach(AFTER_FINALIZE)

    async def current_head(self) -> Head:
        """The newest final block."""
        if self._head is None:
            self._head = await self._engine.head()
        return self._head

    async def echo(self, request: Any) -> Any:
        """The same text."""
        return abci.ResponseEcho(message=request.message)

    async def flush(self, _: Any) -> Any:
        """Nothing: every answer is sent at once."""
        return abci.ResponseFlush()

    async def info(self, _: Any) -> Any:
        """geth's head; CometBFT replays what comes after it."""
        self._head = await self._wait_for_engine()
        if self._head.number:
            # A geth that went back has the blocks above its head still, and takes a step to one of them for an old
            # head until it counts as synced, which being told its own head makes it (eth/catalyst/api.go).
            await self._engine.make_final(self._head.hash)
        self._finalized = None
        self._proposals.forget()
        self._fail_points.reach(BEFORE_INFO)
        log.info("abci.info", height=self._head.number, hash=self._head.hash.hex())
        at_genesis = self._head.number == 0
        return abci.ResponseInfo(
            data="tillnet",
            version="1",
            app_version=1,
            last_block_height=self._head.number,
            last_block_app_hash=b"" if at_genesis else self._head.hash,
        )

    async def init_chain(self, request: Any) -> Any:
        """The first validators; refuses a geth with another genesis block."""
        genesis = await self._engine.genesis_hash()
        if genesis != self._rules.genesis_hash:
            raise Unusable(f"geth's genesis block is {genesis.hex()}, agreed is {self._rules.genesis_hash.hex()}")
        self._fail_points.reach(BEFORE_INIT_CHAIN)
        return abci.ResponseInitChain(
            validators=[_update(key.public_key, key.power) for key in self._validators.initial()], app_hash=genesis
        )

    async def query(self, request: Any) -> Any:
        """Whether a peer may connect; every address may, only our own node ids may. Nothing else is asked."""
        if request.path.startswith(PEER_FILTER):
            node_id = request.path.removeprefix(PEER_FILTER)
            if not await self._peers.admits(node_id, self.current_head):
                return abci.ResponseQuery(code=NOT_ONE_OF_US, log="not one of this network")
        return abci.ResponseQuery()

    async def check_tx(self, _: Any) -> Any:
        """Refused: transactions come in through the gateway."""
        return abci.ResponseCheckTx(code=1, log="send transactions to the JSON-RPC gateway")

    async def insert_tx(self, request: Any) -> Any:
        """A transaction from a peer."""
        return abci.ResponseInsertTx(code=await self._incoming.insert(request.tx))

    async def reap_txs(self, request: Any) -> Any:
        """Transactions for the peers."""
        return abci.ResponseReapTxs(txs=self._gossip.reap(request.max_bytes))

    async def prepare_proposal(self, request: Any) -> Any:
        """One payload; none at all only if geth cannot even build an empty block (the next proposer's turn then)."""
        try:
            data = await self._proposals.make(
                parent=await self._parent_of(request.height),
                height=request.height,
                block_time=request.time.seconds,
                max_bytes=request.max_tx_bytes,
            )
        except Exception as failure:
            # an error answered here would end this validator's consensus for good
            log.error("proposal.none", height=request.height, **explain(failure))
            return abci.ResponsePrepareProposal()
        return abci.ResponsePrepareProposal(txs=[data])

    async def process_proposal(self, request: Any) -> Any:
        """ACCEPT or REJECT; see node/consensus/rules.py for what is demanded."""
        try:
            if len(request.txs) != 1:
                raise ProposalRefused(f"{len(request.txs)} payloads, expected one")
            await self._proposals.check(
                request.txs[0],
                parent=await self._parent_of(request.height),
                height=request.height,
                block_time=request.time.seconds,
            )
        except Exception as refusal:
            # whatever a proposer thought of: an error answered here would end consensus on every validator
            log.warning("proposal.rejected", height=request.height, **explain(refusal))
            return abci.ResponseProcessProposal(status=abci.ResponseProcessProposal.REJECT)
        return abci.ResponseProcessProposal(status=abci.ResponseProcessProposal.ACCEPT)

    async def finalize_block(self, request: Any) -> Any:
        """Executes the decided block, without making it the head: a crash before Commit must leave geth behind."""
        (data,) = request.txs
        payload = decode_payload(data)
        if payload.number != request.height:
            raise Unusable(f"block {payload.number} was decided at height {request.height}")
        wanted = self._rules.payload_version(payload.timestamp)
        if payload.version != wanted:
            # the others decided by a schedule of forks that this validator does not have: stop, never go on alone
            raise Unusable(
                f"block {payload.number} is of version {payload.version}, by this validator's schedule of forks it has "
                f"version {wanted}; give it the schedule of the others with till net fork"
            )
        if not await self._proposals.execute(data, payload, call=FINALIZE):
            raise Unusable(f"geth finds the decided block {request.height} invalid")
        self._finalized = Head(number=payload.number, hash=payload.block_hash, timestamp=payload.timestamp)
        self._gossip.included(payload.transactions)
        self._evidence.note(request.misbehavior)
        updates = await self._updates(payload)
        for key, power in updates:
            log.info("validator.update", height=payload.number, public_key=key.hex(), power=power)
        log.debug("block.executed", height=payload.number, transactions=len(payload.transactions), bytes=len(data))
        return abci.ResponseFinalizeBlock(
            tx_results=[abci.ExecTxResult()],
            validator_updates=[_update(key, power) for key, power in updates],
            app_hash=payload.block_hash,
        )

    async def commit(self, _: Any) -> Any:
        """Makes the executed block head, safe and finalized in geth, and verifies that it is."""
        if self._finalized is None:
            raise Unusable("Commit came without FinalizeBlock")
        self._fail_points.reach(BEFORE_COMMIT)
        await self._engine.make_final(self._finalized.hash)
        self._fail_points.reach(AFTER_FORKCHOICE)
        head = await self._engine.head()
        if head != self._finalized:
            raise Unusable(f"geth's head is block {head.number}, not the committed {self._finalized.number}")
        self._head, self._finalized = head, None
        self._evidence.committed(head)
        drift = head.timestamp - self._clock()
        if drift > DRIFT_ALARM_SECONDS:
            log.warning("clock.drift", height=head.number, seconds_ahead=int(drift))
        retain = head.number - self._keep_blocks if self._keep_blocks else 0
        self._fail_points.reach(BEFORE_COMMIT_ANSWER)
        return abci.ResponseCommit(retain_height=max(retain, 0))

    async def list_snapshots(self, _: Any) -> Any:
        """None: newcomers replay blocks."""
        return abci.ResponseListSnapshots()

    async def offer_snapshot(self, _: Any) -> Any:
        """Never taken."""
        return abci.ResponseOfferSnapshot(result=abci.ResponseOfferSnapshot.ABORT)

    async def load_snapshot_chunk(self, _: Any) -> Any:
        """Empty."""
        return abci.ResponseLoadSnapshotChunk()

    async def apply_snapshot_chunk(self, _: Any) -> Any:
        """Never taken."""
        return abci.ResponseApplySnapshotChunk(result=abci.ResponseApplySnapshotChunk.ABORT)

    async def _updates(self, payload: Payload) -> Sequence[tuple[bytes, int]]:
        try:
            return await self._validators.updates(parent=payload.parent_hash, at=payload.block_hash)
        except EngineFailed as failure:
            # Stopped between FinalizeBlock and Commit, geth still knows the block afterwards and takes it for executed,
            # but its state is lost. Only making it the head brings that back; it is decided, so this is merely early.
            log.warning("block.without_state", height=payload.number, reason=str(failure))
            await self._engine.make_final(payload.block_hash)
            return await self._validators.updates(parent=payload.parent_hash, at=payload.block_hash)

    async def _parent_of(self, height: int) -> Head:
        head = await self.current_head()
        if head.number != height - 1:
            raise EngineBehind(f"geth's head is block {head.number}, height {height} is proposed")
        return head

    async def _wait_for_engine(self) -> Head:
        deadline = self._clock() + ENGINE_START_SECONDS
        while True:
            try:
                return await self._engine.head()
            except (EngineUnreachable, EngineFailed):
                if self._clock() > deadline:
                    raise
                await asyncio.sleep(ENGINE_POLL_SECONDS)


def _update(public_key: bytes, power: int) -> Any:
    update = abci.ValidatorUpdate(power=power)
    update.pub_key.ed25519 = public_key
    return update
