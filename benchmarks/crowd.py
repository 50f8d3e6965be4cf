"""`make crowd`: 500 connections to one bridge for 30 minutes (MINUTES=1), a third of them misbehaving.

The others pay at a steady rate through the real bridge process, over four validators as in `make bench`; one message of
ten debits. It holds, and the command ends with 0, when

* every honest message is answered 00 within its deadline, and every payment that was approved is in one final block,
  once, and nothing else is: what the misbehaving ones sent had no effect at all;
* no honest connection is closed, and those that are too slow, broken or silent are cut off;
* memory and file handles of the bridge are flat (`flat`).

Prints a table and writes out/bench/crowd.json. `--anvil` puts the bridge on a development chain instead: for where four
validators may not run, and for the tests.
"""

import argparse
import asyncio
import json
import random
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Final

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.crowd_honest import Honest
from benchmarks.crowd_nuisance import CUT_OFF, Nuisance, Nuisances
from benchmarks.crowd_place import Place, on_anvil, on_validators
from node.chain.rpc import Rpc
from node.demo.report import percentile
from node.demo.stand import PROJECT
from node.demo.witness import Witness
from node.domain.errors import TillnetError
from node.domain.ids import PaymentId
from node.explorer.tables import wide_console

RESULT: Final = PROJECT / "out" / "bench" / "crowd.json"
CONNECTIONS: Final = 500
MISBEHAVING: Final = 3
"""One of so many connections."""
RATE: Final = 100.0
DEADLINE: Final = 15.0
"""Seconds within which a gateway wants its reply (`answers.deadline_ms`)."""
FINAL_SECONDS: Final = 120.0
SAMPLE_SECONDS: Final = 2.0
MEGABYTE: Final = 2**20
MEMORY_SHARE, MEMORY_ROOM = 1.10, 10 * MEGABYTE
HANDLES_ROOM: Final = 40
"""Handles beside those of the connections: journal, chain, logs, and connections that are being closed."""
WARM_MINUTES: Final = 0.75
"""So long a run must be for its memory to be judged."""
MILLISECONDS: Final = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """The bridge at one moment: bytes of memory, file handles, honest connections that are open."""

    memory: int
    handles: int
    honest: int


async def run(place: Place, *, minutes: float, connections: int, rate: float, seed: int = 1) -> dict[str, Any]:
    """The crowd at a bridge, and what became of it; `faults` is empty when all held."""
    dice = random.Random(seed)
    misbehaving = connections // MISBEHAVING
    async with Rpc(place.rpc, timeout=60) as rpc, Witness(rpc, place.ledger, place.websocket) as seen:
        honest = Honest(place.terminals, place.cards, seen, deadline=DEADLINE, dice=dice)
        nuisances = Nuisances(place.port, place.terminals, place.cards, dice)
        before = _sample(place.pid, honest)
        await honest.connect(place.port, connections - misbehaving)
        nuisances.start(misbehaving)
        samples: list[Sample] = []
        sampling = asyncio.create_task(_keep_sampling(samples, place.pid, honest))
        try:
            await honest.pay(rate, time.monotonic() + minutes * 60)
        finally:
            sampling.cancel()
            await nuisances.stop()
            still_open = honest.open
            await honest.close()
        missing = await seen.wait_for(set(honest.answers.approved), seconds=FINAL_SECONDS)
        effects = {name for name, each in seen.diary.sightings.items() if not each.skipped}
    after = await _rested(place.pid, honest, before.handles)
    figures = _figures(honest, nuisances, samples, before, after)
    closed = connections - misbehaving - still_open
    faults = _faults(honest, missing, effects, closed)
    faults += flat(samples, connections) if minutes >= WARM_MINUTES else []
    faults += _never_cut_off(nuisances, minutes)
    if after.handles > before.handles + HANDLES_ROOM:
        faults.append(f"{after.handles} file handles at the end, {before.handles} at the beginning")
    return {"minutes": minutes, "connections": connections, "misbehaving": misbehaving, **figures, "faults": faults}


def flat(samples: Sequence[Sample], connections: int) -> list[str]:
    """What did not stay where it was: the last third of the run against the one before it."""
    third = len(samples) // 3
    if not third:
        return ["too few samples to say anything of memory"]
    middle, last = (
        median(each.memory for each in samples[third : 2 * third]),
        median(each.memory for each in samples[-third:]),
    )
    faults = []
    if last > middle * MEMORY_SHARE + MEMORY_ROOM:
        faults.append(f"memory grew from {middle / MEGABYTE:.0f} to {last / MEGABYTE:.0f} MB in a third of the run")
    most = max(each.handles for each in samples)
    if most > connections + HANDLES_ROOM:
        faults.append(f"{most} file handles with {connections} connections")
    return faults


def _faults(honest: Honest, missing: set[PaymentId], effects: set[PaymentId], closed: int) -> list[str]:
    answers, faults = honest.answers, []
    refused = {code: number for code, number in answers.codes.items() if code != "00"}
    approved = set(answers.approved)
    for number, what in (
        (answers.unanswered, "honest messages were never answered"),
        (answers.late, "honest messages were answered too late"),
        (sum(refused.values()), f"honest messages were refused: {refused}"),
        (len(answers.approved) - len(approved), "payments share an id"),
        (len(missing), "approved payments are not final"),
        (len(approved - missing - effects), "approved payments had no effect"),
        (len(effects - approved), "payments had an effect that nobody was told"),
        (closed, "honest connections were closed"),
    ):
        if number:
            faults.append(f"{number} {what}")
    return faults


def _never_cut_off(nuisances: Nuisances, minutes: float) -> list[str]:
    due = [kind for kind, after in CUT_OFF.items() if minutes >= after]
    return [f"{kind.value} were never cut off" for kind in due if not nuisances.suffered[kind].cut_off]


def _figures(
    honest: Honest, nuisances: Nuisances, samples: Sequence[Sample], before: Sample, after: Sample
) -> dict[str, Any]:
    answers = honest.answers
    return {
        "sent": answers.sent,
        "approved": len(answers.approved),
        "reply_p50_ms": _milliseconds(answers.earn_waits, 50),
        "reply_p99_ms": _milliseconds(answers.earn_waits, 99),
        "reply_most_ms": _milliseconds(answers.earn_waits, 100),
        "debit_reply_p50_ms": _milliseconds(answers.debit_waits, 50),
        "debit_reply_p99_ms": _milliseconds(answers.debit_waits, 99),
        "debits": len(answers.debit_waits),
        "memory_mb": [round(each.memory / MEGABYTE, 1) for each in (before, *_thirds(samples), after)],
        "handles": [each.handles for each in (before, *_thirds(samples), after)],
        "nuisances": {
            kind.value: {**asdict(each), "codes": dict(each.codes)} for kind, each in nuisances.suffered.items()
        },
    }


def _thirds(samples: Sequence[Sample]) -> list[Sample]:
    """A third of the way, two thirds, and the end."""
    return [samples[len(samples) * part // 3 - 1] for part in (1, 2, 3)] if len(samples) >= 3 else list(samples)


def _milliseconds(waits: Sequence[float], percent: int) -> float | None:
    return round(percentile([wait * MILLISECONDS for wait in waits], percent), 1) if waits else None


def _sample(pid: int, honest: Honest) -> Sample:
    process = psutil.Process(pid)
    return Sample(memory=process.memory_info().rss, handles=process.num_fds(), honest=honest.open)


async def _keep_sampling(samples: list[Sample], pid: int, honest: Honest) -> None:
    while True:
        await asyncio.sleep(SAMPLE_SECONDS)
        samples.append(_sample(pid, honest))


async def _rested(pid: int, honest: Honest, handles: int) -> Sample:
    """The bridge when everybody has gone; it has the deadline to let go of connections."""
    until = time.monotonic() + DEADLINE
    while (found := _sample(pid, honest)).handles > handles and time.monotonic() < until:
        await asyncio.sleep(0.1)
    return found


def main() -> int:
    """Runs the crowd; 0 when all held."""
    parser = argparse.ArgumentParser(prog="crowd", description="A bridge among many connections, a third misbehaving.")
    parser.add_argument("--minutes", type=float, default=30.0, help="how long (30)")
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--rate", type=float, default=RATE, help="honest messages a second (100)")
    parser.add_argument("--anvil", action="store_true", help="on a development chain, not on four validators")
    chosen = parser.parse_args()
    # told to stop, it takes its processes with it
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    console = wide_console()

    def say(step: str) -> None:
        console.print(f"  {step}", style="dim")

    try:
        with on_anvil(say) if chosen.anvil else on_validators(say) as place:
            figures = measured(place, chosen, say)
    except TillnetError as failure:
        console.print(f"The crowd stopped: {failure}", style="bold red", markup=False)
        return 1
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps({"chain": "anvil" if chosen.anvil else "validators", **figures}, indent=2) + "\n")
    _print(figures, console)
    return 1 if figures["faults"] else 0


def measured(place: Place, chosen: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    """The run that was asked for."""
    say(f"{chosen.connections} connections for {chosen.minutes:g} minutes, {chosen.rate:g} honest messages a second")
    return asyncio.run(run(place, minutes=chosen.minutes, connections=chosen.connections, rate=chosen.rate))


def _print(figures: dict[str, Any], console: Console) -> None:
    table = Table(title="The honest ones", title_justify="left", box=None)
    for name in ("", " "):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    waits = f"{figures['reply_p50_ms']} / {figures['reply_p99_ms']} / {figures['reply_most_ms']} ms"
    for row in (
        ("messages, of them approved", f"{figures['sent']:,}, {figures['approved']:,}"),
        ("to the reply where it only earns: p50, p99, most", waits),
        ("where it debits: p50, p99", f"{figures['debit_reply_p50_ms']} / {figures['debit_reply_p99_ms']} ms"),
        ("the bridge's memory: before, by thirds, after", f"{' '.join(map(str, figures['memory_mb']))} MB"),
        ("its file handles", " ".join(map(str, figures["handles"]))),
    ):
        table.add_row(*row)
    console.print(table)
    others = Table(title="The others", title_justify="left", box=None)
    for name in ("", "connections", "cut off", "sent", "answered"):
        others.add_column(name, justify="right" if name else "left", no_wrap=True)
    for kind in Nuisance:
        each = figures["nuisances"][kind.value]
        codes = ", ".join(f"{code} {number:,}" for code, number in sorted(each["codes"].items()))
        others.add_row(kind.value, f"{each['connections']:,}", f"{each['cut_off']:,}", f"{each['sent']:,}", codes)
    console.print(others)
    for fault in figures["faults"]:
        console.print(fault, style="bold red", markup=False)
    console.print("It did not hold." if figures["faults"] else "All held.")


if __name__ == "__main__":
    sys.exit(main())
