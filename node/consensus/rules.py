"""The one canonical form of a block: what ProcessProposal demands, and PrepareProposal makes.

Pure. Two honest validators never differ about it: it looks only at the block, at its parent and at settings that
stand in the genesis document, or, for a fork scheduled later, in every validator's settings. Whoever lacks the fork
there stops at it (`till net fork`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from node.consensus.errors import ProposalRefused, TransactionRefused
from node.consensus.payload import CANCUN, PRAGUE, Payload
from node.consensus.permissions import SenderPolicy
from node.consensus.registry import DEPLOY, SEND
from node.consensus.transactions import Transaction, decode_transaction, recover_sender
from node.domain.ids import Address, Hash32

NO_BLOB_GAS: Final = 0
LEAST_TRANSACTION_GAS: Final = 21_000


@dataclass(frozen=True, kw_only=True, slots=True)
class ChainRules:
    """Settings that every validator shares, from the genesis document. Gas in gas, sizes in bytes.

    `prague_time` is the first block timestamp (seconds since 1970) that Prague's rules hold for; None: not scheduled.
    """

    chain_id: int
    genesis_hash: Hash32
    fee_recipient: Address
    extra_data: bytes
    gas_limit: int
    transaction_gas_cap: int
    payload_bytes: int
    prague_time: int | None = None

    @classmethod
    def from_json(cls, text: Mapping[str, Any]) -> "ChainRules":
        """The rules as they stand in the `app_state` of CometBFT's genesis document."""
        return cls(
            chain_id=int(text["chain_id"]),
            genesis_hash=Hash32(bytes.fromhex(text["genesis_hash"].removeprefix("0x"))),
            fee_recipient=Address(bytes.fromhex(text["fee_recipient"].removeprefix("0x"))),
            extra_data=bytes.fromhex(text["extra_data"].removeprefix("0x")),
            gas_limit=int(text["gas_limit"]),
            transaction_gas_cap=int(text["transaction_gas_cap"]),
            payload_bytes=int(text["payload_bytes"]),
            prague_time=int(text["prague_time"]) if "prague_time" in text else None,
        )

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        forks = {} if self.prague_time is None else {"prague_time": self.prague_time}
        return {
            "chain_id": self.chain_id,
            "genesis_hash": "0x" + self.genesis_hash.hex(),
            "fee_recipient": "0x" + self.fee_recipient.hex(),
            "extra_data": "0x" + self.extra_data.hex(),
            "gas_limit": self.gas_limit,
            "transaction_gas_cap": self.transaction_gas_cap,
            "payload_bytes": self.payload_bytes,
            **forks,
        }

    def payload_version(self, timestamp: int) -> int:
        """The version of a payload with this timestamp."""
        return PRAGUE if self.prague_time is not None and timestamp >= self.prague_time else CANCUN


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """A block of the execution chain, as far as the next one depends on it."""

    number: int
    hash: Hash32
    timestamp: int


def timestamp_after(parent: Head, block_time: int) -> int:
    """The EVM timestamp of the block after `parent`: CometBFT's time in whole seconds, and always rising."""
    return max(parent.timestamp + 1, block_time)


def randao_after(parent: Head) -> Hash32:
    """`prevRandao` is the parent's hash: fixed for all, and known beforehand. No contract may take it for chance."""
    return parent.hash


def check_header(payload: Payload, *, parent: Head, height: int, block_time: int, rules: ChainRules) -> None:
    """Raises ProposalRefused unless each field that the proposer could choose has its one permitted value."""
    expected: dict[str, tuple[object, object]] = {
        "parent hash": (payload.parent_hash, parent.hash),
        "number": (payload.number, height),
        "number after its parent": (payload.number, parent.number + 1),
        "fee recipient": (payload.fee_recipient, rules.fee_recipient),
        "timestamp": (payload.timestamp, timestamp_after(parent, block_time)),
        "prevRandao": (payload.prev_randao, randao_after(parent)),
        "gas limit": (payload.gas_limit, rules.gas_limit),
        "extra data": (payload.extra_data, rules.extra_data),
        "payload version": (payload.version, rules.payload_version(payload.timestamp)),
        "blob gas used": (payload.blob_gas_used, NO_BLOB_GAS),
        "excess blob gas": (payload.excess_blob_gas, NO_BLOB_GAS),
    }
    for name, (found, wanted) in expected.items():
        if found != wanted:
            raise ProposalRefused(f"{name} is {_shown(found)}, expected {_shown(wanted)}")
    # empty ones fit by the hundred thousand into the bytes of a block, and looking at each takes a second
    most = rules.gas_limit // LEAST_TRANSACTION_GAS
    if len(payload.transactions) > most:
        raise ProposalRefused(f"{len(payload.transactions)} transactions, the gas limit allows {most}")


def check_transaction(raw: bytes, rules: ChainRules) -> Transaction:
    """A raw transaction that the network takes, whoever sent it; raises TransactionRefused with the reason."""
    transaction = decode_transaction(raw)
    if transaction.chain_id != rules.chain_id:
        raise TransactionRefused(f"its chain id is {transaction.chain_id}, this network's is {rules.chain_id}")
    if transaction.gas > rules.transaction_gas_cap:
        raise TransactionRefused(f"its gas limit is {transaction.gas}, at most {rules.transaction_gas_cap} is allowed")
    return transaction


async def find_offenders(
    transactions: Iterable[bytes], *, parent: Head, rules: ChainRules, policy: SenderPolicy
) -> set[int]:
    """Places of the transactions that must not stand in a block on top of `parent`."""
    offenders = set()
    asked: dict[int, tuple[Address, bool]] = {}
    for place, raw in enumerate(transactions):
        try:
            transaction = check_transaction(raw, rules)
            asked[place] = (recover_sender(transaction), transaction.creates)
        except TransactionRefused:
            offenders.add(place)
    permissions = await policy.permissions({sender for sender, _ in asked.values()}, at=parent.hash)
    return offenders | {place for place, (sender, creates) in asked.items() if not allows(permissions[sender], creates)}


def allows(permissions: int, creates: bool) -> bool:
    """Whether these permissions suffice for a transaction, or for one that creates a contract."""
    needed = SEND | DEPLOY if creates else SEND
    return permissions & needed == needed


def _shown(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
