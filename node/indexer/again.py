"""Internal calls of blocks that were indexed without: their node would not trace, or had forgotten their state."""

from collections.abc import Iterator
from typing import Final

from sqlalchemy import false, select

from node.chain.rpc import RpcRefused
from node.indexer.apply.calls import apply_traces
from node.indexer.errors import Reorganised
from node.indexer.fetch import Fetcher
from node.indexer.known import Known
from node.indexer.rows import Rows
from node.indexer.store import Store
from node.indexer.tables import chain
from node.indexer.tracing import METHOD

PAGE: Final = 500


async def trace_again(fetcher: Fetcher, store: Store, known: Known) -> tuple[int, int]:
    """Asks for each of them once; how many were had, and how many are missing still.

    Raises Reorganised when a block is another one now, LyingNode when a trace is not of its block.
    """
    had = missing = 0
    for number, ours in _untraced(store):
        block = (await fetcher.blocks(number, number))[0]
        if block.hash != ours:
            raise Reorganised(number, ours, block.hash)
        try:
            traces = await fetcher.call(METHOD, hex(number), {"tracer": "callTracer"})
        except RpcRefused:
            traces = None
        if not isinstance(traces, list) or any("result" not in each for each in traces):
            missing += 1
            continue
        rows = Rows(store.load, store.load_line)
        rows.block = number
        apply_traces(rows, known, block, traces)
        rows.at(chain.blocks, number)["traced"] = True
        store.write(rows)
        had += 1
    return had, missing


def _untraced(store: Store) -> Iterator[tuple[int, bytes]]:
    """Number and hash of each block without its calls, from the lowest on."""
    after = -1
    columns = chain.blocks.c
    while True:
        query = (
            select(columns.number, columns.hash)
            .where(columns.traced == false(), columns.number > after)
            .order_by(columns.number)
            .limit(PAGE)
        )
        with store.engine.connect() as connection:
            found = [(row.number, bytes(row.hash)) for row in connection.execute(query)]
        if not found:
            return
        yield from found
        after = found[-1][0]
