"""`till explorer`: pages and APIs over the index. Wiring only; the work is in node/explorer."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from node.cli.chain_options import DEFAULT_NETWORK, where_the_chain_is
from node.cli.index import INDEX
from node.domain.errors import Unusable

if TYPE_CHECKING:
    from node.chain.deployment import Deployment
    from node.config import RpcAccess
    from node.domain.ids import PaymentId
    from node.explorer.pages.routes import Prove

SOURCES_FILE = "sources.sqlite"
AUDITS_FOLDER = "audits"


@click.group()
def explorer() -> None:
    """Show the chain to people and programs: pages, Etherscan's and Sourcify's APIs, and the domain's own."""


@explorer.command()
@click.option(
    "--database", "index", help="What till index run fills: a file, or postgresql://…  [default: index.sqlite there]"
)
@click.option("--sources", help="Where verified sources are kept, likewise.  [default: sources.sqlite there]")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", type=click.IntRange(0, 65_535), default=8600, show_default=True, help="0: the system chooses.")
@click.option("--base-url", default="", help="What people type to come here, such as https://explorer.shop.example")
@click.option(
    "--audits", type=click.Path(path_type=Path), help="What till audit run -o writes to.  [default: audits there]"
)
@click.option("--compilers", type=click.Path(path_type=Path), help="A folder with solc-v…; setup's own without it.")
@where_the_chain_is
def run(
    index: str | None,
    sources: str | None,
    host: str,
    port: int,
    base_url: str,
    audits: Path | None,
    compilers: Path | None,
    network: Path,
    url: str | None,
    file: Path | None,
) -> None:
    """Serve until told to stop (SIGTERM, Ctrl-C). Beside it runs till index run."""
    import uvloop

    from node.chain.deployment import DEPLOYMENT, load_deployment
    from node.config import rpc_access
    from node.consensus.logs import configure_logs
    from node.explorer.run import ExplorerSettings, run_until_told
    from node.network.clients import gateways_of
    from node.network.plan import read_plan
    from node.network.toolchain.layout import Layout

    if not url and not network.is_dir():
        hint = ", or make demo, which leaves one behind" if network == DEFAULT_NETWORK else ""
        raise Unusable(f"there is no network {network}; say which one: --network DIR{hint}")
    access = rpc_access()
    urls, access = ([url], access) if url else gateways_of(read_plan(network), access)
    deployment = load_deployment(file or network / DEPLOYMENT)
    settings = ExplorerSettings(
        rpc=tuple(urls),
        access=access,
        chain_id=deployment.chain_id,
        index=index or str(network / INDEX),
        sources=sources or str(network / SOURCES_FILE),
        compilers=compilers or Layout.here().solc_folder,
        host=host,
        port=port,
        base_url=base_url.rstrip("/"),
        audits=audits or network / AUDITS_FOLDER,
        prove=None if url else _prover(network, urls, access, deployment),
    )
    configure_logs()
    uvloop.run(run_until_told(settings, bound=lambda bound: _say(host, bound)))


def _say(host: str, port: int) -> None:
    click.echo(f"The explorer is at http://{f'[{host}]' if ':' in host else host}:{port}/")


def _prover(network: Path, urls: "Sequence[str]", access: "RpcAccess", deployment: "Deployment") -> "Prove":
    """Makes proofs of payments, each in a thread: asking validators for signed headers takes its time."""
    import asyncio

    from node.chain.rpc import Rpc
    from node.explorer.prove import Consensus, prove_payment
    from node.network.headers import ValidatorHeaders
    from node.network.plan import read_plan

    consensus = Consensus(headers=ValidatorHeaders(read_plan(network)), since=1)

    async def make(payment: "PaymentId") -> str:
        async with Rpc(urls, attempts=2, access=access) as rpc:
            return await prove_payment(rpc, deployment, payment, consensus)

    async def prove(payment: "PaymentId") -> str:
        return await asyncio.to_thread(lambda: asyncio.run(make(payment)))

    return prove
