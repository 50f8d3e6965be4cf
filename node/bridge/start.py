"""Opens what a bridge stands on, checks that it may run, runs it with its intakes (assembly.py), ends it in order."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from typing import Any, Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from node.bridge.arrival import check_chain
from node.bridge.assembly import Running, assemble
from node.bridge.card_key import key_of_journal, look_at_key
from node.bridge.cards import Cards
from node.bridge.entry import PaymentEntry, ReversalEntry
from node.bridge.failpoint import FailPoint
from node.bridge.intake_iso8583 import serve_iso8583
from node.bridge.intake_ports import Ports
from node.bridge.intake_rpc import serve_rpc
from node.bridge.journal.postgres import place_of, reason_of
from node.bridge.journal.schema import engine_of
from node.bridge.journal.store import Journal
from node.bridge.keys.vault import open_vault
from node.bridge.lines.basket_keeper import BasketKeeper
from node.bridge.lines.keys import custodian
from node.bridge.live import LiveFile
from node.bridge.ownership import Ownership, StoppedWaiting, owned
from node.bridge.people import People, look_at_people, open_people
from node.bridge.posting_key import open_signer
from node.bridge.ready import ReadyFile
from node.bridge.security.build import keep_fresh
from node.bridge.security.people_master import FilePeopleMaster
from node.bridge.service import Bridge
from node.bridge.verify.mac_keys import MacKeys
from node.chain.deployment import load_deployment
from node.chain.rpc import Rpc, RpcRefused
from node.config import BridgeSettings, JournalSettings, rpc_access
from node.domain.errors import ChainUnreachable, Unusable
from node.domain.ids import StreamId
from node.domain.payment import Entry

log = structlog.get_logger("bridge")
SWITCH_SECONDS: Final = 0.001
"""How long the journal's thread waits for the interpreter at most; Python's own 5 ms is a tenth of a batch."""
GRACE: Final = 5.0
"""Seconds that answers may still come in after the order to stop."""


async def run(settings: BridgeSettings) -> None:
    """Runs the bridge until SIGTERM or SIGINT. Raises Unusable, ChainUnreachable or BrokenInvariant with the reason."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    sys.setswitchinterval(SWITCH_SECONDS)
    settings = with_deployment(settings)
    with contextlib.suppress(StoppedWaiting):
        async with started(settings, stopping) as running:
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
async def started(settings: BridgeSettings, stopping: asyncio.Event | None = None) -> AsyncIterator[Running]:
    """A bridge that is ready to run: everything checked, what the last process left behind taken up.

    While another bridge owns the stream in a shared database it waits. Raises StoppedWaiting when `stopping` is set
    meanwhile.
    """
    deployment = load_deployment(settings.chain.deployment)
    failpoint = FailPoint(settings.fail_point)
    settings.state.mkdir(parents=True, exist_ok=True)
    async with contextlib.AsyncExitStack() as stack:
        vault = open_vault(settings.keys)
        stack.callback(vault.close)
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
        try:
            await check_chain(settings, rpc, deployment, signer)
        except ChainUnreachable as error:
            log.warning("chain away", reason=str(error))  # whether that is the end, the journal says
        if settings.journal.url:
            await asyncio.to_thread(_look_at_keys, settings)
        ownership = await stack.enter_async_context(owned(settings, failpoint, stopping or asyncio.Event()))
        journal, relay = await _open_journal(settings, ownership, failpoint)
        stack.push_async_callback(journal.close)
        card_key = key_of_journal(journal.engine, settings.journal.card_key_file)
        cards = Cards(journal.engine, card_key, await _open_people(settings.journal, journal, card_key))
        stack.callback(cards.close)
        running = await assemble(
            settings, rpc, deployment, signer, failpoint, journal, cards, card_key, ownership, vault
        )
        stack.callback(running.gate.close)
        stack.callback(running.desk.close)
        relay.append(running.bridge)
        yield running


async def serve(settings: BridgeSettings, running: Running, stopping: asyncio.Event) -> None:
    """Runs a started bridge with its intakes until `stopping` is set, then lets answers under way out."""
    if settings.metrics_port >= 0:
        running.stages.counters.serve(settings.metrics_port)
    # one file of keys is one, whichever listener changes a key in it
    vault, overlap = running.vault, settings.keys.overlap_seconds
    paths = {each.mac_key_file for each in settings.iso8583}
    keys = {path: MacKeys(path, vault, overlap_seconds=overlap) for path in paths}
    ready = ReadyFile(settings)
    ended = asyncio.Event()
    core = asyncio.create_task(running.bridge.run(ended))
    watching = asyncio.create_task(_keep_directory(running))
    intakes = [asyncio.create_task(each) for each in (keep_fresh(running.gate), running.cards.keep())]
    for listener in settings.iso8583:
        shared, bound = keys[listener.mac_key_file], ready.bound(listener.name)
        serving = serve_iso8583(
            listener, ports_of(running, listener.deadline_ms), keys=shared, vault=vault, bound=bound
        )
        intakes.append(asyncio.create_task(serving))
    if settings.rpc is not None:
        ports = ports_of(running, settings.rpc.deadline_ms)
        intakes.append(asyncio.create_task(serve_rpc(settings.rpc, ports, bound=ready.bound("rpc"))))
    if running.courier is not None:
        intakes.append(asyncio.create_task(running.courier.run()))
    intakes.append(asyncio.create_task(LiveFile(settings.state, running.bridge, running.stages).keep()))
    ready.write_if_complete()
    stop = asyncio.create_task(stopping.wait())
    try:
        watched: list[asyncio.Future[Any]] = [core, watching, stop, running.lost, *intakes]
        done, _ = await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
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


def ports_of(running: Running, deadline_ms: int) -> Ports:
    """What a listener is given, whose clients wait so long."""
    return replace(running.ports, submit=partial(running.bridge.submit, patience_ms=deadline_ms))


def _look_at_keys(settings: BridgeSettings) -> None:
    """A bridge that waits says at once that it has no key, not when it has to take over. Raises Unusable."""
    if settings.journal.card_key_file is None:
        return
    engine = engine_of(settings.journal, StreamId(settings.stream.id))
    try:
        look_at_key(engine, settings.journal.card_key_file)
        look_at_people(engine, settings.journal)
    except SQLAlchemyError as error:
        raise Unusable(f"the journal's database {place_of(engine)} cannot be used: {reason_of(error)}") from None
    finally:
        engine.dispose()


async def _open_journal(
    settings: BridgeSettings, ownership: Ownership, failpoint: FailPoint
) -> tuple[Journal, list[Bridge]]:
    """The journal, and a list whose one bridge will be told of new entries, and asked whether there is room."""
    relay: list[Bridge] = []

    def on_entry(entry: PaymentEntry | ReversalEntry) -> None:
        relay[0].on_entry(entry)

    def has_room(message: Entry) -> bool:
        return relay[0].has_room(message)

    stream = StreamId(settings.stream.id)
    keeper = BasketKeeper(stream, custodian(settings.journal.lines_key_file), os.urandom)
    journal = await Journal.open(
        settings.journal,
        stream=stream,
        on_entry=on_entry,
        enrol=settings.batch.enrol,
        fence=ownership.fence,
        shared=bool(settings.journal.url),
        keeper=keeper,
        passed=failpoint.passed,
        room=has_room,
    )
    while await journal.insist(keeper.seal_old):
        pass
    return journal, relay


async def _open_people(settings: JournalSettings, journal: Journal, key: bytes) -> People:
    if settings.card_key_file is None:
        # there are no cards, and none will be asked for
        return People(journal.engine, FilePeopleMaster(settings.people_master_key_file), key)
    return await asyncio.to_thread(open_people, journal.engine, settings, key)


async def _keep_directory(running: Running) -> None:
    """Reads again what each block changed, for ever; a chain that does not answer is asked again."""
    while True:
        block = await running.blocks.get()
        while block.number > running.directory.current.block:
            try:
                if await running.directory.refresh(block):
                    await running.keep_picture()
                break
            except (ChainUnreachable, RpcRefused) as error:
                log.warning("directory not refreshed", block=block.number, reason=str(error))
                await asyncio.sleep(1.0)
