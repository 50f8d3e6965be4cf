"""One audit: from a gateway's blocks to a report.

evidence -> follow, cash -> compare with proven storage -> backing, gaps -> report. The gateway is asked for what the
headers prove, for the ledger's constants, and for what other contracts say that they owe.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from node.audit.anchors.check import AnchorCheck, anchored
from node.audit.anchors.record import Anchor, Sent
from node.audit.backing import Holding, check_backing, ledger_backing, parts_backing
from node.audit.cash import Cash
from node.audit.compare import compare_words, expected_words, supply_of
from node.audit.evidence import Evidence, ProvenBlock
from node.audit.findings import Finding, Findings, Kind
from node.audit.follow import Follower, Watcher
from node.audit.gaps import find_gaps
from node.audit.instruments.watch import instruments_of
from node.audit.state import Posted, Replayed
from node.audit.storage import proven_words
from node.audit.tally import Hours, Tally
from node.chain.abi_events import events_of
from node.chain.deployment import Deployment
from node.chain.ledger import Ledger
from node.chain.rpc import Rpc
from node.domain.errors import Unusable
from node.domain.ids import PaymentId
from node.domain.line_items import LineItems
from node.domain.words import Supply

LEDGER_ABI: Final = "ILedger"
CATCH_UPS: Final = 5
"""How often the audit goes on to the newest block before it compares."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What to audit: blocks `first` to `last` (the newest where None), what came before is replayed all the same.

    `cancelled` are payments that the bridge's operator names as never sent, `items` line items by payment,
    `anchors` what was written down on the chain behind `anchor_rpc`.
    """

    first: int = 0
    last: int | None = None
    hours: Hours | None = None
    cancelled: frozenset[PaymentId] = frozenset()
    items: Mapping[str, LineItems] = field(default_factory=dict)
    anchors: tuple[Sent, ...] = ()
    anchor_rpc: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """What an audit came to. Points in units, money in minor units."""

    order: Order
    first: int
    last: ProvenBlock
    seconds: float
    words: int
    supply: int
    missing: int
    explained: int
    ledger: Replayed
    tally: Tally
    checked: Mapping[str, int]
    amounts: Mapping[str, int]
    holdings: tuple[Holding, ...]
    findings: Findings

    @property
    def agrees(self) -> bool:
        """Whether chain and recomputation are the same to the last unit."""
        return not self.findings.differences

    @property
    def rate(self) -> float:
        """Payments a second."""
        return self.tally.seen / self.seconds if self.seconds else 0.0


async def run_audit(
    rpc: Rpc,
    deployment: Deployment,
    order: Order,
    *,
    watcher: Watcher | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Audit:
    """Replays the ledger from its first block on, before the eyes of `watcher`.

    Raises Unusable, EvidenceBroken, StateGone, ChainUnreachable.
    """
    started = clock()
    newest = int(await rpc.call("eth_blockNumber"), 16)
    last = newest if order.last is None else order.last
    if last > newest or order.first > last:
        raise Unusable(f"blocks {order.first} to {last} cannot be audited: the newest is {newest}")
    follower, cash = await _prepared(rpc, deployment, order)
    follower.watcher = watcher
    instruments = instruments_of(deployment.parts, follower.ledger.terms, follower.findings)
    check = AnchorCheck(anchors=await _anchors(order, deployment, follower.findings), findings=follower.findings)
    evidence = Evidence(rpc, [deployment.ledger, *deployment.parts.values()])
    head: ProvenBlock | None = None
    first = deployment.block
    for _ in range(CATCH_UPS):
        async for block in evidence.blocks(first, last):
            if head is None:
                epoch = follower.ledger.terms.epoch(block.time)
                follower.ledger.supply = Supply(epoch=epoch)
            follower.block(block)
            if cash is not None:
                cash.block(block)
            instruments.block(block)
            check.block(block)
            head = block
        first = last + 1
        newest = int(await rpc.call("eth_blockNumber"), 16)
        if order.last is not None or newest <= last:
            break
        last = newest
    if head is None:
        raise Unusable(f"the contracts are there from block {deployment.block} on, after block {last}")
    checked = instruments.checked | ({"anchors": check.checked} if order.anchors else {})
    return await _judged(
        rpc, deployment, order, follower, cash, head, lambda: clock() - started, checked, instruments.amounts
    )


async def _prepared(rpc: Rpc, deployment: Deployment, order: Order) -> tuple[Follower, Cash | None]:
    ledger = Replayed(terms=await Ledger(rpc, deployment.ledger).network_terms(), posted=Posted())
    names = {int.from_bytes(address, "big"): name for name, address in deployment.parts.items()}
    findings = Findings()
    tally = Tally(
        first=order.first, hours=order.hours, names=names, findings=findings, wanted_items=frozenset(order.items)
    )
    follower = Follower(
        ledger=ledger, address=deployment.ledger, shapes=events_of(LEDGER_ABI), findings=findings, tally=tally
    )
    token = deployment.parts.get("CashToken")
    cash = None if token is None else Cash(address=token, shapes=events_of("CashToken"))
    return follower, cash


async def _anchors(order: Order, deployment: Deployment, findings: Findings) -> list[Anchor]:
    if not order.anchors:
        return []
    async with Rpc([order.anchor_rpc], attempts=2) as target:
        return await anchored(target, order.anchors, deployment.chain_id, findings)


async def _judged(
    rpc: Rpc,
    deployment: Deployment,
    order: Order,
    follower: Follower,
    cash: Cash | None,
    head: ProvenBlock,
    elapsed: Callable[[], float],
    checked: Mapping[str, int],
    amounts: Mapping[str, int],
) -> Audit:
    """Holds what was replayed against the state after the last block."""
    ledger, findings = follower.ledger, follower.findings
    if follower.succeeded:
        raise Unusable("a ledger that takes over from another, or was taken over, cannot be audited yet")
    slots = [each.slot for each in expected_words(ledger)]
    words = await proven_words(rpc, head, deployment.ledger, slots)
    count = compare_words(ledger, words, findings)
    supply = supply_of(ledger, words, findings)
    holdings = ledger_backing(ledger, cash, deployment.ledger, supply)
    if cash is not None:
        holdings += await parts_backing(rpc, deployment.parts, ledger, cash, head.number)
    check_backing(holdings, findings)
    assert isinstance(ledger.posted, Posted)
    missing, explained = find_gaps(ledger.posted, order.cancelled, findings)
    _check_items(order.items, follower.tally.items_roots, findings)
    return Audit(
        order=order,
        first=max(order.first, deployment.block),
        last=head,
        seconds=elapsed(),
        words=count,
        supply=supply,
        missing=missing,
        explained=explained,
        ledger=ledger,
        tally=follower.tally,
        checked=checked,
        amounts=amounts,
        holdings=tuple(holdings),
        findings=findings,
    )


def _check_items(wanted: Mapping[str, LineItems], found: Mapping[str, bytes], findings: Findings) -> None:
    """Line items that were handed over, against the root that the chain has of them."""
    for name, items in wanted.items():
        if name not in found:
            findings.add(Finding(kind=Kind.CONTRADICTED, subject=f"payment {name}", text="the chain accepted no such"))
        elif found[name] != items.root:
            text = "its line items are not those that the chain has the root of"
            findings.add(Finding(kind=Kind.CONTRADICTED, subject=f"payment {name}", text=text))
