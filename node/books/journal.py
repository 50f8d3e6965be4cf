"""The books as beancount and hledger read them, and as rows for a spreadsheet.

Entries are written as they come, so a year takes no memory; what names accounts, and the assertions of what each must
come to, follow at the end. Stage before: keeper. Sources: the Beancount language syntax, hledger's journal format.
"""

import csv
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol, TextIO

from node.books.entry import DECIMALS, Commodity, Entry, Place
from node.books.rolls import Roll

HEADER: Final = ("date", "block", "transaction", "cause", "account", "commodity", "amount")
ROLL_HEADER: Final = (
    "account", "commodity", "opening", "issued", "redeemed", "expired", "adjusted", "closing",
)  # fmt: skip


class Journal(Protocol):
    """A format of the books."""

    def entry(self, entry: Entry) -> None:
        """Writes an entry."""

    def close(self, time: int, balances: Mapping[Place, int]) -> None:
        """Writes what every account must come to after the block of this time."""


class Beancount:
    """A beancount file. A balance is asserted at the beginning of a day, so of the day after the last entry."""

    def __init__(self, file: TextIO, title: str) -> None:
        self._file = file
        self._opened: dict[Place, str] = {}
        file.write(f'option "title" "{_quoted(title)}"\n')
        for commodity in Commodity:
            file.write(f"1970-01-01 commodity {commodity}\n")

    def entry(self, entry: Entry) -> None:
        """Writes an entry."""
        date = _date(entry.time)
        self._file.write(f'\n{date} * "{_quoted(entry.cause)}"\n  block: {entry.block}\n')
        if entry.transaction:
            self._file.write(f'  transaction: "{entry.transaction}"\n')
        for place, amount in sorted(entry.amounts.items()):
            self._opened.setdefault(place, date)
            self._file.write(f"  {place[0]}  {decimal(amount, place[1])} {place[1]}\n")

    def close(self, time: int, balances: Mapping[Place, int]) -> None:
        """Opens the accounts, and asserts their balances to the last unit."""
        self._file.write("\n")
        for place, date in sorted(self._opened.items()):
            self._file.write(f"{date} open {place[0]} {place[1]}\n")
        after = _date(time, days=1)
        for place in sorted(self._opened):
            amount = decimal(balances.get(place, 0), place[1])
            self._file.write(f"{after} balance {place[0]}  {amount} ~ 0 {place[1]}\n")


class Hledger:
    """An hledger journal, whose last entry moves nothing and asserts every balance."""

    def __init__(self, file: TextIO, title: str) -> None:
        self._file = file
        self._places: set[Place] = set()
        file.write(f"; {_quoted(title)}\ndecimal-mark .\n")
        for commodity in Commodity:
            file.write(f"commodity 1000.{'0' * DECIMALS[commodity]} {commodity}\n")

    def entry(self, entry: Entry) -> None:
        """Writes an entry."""
        self._file.write(f"\n{_date(entry.time)} * {_quoted(entry.cause)}  ; block:{entry.block}\n")
        if entry.transaction:
            self._file.write(f"    ; transaction:{entry.transaction}\n")
        for place, amount in sorted(entry.amounts.items()):
            self._places.add(place)
            self._file.write(f"    {place[0]}  {decimal(amount, place[1])} {place[1]}\n")

    def close(self, time: int, balances: Mapping[Place, int]) -> None:
        """Declares the accounts, and asserts their balances to the last unit."""
        self._file.write("\n")
        for account in sorted({place[0] for place in self._places}):
            self._file.write(f"account {account}\n")
        self._file.write(f"\n{_date(time)} * as the chain has it\n")
        for place in sorted(self._places):
            nothing, amount = decimal(0, place[1]), decimal(balances.get(place, 0), place[1])
            self._file.write(f"    {place[0]}  {nothing} {place[1]} = {amount} {place[1]}\n")


class Rows:
    """A row for each account of each entry, for a spreadsheet."""

    def __init__(self, file: TextIO) -> None:
        self._rows = csv.writer(file, lineterminator="\n")
        self._rows.writerow(HEADER)

    def entry(self, entry: Entry) -> None:
        """Writes an entry."""
        for (account, commodity), amount in sorted(entry.amounts.items()):
            date, shown = _date(entry.time), decimal(amount, commodity)
            row = (date, entry.block, entry.transaction, entry.cause, account, str(commodity), shown)
            self._rows.writerow(row)

    def close(self, time: int, balances: Mapping[Place, int]) -> None:
        """Rows assert nothing; rollforward.csv has what each account comes to."""


def roll_rows(rolls: Mapping[Place, Roll]) -> Iterator[tuple[str, ...]]:
    """The roll-forward as rows, its header first."""
    yield ROLL_HEADER
    for (account, commodity), roll in sorted(rolls.items(), key=lambda each: each[0]):
        numbers = (roll.opening, roll.issued, roll.redeemed, roll.expired, roll.adjusted, roll.closing)
        yield account, str(commodity), *(decimal(number, commodity) for number in numbers)


def decimal(amount: int, commodity: Commodity) -> str:
    """An amount as people and programs read it: -1234 of money is -12.34."""
    places = DECIMALS[commodity]
    whole, part = divmod(abs(amount), 10**places)
    return f"{'-' if amount < 0 else ''}{whole}.{part:0{places}d}"


def _date(time: int, *, days: int = 0) -> str:
    return f"{datetime.fromtimestamp(time, UTC) + timedelta(days=days):%Y-%m-%d}"


def _quoted(text: str) -> str:
    """A text that ends no string and no line."""
    return "".join(sign if sign.isprintable() and sign not in '";\\' else " " for sign in text)
