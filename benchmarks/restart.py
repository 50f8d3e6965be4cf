"""`make bench-restart`: how soon a bridge with 100,000 unfinished payments is back to work.

    python -m benchmarks.restart [--payments 100000] [--journal sqlite|postgresql]

The payments are journaled by the journal's own admission (unfinished.py). Then a real bridge process sends what it may
have on its way while the chain makes no block, and is killed. The next process is timed from its start: until it
listens, until it has answered its first new sale with 00, until it has sent its first new batch, and until everything
that was left is final. At the end the points of all members are those of what was answered 00.

The chain is anvil with a block a second: a restart is between the bridge and its journal. More wait than the bridge
holds in memory (`batch.waiting`): the rest it reads from the journal as it goes, and `memory_mb` says that it does.
Writes out/bench/restart.json.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.database import NoPostgres, postgres
from benchmarks.unfinished import AMOUNT, DEBITED, EARNERS, LEASE_MS, fill
from node.bridge.exceptions import journal_of
from node.bridge.status import read_live
from node.config import BridgeSettings, load_bridge
from node.explorer.tables import wide_console
from node.iso8583.retail_mac import RetailMac
from node.pos import messages
from node.pos.connection import PosConnection
from node.pos.messages import PosTerminal, Reply
from proving.kill_bridges import Process
from proving.kill_stand import import_members
from proving.kill_tills import CURRENCY, MAC_KEY, card_of
from tests.offchain.bridge_out.stand import COEFFICIENT, MEMBERS, Stand, stand_on

ROOT: Final = Path(__file__).resolve().parents[1]
RESULT: Final = ROOT / "out" / "bench" / "restart.json"
BACK_AT_WORK: Final = 10.0
"""Seconds that a restart may take until the first answer, and until the first batch."""
ENROLLED: Final = 500
IN_FLIGHT: Final = 16
FULL_BATCHES: Final = 1_000
"""Payments for which there is one batch at least, however many of them wait for another of their member."""
MEGABYTE: Final = 2**20
FIRST_SALE: Final = 777
SETTLED_SECONDS: Final = 900.0
STEP_SECONDS: Final = 120.0
POLL_SECONDS: Final = 0.01


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """Seconds from the start of the process, and what the chain says at the end. `sent` went out before the kill."""

    journal: str
    unfinished: int
    sent: int
    fill_seconds: float
    listens: float
    first_answer: float
    first_batch: float
    cpu_seconds: float
    all_final: float
    memory_mb: float
    points: int
    points_expected: int

    @property
    def in_time(self) -> bool:
        """Whether it answered and sent in time."""
        return max(self.first_answer, self.first_batch) <= BACK_AT_WORK

    @property
    def back_at_work(self) -> bool:
        """Whether it did, and lost and doubled nothing."""
        return self.in_time and self.points == self.points_expected


class Restart:
    """One restart on a chain and a journal of its own."""

    def __init__(self, stand: Stand, url: str, payments: int, say: Callable[[str], None]) -> None:
        self._stand, self._url, self._payments, self._say = stand, url, payments, say
        for first in range(EARNERS.start, EARNERS.stop, ENROLLED):
            stand.world.enrol(*range(first, min(first + ENROLLED, EARNERS.stop)))
        keys = stand.folder / "mac.keys"
        keys.touch(mode=0o600)
        keys.write_text("".join(f"{merchant}T0 {MAC_KEY.hex()}\n" for merchant in stand.merchants))
        self._config = stand.write(
            iso8583={"mac_key_file": "mac.keys"},
            journal={"url": url, "lease_ms": LEASE_MS} if url else {},
            batch={"backlog": 2 * payments + 1_000, "in_flight": IN_FLIGHT},
        )
        self._poster = "0x" + stand.signer.address.hex()

    def run(self) -> Figures:
        """Fills the journal, kills a bridge that sends from it, and times the next one."""
        settings = load_bridge(self._config)
        import_members(self._stand, self._config, EARNERS)
        self._say(f"journaling {self._payments:,} payments")
        began = time.monotonic()
        asyncio.run(fill(settings.journal, self._stand, self._payments))
        filled = time.monotonic() - began
        sent = self._send_and_kill(settings)
        self._stand.mine_every(1)
        unfinished = self._open(settings)
        self._say(f"starting on {unfinished:,} unfinished payments, {sent:,} of them on their way")
        began = time.monotonic()
        process = Process(self._stand.folder, self._config, "second", "")
        try:
            figures = asyncio.run(self._back(process, settings, began))
            process.stop()
        finally:
            process.kill()
        points, expected = self._points(settings)
        return Figures(
            journal="PostgreSQL" if self._url else "SQLite",
            unfinished=unfinished,
            sent=sent,
            fill_seconds=round(filled, 1),
            points=points,
            points_expected=expected,
            **figures,
        )

    def _send_and_kill(self, settings: BridgeSettings) -> int:
        """A bridge on a chain that makes no block, until it has sent all that it may; how many payments that is."""
        self._stand.stop_mining()
        wanted = max(1, min(IN_FLIGHT, self._payments // FULL_BATCHES))
        process = Process(self._stand.folder, self._config, "first", "")
        try:
            process.until(lambda: self._pending() >= wanted, f"sent {wanted} batches")
            if not process.alive:
                raise RuntimeError(f"the bridge ended by itself: {process.said[-1_000:].decode()}")
        finally:
            process.kill()
        left = read_live(settings).open
        return left["batched"] + left["sent"]

    async def _back(self, process: Process, settings: BridgeSettings, began: float) -> dict[str, float]:
        batches = self._pending()
        listening = asyncio.create_task(self._until(lambda: bool(process.port), process))
        sending = asyncio.create_task(self._until(lambda: self._pending() > batches, process))
        answering = asyncio.create_task(self._first_sale(process))
        listens = await listening - began
        reply = await answering
        if not reply.approved:
            raise RuntimeError(f"the first sale was answered {reply.response_code} {reply.text}")
        sends = await sending - began
        used = psutil.Process(process.pid).cpu_times()
        worked = used.user + used.system
        self._say(f"listens after {listens:.1f} s, answers {reply.received_at - began:.1f}, sends {sends:.1f}")
        deadline = time.monotonic() + SETTLED_SECONDS
        while left := self._open(settings):
            if not process.alive or time.monotonic() > deadline:
                raise RuntimeError(f"{left} payments are not settled: {process.said[-1_000:].decode()}")
            await asyncio.sleep(0.5)
        return {
            "listens": round(listens, 2),
            "first_answer": round(reply.received_at - began, 2),
            "first_batch": round(sends, 2),
            "cpu_seconds": round(worked, 2),
            "all_final": round(time.monotonic() - began, 1),
            "memory_mb": round(psutil.Process(process.pid).memory_info().rss / MEGABYTE, 1),
        }

    async def _until(self, happened: Callable[[], bool], process: Process) -> float:
        deadline = time.monotonic() + STEP_SECONDS
        while not happened():
            if not process.alive or time.monotonic() > deadline:
                raise RuntimeError(f"the bridge is not back: {process.said[-1_000:].decode()}")
            await asyncio.sleep(POLL_SECONDS)
        return time.monotonic()

    async def _first_sale(self, process: Process) -> Reply:
        await self._until(lambda: bool(process.port), process)
        connection = await PosConnection.open("127.0.0.1", process.port, clock=time.monotonic, timeout=STEP_SECONDS)
        merchant, now = self._stand.merchants[0], datetime.now(UTC)
        sale = messages.purchase(
            PosTerminal(id=f"{merchant}T0", merchant=merchant, mac=RetailMac(MAC_KEY)),
            stan="000001",
            local=now,
            transmitted=now,
            card=card_of(EARNERS[0]),
            amount=FIRST_SALE,
            currency=CURRENCY,
        )
        try:
            return await connection.send(sale)
        finally:
            await connection.close()

    def _open(self, settings: BridgeSettings) -> int:
        return sum(read_live(settings).open.values())

    def _pending(self) -> int:
        """Transactions of the poster that anvil has, in blocks or waiting."""
        return int(self._stand.chain.request("eth_getTransactionCount", self._poster, "pending"), 16)

    def _points(self, settings: BridgeSettings) -> tuple[int, int]:
        """Units that all members have, and those of every payment that was answered 00, each once."""
        has = sum(self._stand.points(member) for member in (*MEMBERS, *EARNERS))
        with journal_of(settings).connect() as connection:
            debits = connection.exec_driver_sql(
                "SELECT count(*) FROM entries WHERE kind = 0 AND debits AND response_code = '00'"
            ).scalar_one()
        earned = self._payments * AMOUNT + int(debits) * DEBITED + FIRST_SALE
        return has, earned * COEFFICIENT


def measure(journal: str, payments: int, say: Callable[[str], None] = lambda _: None) -> Figures:
    """One restart with the journal in `sqlite` or `postgresql`. Raises NoPostgres."""
    with ExitStack() as stack:
        url = "" if journal == "sqlite" else stack.enter_context(postgres()).url("till")
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stand = stack.enter_context(stand_on(folder))
        return Restart(stand, url, payments, say).run()


def main() -> int:
    """Measures and prints; 0 when the bridge was back in time and every payment had its one effect."""
    parser = argparse.ArgumentParser(prog="restart", description="How soon a bridge is back to work.")
    parser.add_argument("--payments", type=int, default=100_000, help="unfinished ones (100000)")
    parser.add_argument("--journal", choices=("sqlite", "postgresql"), default="sqlite")
    chosen = parser.parse_args()
    console = wide_console()
    try:
        figures = measure(chosen.journal, chosen.payments, lambda step: console.print(f"  {step}", style="dim"))
    except NoPostgres as missing:
        console.print(str(missing))
        return 1
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    known: dict[str, Any] = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    RESULT.write_text(json.dumps({**known, chosen.journal: asdict(figures)}, indent=2) + "\n")
    _print(figures, console)
    return 0 if figures.back_at_work else 1


def _print(figures: Figures, console: Console) -> None:
    table = Table(title=f"A restart on {figures.unfinished:,} unfinished payments", title_justify="left", box=None)
    for name in ("", figures.journal):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    rows = (
        ("until it listens", f"{figures.listens:.2f} s"),
        ("until its first new sale is answered 00", f"{figures.first_answer:.2f} s"),
        ("until its first new batch is sent", f"{figures.first_batch:.2f} s"),
        ("the process's own work until then", f"{figures.cpu_seconds:.2f} s"),
        (
            f"within {BACK_AT_WORK:.0f} s",
            "yes" if max(figures.first_answer, figures.first_batch) <= BACK_AT_WORK else "NO",
        ),
        ("until all that was left is settled", f"{figures.all_final:.1f} s"),
        ("points on the chain less what was answered 00", f"{figures.points - figures.points_expected:,}"),
        ("memory of the bridge then", f"{figures.memory_mb:.0f} MB"),
    )
    for row in rows:
        table.add_row(*row)
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
