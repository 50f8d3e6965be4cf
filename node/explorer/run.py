"""The explorer: joins the chain, the index, the sources and the routes, and serves until told to stop.

Before it node/cli/explorer.py; after it node/explorer/web. One process; only a compiler is started beside it.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from node.chain.rpc import Rpc
from node.config import RpcAccess
from node.domain.errors import Unusable
from node.domain.ids import Address, Hash32
from node.explorer.api.contract import ContractModule
from node.explorer.api.etherscan import etherscan_routes
from node.explorer.api.etherscan import explain as explain_plainly
from node.explorer.api.sourcify import SourcifyApi
from node.explorer.sources.compile import Compilers
from node.explorer.sources.store import open_sources
from node.explorer.sources.verify import Verifier
from node.explorer.web.routes import Routes
from node.explorer.web.serve import serve


@dataclass(frozen=True, kw_only=True, slots=True)
class ExplorerSettings:
    """What `till explorer run` is told. `rpc` are the chain's gateways, `sources` the database of verified sources,
    `compilers` the folder of compilers, `base_url` what links to this explorer begin with."""

    rpc: tuple[str, ...]
    access: RpcAccess
    chain_id: int
    sources: str
    compilers: Path
    host: str = "127.0.0.1"
    port: int = 0
    base_url: str = ""


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
        sources, compilers = open_sources(settings.sources), Compilers(settings.compilers)
        await compilers.find()

        async def created(address: Address) -> tuple[Address, Hash32, int] | None:
            return None

        async def created_in(address: Address) -> Hash32 | None:
            found = await created(address)
            return None if found is None else found[1]

        verifier = Verifier(rpc, sources, compilers, created_in=created_in, clock=clock)
        contract = ContractModule(sources, verifier, created)
        routes = Routes(
            [
                *etherscan_routes({"contract": contract.actions()}),
                *SourcifyApi(sources, verifier, chain_id).routes(),
            ]
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(verifier.run())
            group.create_task(serve(routes, settings.host, settings.port, explain=explain_plainly, bound=bound))
