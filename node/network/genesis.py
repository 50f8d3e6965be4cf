"""The two genesis documents: geth's block 0, and CometBFT's, which names that block and the rules on top of it.

Pure. Used by node/network/init.py. Sources: geth v1.17.8 core/genesis.go and params/protocol_params.go; EIP-4788,
EIP-2935, EIP-7002, EIP-7251 for the system contracts.
"""

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from node.consensus.rules import ChainRules
from node.network.plan import ValidatorPlan

GAS_LIMIT: Final = 100_000_000
"""A block's gas. Two cores execute 31 to 48 Mgas/s with four validators on them; twice that leaves room for bursts."""
TRANSACTION_GAS_CAP: Final = 16_777_216
"""EIP-7825's figure (2^24), so that a later fork to Osaka changes nothing for clients."""
PAYLOAD_BYTES: Final = 3_000_000
"""Bytes of one payload. Sixty 128 KB transactions in a block took 4.3 s to spread and execute; this is a third."""
BLOCK_BYTES: Final = 4_194_304
"""CometBFT's limit of a block, above the payload's."""
EXTRA_DATA: Final = b"tillnet"
BASE_FEE: Final = 1
EVIDENCE_BLOCKS: Final = 20_000
EVIDENCE_SECONDS: Final = 20_000
KEEP_BLOCKS: Final = 25_000
"""Blocks that a validator keeps: more than the evidence age, and than what geth may rewind after a crash."""
VOTING_POWER: Final = 10
NANOSECONDS: Final = 1_000_000_000

NO_REQUESTS: Final = "0x3373fffffffffffffffffffffffffffffffffffffffe14601d575f5ffd5b00"
"""if (caller != system address) revert; stop. The real contracts of EIP-7002 and EIP-7251 queue a request for whoever
pays 1 wei, even before Prague, and a block that hands one out is refused by every validator: the chain would stand."""
# Prague's system contracts (and Cancun's beacon roots): there from the start, so that a later fork is a timestamp.
SYSTEM_CONTRACTS: Final[dict[str, str]] = {
    # EIP-4788
    "0x000F3df6D732807Ef1319fB7B8bB8522d0Beac02": "0x"
    "3373fffffffffffffffffffffffffffffffffffffffe14604d57602036146024575f5ffd5b5f35801560495762001fff81069081"
    "5414603c575f5ffd5b62001fff01545f5260205ff35b5f5ffd5b62001fff42064281555f359062001fff015500",
    # EIP-2935
    "0x0000F90827F1C53a10cb7A02335B175320002935": "0x"
    "3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff8143031160"
    "4257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500",
    # EIP-7002 and EIP-7251: no stake is withdrawn or consolidated here
    "0x00000961Ef480Eb55e80D19ad83579A64c007002": NO_REQUESTS,
    "0x0000BBdDc7CE488642fb579F8B00f3a590007251": NO_REQUESTS,
}


def geth_genesis(*, chain_id: int, balances: Mapping[str, int], contracts: Mapping[str, Any]) -> dict[str, Any]:
    """geth's genesis: Cancun from block 0, no miner, the given balances (address to wei) and contracts (alloc)."""
    forks = "homestead eip150 eip155 eip158 byzantium constantinople petersburg istanbul muirGlacier berlin london"
    alloc: dict[str, Any] = {
        address: {"balance": "0x0", "nonce": "0x1", "code": code} for address, code in SYSTEM_CONTRACTS.items()
    }
    alloc |= contracts
    alloc |= {address: {"balance": hex(balance)} for address, balance in balances.items()}
    return {
        "config": {
            "chainId": chain_id,
            **{f"{fork}Block": 0 for fork in forks.split()},
            "arrowGlacierBlock": 0,
            "grayGlacierBlock": 0,
            "shanghaiTime": 0,
            "cancunTime": 0,
            "terminalTotalDifficulty": 0,
            "blobSchedule": {
                "cancun": {"target": 3, "max": 6, "baseFeeUpdateFraction": 3338477},
                "prague": {"target": 6, "max": 9, "baseFeeUpdateFraction": 5007716},
            },
        },
        "nonce": "0x0",
        "timestamp": "0x0",
        "extraData": "0x",
        "gasLimit": hex(GAS_LIMIT),
        "difficulty": "0x0",
        "mixHash": "0x" + "00" * 32,
        "coinbase": "0x" + "00" * 20,
        "baseFeePerGas": hex(BASE_FEE),
        "alloc": alloc,
    }


def comet_genesis(*, rules: ChainRules, validators: Sequence[ValidatorPlan], time: datetime) -> dict[str, Any]:
    """CometBFT's genesis document. The application reads rules and validators from its `app_state`."""
    return {
        "genesis_time": time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000000000Z"),
        "chain_id": f"tillnet-{rules.chain_id}",
        "initial_height": "1",
        "consensus_params": {
            "block": {"max_bytes": str(BLOCK_BYTES), "max_gas": "-1"},
            "evidence": {
                "max_age_num_blocks": str(EVIDENCE_BLOCKS),
                "max_age_duration": str(EVIDENCE_SECONDS * NANOSECONDS),
                "max_bytes": "1048576",
            },
            "validator": {"pub_key_types": ["ed25519"]},
            "version": {"app": "1"},
            "abci": {"vote_extensions_enable_height": "0"},
        },
        "validators": [
            {
                "address": validator.address,
                "pub_key": {
                    "type": "tendermint/PubKeyEd25519",
                    "value": base64.b64encode(bytes.fromhex(validator.public_key)).decode(),
                },
                "power": str(VOTING_POWER),
                "name": validator.name,
            }
            for validator in validators
        ],
        "app_hash": rules.genesis_hash.hex().upper(),
        "app_state": {
            "rules": rules.to_json(),
            "validators": [
                {"public_key": validator.public_key, "power": VOTING_POWER, "node_id": validator.node_id}
                for validator in validators
            ],
        },
    }
