"""`make demo`: real days of shop payments become final rewards, and every point is recomputed.

DEMO_DAYS=7 make demo      a week instead of a day
DEMO_DAYS=all make demo    the whole year, as fast as the bridge takes it (`make year`)
DEMO_RATE=100 make demo    that many payments a second
"""

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Final

import click

from node.demo.realdata import ALL_DAYS, DEFAULT_DAY, FIRST_DAY
from node.demo.report import print_report, write_report
from node.demo.run import run_demo
from node.demo.stand import PROJECT, Stand
from node.domain.errors import TillnetError
from node.explorer.tables import wide_console

FOLDER: Final = PROJECT / ".till" / "demo"
REPORT: Final = PROJECT / "out" / "demo" / "report.json"
PROOF: Final = "payment.proof.json"
INTERRUPTED: Final = 130
ALL: Final = "all"
LAST_DAY: Final = 200
"""So many days there are from DEFAULT_DAY on."""
DAY_RATE: Final = 50
FULL_RATE: Final = 5_000
"""More than a bridge takes: it goes as fast as that."""


def _days(_context: click.Context, _option: click.Parameter, said: str) -> int:
    """How many days from DEFAULT_DAY on; 0 for all that there are. Raises BadParameter."""
    if said == ALL:
        return 0
    if not (said.isascii() and said.isdecimal() and 1 <= int(said) <= LAST_DAY):
        raise click.BadParameter(f"1 to {LAST_DAY}, or {ALL}")
    return int(said)


@click.command()
@click.option("--days", envvar="DEMO_DAYS", callback=_days, default="1", show_default=True, help="How many, or all.")
@click.option(
    "--rate", envvar="DEMO_RATE", type=click.IntRange(1, FULL_RATE), help="Payments a second (50; all: 5000)."
)
@click.option("--folder", type=click.Path(path_type=Path), default=FOLDER, help="Where network and bridge are made.")
@click.option("--report", "file", type=click.Path(path_type=Path), default=REPORT, help="Where the report goes.")
@click.option(
    "--proof",
    type=click.Path(path_type=Path),
    help="Where the proof of the payment that it follows goes; payment.proof.json beside the report.",
)
def main(days: int, rate: int | None, folder: Path, file: Path, proof: Path | None) -> None:
    """Replay real days of shop payments on four validators; ends with 0 when every point is as recomputed."""
    console = wide_console()
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _interrupt)
    proof = proof or file.with_name(PROOF)
    stand = Stand(folder, tell=lambda step: console.print(f"  {step}", style="dim"))
    try:
        report = run_demo(
            stand,
            console,
            first=DEFAULT_DAY if days else FIRST_DAY,
            days=days or ALL_DAYS,
            rate=rate or (DAY_RATE if days else FULL_RATE),
            proof=proof,
        )
    except TillnetError as failure:
        console.print(f"The demonstration stopped: {failure}", style="bold red", markup=False)
        sys.exit(1)
    except OSError as failure:
        console.print(f"The demonstration stopped: {failure}.", style="bold red", markup=False)
        sys.exit(1)
    except KeyboardInterrupt:
        console.print("Stopping ...")
        sys.exit(INTERRUPTED)
    finally:
        stand.stop()
    write_report(report, file)
    print_report(report, console)
    console.print(f"\nThe report is in {_short(file)}. Everything is stopped; the folder {_short(stand.folder)} stays.")
    console.print(f"Start the network again:  .venv/bin/till net up {_short(stand.network_folder)}", soft_wrap=True)
    console.print(
        f"and its bridge:           .venv/bin/till bridge run --config {_short(stand.bridge_config)}", soft_wrap=True
    )
    console.print(
        f"Check this payment's proof: .venv/bin/till verify {_short(proof)} --network {_short(stand.network_folder)}",
        soft_wrap=True,
    )
    if report.difference:
        console.print("The chain and the recomputation differ.", style="bold red")
        sys.exit(1)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _short(path: Path) -> str:
    return str(path.relative_to(PROJECT)) if path.is_relative_to(PROJECT) else str(path)


if __name__ == "__main__":
    main()
