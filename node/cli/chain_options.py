"""Where the chain is, as options of a command that asks it, and how it is asked."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from node.config import rpc_access
from node.domain.errors import Unusable

Said = TypeVar("Said")
DEFAULT_NETWORK: Final = Path(".till/demo/network")


def where_the_chain_is(command: Callable[..., None]) -> Callable[..., None]:
    """Options of a command that asks the chain: `network`, `url`, `file`."""
    for option in (
        click.option("--deployment", "file", type=click.Path(path_type=Path), help="A deployment.json."),
        click.option("--rpc", "url", help="Another gateway, or another chain; then --deployment says what is there."),
        click.option(
            "--network",
            type=click.Path(path_type=Path),
            envvar="TILL_NETWORK",
            default=DEFAULT_NETWORK,
            show_default=True,
            help="The network's folder.",
        ),
    ):
        command = option(command)
    return command


async def ask_chain(
    network: Path, url: str | None, file: Path | None, question: Callable[..., Awaitable[Said]], asked: dict[str, Any]
) -> Said:
    """What a question says on a network. Raises Unusable, ChainUnreachable and what the question raises."""
    # here, so that a command that asks nothing, and every --help, starts without them
    from node.chain.deployment import DEPLOYMENT, load_deployment
    from node.chain.rpc import Rpc
    from node.network.clients import gateways_of
    from node.network.plan import read_plan

    if not url and not file and network == DEFAULT_NETWORK and not network.is_dir():
        raise Unusable("say which network: --network DIR (or TILL_NETWORK), or make demo, which leaves one behind")
    access = rpc_access()
    urls, access = ([url], access) if url else gateways_of(read_plan(network), access)
    deployment = load_deployment(file or network / DEPLOYMENT)
    async with Rpc(urls, attempts=2, access=access) as rpc:
        chain_id = int(await rpc.call("eth_chainId"), 16)
        if chain_id != deployment.chain_id:
            raise Unusable(f"the chain's id is {chain_id}, the deployment's {deployment.chain_id}")
        return await question(rpc, deployment, **asked)
