"""A development chain, indexed from block 0 into a database, for tests that compare rows with the contracts' views."""

import asyncio
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Table, select

from benchmarks.devchain import Chain
from node.chain.rpc import Rpc
from node.indexer.database import open_index
from node.indexer.fetch import Fetcher
from node.indexer.follow import Following, Indexer
from node.indexer.known import ask_known
from node.indexer.store import Store

Found = dict[Any, dict[str, Any]]


def contracts_of(world: Any) -> dict[bytes, str]:
    """Contracts of a world by address, as a deployment names them."""
    known = {
        "NetworkAccess": world.access,
        "CashToken": world.cash,
        "RewardToken": world.ledger,
        "Registry": world.registry,
        "RewardRules": world.rules,
        **getattr(world, "parts", {}),
    }
    return {bytes.fromhex(contract.address[2:]): name for name, contract in known.items()}


def url_of(chain: Chain) -> str:
    """Where a development chain is."""
    return f"http://{chain._connection.host}:{chain._connection.port}"


def indexed(chain: Chain, world: Any, where: str | Path, *, url: str | None = None, trace: bool = False) -> Engine:
    """The index of a chain up to its newest block."""
    engine = open_index(str(where))

    async def follow() -> None:
        async with Rpc([url or url_of(chain)], timeout=60) as rpc:
            known = await ask_known(rpc, contracts_of(world))
            store = Store(engine)
            fetcher = Fetcher(rpc, believe_senders=True)
            try:
                await Indexer(fetcher, store, known, Following(), trace=trace).run(until=-1)
            finally:
                store.close()

    asyncio.run(follow())
    return engine


def rows_of(engine: Engine, table: Table) -> list[dict[str, Any]]:
    """All rows of a table, in the order of its key."""
    with engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(select(table).order_by(*table.primary_key.columns))]
