"""Puts an index together: the chain, the database, worker processes, metrics; what `till index` calls.

Before it the command line; after it follow, store and calls.
"""

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Gauge, start_http_server

from node.chain.rpc import Rpc
from node.config import RpcAccess
from node.consensus.registry import Validator
from node.indexer.again import trace_again
from node.indexer.database import migrate, open_index, place_of
from node.indexer.fetch import Fetcher
from node.indexer.follow import Following, Indexer, Progress, seconds_behind
from node.indexer.known import ask_known
from node.indexer.store import Store
from node.network.heights import Heights

CALL_SECONDS: Final = 60.0
LOCAL: Final = "127.0.0.1"
TELL_SECONDS: Final = 10.0
"""So often, at most, the log says how far the index is."""
log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexOrder:
    """What is indexed into what. `workers` processes check blocks (0: this one does); `metrics_port` 0 serves none.

    `validators` are those of block 0, `heights` gives what they signed. `believe_senders` is for a development chain on
    which anybody sends for anybody.
    """

    urls: tuple[str, ...]
    access: RpcAccess
    contracts: Mapping[bytes, str]
    database: str
    validators: tuple[Validator, ...] = ()
    heights: Heights | None = None
    following: Following = field(default_factory=Following)
    trace: bool = True
    workers: int = 1
    metrics_port: int = 0
    believe_senders: bool = False


async def run(order: IndexOrder, *, until: int | None = None) -> Progress:
    """Follows the chain for ever, or up to a block (-1: the head of now); SIGTERM and SIGINT end it between two ranges.

    Raises what stops an index (node/indexer/errors.py), ChainUnreachable, Unusable.
    """
    store = Store(open_index(order.database))
    gauges = _Gauges(order.metrics_port) if order.metrics_port else None
    with _workers(order.workers) as executor:
        async with Rpc(order.urls, timeout=CALL_SECONDS, access=order.access) as rpc:
            known = await ask_known(rpc, order.contracts, order.validators)
            fetcher = Fetcher(rpc, executor, believe_senders=order.believe_senders)
            indexer = Indexer(fetcher, store, known, order.following, trace=order.trace, heights=order.heights)
            log.info("index.begun", database=place_of(store.engine))
            task = asyncio.ensure_future(indexer.run(until=until, wrote=_teller(gauges)))
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, task.cancel)
            try:
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            finally:
                store.close()
            log.info("index.ended", height=indexer.progress.height)
            return indexer.progress


def empty(database: str) -> None:
    """Takes every row out of the index at `database`."""
    engine = open_index(database)
    migrate(engine)
    migrate(engine, "base")
    migrate(engine)
    engine.dispose()


async def calls_again(order: IndexOrder) -> tuple[int, int]:
    """Asks again for the internal calls of blocks without; how many were had, and how many are missing still."""
    store = Store(open_index(order.database))
    async with Rpc(order.urls, timeout=CALL_SECONDS, access=order.access) as rpc:
        known = await ask_known(rpc, order.contracts)
        return await trace_again(Fetcher(rpc, believe_senders=order.believe_senders), store, known)


@contextlib.contextmanager
def _workers(count: int) -> Iterator[Executor | None]:
    if not count:
        yield None
        return
    with ProcessPoolExecutor(count) as executor:
        yield executor


class _Gauges:
    """What Prometheus is told, on loopback."""

    def __init__(self, port: int) -> None:
        registry = CollectorRegistry()
        self.height = Gauge("till_index_height", "Height of the newest indexed block.", registry=registry)
        self.lag = Gauge("till_index_lag_blocks", "Blocks that the chain is ahead of the index.", registry=registry)
        self.age = Gauge("till_index_age_seconds", "Age of the newest indexed block.", registry=registry)
        self.events = Gauge("till_index_events", "Events indexed since the start.", registry=registry)
        self.record = Gauge("till_index_record_height", "Height of the newest block in the record.", registry=registry)
        self.failures = Gauge("till_index_node_failures", "Questions that no node answered.", registry=registry)
        start_http_server(port, LOCAL, registry)

    def tell(self, progress: Progress) -> None:
        self.height.set(progress.height)
        self.lag.set(max(progress.head - progress.height, 0))
        self.age.set(seconds_behind(progress))
        self.events.set(progress.events)
        self.record.set(progress.record)
        self.failures.set(progress.node_failures)


def _teller(gauges: _Gauges | None) -> Callable[[Progress], None]:
    """Tells how far the index is: Prometheus at once, the log from time to time."""
    told = time.monotonic()

    def tell(progress: Progress) -> None:
        nonlocal told
        if gauges is not None:
            gauges.tell(progress)
        if time.monotonic() - told >= TELL_SECONDS:
            told = time.monotonic()
            log.info("index.wrote", height=progress.height, head=progress.head, events=progress.events)

    return tell
