"""A chain of anvil's with an explorer on it, for the tests of a module."""

from collections.abc import Iterator

import pytest

from benchmarks.devchain import Chain, anvil
from node.config import RpcAccess
from node.domain.merkle import keccak
from node.explorer.run import ExplorerSettings
from tests.offchain.explorer.contracts import PATH, SOURCES
from tests.offchain.explorer.shop_rows import write_shop
from tests.offchain.explorer.stand import (
    LAYOUT,
    Explorer,
    ShopOnChain,
    chain_id_of,
    compiled,
    deploy,
    running,
    url_of,
    wait_until,
)


@pytest.fixture(scope="module")
def chain() -> Iterator[Chain]:
    with anvil() as started:
        yield started


@pytest.fixture(scope="module")
def explorer(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explorer]:
    folder = tmp_path_factory.mktemp("explorer")
    settings = ExplorerSettings(
        rpc=(url_of(chain),),
        access=RpcAccess(),
        chain_id=chain_id_of(chain),
        index=f"{folder}/index.sqlite",
        sources=f"{folder}/sources.sqlite",
        compilers=LAYOUT.solc_folder,
        audits=folder / "audits",
    )
    with running(settings) as started:
        yield started


@pytest.fixture(scope="module")
def shop(chain: Chain, explorer: Explorer) -> ShopOnChain:
    """A contract that was filled, sold from, and asked for too much; and a shop's day as rows. All is in the index."""
    made = compiled(SOURCES, PATH, "Shop")
    address, _ = deploy(chain, made, ("string", "uint256"), "corner", 5)
    hashes = []
    for name, amount in (("fill(uint256)", 100), ("sell(uint256)", 3), ("sell(uint256)", 1_000)):
        data = "0x" + keccak(name.encode())[:4].hex() + f"{amount:064x}"
        message = {"from": chain.accounts[0], "to": address, "data": data, "gas": hex(300_000), "gasPrice": "0x0"}
        hashes.append(str(chain.request("eth_sendTransaction", message)))
        wait_until(chain, hashes[-1])
    explorer.index_now(chain)
    write_shop(explorer.index, chain)
    return ShopOnChain(address=address, filled=hashes[0], sold=hashes[1], failed=hashes[2], source=made["input"])
