"""A development chain with the real contracts, one stream, merchants and members: where a bridge is tested.

Everything that the bridge reads lies in `folder`, as on a real network: deployment.json, key file, bridge.toml.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.devchain import Chain, anvil
from benchmarks.world import World
from node.chain.signer import Signer
from node.config import BridgeSettings, load_bridge
from node.domain.ids import member_account

KEY: Final = bytes(range(1, 33))
STREAM: Final = 1
MEMBERS: Final = tuple(range(1, 41))
VALUE: Final = 100_000
"""Stored value of each member, minor units."""
COEFFICIENT: Final = 100
"""Units that every merchant gives for a minor unit."""


class Stand:
    """The chain's side of a bridge. `url` is its JSON-RPC."""

    def __init__(self, chain: Chain, folder: Path, *, world: World | None = None) -> None:
        self.chain, self.folder = chain, folder
        self.url = f"http://127.0.0.1:{chain._connection.port}"
        self.world = world or World(chain)
        self.signer = Signer(KEY)
        self._prepare()
        self.write()

    def _prepare(self) -> None:
        world, poster = self.world, "0x" + self.signer.address.hex()
        self.chain.request("anvil_setBalance", poster, hex(10**24))
        world.open_stream(STREAM, poster, 10**10, 10**10)
        world.enrol(*MEMBERS)
        self.merchants = [world.onboard(terminals=2) for _ in range(3)]
        self.base = [world.base(merchant, COEFFICIENT) for merchant in self.merchants]
        self.offer = [world.offer(merchant, multiplier_bps=50_000, budget=10**12) for merchant in self.merchants]
        for merchant in self.merchants:
            world.fund(merchant, 10**9)
        for member in MEMBERS:
            world.as_operator(world.ledger, "recharge", member, VALUE)

    def write(self, **sections: dict[str, Any]) -> Path:
        """Writes what the bridge reads; `sections` add to bridge.toml, None takes away. The path of bridge.toml."""
        deployment = {
            "format": 1,
            "chain_id": int(self.chain.request("eth_chainId"), 16),
            "block": 1,
            "contracts": {name: {"address": each.address, "block": 1} for name, each in self._contracts().items()},
        }
        (self.folder / "deployment.json").write_text(json.dumps(deployment))
        key = self.folder / "poster.key"
        key.touch(mode=0o600)
        key.write_text(KEY.hex())
        document: dict[str, dict[str, Any]] = {
            "chain": {"rpc": [self.url], "deployment": "deployment.json", "poll_ms": 20},
            "stream": {"id": STREAM, "key_file": "poster.key"},
            "journal": {"card_key_file": "cards.key"},
            "batch": {"max_wait_ms": 20},
        }
        for name, section in sections.items():
            document[name] = document.get(name, {}) | section
        path = self.folder / "bridge.toml"
        path.write_text(
            "\n".join(
                f"[{name}]\n"
                + "".join(f"{key} = {json.dumps(value)}\n" for key, value in section.items() if value is not None)
                for name, section in document.items()
            )
        )
        return path

    def _contracts(self) -> dict[str, Any]:
        return {"RewardToken": self.world.ledger, "Registry": self.world.registry, "RewardRules": self.world.rules}

    def settings(self, **sections: dict[str, Any]) -> BridgeSettings:
        """The settings in bridge.toml, with changes."""
        return load_bridge(self.write(**sections))

    def points(self, member: int) -> int:
        """A member's coins on the chain, units."""
        account = self.world.ledger.view("account", member)
        return int(account["current"]) + int(account["previous"])

    def value(self, member: int) -> int:
        """A member's stored value on the chain, minor units."""
        return int(self.world.ledger.view("account", member)["value"])

    def mine_every(self, seconds: int) -> None:
        """Blocks by the clock, as on the real chain; 0 for one a transaction, at once."""
        # anvil takes an interval of 0 as "never", so it comes first
        self.chain.request("evm_setIntervalMining", seconds)
        if not seconds:
            self.chain.request("evm_setAutomine", True)

    def stop_mining(self) -> None:
        """No block until `mine` or `mine_every`."""
        self.chain.request("evm_setIntervalMining", 0)
        self.chain.request("evm_setAutomine", False)

    def mine(self) -> None:
        """One block with whatever waits."""
        self.chain.request("evm_mine")

    def now(self) -> int:
        """A terminal's clock, Unix seconds."""
        return int(time.time())

    def sent(self) -> int:
        """How many transactions of the bridge blocks hold."""
        return int(self.chain.request("eth_getTransactionCount", "0x" + self.signer.address.hex(), "latest"), 16)


@contextmanager
def stand_on(folder: Path) -> Iterator[Stand]:
    """A stand on a chain of its own."""
    with anvil() as chain:
        try:
            yield Stand(chain, folder)
        finally:
            chain._connection.close()


def transfers_to(stand: Stand, member: int) -> int:
    """How many Transfer events minted to this member's account."""
    topic = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
    query = {
        "fromBlock": "0x0",
        "toBlock": "latest",
        "address": stand.world.ledger.address,
        "topics": [topic, "0x" + "0" * 64, "0x" + member_account(member).hex().rjust(64, "0")],  # type: ignore[arg-type]
    }
    return len(stand.chain.request("eth_getLogs", query))
