"""A geth that is killed again while it has only half caught up: the application leads it on from wherever it stands."""

import asyncio
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from node.consensus.__main__ import read_genesis
from node.consensus.engine import Engine
from node.consensus.payload import decode_payload
from node.consensus.permissions import RegistrySenders, RegistryValidators
from node.network.init import NetworkOrder, init_network
from node.network.launch import geth_command
from node.network.plan import NetworkPlan
from node.network.settings import COMET_GENESIS
from tests.network.application_stage import Stage, block_time
from tests.network.chain import wait_until

BLOCKS = 150
MIDDLE = 100
"""Above what geth has on disk after its first death, below where it stood."""
DEATHS = 15
KNOWN = "Ignoring already known beacon payload"


class Geth:
    """One validator's geth without its two companions."""

    def __init__(self, plan: NetworkPlan) -> None:
        (self.validator,) = plan.validators
        self.plan = plan
        self._process: subprocess.Popen[bytes] | None = None
        self.log = plan.log(self.validator.name, "geth")

    def start(self) -> None:
        with self.log.open("ab") as file:
            self._process = subprocess.Popen(geth_command(self.plan, self.validator), stdout=file, stderr=file)
        address = (self.plan.host, self.validator.ports.engine)

        def listens() -> bool:
            with socket.socket() as client:
                return client.connect_ex(address) == 0

        wait_until(listens, seconds=60, what="geth listens")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def engine(self) -> Engine:
        ports, secret = self.validator.ports, self.plan.home(self.validator.name) / "jwt.hex"
        return Engine(
            auth_url=f"http://{self.plan.host}:{ports.engine}",
            rpc_url=f"http://{self.plan.host}:{ports.geth}",
            jwt_secret=bytes.fromhex(secret.read_text().strip()),
        )


@pytest.fixture
async def geth(tmp_path: Path) -> AsyncIterator[Geth]:
    folder = tmp_path / "net"
    each = Geth(init_network(NetworkOrder(folder=folder, validators=1), now=datetime.now(UTC)))
    try:
        each.start()
        yield each
    finally:
        each.kill()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def stage(geth: Geth) -> AsyncIterator[Stage]:
    """The application in front of that geth, as CometBFT sees it."""
    rules, keys = read_genesis(geth.plan.home(geth.validator.name) / COMET_GENESIS)
    engine = geth.engine()
    yield Stage(geth=engine, rules=rules, policy=RegistrySenders(engine), validators=RegistryValidators(engine, keys))
    await engine.close()


async def decide(stage: Stage, height: int, data: bytes) -> bytes:
    finalized = await stage.ask("finalize_block", txs=[data], height=height)
    await stage.ask("commit")
    return bytes(finalized.app_hash)


async def replay(stage: Stage, blocks: Sequence[bytes], *, to: int) -> int:
    """What CometBFT does at its start: the blocks after geth's head; returns where that head was."""
    stood = int((await stage.ask("info")).last_block_height)
    for height in range(stood + 1, to + 1):
        assert await decide(stage, height, blocks[height - 1]) == decode_payload(blocks[height - 1]).block_hash
    return stood


@pytest.mark.chain
@pytest.mark.long
async def test_blocks_that_geth_has_without_their_state_are_executed_again(geth: Geth, stage: Stage) -> None:
    blocks: list[bytes] = []
    await stage.ask("info")
    now = int(datetime.now(UTC).timestamp())
    for height in range(1, BLOCKS + 1):
        proposal = await stage.ask(
            "prepare_proposal", height=height, time=block_time(now + height), max_tx_bytes=1_000_000
        )
        blocks.extend(proposal.txs)
        await decide(stage, height, blocks[-1])

    async def killed_and_replayed(to: int) -> int:
        await asyncio.to_thread(geth.kill)
        await asyncio.to_thread(geth.start)
        return await replay(stage, blocks, to=to)

    # geth wipes what is above its head if that was in its freezer already (a matter of moments); else it keeps it
    for _ in range(DEATHS):
        assert 0 < await killed_and_replayed(MIDDLE) < MIDDLE
        if KNOWN in geth.log.read_text():
            break
    await killed_and_replayed(BLOCKS)
    assert (await stage.application.current_head()).hash == decode_payload(blocks[-1]).block_hash
    assert KNOWN in geth.log.read_text()
