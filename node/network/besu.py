"""`till net export-besu`: a Besu QBFT network like this one: genesis, node keys, peers, permission files.

Contracts, scripts, bridge and explorer work on any Ethereum JSON-RPC; this helps whoever has to run Besu. **Never run
by this project**: Besu is on no registry that it is built and tested from. Sources: Besu's documentation (QBFT, genesis
file items, local permissioning). Besu's validators sign with secp256k1 node keys, so new ones are made here.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import rlp
from coincurve import PrivateKey
from Crypto.Hash import keccak

from node.domain.errors import Unusable
from node.network.keys import write_secret
from node.network.plan import NetworkPlan, as_peer

VANITY: Final = bytes(32)
QBFT_MIX_HASH: Final = "0x63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365"
"""Besu's mark of a QBFT block ("ctical byzantine fault tolerance")."""
BLOCK_SECONDS: Final = 1
REQUEST_TIMEOUT_SECONDS: Final = 4
EPOCH_BLOCKS: Final = 30_000
LEFT_OUT: Final = ("terminalTotalDifficulty", "blobSchedule", "arrowGlacierBlock", "grayGlacierBlock")

README: Final = """\
# Besu QBFT, like {folder}

**These files were never run by Tillnet.** They are written after Besu's documentation. Try them on machines that hold
nothing of value before you rely on them.

| file | what |
| --- | --- |
| `genesis.json` | chain {chain_id}, QBFT with a block a second, the same accounts and contracts as Tillnet's genesis |
| `static-nodes.json` | who connects to whom |
| `permissions_config.toml` | which nodes may connect, which accounts may send (those that own coin at genesis) |
| `NAME/key` | a validator's node key, mode 0600: move each to its machine, and remove it here |

On each machine, with its own folder as the data path:

    cp genesis.json static-nodes.json permissions_config.toml /var/lib/besu/
    besu --data-path=/var/lib/besu --genesis-file=/var/lib/besu/genesis.json \\
      --node-private-key-file=/var/lib/besu/key --p2p-host=HOST --p2p-port=PORT --discovery-enabled=false \\
      --permissions-nodes-config-file-enabled --permissions-accounts-config-file-enabled \\
      --permissions-nodes-config-file=/var/lib/besu/permissions_config.toml \\
      --permissions-accounts-config-file=/var/lib/besu/permissions_config.toml \\
      --min-gas-price=1 --rpc-http-enabled --rpc-http-api=ETH,NET,WEB3,TXPOOL,QBFT

Then deploy and run as anywhere else: `TILLNET_FOLDER=... brownie run deploy main --network http://HOST:8545`, and
`rpc` and `finality = "instant"` in the bridge's settings: a QBFT block is final when it appears.

What is different there: validators are voted by `qbft_proposeValidatorVote`, not by the ValidatorRegistry; who may
send is each node's own file, not a rule of consensus; there is no payment proof, which needs CometBFT's signatures.
Hosts and ports are those of {folder}; on other machines change the enode URLs in both lists.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Node:
    """A validator there, dialed at `host` and `port`: its key, its public key (64 bytes) and its address."""

    name: str
    host: str
    port: int
    key: PrivateKey

    @property
    def public(self) -> bytes:
        return self.key.public_key.format(compressed=False)[1:]

    @property
    def address(self) -> bytes:
        return keccak.new(digest_bits=256, data=self.public).digest()[-20:]

    @property
    def enode(self) -> str:
        return f"enode://{self.public.hex()}@{self.host}:{self.port}"


def export_besu(plan: NetworkPlan, output: Path) -> list[Path]:
    """Writes the files into an empty or new folder, and returns their paths. Raises Unusable."""
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise Unusable(f"{output} is not an empty folder")
    output.mkdir(parents=True, exist_ok=True)
    peers = (*map(as_peer, plan.validators), *plan.others)
    nodes = [_Node(name=peer.name, host=peer.host, port=peer.p2p, key=PrivateKey()) for peer in peers]
    genesis = json.loads((plan.folder / "genesis.json").read_text())
    enodes = [node.enode for node in nodes]
    texts = {
        "genesis.json": json.dumps(besu_genesis(genesis, [node.address for node in nodes]), indent=2) + "\n",
        "static-nodes.json": json.dumps(enodes, indent=2) + "\n",
        "permissions_config.toml": permissions(enodes, genesis["alloc"]),
        "README.md": README.format(folder=plan.folder, chain_id=plan.chain_id),
    }
    for name, text in texts.items():
        (output / name).write_text(text)
    for node in nodes:
        write_secret(output / node.name / "key", "0x" + node.key.secret.hex() + "\n")
    return [*(output / name for name in texts), *(output / node.name / "key" for node in nodes)]


def besu_genesis(genesis: dict[str, Any], validators: Sequence[bytes]) -> dict[str, Any]:
    """Besu's genesis file: this network's accounts, contracts, forks and gas limit, under QBFT."""
    config = {name: value for name, value in genesis["config"].items() if name not in LEFT_OUT}
    return {
        "config": {
            **config,
            "qbft": {
                "blockperiodseconds": BLOCK_SECONDS,
                "epochlength": EPOCH_BLOCKS,
                "requesttimeoutseconds": REQUEST_TIMEOUT_SECONDS,
            },
        },
        "nonce": "0x0",
        "timestamp": genesis["timestamp"],
        "extraData": "0x" + extra_data(validators).hex(),
        "gasLimit": genesis["gasLimit"],
        "difficulty": "0x1",
        "mixHash": QBFT_MIX_HASH,
        "coinbase": "0x" + "00" * 20,
        "baseFeePerGas": genesis["baseFeePerGas"],
        "alloc": {
            address.lower().removeprefix("0x"): {"balance": "0x0", **entry}
            for address, entry in genesis["alloc"].items()
        },
    }


def extra_data(validators: Sequence[bytes]) -> bytes:
    """QBFT's extra data of block 0: RLP of vanity, validators' addresses, no vote, round 0, no seals."""
    encoded: bytes = rlp.encode([VANITY, list(validators), [], b"", []])
    return encoded


def permissions(enodes: Sequence[str], alloc: dict[str, Any]) -> str:
    """permissions_config.toml: the nodes that may connect, and the accounts that may send."""
    senders = sorted(address for address, entry in alloc.items() if int(entry.get("balance", "0x0"), 16))
    return f"nodes-allowlist={json.dumps(list(enodes))}\naccounts-allowlist={json.dumps(senders)}\n"
