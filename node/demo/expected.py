"""What every household must have earned, from the parquet files and the written rules alone.

Shares no code with the contracts or the bridge, so that a difference means that one of the two is wrong. The written
rules: a household earns, at merchant m, `base_coefficient(m)` units of points for each cent, and five times that for
products of the promoted department; a basket of zero cents is no sale; a reversed basket earns nothing.
"""

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Final

import polars as pl

from node.demo.realdata import MERCHANTS, PROMOTED_DEPARTMENT, data_folder

MULTIPLIER: Final = 5


def base_coefficient(merchant: int) -> int:
    """Units of points that one cent earns at this merchant: 0.6 % at the first, 1.7 % at the last."""
    return 60 + 10 * merchant


def expected_points(first: dt.date, days: int, *, without: Collection[int]) -> Mapping[int, int]:
    """Units of points by household, for the days' baskets less those `without` (reversed, or never sent)."""
    start = dt.datetime.combine(first, dt.time())
    moment = pl.col("transaction_timestamp")
    promoted = pl.col("department") == PROMOTED_DEPARTMENT
    merchant = pl.col("store_id") % MERCHANTS
    coefficients = pl.LazyFrame(
        {"merchant": range(MERCHANTS), "coefficient": [base_coefficient(m) for m in range(MERCHANTS)]},
        schema={"merchant": pl.Int64, "coefficient": pl.Int64},
    )
    departments = pl.scan_parquet(data_folder() / "products.parquet").select("product_id", "department")
    earned = (
        pl.scan_parquet(data_folder() / "transactions.parquet")
        .filter((moment >= start) & (moment < start + dt.timedelta(days=days)))
        .filter(~pl.col("basket_id").is_in(list(without)))
        .join(departments, on="product_id", how="left")
        .with_columns(merchant.alias("merchant"))
        .join(coefficients, on="merchant")
        .with_columns(
            pl.when(promoted).then(MULTIPLIER).otherwise(1).alias("times"),
            (pl.col("sales_value") * 100).round().cast(pl.Int64).alias("cents"),
        )
        .group_by("household_id")
        .agg((pl.col("cents") * pl.col("coefficient") * pl.col("times")).sum().alias("points"))
        .filter(pl.col("points") > 0)
        .collect()
    )
    return dict(zip(earned["household_id"].to_list(), earned["points"].to_list(), strict=True))
