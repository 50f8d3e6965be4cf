"""The validators' record of a real network: what four of them signed, one away for a while; and built again."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from node.chain.rpc import Rpc
from node.config import rpc_access
from node.domain.leaf import NetworkTerms
from node.indexer.database import open_index
from node.indexer.fetch import Fetcher
from node.indexer.first import first_validators
from node.indexer.follow import Following, Indexer
from node.indexer.known import GENESIS, Known
from node.indexer.store import Store
from node.indexer.tables import governance
from node.network.clients import gateways_of
from node.network.faults import down
from node.network.heights import ArchivedHeights, Heights, ValidatorHeights
from node.network.proofs import extend_archive
from tests.contracts.indexing import rows_of
from tests.network.chain import Chain

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.alone]
TABLES = (governance.signed_blocks, governance.missed_blocks, governance.validators, governance.validator_keys)


def index(chain: Chain, where: Path, heights: Heights, until: int) -> Engine:
    """The network up to a block; no contracts stand on it but those of block 0."""
    engine = open_index(str(where))
    terms = NetworkTerms(
        units_per_minor_unit=1, max_line_amount=1, epoch_start=0, epoch_length=0, utc_offset=0, clock_tolerance=0
    )
    known = Known(
        chain_id=chain.plan.chain_id, names={address: name for name, address in GENESIS.items()}, ledger=bytes(20),
        terms=terms, validators=first_validators(chain.plan.folder / "genesis.json"),
    )  # fmt: skip
    urls, access = gateways_of(chain.plan, rpc_access())

    async def follow() -> None:
        async with Rpc(urls, timeout=60, access=access) as rpc:
            store = Store(engine)
            try:
                await Indexer(Fetcher(rpc), store, known, Following(), trace=False, heights=heights).run(until=until)
            finally:
                store.close()

    asyncio.run(follow())
    return engine


def everything(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    return {table.name: rows_of(engine, table) for table in TABLES}


def test_record_has_who_missed_when_a_validator_was_away(whole: Chain, tmp_path: Path) -> None:
    *alive, away = whole.names
    first = whole.wait_for_blocks(2)
    with down(whole.plan, away):
        last = whole.wait_for_blocks(6, *alive)
    until = whole.wait_for_blocks(3)
    found = everything(index(whole, tmp_path / "index.sqlite", ValidatorHeights(whole.plan), until))
    names = {row["account"]: row["name"] for row in found["validators"]}
    assert sorted(names.values()) == whole.names
    assert [row["number"] for row in found["signed_blocks"]] == list(range(1, until))
    assert sum(row["proposed"] for row in found["validators"]) == until - 1
    for row in found["validators"]:
        assert row["proposed"] > 0 and row["signed"] + row["missed"] == until - 1
    missed = {row["number"] for row in found["missed_blocks"] if names[row["validator"]] == away}
    assert missed >= set(range(first + 2, last)) and all(number <= until for number in missed)
    # what is kept of the heights for proofs says the same
    extend_archive(whole.plan, tmp_path / "archive")
    again = index(whole, tmp_path / "again.sqlite", ArchivedHeights(tmp_path / "archive"), until)
    assert everything(again) == found
