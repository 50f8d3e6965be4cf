"""Makes a bridge from its settings, checks that it may run, starts the intakes beside it, and ends it in order."""

import asyncio
import contextlib
import fcntl
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Final

import structlog

from node.bridge.answers import Waiting
from node.bridge.batch import Batcher
from node.bridge.cards import Cards, load_key
from node.bridge.counters import Counters
from node.bridge.entry import PaymentEntry, ReversalEntry
from node.bridge.failpoint import FailPoint
from node.bridge.intake_iso8583 import serve_iso8583
from node.bridge.intake_ports import Holdings, Ports
from node.bridge.intake_rpc import serve_rpc
from node.bridge.journal.store import Journal
from node.bridge.posting_key import open_signer
from node.bridge.ready import ReadyFile
from node.bridge.refunds import Refunds
from node.bridge.restore import restore_entries, restore_sender
from node.bridge.security.build import build_gate, count_refusals, keep_fresh
from node.bridge.security.gate import Gate
from node.bridge.service import Bridge
from node.bridge.stages import Stages
from node.bridge.transaction import Sender
from node.chain.blocks import Block, Blocks
from node.chain.deployment import Deployment, load_deployment
from node.chain.directory import DirectoryReader
from node.chain.ledger import Ledger
from node.chain.rebuild import LeafRebuilder
from node.chain.rpc import Rpc, RpcRefused
from node.chain.signer import TransactionSigner
from node.config import BridgeSettings, rpc_access
from node.domain.errors import ChainUnreachable, Unusable
from node.domain.ids import MemberId, MinorUnits, StreamId

log = structlog.get_logger("bridge")
SWITCH_SECONDS: Final = 0.001
"""How long the journal's thread waits for the interpreter at most; Python's own 5 ms is a tenth of a batch."""
GRACE: Final = 5.0
"""Seconds that answers may still come in after the order to stop."""


@dataclass(kw_only=True, slots=True)
class Running:
    """A started bridge and what belongs to it."""

    bridge: Bridge
    stages: Stages
    ports: Ports
    gate: Gate
    directory: DirectoryReader
    blocks: "asyncio.Queue[Block]"


def now_ms() -> int:
    """Milliseconds of the Unix clock."""
    return time.time_ns() // 1_000_000


async def run(settings: BridgeSettings) -> None:
    """Runs the bridge until SIGTERM or SIGINT. Raises Unusable, ChainUnreachable or BrokenInvariant with the reason."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    sys.setswitchinterval(SWITCH_SECONDS)
    settings = with_deployment(settings)
    async with started(settings) as running:
        await serve(settings, running, stopping)


def with_deployment(settings: BridgeSettings) -> BridgeSettings:
    """The settings with the deployment's chain id and ledger in what terminals sign over JSON-RPC.

    Raises Unusable when they are given and are others, or the deployment cannot be read.
    """
    if settings.rpc is None:
        return settings
    deployment = load_deployment(settings.chain.deployment)
    chain_id, ledger = deployment.chain_id, "0x" + deployment.ledger.hex()
    if settings.rpc.chain_id not in (0, chain_id):
        raise Unusable(f"rpc.chain_id is {settings.rpc.chain_id}, the deployment is on {chain_id}; leave it out")
    if settings.rpc.ledger.lower() not in ("", ledger):
        raise Unusable(f"rpc.ledger is {settings.rpc.ledger}, the deployment's is {ledger}; leave it out")
    return replace(settings, rpc=replace(settings.rpc, chain_id=chain_id, ledger=ledger))


@contextlib.asynccontextmanager
async def started(settings: BridgeSettings) -> AsyncIterator[Running]:
    """A bridge that is ready to run: everything checked, what the last process left behind taken up."""
    deployment = load_deployment(settings.chain.deployment)
    failpoint = FailPoint(settings.fail_point)
    settings.state.mkdir(parents=True, exist_ok=True)
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(_locked(settings.journal.path))
        signer = await open_signer(settings.stream)
        stack.push_async_callback(signer.close)
        timeout = settings.chain.call_timeout_ms / 1000
        rpc = await stack.enter_async_context(
            Rpc(
                settings.chain.rpc,
                timeout=timeout,
                attempts=settings.chain.attempts,
                access=rpc_access(settings.chain),
            )
        )
        await _check_chain(settings, rpc, deployment, signer)
        journal, relay = await _open_journal(settings)
        stack.push_async_callback(journal.close)
        cards = Cards(journal.engine, load_key(settings.journal.card_key_file, make=True))
        stack.callback(cards.close)
        running = await _assemble(settings, rpc, deployment, signer, failpoint, journal, cards)
        stack.callback(running.gate.close)
        relay.append(running.bridge)
        yield running


async def serve(settings: BridgeSettings, running: Running, stopping: asyncio.Event) -> None:
    """Runs a started bridge with its intakes until `stopping` is set, then lets answers under way out."""
    if settings.metrics_port >= 0:
        running.stages.counters.serve(settings.metrics_port)
    ready = ReadyFile(settings)
    ended = asyncio.Event()
    core = asyncio.create_task(running.bridge.run(ended))
    watching = asyncio.create_task(_keep_directory(running))
    intakes: list[asyncio.Task[None]] = [asyncio.create_task(keep_fresh(running.gate))]
    if settings.iso8583 is not None:
        intakes.append(
            asyncio.create_task(serve_iso8583(settings.iso8583, running.ports, bound=ready.bound("iso8583")))
        )
    if settings.rpc is not None:
        intakes.append(asyncio.create_task(serve_rpc(settings.rpc, running.ports, bound=ready.bound("rpc"))))
    ready.write_if_complete()
    stop = asyncio.create_task(stopping.wait())
    try:
        done, _ = await asyncio.wait([core, watching, stop, *intakes], return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            each.result()
        log.info("stopping", unanswered=len(running.stages.waiting))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                while len(running.stages.waiting) and not core.done():
                    await asyncio.sleep(0.05)
    finally:
        ready.remove()
        for task in (*intakes, watching, stop):
            task.cancel()
        ended.set()
        await asyncio.gather(*intakes, watching, stop, core, return_exceptions=True)
        log.info("stopped")


@contextlib.contextmanager
def _locked(journal: Path) -> Iterator[IO[str]]:
    """Holds the journal for this process alone."""
    try:
        file = journal.with_suffix(journal.suffix + ".lock").open("w")
    except OSError as error:
        raise Unusable(f"the journal's folder {journal.parent} cannot be used: {error.strerror}") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Unusable(f"another bridge uses the journal {journal}") from None
        yield file


async def _check_chain(settings: BridgeSettings, rpc: Rpc, deployment: Deployment, signer: TransactionSigner) -> None:
    """Raises Unusable when this is not the deployment's chain, or the key does not post the stream."""
    chain_id = int(await rpc.call("eth_chainId"), 16)
    if chain_id != deployment.chain_id:
        raise Unusable(f"the chain's id is {chain_id}, the deployment is on {deployment.chain_id}")
    code = await rpc.call("eth_getCode", "0x" + deployment.ledger.hex(), "latest")
    if code == "0x":
        raise Unusable(f"there is no contract at the deployment's ledger 0x{deployment.ledger.hex()}")
    poster = await Ledger(rpc, deployment.ledger).poster(StreamId(settings.stream.id))
    if not any(poster):
        raise Unusable(
            f"stream {settings.stream.id} is not open on this ledger; the operator opens it with: brownie run"
            f" open_stream main {settings.stream.id} 0x{signer.address.hex()} DAILY_LIMIT --network FOLDER"
        )
    if poster != signer.address:
        raise Unusable(
            f"stream {settings.stream.id} is posted by 0x{poster.hex()}, the signer's address is"
            f" 0x{signer.address.hex()}"
        )


async def _open_journal(settings: BridgeSettings) -> tuple[Journal, list[Bridge]]:
    """The journal, and a list whose one bridge will be told of new entries."""
    relay: list[Bridge] = []

    def on_entry(entry: PaymentEntry | ReversalEntry) -> None:
        relay[0].on_entry(entry)

    return await Journal.open(settings.journal, on_entry=on_entry, enrol=settings.batch.enrol), relay


async def _assemble(
    settings: BridgeSettings,
    rpc: Rpc,
    deployment: Deployment,
    signer: TransactionSigner,
    failpoint: FailPoint,
    journal: Journal,
    cards: Cards,
) -> Running:
    stream = StreamId(settings.stream.id)
    blocks = Blocks(rpc, settings.chain)
    head = await blocks.head()
    ledger = Ledger(rpc, deployment.ledger)
    sender = Sender(
        journal=journal,
        rpc=rpc,
        signer=signer,
        chain_id=deployment.chain_id,
        to=deployment.ledger,
        settings=settings.transaction,
        clock=now_ms,
        failpoint=failpoint,
    )
    last_block = await restore_sender(settings, rpc, ledger, deployment, signer, journal, sender, head)
    folder = settings.chain.product_sets or settings.chain.deployment.parent / "product-sets"
    directory = DirectoryReader(rpc, deployment, folder, settings.chain.currency)
    await directory.read(head.number)
    queue: asyncio.Queue[Block] = asyncio.Queue()
    stages = Stages(
        stream=stream,
        journal=journal,
        batcher=Batcher(settings.batch, stream),
        refunds=Refunds(settings.batch, stream),
        sender=sender,
        blocks=blocks,
        waiting=Waiting(stream, settings.answers.deadline_ms),
        failpoint=failpoint,
        counters=Counters(),
        rebuild=LeafRebuilder(ledger, await ledger.terms()),
        clock=now_ms,
        undone=ledger.refunded,
        currency=settings.chain.currency,
        on_block=queue.put_nowait,
    )
    bridge = Bridge(settings, deployment.ledger, stages, last_block=last_block, head=head.number)
    await restore_entries(journal, bridge, stages)
    par = (await ledger.terms()).units_per_minor_unit
    refusals = count_refusals(stages.counters)
    card_key = load_key(settings.journal.card_key_file)
    gate = build_gate(settings, journal, cards, card_key, refusals, clock=now_ms)

    async def holdings(member: MemberId) -> Holdings:
        account = await ledger.account(member)
        return Holdings(stored_value=account.value, coins_at_par=MinorUnits(account.coins // par))

    ports = Ports(
        stream=stream,
        submit=bridge.submit,
        member_of=gate.member_of,
        directory=lambda: directory.current,
        status=bridge.status,
        holdings=holdings,
        health=bridge.health,
        gate=gate,
        refused=refusals.add,
    )
    return Running(bridge=bridge, stages=stages, ports=ports, gate=gate, directory=directory, blocks=queue)


async def _keep_directory(running: Running) -> None:
    """Reads again what each block changed, for ever; a chain that does not answer is asked again."""
    while True:
        block = await running.blocks.get()
        while block.number > running.directory.current.block:
            try:
                await running.directory.refresh(block)
                break
            except (ChainUnreachable, RpcRefused) as error:
                log.warning("directory not refreshed", block=block.number, reason=str(error))
                await asyncio.sleep(1.0)
