"""`make kill-matrix`: the real bridge is killed before and after each durable write and each send, under load.

    python -m proving.kill_matrix [--rounds 3] [--modes sqlite,postgresql,takeover,asleep] [--points after-send,...]

SIGKILL at each fail point (node/bridge/failpoint.py), with the journal in SQLite and in PostgreSQL; started anew after
each kill, or, in the mode `takeover`, a second bridge that waits for the stream goes on. In the mode `asleep` the
bridge is not killed but stopped, and goes on when the second one has its stream: then it has to end by itself.

Tills send all the while, and each message until it is answered. At the end every message is sent once more; then for
each of them, from the chain's events: exactly one effect, or none with a declined answer, and all of its answers are
the same. The chain is anvil with a block a second: what happens between bridge and journal is not changed by who makes
the blocks, and killing validators is tests/network's part.
"""

import argparse
import asyncio
import json
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from benchmarks.database import NoPostgres, postgres
from node.bridge.cards import import_cards, load_key
from node.bridge.failpoint import POINTS
from node.bridge.journal.schema import engine_of, migrate
from node.bridge.people import open_people
from node.bridge.status import read_status
from node.config import load_bridge
from node.domain.ids import StreamId
from node.explorer.tables import wide_console
from proving.kill_bridges import Process
from proving.kill_ledger import Effects, faults, prepare_target
from proving.kill_table import ASLEEP, Outcome, figures_of, table_of
from proving.kill_tills import MAC_KEY, Sent, Tills, card_of
from tests.offchain.bridge_out.stand import MEMBERS, STREAM, Stand, stand_on

ROOT: Final = Path(__file__).resolve().parents[1]
RESULT: Final = ROOT / "out" / "proving" / "kill-matrix.json"
MODES: Final = ("sqlite", "postgresql", "takeover", "asleep")
RATE: Final = 120.0
"""New messages a second, about."""
PASSINGS: Final = (2, 9, 25)
"""At which passing of its point a bridge is killed, by turns."""
ONCE: Final = frozenset({"after-own", "before-take-up", "after-take-up"})
"""Points that a process passes once."""
STALLED: Final = frozenset({"before-undo", "after-undo", "before-bump", "after-bump"})
"""Points that are passed only while no block comes."""
LOAD_SECONDS: Final = 1.0
"""How long a bridge works before it is put to sleep."""
LEASE_MS: Final = 1_000
SETTLED_SECONDS: Final = 60.0


class Matrix:
    """One mode on a chain of its own. `url` is the database, empty for a file; `standby` for a second bridge."""

    def __init__(self, stand: Stand, *, mode: str, url: str, lease_ms: int = LEASE_MS) -> None:
        self._stand, self._mode = stand, mode
        self.outcome = Outcome(mode=mode)
        prepare_target(stand)
        keys = stand.folder / "mac.keys"
        keys.touch(mode=0o600)
        tills = [f"{merchant}T{number}" for merchant in stand.merchants for number in (0, 1)]
        keys.write_text("".join(f"{till} {MAC_KEY.hex()}\n" for till in tills))
        journal = {"url": url, "lease_ms": lease_ms} if url else {}
        self._config = stand.write(
            iso8583={"mac_key_file": "mac.keys"},
            answers={"deadline_ms": 2_500},
            transaction={"bump_ms": 1_000, "resend_ms": 500},
            journal=journal,
        )
        self._import_cards()
        self._started = 0
        self._held = False
        self._running: list[Process] = []
        self._tills = Tills(stand.merchants, self._port, rate=RATE)

    async def run(self, points: Sequence[str], rounds: int) -> Outcome:
        """Kills at each point so many times, and says what became of all messages."""
        began = time.monotonic()
        self._stand.mine_every(1)
        stopping = asyncio.Event()
        sending = asyncio.create_task(self._tills.run(stopping))
        try:
            plan = [
                f"{point}:{1 if point in ONCE else PASSINGS[turn % len(PASSINGS)]}"
                for turn in range(rounds)
                for point in points
            ]
            if self._mode == "takeover":
                await self._take_turns(plan, sending)
            elif self._mode == ASLEEP:
                await self._put_to_sleep(rounds)
            else:
                await self._start_anew(plan, sending)
            stopping.set()
            await asyncio.wait_for(sending, SETTLED_SECONDS)
            await self._settled()
            await self._tills.ask_again()
            await asyncio.to_thread(self._running[-1].stop)
        finally:
            sending.cancel()
            for process in self._running:
                process.kill()
        self._judge(time.monotonic() - began)
        return self.outcome

    async def _start_anew(self, plan: Sequence[str], sending: "asyncio.Task[None]") -> None:
        """One process after another."""
        for armed in plan:
            process = self._start(armed)
            await asyncio.to_thread(process.listens)
            await self._killed(process, armed, sending)
        await asyncio.to_thread(self._start("").listens)

    async def _take_turns(self, plan: Sequence[str], sending: "asyncio.Task[None]") -> None:
        """A second process waits for the stream already when the first is killed."""
        self._held = True
        owner = self._start(plan[0])
        await asyncio.to_thread(owner.listens)
        for armed, next_armed in zip(plan, [*plan[1:], ""], strict=True):
            waiting = self._start(next_armed)
            once = armed.partition(":")[0] in ONCE  # the owner is dead already, or about to be
            if not once:
                await asyncio.to_thread(waiting.until_it_waits)
            self._held = False
            died = await self._killed(owner, armed, sending)
            self._held = True  # no load before the one after it waits
            await asyncio.to_thread(waiting.listens)
            if waiting.alive and waiting.waited and not once:
                self.outcome.takeovers.append(time.monotonic() - died)
            owner = waiting
        self._held = False

    async def _put_to_sleep(self, rounds: int) -> None:
        """A second process takes over from one that is stopped, which then goes on."""
        owner = self._start("")
        await asyncio.to_thread(owner.listens)
        for _ in range(rounds):
            waiting = self._start("")
            await asyncio.to_thread(waiting.until_it_waits)
            await asyncio.sleep(LOAD_SECONDS)
            owner.sleep()
            slept = time.monotonic()
            await asyncio.to_thread(waiting.listens)
            self.outcome.takeovers.append(time.monotonic() - slept)
            await asyncio.sleep(LOAD_SECONDS)
            await asyncio.to_thread(owner.wakes_up_and_ends)
            self._running.remove(owner)
            self.outcome.kills[ASLEEP] += 1
            owner = waiting

    async def _killed(self, process: Process, armed: str, sending: "asyncio.Task[None]") -> float:
        """Waits until a process has died at its point; when that was."""
        point = armed.partition(":")[0]
        if point in STALLED:
            self._stand.stop_mining()
        try:
            died = await asyncio.to_thread(process.dies)
        finally:
            self._stand.mine_every(1)
        self._running.remove(process)
        self.outcome.kills[point] += 1
        if sending.done():
            sending.result()
        return died

    def _start(self, armed: str) -> Process:
        self._started += 1
        process = Process(self._stand.folder, self._config, f"bridge{self._started % 2}", armed)
        self._running.append(process)
        return process

    def _port(self) -> int:
        if self._held:
            return 0
        return next((process.port for process in reversed(self._running) if process.port), 0)

    async def _settled(self) -> None:
        """Waits until the journal has nothing open."""
        settings, deadline = load_bridge(self._config), time.monotonic() + SETTLED_SECONDS
        while any((left := read_status(settings).entries)[name] for name in ("journaled", "batched", "sent")):
            if time.monotonic() > deadline:
                raise RuntimeError(f"not settled: {left}")
            await asyncio.sleep(0.1)

    def _import_cards(self) -> None:
        settings = load_bridge(self._config)
        engine = engine_of(settings.journal, StreamId(STREAM))
        migrate(engine)
        cards = self._stand.folder / "cards.csv"
        cards.write_text("".join(f"{card_of(member)},{member}\n" for member in MEMBERS))
        key = load_key(settings.journal.card_key_file, make=True)
        import_cards(engine, key, open_people(engine, settings.journal, key), cards)
        engine.dispose()

    def _judge(self, seconds: float) -> None:
        sent: list[Sent] = self._tills.sent
        self.outcome.seconds = seconds
        self.outcome.messages = Counter(each.act.value for each in sent)
        self.outcome.answers = sum(len(each.codes) for each in sent)
        self.outcome.faults = faults(Effects.of(self._stand), sent)


def main() -> int:
    """Runs the matrix; 0 when every message had the effect that it was answered with."""
    chosen = _arguments()
    # told to stop, it takes its processes with it
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    console = wide_console()
    outcomes = []
    for mode in chosen.modes.split(","):
        try:
            outcome = run_mode(mode, chosen.points.split(","), chosen.rounds)
        except NoPostgres as missing:
            console.print(f"{mode} is left out: {missing}")
            continue
        outcomes.append(outcome)
        console.print(
            f"{mode}: {outcome.kills.total()} kills, {sum(outcome.messages.values()):,} messages", style="dim"
        )
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps([figures_of(each) for each in outcomes], indent=2) + "\n")
    console.print(table_of(outcomes))
    for outcome in outcomes:
        for fault in outcome.faults[:20]:
            console.print(f"{outcome.mode}: {fault}", style="bold red", markup=False)
    return 1 if any(outcome.faults for outcome in outcomes) else 0


def run_mode(mode: str, points: Sequence[str], rounds: int, *, lease_ms: int = LEASE_MS) -> Outcome:
    """One mode, with a chain and a database of its own. Raises NoPostgres."""
    with ExitStack() as stack:
        url = "" if mode == "sqlite" else stack.enter_context(postgres()).url("till")
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stand = stack.enter_context(stand_on(folder))
        return asyncio.run(Matrix(stand, mode=mode, url=url, lease_ms=lease_ms).run(points, rounds))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="kill-matrix", description="Kills the bridge; every message has one effect.")
    parser.add_argument("--rounds", type=int, default=3, help="kills at each point and mode (3)")
    parser.add_argument("--modes", default=",".join(MODES), help="which ones (all)")
    parser.add_argument("--points", default=",".join(POINTS), help="which fail points (all)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
