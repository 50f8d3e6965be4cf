"""A chain of anvil's with an explorer on it, for the tests of a module."""

from collections.abc import Iterator

import pytest

from benchmarks.devchain import Chain, anvil
from node.config import RpcAccess
from node.explorer.run import ExplorerSettings
from tests.offchain.explorer.stand import LAYOUT, Explorer, chain_id_of, running, url_of


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
    )
    with running(settings) as started:
        yield started
