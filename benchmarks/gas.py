"""Gas a payment, beside a plain OpenZeppelin design; `make bench-gas` runs it and out/bench/gas.json keeps it.

Everything that a transaction costs is counted: 21,000 for itself, its calldata, and the execution. Payments are of one
line over ten merchants, with one Transfer event each and every check of the posting path.
"""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.devchain import anvil, deploy
from benchmarks.world import STREAM, Terms, World
from node.domain.batch_format import BatchPayment, make_batch
from node.domain.ids import (
    Hash32,
    MemberId,
    MerchantId,
    MinorUnits,
    RuleVersion,
    StreamId,
    TerminalNumber,
)
from node.domain.ids import Sequence as SequenceNumber
from node.domain.merkle import keccak
from node.domain.payment import Line, Tender

OUT: Final = Path(__file__).resolve().parents[1] / "out" / "bench" / "gas.json"
MERCHANTS: Final = 10
EPOCH: Final = 1_000_000
SEED: Final = 7
BIG: Final = 10**9  # minor units of points for each merchant


class Bench:
    """A world with funded merchants and a counter of sequences."""

    def __init__(self, world: World, *, terminals: int = 1, offers: int = 0) -> None:
        self.world = world
        self.random = random.Random(SEED)
        self.sequence = 0
        self.terminals = terminals
        self.merchants = [world.onboard(terminals) for _ in range(MERCHANTS)]
        self.versions: dict[int, list[int]] = {}
        for merchant in self.merchants:
            versions = [world.base(merchant)]
            versions += [world.offer(merchant, budget=10**12) for _ in range(offers)]
            self.versions[merchant] = versions[1:] or versions
            world.fund(merchant, BIG)

    def members(self, count: int, *, enrol: bool = True) -> list[int]:
        """New members, enrolled, with coins from a first payment (so that no word is 0)."""
        members = [self.random.randrange(1, 2**64) for _ in range(count)]
        if enrol:
            for start in range(0, count, 100):
                self.world.enrol(*members[start : start + 100])
                self.post(members[start : start + 100])
        return members

    def post(self, members: Sequence[int], *, items: bool = False, enrol: bool = False) -> int:
        """Posts one payment for each member in one batch; the gas of the transaction."""
        time = self.world.chain.now()
        payments = [self._payment(i, member, time, items, enrol) for i, member in enumerate(members)]
        receipt = self.world.post(make_batch(StreamId(STREAM), payments))
        events = self.world.ledger.events(receipt)
        closed = events[-1]
        assert closed.name == "BatchPosted" and closed.args["leaves"] == len(members) and not closed.args["skipped"]
        assert sum(event.name == "Transfer" for event in events) >= len(members)
        return int(receipt.gas)

    def _payment(self, index: int, member: int, time: int, items: bool, enrol: bool) -> BatchPayment:
        self.sequence += 1
        merchant = self.merchants[index % MERCHANTS]
        versions = self.versions[merchant]
        line = Line(
            amount=MinorUnits(self.random.randrange(100, 20_000)),
            rule_version=RuleVersion(versions[index // MERCHANTS % len(versions)]),
            tender=Tender.EXTERNAL,
        )
        return BatchPayment(
            sequence=SequenceNumber(self.sequence),
            merchant=MerchantId(merchant),
            terminal=TerminalNumber(index // MERCHANTS % self.terminals),
            member=MemberId(member),
            time=time,
            lines=(line,),
            items_root=Hash32(keccak(self.sequence.to_bytes(8, "big"))) if items else None,
            enrol=enrol,
        )


def measure() -> dict[str, int]:
    """Gas a line of every case, on a chain of its own."""
    with anvil() as chain:
        start = chain.now()
        world = World(chain, Terms(epoch_start=start - EPOCH // 2, epoch_length=EPOCH))
        bench = Bench(world)
        members = bench.members(250)
        results = {
            "batch_100_known": bench.post(members[:100]) // 100,
            "batch_250_known": bench.post(members) // 250,
            "batch_100_new": bench.post(bench.members(100, enrol=False), enrol=True) // 100,
            "single_known": bench.post(members[:1]),
        }
        chain.set_next_time(start + EPOCH)
        world.as_operator(world.ledger, "setStream", STREAM, world.poster, 10**9, 10**9)
        bench.post(members[200:])  # the first batch of an epoch moves supply and merchants; then members alone
        results["batch_100_first_touch_of_epoch"] = bench.post(members[:100]) // 100
        rich = Bench(world, terminals=3, offers=2)
        rich.sequence = bench.sequence
        rich.post(members[:100], items=True)
        results["batch_100_known_offers_items"] = rich.post(members[:100], items=True) // 100
        results["openzeppelin_single_known"] = plain(world)
    return results


def plain(world: World) -> int:
    """The plain design: the second payment of a member, so that no word is 0."""
    contract = deploy(world.chain, "PlainRewards", sender=world.operator)
    contract.send("setMerchant", 1, 10**18, 1_000_000, sender=world.operator)
    member = "0x" + "ab" * 20
    for number in (1, 2):
        receipt = contract.send("reward", keccak(bytes([number])), member, 1, 12_345, sender=world.operator)
    return receipt.gas


def main() -> None:
    """Measures, prints a table, writes out/bench/gas.json."""
    results = measure()
    table = Table(title="Gas a payment (one line, one Transfer event, transaction and calldata included)")
    table.add_column("case")
    table.add_column("gas", justify="right")
    for name, gas in results.items():
        table.add_row(name, f"{gas:,}")
    Console().print(table)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
