"""What merchants have and owe by the index, against the ledger's views: refunds of every tender, escrow, fees."""

from pathlib import Path

import pytest

from benchmarks.devchain import Chain
from benchmarks.world import Terms
from node.indexer.tables import ledger, settlement
from tests.contracts.auditing import busy_world
from tests.contracts.indexing import indexed, rows_of
from tests.contracts.suite.settlement_counter import OTHER, SHOP, Counter
from tests.contracts.test_audit_suite import sell
from tests.contracts.test_indexed import compare_members, compare_purses

pytestmark = [pytest.mark.anvil, pytest.mark.slow]
__all__ = ["Counter"]


def test_index_has_the_purses_when_anything_was_refunded_and_settled(
    chain: Chain, terms: Terms, tmp_path: Path
) -> None:
    twin = busy_world(chain, terms)
    engine = indexed(chain, twin.world, tmp_path / "index.sqlite")
    compare_members(engine, twin.world)
    compare_purses(engine, twin.world)
    assert {row["tender"] for row in rows_of(engine, ledger.refunds)} == {0, 1, 2}
    engine.dispose()


@pytest.mark.usefixtures("forgotten")
def test_index_has_the_purses_when_an_escrow_took_fees_and_paid_out(counter: Counter, tmp_path: Path) -> None:
    sell(counter)
    engine = indexed(counter.world.chain, counter.world, tmp_path / "index.sqlite")
    compare_members(engine, counter.world)
    compare_purses(engine, counter.world)
    # as the escrow's own statements add them up
    stated = {row["merchant"]: row["fees"] for row in rows_of(engine, settlement.settlements)}
    taken = {row["merchant"]: row["fees"] for row in rows_of(engine, ledger.merchants) if row["fees"]}
    assert taken == stated and set(taken) == {SHOP, OTHER}
    engine.dispose()
