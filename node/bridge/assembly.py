"""Puts a bridge together from its parts: the stages, the gate, and the ports that the intakes are given.

Called by start.py, which opens what they stand on, and runs what comes out.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from node.bridge.announcer import Announcer
from node.bridge.answers import Waiting
from node.bridge.arrival import Arrival, keep_picture
from node.bridge.backlog import Backlog
from node.bridge.batch import Batcher
from node.bridge.cards import Cards
from node.bridge.counters import Counters
from node.bridge.desk import JournalDesk
from node.bridge.failpoint import FailPoint
from node.bridge.happenings import Happenings
from node.bridge.herald import Herald
from node.bridge.intake_ports import Holdings, Ports
from node.bridge.journal.claims import Claims
from node.bridge.journal.refusals import Refusals as KeptRefusals
from node.bridge.journal.store import Journal
from node.bridge.keys.vault import Vault
from node.bridge.lines.desk import JournalLines
from node.bridge.ownership import Ownership
from node.bridge.recall import Recall
from node.bridge.refunds import Refunds
from node.bridge.restore import restore_entries, restore_sender
from node.bridge.security.build import build_gate, count_refusals
from node.bridge.security.gate import Gate, Refusals
from node.bridge.service import Bridge
from node.bridge.stages import Stages
from node.bridge.transaction import Sender
from node.bridge.webhooks.courier import Courier
from node.bridge.webhooks.start import open_courier, payout_reader
from node.chain.advices import bookings_in
from node.chain.blocks import Block, Blocks
from node.chain.deployment import Deployment
from node.chain.directory import DirectoryReader
from node.chain.ledger import Ledger
from node.chain.rebuild import LeafRebuilder
from node.chain.rpc import Rpc
from node.chain.signer import TransactionSigner
from node.chain.views import Views
from node.config import BridgeSettings
from node.domain.errors import ChainUnreachable
from node.domain.ids import MemberId, MinorUnits, Sequence, StreamId
from node.domain.leaf import LedgerTerms


@dataclass(kw_only=True, slots=True)
class Running:
    """A started bridge and what belongs to it; `lost` ends when the stream is another bridge's. `keep_picture` has the
    directory journaled as it is now.
    """

    lost: "asyncio.Future[None]"
    bridge: Bridge
    stages: Stages
    ports: Ports
    gate: Gate
    vault: Vault
    directory: DirectoryReader
    keep_picture: Callable[[], Awaitable[None]]
    blocks: "asyncio.Queue[Block]"
    courier: Courier | None
    desk: JournalDesk
    cards: Cards


def now_ms() -> int:
    """Milliseconds of the Unix clock."""
    return time.time_ns() // 1_000_000


async def assemble(
    settings: BridgeSettings,
    rpc: Rpc,
    deployment: Deployment,
    signer: TransactionSigner,
    failpoint: FailPoint,
    journal: Journal,
    cards: Cards,
    card_key: bytes,
    ownership: Ownership,
    vault: Vault,
) -> Running:
    """What the settings ask for, on a journal that is this process's own. Raises Unusable; ChainUnreachable when the
    chain is away and the journal knows nothing of it.
    """
    stream = StreamId(settings.stream.id)
    blocks = Blocks(rpc, settings.chain)
    ledger = Ledger(rpc, deployment.ledger)
    counters = Counters()
    courier = await open_courier(settings.webhooks, journal, counters, now_ms)
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
    await restore_sender(settings, deployment, journal, sender, failpoint)
    folder = settings.chain.product_sets or settings.chain.deployment.parent / "product-sets"
    directory = DirectoryReader(rpc, deployment, folder, settings.chain.currency)
    arrival = Arrival(
        settings=settings,
        rpc=rpc,
        deployment=deployment,
        signer=signer,
        journal=journal,
        sender=sender,
        directory=directory,
        blocks=blocks,
        ledger=ledger,
    )
    known = await arrival.begin()
    queue: asyncio.Queue[Block] = asyncio.Queue()
    advices = deployment.parts.get("Advices")
    batcher, received_at = Batcher(settings.batch, stream), dict[Sequence, int]()
    stages = Stages(
        stream=stream,
        journal=journal,
        batcher=batcher,
        backlog=Backlog(settings.batch, batcher, journal, received_at),
        received_at=received_at,
        refunds=Refunds(settings.batch, stream),
        sender=sender,
        blocks=blocks,
        waiting=Waiting(stream, settings.answers.deadline_ms),
        failpoint=failpoint,
        counters=counters,
        herald=Herald(Happenings(stream, settings.chain.currency), Announcer(), courier),
        payouts=payout_reader(courier, deployment, blocks),
        booked=None if advices is None else lambda block: bookings_in(block, blocks, advices),
        rebuild=LeafRebuilder(ledger, known.terms),
        clock=now_ms,
        registry_block=lambda: directory.current.block,
        away=lambda: not bridge.arrived or 1000 * rpc.silent_seconds >= settings.chain.away_ms,
        undone=ledger.refunded,
        currency=settings.chain.currency,
        on_block=queue.put_nowait,
    )
    bridge = Bridge(settings, deployment.ledger, stages, known, arrival.meet)
    await restore_entries(journal, bridge, stages)
    refusals = count_refusals(counters)
    gate = build_gate(settings, journal, cards, card_key, refusals, clock=now_ms, vault=vault)
    desk = await JournalDesk.open(journal, now_ms)
    lines = JournalLines(journal, stream, Views(rpc, deployment.registry))
    return Running(
        lost=ownership.lost,
        bridge=bridge,
        stages=stages,
        ports=await _ports(settings, bridge, stages, ledger, known.terms, directory, gate, refusals, desk, lines),
        gate=gate,
        vault=vault,
        directory=directory,
        keep_picture=lambda: keep_picture(journal, directory.current, known.terms),
        blocks=queue,
        courier=courier,
        desk=desk,
        cards=cards,
    )


async def _ports(
    settings: BridgeSettings,
    bridge: Bridge,
    stages: Stages,
    ledger: Ledger,
    terms: LedgerTerms,
    directory: DirectoryReader,
    gate: Gate,
    refusals: Refusals,
    desk: JournalDesk,
    lines: JournalLines,
) -> Ports:
    par = terms.units_per_minor_unit

    async def holdings(member: MemberId) -> Holdings:
        if stages.away():
            raise ChainUnreachable("it was asked what a member has")
        account = await ledger.account(member)
        at_par = MinorUnits(account.coins // par)
        return Holdings(stored_value=account.value, coins_at_par=at_par, coins=account.coins)

    journal, rpc = stages.journal, settings.rpc
    return Ports(
        stream=stages.stream,
        submit=bridge.submit,
        member_of=gate.member_of,
        directory=lambda: directory.current,
        status=bridge.status,
        holdings=holdings,
        health=bridge.health,
        desk=desk,
        claims=None if rpc is None else Claims(journal, limit=rpc.max_claims, clock=now_ms),
        announcer=stages.herald.announcer,
        gate=gate,
        refusals=await KeptRefusals.open(journal, now_ms),
        recall=Recall(stages),
        lines=lines,
        came=stages.counters.came,
        refused=refusals.add,
    )
