"""`make bench-explorer`: how fast a chain is indexed, and what a payment takes; writes out/bench/explorer.json.

The chain is a development chain with batches of payments of the demo's shape: many members, one line or two, some paid
in coins or from stored value. What is measured is `till index`'s own code from block 0 to the head, everything checked:
headers, transactions and receipts against their roots, senders, leaves against the batch's root. Other parts of the
explorer add figures of their own to the same file.
"""

import asyncio
import json
import os
import platform
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from benchmarks.database import postgres
from benchmarks.devchain import ROOT, Chain, anvil
from benchmarks.world import Terms, World
from node.config import RpcAccess
from node.domain.batch_format import BatchPayment, make_batch
from node.domain.ids import Hash32, MemberId, MerchantId, MinorUnits, RuleVersion, StreamId, TerminalNumber
from node.domain.ids import Sequence as SequenceNumber
from node.domain.merkle import keccak
from node.domain.payment import Line, Tender
from node.indexer.run import IndexOrder, run
from node.indexer.status import status_of

OUT: Final = ROOT / "out" / "bench" / "explorer.json"
BATCH: Final = 250
MEMBERS: Final = 5_000
AUTHORISATION: Final = Hash32(keccak(b"terminal and PIN"))


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What one run showed; sizes in bytes, times in seconds."""

    database: str
    blocks: int
    events: int
    payments: int
    seconds: float
    processor_seconds: float
    size: int

    def document(self) -> dict[str, Any]:
        """As in the file."""
        return {
            "blocks": self.blocks,
            "events": self.events,
            "payments": self.payments,
            "seconds": round(self.seconds, 2),
            "processor_seconds": round(self.processor_seconds, 2),
            "events_per_second": round(self.events / self.seconds),
            "events_per_processor_second": round(self.events / self.processor_seconds),
            "blocks_per_second": round(self.blocks / self.seconds),
            "bytes_per_payment": round(self.size / self.payments),
        }


@click.command()
@click.option("--payments", default=20_000, show_default=True, help="Payments on the chain that is indexed.")
@click.option("--workers", default=1, show_default=True, help="Processes that check blocks.")
def main(payments: int, workers: int) -> None:
    """Posts payments, indexes them on both databases, prints and writes the figures."""
    with anvil() as chain, tempfile.TemporaryDirectory() as folder:
        world = World(chain, Terms(epoch_start=chain.now() - 1_000, epoch_length=30 * 86_400))
        _fill(world, payments)
        found = [_measured(chain, world, str(Path(folder) / "index.sqlite"), "sqlite", payments, workers)]
        with postgres() as cluster:
            found.append(_measured(chain, world, cluster.url("bench"), "postgresql", payments, workers))
    for each in found:
        said = each.document()
        print(
            f"{each.database:12}{said['events_per_second']:>7} events/s {said['blocks_per_second']:>5} blocks/s "
            f"{said['bytes_per_payment']:>5} bytes a payment"
        )
    write_part("indexing", {"machine": machine(), **{each.database: each.document() for each in found}})


def write_part(name: str, part: dict[str, Any]) -> None:
    """Puts one part into out/bench/explorer.json and leaves the others as they are."""
    OUT.parent.mkdir(parents=True, exist_ok=True)
    document = json.loads(OUT.read_text()) if OUT.is_file() else {}
    document[name] = part
    OUT.write_text(json.dumps(document, indent=2) + "\n")


def machine() -> dict[str, Any]:
    """What it ran on, and how busy that was with other things."""
    return {"cores": os.cpu_count(), "python": platform.python_version(), "load": round(os.getloadavg()[0], 1)}


def _fill(world: World, payments: int) -> None:
    """A merchant, members with stored value, and so many payments in batches."""
    merchant = world.onboard(terminals=4)
    version = RuleVersion(world.base(merchant))
    world.fund(merchant, 10**10)
    for first in range(1, MEMBERS, 500):
        world.enrol(*range(first, first + 500))
    for sequence in range(256, 256 + payments, BATCH):
        now = world.chain.now()
        made = [_payment(number, merchant, version, now) for number in range(sequence, sequence + BATCH)]
        world.post(make_batch(StreamId(1), made))


def _payment(sequence: int, merchant: int, version: RuleVersion, now: int) -> BatchPayment:
    lines = [Line(amount=MinorUnits(1_000 + sequence % 9_000), rule_version=version, tender=Tender.EXTERNAL)]
    if sequence % 4 == 0:
        lines.append(Line(amount=MinorUnits(500), rule_version=version, tender=Tender.EXTERNAL))
    return BatchPayment(
        sequence=SequenceNumber(sequence),
        merchant=MerchantId(merchant),
        terminal=TerminalNumber(sequence % 4),
        member=MemberId(1 + sequence * 7 % MEMBERS),
        time=now,
        lines=tuple(lines),
        items_root=Hash32(keccak(b"items")),
        authorisation=AUTHORISATION,
    )


def _measured(chain: Chain, world: World, where: str, name: str, payments: int, workers: int) -> Figures:
    contracts = {
        "NetworkAccess": world.access,
        "CashToken": world.cash,
        "RewardToken": world.ledger,
        "Registry": world.registry,
        "RewardRules": world.rules,
    }
    order = IndexOrder(
        urls=(f"http://{chain._connection.host}:{chain._connection.port}",),
        access=RpcAccess(),
        contracts={bytes.fromhex(each.address[2:]): known for known, each in contracts.items()},
        database=where,
        trace=False,
        workers=workers,
        believe_senders=True,
    )
    begun, used = time.perf_counter(), _processor_time()
    progress = asyncio.run(run(order, until=-1))
    seconds, processor = time.perf_counter() - begun, _processor_time() - used
    return Figures(
        database=name,
        blocks=progress.blocks,
        events=progress.events,
        payments=payments,
        seconds=seconds,
        processor_seconds=processor,
        size=status_of(where).size,
    )


def _processor_time() -> float:
    """Of this process and its ended children: what counts on a machine that is busy with other things."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


if __name__ == "__main__":
    main()
