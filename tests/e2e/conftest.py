"""What both ways in share: the world that acts go through, and a client of its bridge's JSON-RPC."""

from collections.abc import AsyncIterator, Iterator

import pytest

from node.domain.ids import Address
from node.pos.rpc import RpcConnection
from tests.e2e.acts_world import World, world_in


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world_in(tmp_path_factory.mktemp("stand")) as made:
        yield made


@pytest.fixture
async def rpc(world: World) -> AsyncIterator[RpcConnection]:
    ledger = Address(bytes.fromhex(world.offers.ledger.address[2:]))
    async with RpcConnection(f"http://127.0.0.1:{world.rpc}/", chain_id=world.chain_id, ledger=ledger) as connection:
        yield connection
