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
    # EIP-7002
    "0x00000961Ef480Eb55e80D19ad83579A64c007002": "0x"
    "3373fffffffffffffffffffffffffffffffffffffffe1460cb5760115f54807fffffffffffffffffffffffffffffffffffffffff"
    "ffffffffffffffffffffffff146101f457600182026001905f5b5f82111560685781019083028483029004916001019190604d56"
    "5b909390049250505036603814608857366101f457346101f4575f5260205ff35b34106101f45760015460010160015560035480"
    "6003026004013381556001015f35815560010160203590553360601b5f5260385f601437604c5fa0600101600355005b60035460"
    "02548082038060101160df575060105b5f5b8181146101835782810160030260040181604c02815460601b815260140181600101"
    "5481526020019060020154807fffffffffffffffffffffffffffffffff0000000000000000000000000000000016825290601001"
    "9060401c908160381c81600701538160301c81600601538160281c81600501538160201c81600401538160181c81600301538160"
    "101c81600201538160081c81600101535360010160e1565b910180921461019557906002556101a0565b90505f6002555f600355"
    "5b5f54807fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff14156101cd57505f5b600154600282"
    "8201116101e25750505f6101e8565b01600290035b5f555f600155604c025ff35b5f5ffd",
    # EIP-7251
    "0x0000BBdDc7CE488642fb579F8B00f3a590007251": "0x"
    "3373fffffffffffffffffffffffffffffffffffffffe1460d35760115f54807fffffffffffffffffffffffffffffffffffffffff"
    "ffffffffffffffffffffffff1461019a57600182026001905f5b5f82111560685781019083028483029004916001019190604d56"
    "5b9093900492505050366060146088573661019a573461019a575f5260205ff35b341061019a5760015460010160015560035480"
    "6004026004013381556001015f358155600101602035815560010160403590553360601b5f5260605f60143760745fa060010160"
    "0355005b6003546002548082038060021160e7575060025b5f5b8181146101295782810160040260040181607402815460601b81"
    "5260140181600101548152602001816002015481526020019060030154905260010160e9565b910180921461013b579060025561"
    "0146565b90505f6002555f6003555b5f54807fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff14"
    "1561017357505f5b6001546001828201116101885750505f61018e565b01600190035b5f555f6001556074025ff35b5f5ffd",
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
