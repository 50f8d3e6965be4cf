"""`make bench`: final payments a second through the whole path, beside a plain web3.py loop and the chain's ceiling.

All in one run, on one network of four validators on this machine, with the load's own work on the same cores:

1. ceiling: batches packed and signed beforehand, sent as fast as the gateways take them;
2. plain web3.py: the same payments, one transaction each, pipelined with explicit nonces;
3. the bridge: ISO 8583 over TCP, MACs checked, every payment journaled durably before its reply; as many payments on
   their way as `IN_FLIGHT`, for `SECONDS`; then 200 a second, for the latency of a day's normal load, over ISO 8583 and
   over JSON-RPC. The bridge's memory is looked at before, after the full load, and at the end.

Latency is from the message's sending to the moment at which a witness sees the block. Writes out/bench/payments.json.
`BENCH_SECONDS` (60) is how long each load lasts.
"""

import asyncio
import json
import os
import random
import sys
import time
from collections.abc import Sequence
from typing import Any, Final

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.batches import CEILING_STREAM, CEILING_TILL, PLAIN_STREAM, PLAIN_TILL, Batches, bench_plan
from benchmarks.load import Load, RpcLoad
from node.chain.deployment import load_deployment
from node.chain.rpc import Rpc, SendResult
from node.chain.signer import Signer
from node.demo.plan import Plan
from node.demo.stand import PROJECT, READY, BridgePorts, Stand
from node.demo.witness import Witness
from node.domain.errors import TillnetError, Unusable
from node.domain.ids import (
    Address,
    payment_id,
)
from node.domain.ids import (
    Sequence as Number,
)
from node.explorer.tables import wide_console
from node.network.keys import Account, read_account
from node.network.plan import NetworkPlan

RESULT: Final = PROJECT / "out" / "bench" / "payments.json"
FOLDER: Final = PROJECT / ".till" / "bench"
VALIDATORS: Final = 4
CEILING_PAYMENTS: Final = 30_000
CEILING_BATCH: Final = 500
PLAIN_PAYMENTS: Final = 1_000
IN_FLIGHT: Final = 4_000
STEADY_RATE: Final = 200
SECONDS: Final = int(os.environ.get("BENCH_SECONDS", "60"))
PATIENCE: Final = 120.0
MEGABYTE: Final = 2**20
POOL_ROOM: Final = 60
"""Transactions of one account on their way at once: geth takes 64 without objection."""


def main() -> int:
    """Runs the benchmark; 0 when everything that was sent became final."""
    console = wide_console()
    stand = Stand(FOLDER, tell=lambda step: console.print(f"  {step}", style="dim"))
    try:
        stand.clear()
        network = stand.start_network(VALIDATORS)
        console.print("  deploying and onboarding", style="dim")
        stand.deploy()
        plan = bench_plan()
        accounts = [read_account(stand.network_folder / "keys" / "accounts" / f"{n}.json") for n in (1, 2)]
        ceiling, plain = accounts
        stand.onboard(plan, other_streams={CEILING_STREAM: ceiling.address, PLAIN_STREAM: plain.address})
        ports = stand.start_bridge(network, plan)
        bench = Bench(stand, network, plan, ceiling=ceiling, plain=plain, console=console)
        figures = asyncio.run(bench.run(ports))
    except TillnetError as failure:
        console.print(f"The benchmark stopped: {failure}", style="bold red", markup=False)
        return 1
    finally:
        stand.stop()
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(figures, indent=2) + "\n")
    print_figures(figures, console)
    return 0


class Bench:
    """The three measurements, over one network."""

    def __init__(
        self, stand: Stand, network: NetworkPlan, plan: Plan, *, ceiling: Account, plain: Account, console: Console
    ) -> None:
        self._stand, self._network = stand, network
        self._plan = plan
        self._ceiling, self._plain = Signer(ceiling.private_key), plain
        self._console = console
        self._ledger = load_deployment(stand.network_folder / "deployment.json").ledger
        self._batches = Batches(plan, network, self._ledger, random.Random(20_170_615))

    async def run(self, ports: BridgePorts) -> dict[str, Any]:
        """All figures, under the names of out/bench/payments.json."""
        urls = [self._network.rpc_url(validator) for validator in self._network.validators]
        async with Rpc(urls, timeout=60) as rpc, Witness(rpc, self._ledger, urls[0].replace("http", "ws", 1)) as seen:
            self._say("the chain's ceiling: batches packed beforehand")
            ceiling, gas = await self._measure_ceiling(rpc, seen)
            self._say("a plain web3.py loop, one transaction a payment")
            plain = await self._measure_plain(urls[0], seen)
            memory = [self._memory()]
            load = Load(self._plan, ports.iso8583, seen)
            self._say(f"the bridge, {IN_FLIGHT:,} payments on their way, {SECONDS} s")
            full = await load.run(seconds=SECONDS, in_flight=IN_FLIGHT, patience=PATIENCE)
            self._say(f"the bridge, {STEADY_RATE} a second, {SECONDS} s")
            memory.append(self._memory())
            steady = await load.run(seconds=SECONDS, in_flight=IN_FLIGHT, patience=PATIENCE, rate=STEADY_RATE)
            self._say(f"the bridge over JSON-RPC, {STEADY_RATE} a second, {SECONDS} s")
            signed = RpcLoad(self._plan, ports.rpc, seen, chain_id=self._network.chain_id, ledger=self._ledger)
            rpc_steady = await signed.run(seconds=SECONDS, in_flight=IN_FLIGHT, patience=PATIENCE, rate=STEADY_RATE)
            memory.append(self._memory())
        return {
            "payments_per_second": round(full.per_second),
            "plain_web3_per_second": round(plain),
            "ceiling_per_second": round(ceiling),
            "latency_p50_ms": full.to_final_p50,
            "latency_p99_ms": full.to_final_p99,
            "reply_p50_ms": full.to_reply_p50,
            "reply_p99_ms": full.to_reply_p99,
            "at_200_p50_ms": steady.to_final_p50,
            "at_200_p99_ms": steady.to_final_p99,
            "at_200_reply_p99_ms": steady.to_reply_p99,
            "at_200_reply_p50_ms": steady.to_reply_p50,
            "rpc_at_200_p50_ms": rpc_steady.to_final_p50,
            "rpc_at_200_p99_ms": rpc_steady.to_final_p99,
            "rpc_at_200_reply_p50_ms": rpc_steady.to_reply_p50,
            "rpc_at_200_reply_p99_ms": rpc_steady.to_reply_p99,
            "bridge_memory_begin_mb": memory[0],
            "bridge_memory_full_mb": memory[1],
            "bridge_memory_end_mb": memory[2],
            "seconds": SECONDS,
            "payments": full.final,
            "ceiling_mgas_per_second": round(gas / 1e6, 1),
            "validators": VALIDATORS,
        }

    async def _measure_ceiling(self, rpc: Rpc, seen: Witness) -> tuple[float, float]:
        count = CEILING_PAYMENTS // CEILING_BATCH
        chunks = [
            self._batches.pack(CEILING_STREAM, CEILING_TILL, n * CEILING_BATCH, CEILING_BATCH) for n in range(count)
        ]
        signed = [self._batches.sign(self._ceiling, nonce, chunk).raw for nonce, chunk in enumerate(chunks)]
        before = seen.diary.batch_gas
        start = time.time()
        names = [payment_id(CEILING_STREAM, Number(number)) for number in range(CEILING_PAYMENTS)]
        for place, raw in enumerate(signed):
            if place >= POOL_ROOM:
                # the account's oldest must be final before the pool takes more
                await self._finish(seen, names[: (place - POOL_ROOM + 1) * CEILING_BATCH])
            answer = await rpc.send_raw(raw, turn=place % VALIDATORS)
            if answer.result is not SendResult.ACCEPTED:
                raise Unusable(f"a gateway refused a batch: {answer.text}")
        took = await self._finish(seen, names) - start
        return CEILING_PAYMENTS / took, (seen.diary.batch_gas - before) / took

    async def _measure_plain(self, url: str, seen: Witness) -> float:
        chunks = [self._batches.pack(PLAIN_STREAM, PLAIN_TILL, number, 1) for number in range(PLAIN_PAYMENTS)]
        start = time.time()
        await asyncio.to_thread(_plain_loop, url, self._plain, self._network.chain_id, self._ledger, chunks)
        names = [payment_id(PLAIN_STREAM, Number(number)) for number in range(PLAIN_PAYMENTS)]
        return PLAIN_PAYMENTS / (await self._finish(seen, names) - start)

    async def _finish(self, seen: Witness, names: Sequence[Any]) -> float:
        missing = await seen.wait_for(set(names), seconds=PATIENCE)
        if missing:
            raise Unusable(f"{len(missing)} payments are not final after {PATIENCE:.0f} s")
        if any(seen.diary.sightings[name].skipped for name in names):
            raise Unusable("the ledger skipped a payment of the benchmark")
        return max(seen.diary.sightings[name].seen_at for name in names)

    def _memory(self) -> float:
        """The bridge's resident memory, MB."""
        pid = int(json.loads((self._stand.bridge_folder / READY).read_text())["pid"])
        return round(psutil.Process(pid).memory_info().rss / MEGABYTE, 1)

    def _say(self, what: str) -> None:
        self._console.print(f"  {what}", style="dim")


def _plain_loop(url: str, poster: Account, chain_id: int, ledger: Address, batches: Sequence[bytes]) -> None:
    """What a program without a bridge does: a contract call a payment, signed and sent, not waiting for each."""
    from web3 import Web3

    web3 = Web3(Web3.HTTPProvider(url))
    account = web3.eth.account.from_key(poster.private_key)
    abi = json.loads((PROJECT / "node" / "artifacts" / "contracts" / "ILedger.json").read_text())["abi"]
    contract = web3.eth.contract(Web3.to_checksum_address("0x" + ledger.hex()), abi=abi)
    for nonce, batch in enumerate(batches):
        transaction = contract.functions.postBatch(batch).build_transaction(
            {
                "chainId": chain_id,
                "nonce": nonce,  # type: ignore[typeddict-item]
                "gas": 400_000,
                "maxFeePerGas": Web3.to_wei(1, "gwei"),
                "maxPriorityFeePerGas": Web3.to_wei(1, "wei"),
            }
        )
        web3.eth.send_raw_transaction(account.sign_transaction(transaction).raw_transaction)


def print_figures(figures: dict[str, Any], console: Console) -> None:
    """The figures as people read them, in rows that the README quotes."""
    table = Table(title="Payments over four validators on one machine", title_justify="left", box=None)
    for name in ("", "final a second", "to finality p50 / p99", "to reply p50 / p99"):
        table.add_column(name, justify="left" if not name else "right", no_wrap=True)
    table.add_row(
        "Tillnet, ISO 8583 over TCP",
        f"{figures['payments_per_second']:,}",
        f"{figures['latency_p50_ms']:,} / {figures['latency_p99_ms']:,} ms",
        f"{figures['reply_p50_ms']:,} / {figures['reply_p99_ms']:,} ms",
    )
    table.add_row(
        f"the same at {STEADY_RATE} a second",
        f"{STEADY_RATE}",
        f"{figures['at_200_p50_ms']:,} / {figures['at_200_p99_ms']:,} ms",
        f"{figures['at_200_reply_p50_ms']:,} / {figures['at_200_reply_p99_ms']:,} ms",
    )
    table.add_row(
        "the same over JSON-RPC",
        f"{STEADY_RATE}",
        f"{figures['rpc_at_200_p50_ms']:,} / {figures['rpc_at_200_p99_ms']:,} ms",
        f"{figures['rpc_at_200_reply_p50_ms']:,} / {figures['rpc_at_200_reply_p99_ms']:,} ms",
    )
    table.add_row("plain web3.py loop, a transaction each", f"{figures['plain_web3_per_second']:,}", "", "")
    table.add_row("ceiling: batches packed beforehand", f"{figures['ceiling_per_second']:,}", "", "")
    console.print(table)
    names = ("bridge_memory_begin_mb", "bridge_memory_full_mb", "bridge_memory_end_mb")
    memory = " / ".join(f"{figures[name]:,}" for name in names)
    console.print(f"The bridge's memory before, after the full load, at the end: {memory} MB")
    console.print(f"Written to {RESULT.relative_to(PROJECT)}")


if __name__ == "__main__":
    sys.exit(main())
