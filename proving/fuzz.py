"""`make fuzz`: the bridge's intakes under inputs that nobody sends on purpose, for a stated time (MINUTES=10).

    python -m proving.fuzz [--minutes 10] [--engine atheris|mutations] [--seed 1]

Both intakes are real, from framing to reply (fuzz_intake.py): ISO 8583 in ASCII and BCD, with and without TPDU, in all
three framings, and JSON-RPC bodies as HTTP and as a WebSocket bring them. An input is a finding when an exception comes
that the intake does not know, when a reply says yes to what may not be approved, answers nothing, or has no effect
behind it (fuzz_oracle.py), when memory grows beyond a bound, or when it takes more than ten seconds.

It begins with fuzz_seeds.hex, and keeps what reached new code in .till/fuzz/corpus, where the next run goes on. atheris
is installed into .till/fuzz; where there is none for this machine, mutations of the seeds alone are tried. Prints and
writes out/proving/fuzz.json.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from node.explorer.tables import wide_console
from proving.fuzz_mutate import fuzz
from proving.fuzz_seeds import read
from proving.fuzz_trial import Trial
from proving.tools import ROOT

LOCK: Final = Path(__file__).with_name("fuzz.lock")
HOME: Final = ROOT / ".till" / "fuzz"
INSTALLED: Final = HOME / "atheris"
CORPUS: Final = HOME / "corpus"
FINDINGS: Final = HOME / "findings"
COUNT: Final = HOME / "count.json"
RESULT: Final = ROOT / "out" / "proving" / "fuzz.json"
GRACE_SECONDS: Final = 120
MEGABYTE: Final = 2**20


def main() -> int:
    """Fuzzes; 0 when there was no finding."""
    parser = argparse.ArgumentParser(prog="fuzz", description="The bridge's intakes under hostile inputs.")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (10)")
    parser.add_argument("--engine", choices=("atheris", "mutations"), default="atheris")
    parser.add_argument("--seed", type=int, default=1, help="of the mutations (1)")
    chosen = parser.parse_args()
    console = wide_console()
    HOME.mkdir(parents=True, exist_ok=True)
    atheris = chosen.engine == "atheris" and provide(console)
    seconds = max(1, round(chosen.minutes * 60))
    figures = _by_coverage(seconds) if atheris else _by_mutations(seconds, chosen.seed)
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(figures, indent=2) + "\n")
    _print(figures, console)
    return 1 if figures["finding"] else 0


def provide(console: Console) -> bool:
    """Installs atheris unless it is there; whether there is one for this machine."""
    stamp, wanted = HOME / "lock.sha256", hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return True
    console.print(f"Installing atheris into {INSTALLED.relative_to(ROOT)} ...", style="dim")
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    command = [sys.executable, "-m", "pip", "install", *options, "--target", INSTALLED, "-r", LOCK]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        console.print(f"No atheris here ({ended.stderr.strip().splitlines()[-1:]}): mutations alone.", markup=False)
        return False
    stamp.write_text(wanted)
    return True


def _by_coverage(seconds: int) -> dict[str, Any]:
    for folder in (CORPUS, FINDINGS):
        folder.mkdir(exist_ok=True)
    seeds = read()
    for data in seeds.values():
        (CORPUS / hashlib.sha1(data, usedforsecurity=False).hexdigest()).write_bytes(data)
    known = set(FINDINGS.iterdir())
    COUNT.unlink(missing_ok=True)
    command = [sys.executable, "-m", "proving.fuzz_worker", INSTALLED, CORPUS, str(seconds), COUNT, FINDINGS]
    began = time.monotonic()
    ended = subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=seconds + GRACE_SECONDS,
    )
    took = time.monotonic() - began
    finding = ""
    if ended.returncode:
        inputs = sorted(set(FINDINGS.iterdir()) - known)
        finding = "\n".join([_reason(ended.stderr), *[f"{path.name} {path.read_bytes().hex()}" for path in inputs]])
    count = json.loads(COUNT.read_text()) if COUNT.exists() else {}
    return _figures("atheris", count, took, len(seeds), len(list(CORPUS.iterdir())), finding)


def _by_mutations(seconds: int, seed: int) -> dict[str, Any]:
    trial, seeds, finding = Trial(COUNT), read(), ""
    last = [b""]

    def try_one(data: bytes) -> None:
        last[0] = data
        trial.try_one(data)

    began = time.monotonic()
    try:
        fuzz(seeds, try_one, seconds=seconds, seed=seed)
    except AssertionError as error:
        finding = f"{type(error).__name__}: {error}\n{last[0].hex()}"
    took = time.monotonic() - began
    trial.close()
    count = trial.count
    told = {name: getattr(count, name) for name in ("executions", "approved", "warm_memory", "memory")}
    return _figures("mutations", told, took, len(seeds), len(seeds), finding)


def _reason(said: str) -> str:
    """The exception in what libFuzzer said, or its own last words."""
    lines = [line for line in said.splitlines() if line.strip()]
    named = [line for line in lines if line.startswith(("proving.", "AssertionError", "==")) or "Error" in line[:60]]
    return "\n".join((named or lines)[:5])


def _figures(
    engine: str, count: Mapping[str, int], seconds: float, seeds: int, corpus: int, finding: str
) -> dict[str, Any]:
    executions = count.get("executions", 0)
    return {
        "engine": engine,
        "executions": executions,
        "seconds": round(seconds, 1),
        "per_second": round(executions / seconds) if seconds else 0,
        "approved": count.get("approved", 0),
        "seeds": seeds,
        "corpus": corpus,
        "warm_memory_mb": round(count.get("warm_memory", 0) / MEGABYTE, 1),
        "memory_mb": round(count.get("memory", 0) / MEGABYTE, 1),
        "finding": finding,
    }


def _print(figures: Mapping[str, Any], console: Console) -> None:
    table = Table(title=f"Fuzzing the intakes, by {figures['engine']}", title_justify="left", box=None)
    for name in ("", " "):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    rows = (
        ("executions", f"{figures['executions']:,} in {figures['seconds']:,} s ({figures['per_second']:,} a second)"),
        ("of them approved, rightly", f"{figures['approved']:,}"),
        ("corpus", f"{figures['seeds']:,} seeds, {figures['corpus']:,} inputs now"),
        ("memory, warm and at the end", f"{figures['warm_memory_mb']} MB, {figures['memory_mb']} MB"),
        ("findings", "1" if figures["finding"] else "none"),
    )
    for row in rows:
        table.add_row(*row)
    console.print(table)
    if figures["finding"]:
        console.print(figures["finding"], style="bold red", markup=False)


if __name__ == "__main__":
    sys.exit(main())
