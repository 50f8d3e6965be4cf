"""Tables for people."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table


def show(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints a table; the columns after the first are numbers or addresses and stand right."""
    table = Table(title=title, title_justify="left")
    for place, name in enumerate(head):
        table.add_column(name, justify="left" if place == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    # a terminal's width where there is one; piped output is not wrapped at 80 columns
    console = Console()
    (console if console.is_terminal else Console(width=140)).print(table)
