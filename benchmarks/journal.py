"""How many payments a second the journal takes, on SQLite and on PostgreSQL: durable when each is counted.

    python -m benchmarks.journal [--payments 20000]

Many at once, as under load (one commit for a group), and one after the other (a commit each). PostgreSQL is a server of
its own with default settings on this machine, its lease held as a bridge does. Prints a table.
"""

import argparse
import asyncio
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from rich.table import Table

from benchmarks.database import postgres
from node.bridge.journal.admission import Admission
from node.bridge.journal.lease import Lease
from node.bridge.journal.store import Journal
from node.config import JournalSettings
from node.domain.ids import (
    Hash32,
    MemberId,
    MerchantId,
    MinorUnits,
    RuleVersion,
    StreamId,
    TerminalId,
    TerminalNumber,
)
from node.domain.payment import Line, Payment, PaymentKey, Tender
from node.explorer.tables import wide_console

IN_FLIGHT: Final = 4_000
ONE_BY_ONE: Final = 500
TERMINALS: Final = 200
STREAM: Final = StreamId(1)


def sale(number: int) -> Payment:
    """A sale like no other, of one of the terminals."""
    amount = MinorUnits(1_000 + number % 9_000)
    return Payment(
        key=PaymentKey(
            terminal=TerminalId(f"T{number % TERMINALS:07d}"),
            stan=f"{number % 1_000_000:06d}",
            local_time=f"1122{number // 1_000_000:06d}",
            amount=amount,
            mti_class="020",
        ),
        transmission_time="1122101112",
        body=Hash32(number.to_bytes(32, "big")),
        merchant=MerchantId(1 + number % 20),
        terminal=TerminalNumber(number % TERMINALS),
        member=MemberId(number % 5_000),
        time=1_790_000_000,
        lines=(Line(amount=amount, rule_version=RuleVersion(1), tender=Tender.EXTERNAL),),
        items_root=None,
        authorisation=None,
    )


async def measure(settings: JournalSettings, payments: int) -> tuple[float, float]:
    """Payments a second, many at once and one by one."""
    lease = None
    if settings.url:
        lease = Lease.open(settings.url, STREAM, owner="benchmark", length_ms=60_000)
        await lease.take(asyncio.Event())
    journal = await Journal.open(settings, stream=STREAM, fence=lease, shared=lease is not None)
    room = asyncio.Semaphore(IN_FLIGHT)

    async def admit(number: int) -> None:
        async with room:
            await journal.admit(Admission(sale(number), b"", 1_000, 1))

    started = time.perf_counter()
    await asyncio.gather(*[admit(number) for number in range(payments)])
    many = payments / (time.perf_counter() - started)
    started = time.perf_counter()
    for number in range(payments, payments + ONE_BY_ONE):
        await admit(number)
    single = ONE_BY_ONE / (time.perf_counter() - started)
    await journal.close()
    return many, single


def main() -> None:
    """Measures both and prints a table."""
    parser = argparse.ArgumentParser(prog="journal", description="Payments a second that the journal takes.")
    parser.add_argument("--payments", type=int, default=20_000)
    payments = parser.parse_args().payments
    table = Table(title="Payments a second into the journal", title_justify="left", box=None)
    for name in ("", "many at once", "one by one"):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        places = {
            "SQLite": JournalSettings(path=folder / "journal.sqlite"),
            "PostgreSQL": JournalSettings(url=stack.enter_context(postgres()).url("till")),
        }
        for name, settings in places.items():
            many, single = asyncio.run(measure(settings, payments))
            table.add_row(name, f"{many:,.0f}", f"{single:,.0f}")
    wide_console().print(table)


if __name__ == "__main__":
    main()
