"""`make node-faults`: the real bridge under load, while its gateways do what networks and nodes do.

    python -m proving.node_faults [--gateways 1,2] [--faults LOST,TWICE,...] [--messages 150]

A proxy (tests/offchain/bridge_out/node_proxy.py) stands between the bridge and the node, over HTTP and WebSocket. One
fault after another: the proxy does it to calls while tills send, until so many messages were sent; then all goes
through again. With two gateways the preferred one suffers, and the other one is the node itself. At the end every
message is sent once more; then for each of them, from the chain's events: exactly one effect, or none with a declined
answer, and all of its answers are the same.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from node.explorer.tables import wide_console
from proving.kill_bridges import Process
from proving.kill_ledger import Effects, faults
from proving.kill_stand import SETTLED_SECONDS, prepare, settled
from proving.kill_tills import Sent, Tills
from tests.offchain.bridge_out.node_proxy import Fault, NodeProxy
from tests.offchain.bridge_out.stand import Stand, stand_on

RESULT: Final = Path(__file__).resolve().parents[1] / "out" / "proving" / "node-faults.json"
RATE: Final = 60.0
"""New messages a second, about."""
HOW: Final[dict[Fault, dict[str, Any]]] = {
    Fault.LOST: {"every": 2},
    Fault.TWICE: {},
    Fault.DELAYED: {"every": 3},
    Fault.RESET: {"every": 2},
    Fault.TOO_MANY: {"every": 2},
    Fault.LIMITED: {"every": 2},
    Fault.KNOWN: {},
    Fault.NONCE_USED: {},
    Fault.UNDERPRICED: {},
    Fault.BEHIND: {"lag": 3},
    Fault.SILENT: {"every": 4},
}
"""What of the calls suffers. What a node says, it says to every transaction, and keeps every second one of them."""
LEAST_SENDS: Final = 3
PHASE_SECONDS: Final = 120.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A fault, the calls that suffered it (and the transactions among them), the messages that were sent meanwhile, and
    what became of them."""

    fault: str
    gateways: int
    calls: int
    transactions: int
    messages: int
    approved: int
    declined: int
    wrong: tuple[str, ...]


class NodeFaults:
    """One bridge process on a chain of its own."""

    def __init__(self, stand: Stand, proxy: NodeProxy, *, gateways: int, messages: int) -> None:
        self._stand, self._proxy, self._messages, self._gateways = stand, proxy, messages, gateways
        self._config = prepare(
            stand,
            chain={
                "rpc": [proxy.url, stand.url][:gateways],
                "websocket": proxy.websocket,
                "call_timeout_ms": 1_000,
                "attempts": 2,
            },
            answers={"deadline_ms": 2_500},
            transaction={"bump_ms": 1_000, "resend_ms": 500},
        )
        self._bridge: Process | None = None
        self._tills = Tills(stand.merchants, lambda: self._bridge.port if self._bridge else 0, rate=RATE)

    async def run(self, chosen: Sequence[Fault]) -> list[Row]:
        """One fault after another; what became of the messages. Raises RuntimeError when the bridge ends."""
        self._stand.mine_every(1)
        self._bridge = Process(self._stand.folder, self._config, "bridge", "")
        stopping = asyncio.Event()
        sending = asyncio.create_task(self._tills.run(stopping))
        parts: list[tuple[Fault, list[Sent]]] = []
        try:
            await asyncio.to_thread(self._bridge.listens)
            for fault in chosen:
                parts.append((fault, await self._suffer(fault)))
            stopping.set()
            await asyncio.wait_for(sending, SETTLED_SECONDS)
            await settled(self._config)
            await self._tills.ask_again()
            await asyncio.to_thread(self._bridge.stop)
        finally:
            sending.cancel()
            self._bridge.kill()
        effects = Effects.of(self._stand)
        return [self._row(fault, sent, effects) for fault, sent in parts]

    async def _suffer(self, fault: Fault) -> list[Sent]:
        """The messages that were sent meanwhile: all are answered when this returns."""
        tills, proxy = self._tills, self._proxy
        first = len(tills.sent)
        proxy.suffer(fault, **HOW[fault])
        try:
            await self._until(
                lambda: len(tills.sent) - first >= self._messages and proxy.sends[fault] >= LEAST_SENDS, fault.value
            )
        finally:
            proxy.heal()
        sent = tills.sent[first:]
        await self._until(lambda: all(each.codes for each in sent), f"answers after: {fault.value}")
        return sent

    async def _until(self, happened: Callable[[], bool], what: str) -> None:
        deadline, bridge = time.monotonic() + PHASE_SECONDS, self._bridge
        assert bridge is not None
        while not happened():
            if not bridge.alive or time.monotonic() > deadline:
                state = "is slow" if bridge.alive else "ended"
                raise RuntimeError(f"{what}: the bridge {state}: {bridge.said[-2_000:].decode()}")
            await asyncio.sleep(0.05)

    def _row(self, fault: Fault, sent: Sequence[Sent], effects: Effects) -> Row:
        approved = sum(each.code == "00" for each in sent)
        return Row(
            fault=fault.value,
            gateways=self._gateways,
            calls=self._proxy.hits[fault],
            transactions=self._proxy.sends[fault],
            messages=len(sent),
            approved=approved,
            declined=len(sent) - approved,
            wrong=tuple(faults(effects, sent)),
        )


def run_faults(chosen: Sequence[Fault], *, gateways: int, messages: int) -> list[Row]:
    """These faults with one gateway or two, on a chain of their own."""

    async def run(stand: Stand) -> list[Row]:
        async with NodeProxy.before(stand.url) as proxy:
            return await NodeFaults(stand, proxy, gateways=gateways, messages=messages).run(chosen)

    with tempfile.TemporaryDirectory() as folder, stand_on(Path(folder)) as stand:
        return asyncio.run(run(stand))


def table_of(rows: Sequence[Row]) -> Table:
    """The counts."""
    table = Table(title="The bridge, while its gateways fail", title_justify="left", box=None)
    table.add_column("fault", no_wrap=True)
    for name in ("gateways", "calls", "sends", "messages", "approved", "declined", "wrong"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        numbers = (row.gateways, row.calls, row.transactions, row.messages, row.approved, row.declined, len(row.wrong))
        table.add_row(row.fault, *[f"{number:,}" for number in numbers])
    return table


def main() -> int:
    """Runs them; 0 when every message had the effect that it was answered with."""
    parser = argparse.ArgumentParser(prog="node-faults", description="Gateways fail; every message has one effect.")
    parser.add_argument("--gateways", default="1,2", help="with how many, by turns (1,2)")
    parser.add_argument("--faults", default=",".join(each.name for each in HOW), help="which ones (all)")
    parser.add_argument("--messages", type=int, default=300, help="messages of each fault (300)")
    asked = parser.parse_args()
    rows: list[Row] = []
    for gateways in asked.gateways.split(","):
        chosen = [Fault[name] for name in asked.faults.split(",")]
        rows += run_faults(chosen, gateways=int(gateways), messages=asked.messages)
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    console = wide_console()
    console.print(table_of(rows))
    wrong = [f"{row.fault}: {each}" for row in rows for each in row.wrong]
    for each in wrong[:20]:
        console.print(each, style="bold red", markup=False)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
