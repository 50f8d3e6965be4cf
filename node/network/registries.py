"""The two genesis contracts as they stand in block 0: code from the compiled artifacts, storage computed here.

Before it comes node/network/init.py; after it node/network/genesis.py. The layout of the storage is Solidity's
(docs.soliditylang.org, Layout of State Variables in Storage) for the order in which ValidatorRoll.sol and
AccountRegistry.sol declare their variables; tests/contracts/test_genesis_storage.py holds the two against each other.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from Crypto.Hash import keccak

from node.consensus.registry import (
    ACCOUNT_REGISTRY,
    ALL_PERMISSIONS,
    VALIDATOR_REGISTRY,
    NodeStatus,
    Validator,
    consensus_address,
)
from node.domain.errors import Unusable
from node.domain.ids import Address
from node.network.genesis import VOTING_POWER
from node.network.launch import PROJECT
from node.network.plan import ValidatorPlan

ARTIFACTS: Final = PROJECT / "node" / "artifacts" / "contracts"
VALIDATORS_SLOT, PLACE_SLOT, OWNER_SLOT, NODE_SLOT = 0, 2, 3, 4
"""Of ValidatorRoll."""
ADMIN_SLOT, ENTRIES_SLOT, ACCOUNTS_SLOT = 0, 1, 2
"""Of AccountRegistry."""
VALIDATOR_WORDS: Final = 4
LISTED: Final = 128
ADDRESS_BITS: Final = 160

Storage = dict[int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Governance:
    """Who may do what in block 0. Without `open_to_all` only `permitted` may send and create contracts."""

    validators: Sequence[Validator]
    admin: bytes
    permitted: Sequence[bytes]
    open_to_all: bool


def first_governance(
    validators: Sequence[ValidatorPlan], operator: bytes, permitted: Iterable[str], open_to_all: bool
) -> Governance:
    """Who validates at first, and the accounts that may send: the operator gives permissions from then on."""
    return Governance(
        validators=[
            Validator(
                account=Address(bytes.fromhex(each.account[2:])),
                power=VOTING_POWER,
                key=bytes.fromhex(each.public_key),
                node_id=bytes.fromhex(each.node_id),
                name=each.name,
            )
            for each in validators
        ],
        admin=operator,
        permitted=[bytes.fromhex(account[2:]) for account in permitted],
        open_to_all=open_to_all,
    )


def registry_accounts(governance: Governance, artifacts: Path = ARTIFACTS) -> dict[str, Any]:
    """Both contracts for the `alloc` of geth's genesis. Raises Unusable when they are not compiled."""
    storages = {
        (VALIDATOR_REGISTRY, "ValidatorRegistry"): validator_storage(governance.validators),
        (ACCOUNT_REGISTRY, "AccountRegistry"): account_storage(governance),
    }
    return {
        "0x" + address.hex(): {
            "balance": "0x0",
            "nonce": "0x1",
            "code": runtime_code(name, artifacts),
            "storage": {_word(slot): _word(value) for slot, value in storage.items() if value},
        }
        for (address, name), storage in storages.items()
    }


def runtime_code(name: str, artifacts: Path = ARTIFACTS) -> str:
    """The deployed code of a genesis contract, 0x-hex. Raises Unusable when it is not compiled."""
    try:
        code = str(json.loads((artifacts / f"{name}.json").read_text())["code"])
    except (OSError, ValueError, KeyError, TypeError):
        raise Unusable(f"the contract {name} is not compiled yet; run make setup") from None
    return "0x" + code.removeprefix("0x")


def validator_storage(validators: Sequence[Validator]) -> Storage:
    """The ValidatorRegistry's storage with these validators; proposals, observers and evidence are empty."""
    storage: Storage = {VALIDATORS_SLOT: len(validators)}
    first = hashed(VALIDATORS_SLOT.to_bytes(32, "big"))
    for place, each in enumerate(validators):
        slot = first + place * VALIDATOR_WORDS
        storage[slot] = each.power << ADDRESS_BITS | int.from_bytes(each.account, "big")
        storage[slot + 1] = int.from_bytes(each.key, "big")
        storage[slot + 2] = int.from_bytes(each.node_id, "big")
        storage[slot + 3] = int.from_bytes(each.name.encode().ljust(32, b"\0"), "big")
        storage[_at(_left(each.account), PLACE_SLOT)] = place + 1
        storage[_at(_right(consensus_address(each.key)), OWNER_SLOT)] = int.from_bytes(each.account, "big")
        storage[_at(_right(each.node_id), NODE_SLOT)] = NodeStatus.OF_VALIDATOR
    return storage


def account_storage(governance: Governance) -> Storage:
    """The AccountRegistry's storage."""
    default = ALL_PERMISSIONS if governance.open_to_all else 0
    storage: Storage = {ADMIN_SLOT: default << ADDRESS_BITS | int.from_bytes(governance.admin, "big")}
    accounts = _once(governance.permitted)
    storage[ACCOUNTS_SLOT] = len(accounts)
    first = hashed(ACCOUNTS_SLOT.to_bytes(32, "big"))
    for place, account in enumerate(accounts):
        storage[first + place] = int.from_bytes(account, "big")
        storage[_at(_left(account), ENTRIES_SLOT)] = LISTED | ALL_PERMISSIONS
    return storage


def _once(accounts: Iterable[bytes]) -> list[bytes]:
    return list(dict.fromkeys(accounts))


def _at(key: bytes, slot: int) -> int:
    """The slot of a mapping's entry."""
    return hashed(key + slot.to_bytes(32, "big"))


def _left(address: bytes) -> bytes:
    return address.rjust(32, b"\0")


def _right(bytes20: bytes) -> bytes:
    return bytes20.ljust(32, b"\0")


def hashed(data: bytes) -> int:
    return int.from_bytes(keccak.new(digest_bits=256, data=data).digest(), "big")


def _word(value: int) -> str:
    return f"0x{value:064x}"
