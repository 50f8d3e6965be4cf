"""The explorer: joins the chain, the index, the sources and the routes, and serves until told to stop.

Before it node/cli/explorer.py; after it node/explorer/web. One process; only a compiler is started beside it.
"""

import asyncio
import signal
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.chain.rpc import Rpc
from node.config import RpcAccess
from node.domain.errors import Unusable
from node.domain.ids import Address, Hash32
from node.explorer.api.account import AccountModule
from node.explorer.api.chain_modules import ChainModules
from node.explorer.api.contract import ContractModule
from node.explorer.api.domain import DomainApi
from node.explorer.api.etherscan import etherscan_routes
from node.explorer.api.proxy import Proxy
from node.explorer.api.sourcify import SourcifyApi
from node.explorer.audits import Audits
from node.explorer.coins import Coins
from node.explorer.known import Names
from node.explorer.pages.events import Events
from node.explorer.pages.routes import Prove, page_routes
from node.explorer.pages.routes import explain as explain_as_page
from node.explorer.pages.site import Site
from node.explorer.queries.chain import contract_by_address
from node.explorer.queries.index import Index, IndexEmpty
from node.explorer.sources.compile import Compilers
from node.explorer.sources.store import open_sources
from node.explorer.sources.verify import Verifier
from node.explorer.web.routes import Route, Routes
from node.explorer.web.serve import serve
from node.indexer.database import open_index


@dataclass(frozen=True, kw_only=True, slots=True)
class ExplorerSettings:
    """What `till explorer run` is told. `rpc` are gateways of the chain, `index` and `sources` files or databases,
    `compilers` is the folder of compilers, `base_url` what links to this explorer begin with, `prove` makes proofs,
    `audits` is the folder that audits are written to."""

    rpc: tuple[str, ...]
    access: RpcAccess
    chain_id: int
    index: str
    sources: str
    compilers: Path
    host: str = "127.0.0.1"
    port: int = 0
    base_url: str = ""
    prove: Prove | None = None
    audits: Path | None = None


async def run_until_told(settings: ExplorerSettings, *, bound: Callable[[int], None] = lambda port: None) -> None:
    """Serves until SIGTERM or SIGINT. Raises Unusable, ChainUnreachable."""
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    serving = asyncio.create_task(run(settings, bound=bound))
    told = asyncio.create_task(stopping.wait())
    await asyncio.wait((serving, told), return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if stopping.is_set():
        serving.cancel()
        await asyncio.wait((serving,))
    if not serving.cancelled():
        await serving


async def run(
    settings: ExplorerSettings,
    *,
    bound: Callable[[int], None] = lambda port: None,
    clock: Callable[[], float] = time.time,
) -> None:
    """Serves until cancelled. Raises Unusable, ChainUnreachable."""
    async with Rpc(settings.rpc, attempts=2, access=settings.access) as rpc:
        chain_id = int(await rpc.call("eth_chainId"), 16)
        if chain_id != settings.chain_id:
            raise Unusable(f"the chain's id is {chain_id}, the deployment's {settings.chain_id}")
        # who fills the index makes its tables; two who did so at once would be in each other's way
        index = Index(open_index(settings.index))
        try:
            await _check_index(index, chain_id)
            await _serve(settings, rpc, index, chain_id, bound, clock)
        finally:
            index.close()


async def _serve(
    settings: ExplorerSettings,
    rpc: Rpc,
    index: Index,
    chain_id: int,
    bound: Callable[[int], None],
    clock: Callable[[], float],
) -> None:
    sources, compilers = open_sources(settings.sources), Compilers(settings.compilers)
    await compilers.find()
    names, coins = Names(index, sources), Coins(index)

    async def created(address: Address) -> tuple[Address, Hash32, int] | None:
        try:
            row = await index.row(contract_by_address(address))
        except IndexEmpty:
            return None  # sources are verified without an index too
        if row is None or row["hash"] is None:
            return None
        return Address(bytes(row["creator"])), Hash32(bytes(row["hash"])), int(row["block"])

    async def created_in(address: Address) -> Hash32 | None:
        found = await created(address)
        return None if found is None else found[1]

    verifier = Verifier(rpc, sources, compilers, created_in=created_in, clock=clock)
    proxy = Proxy(rpc)
    site = Site(
        index=index, rpc=rpc, names=names, coins=coins, sources=sources, audits=Audits(settings.audits)
    )  # fmt: skip
    events = Events(site)
    modules = {
        "contract": ContractModule(sources, verifier, created).actions(),
        "account": AccountModule(index, rpc, names, coins).actions(),
        **ChainModules(index, rpc, coins, clock).modules(),
        "proxy": proxy.actions(),
    }
    routes: list[Route] = [
        *etherscan_routes(modules),
        *SourcifyApi(sources, verifier, chain_id).routes(),
        *proxy.routes(),
        *DomainApi(index, settings.base_url).routes(),
        *page_routes(site, events, settings.prove),
    ]
    serving = serve(Routes(routes), settings.host, settings.port, explain=explain_as_page, bound=bound)
    await _together(verifier.run(), events.run(), serving)


async def _together(*work: Coroutine[Any, Any, None]) -> None:
    """All at once, until the first of them fails with what it raised."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _check_index(index: Index, chain_id: int) -> None:
    try:
        known = (await index.meta()).get("chain_id")
    except IndexEmpty:
        return
    if known is not None and int(known) != chain_id:
        raise Unusable(f"the index is of chain {known}, the gateway's chain is {chain_id}")
