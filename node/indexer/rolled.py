"""What a row of `accounts` or `ledgers` is at a moment: coins end with the second epoch after they came.

The rows keep the buckets of the epoch in which they were touched last, as the ledger's words do; whoever shows them
rolls them to the epoch of a block's time. `coins_at` says the same in SQL, for sums and for sorting holders.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Table, case

from node.domain.words import Account


def rolled(row: Mapping[str, Any], epoch: int) -> Account:
    """The account in a row, in this epoch."""
    account = Account(
        value=row["value"], current=row["current"], previous=row["previous"], epoch=row["epoch"], tier=row["tier"],
        flags=row["flags"],
    )  # fmt: skip
    return account.rolled(epoch)[0]


def coins_at(table: Table, epoch: int) -> ColumnElement[int]:
    """The coins of a row of `accounts` (or `ledgers`) in this epoch, units."""
    columns = table.c
    return case(
        (columns.epoch >= epoch, columns.current + columns.previous),
        (columns.epoch == epoch - 1, columns.current),
        else_=0,
    )
