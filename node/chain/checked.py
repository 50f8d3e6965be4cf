"""Blocks as a node gives them, checked: what their hash does not cover is computed, what it covers is compared.

Of a block that passes, nothing but the node's choice of the chain is left to believe: the header hashes to the block's
hash, transactions and receipts (with every log) to the header's roots, senders are recovered from signatures. Before it
the node, after it node/indexer. Sources: the Yellow Paper, sections 4.3 and 6; EIP-155, 1559, 2718, 2930, 4844, 7702.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from node.chain.rlp import Rlp, bytes_of, data_in, encode_list, encode_text, number_in, root_of_list, whole_in
from node.chain.signed import SignedTransaction, UnknownTransaction
from node.domain.errors import TillnetError
from node.domain.merkle import keccak


class LyingNode(TillnetError):
    """The node says something of a block that the block's own hash refutes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckedLog:
    """An event, by its index in the block."""

    position: int
    transaction: int
    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckedTransaction:
    """A transaction with its receipt; `gas_price` is what was paid, wei a gas."""

    position: int
    hash: bytes
    sender: bytes
    receiver: bytes | None
    nonce: int
    value: int
    gas: int
    gas_price: int
    kind: int
    input: bytes
    succeeded: bool
    gas_used: int
    cumulative_gas: int
    contract: bytes | None
    first_log: int
    logs: int


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckedBlock:
    """A block, all of it."""

    number: int
    hash: bytes
    parent: bytes
    time: int
    proposer: bytes
    gas_used: int
    gas_limit: int
    base_fee: int
    size: int
    state_root: bytes
    transactions_root: bytes
    receipts_root: bytes
    extra_data: bytes
    transactions: tuple[CheckedTransaction, ...]
    logs: tuple[CheckedLog, ...]


def check_block(
    block: Mapping[str, Any], receipts: Sequence[Mapping[str, Any]], *, believe_senders: bool = False
) -> CheckedBlock:
    """The block with these receipts, as eth_getBlockByNumber (full) and eth_getBlockReceipts give them.

    With `believe_senders` they are taken from the node: a development chain lets anybody send for anybody, unsigned.
    Raises LyingNode when they are not what the block's hash says.
    """
    number = whole_in(block["number"])
    try:
        return _checked(block, receipts, number, believe_senders)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, UnknownTransaction) as error:
        reason = f"{type(error).__name__}: {error}"
        raise LyingNode(f"what the node says of block {number} cannot be read ({reason})") from None


def _checked(
    block: Mapping[str, Any], receipts: Sequence[Mapping[str, Any]], number: int, believe: bool
) -> CheckedBlock:
    if keccak(encode_header(block)) != data_in(block["hash"]):
        raise LyingNode(f"the header of block {number} does not hash to {block['hash']}")
    found = block["transactions"]
    if len(found) != len(receipts):
        raise LyingNode(f"block {number} has {len(found)} transactions and {len(receipts)} receipts")
    signed = [SignedTransaction.read(each) for each in found]
    encoded = [each.encoded() for each in signed]
    if root_of_list(encoded) != data_in(block["transactionsRoot"]):
        raise LyingNode(f"the transactions of block {number} do not hash to its transactions root")
    base_fee = whole_in(block.get("baseFeePerGas") or "0x0")
    logs: list[CheckedLog] = []
    transactions: list[CheckedTransaction] = []
    coded: list[bytes] = []
    before = 0
    for position, (said, receipt, raw) in enumerate(zip(signed, receipts, encoded, strict=True)):
        first = len(logs)
        coded.append(_receipt(receipt, position, logs))
        cumulative = whole_in(receipt["cumulativeGasUsed"])
        sender = data_in(found[position]["from"]) if believe else said.sender()
        transactions.append(
            _transaction(said, sender, raw, position, base_fee, receipt, cumulative - before, first, len(logs))
        )
        before = cumulative
    if root_of_list(coded) != data_in(block["receiptsRoot"]):
        raise LyingNode(f"the receipts of block {number} do not hash to its receipts root: a log was altered")
    return CheckedBlock(
        number=number,
        hash=data_in(block["hash"]),
        parent=data_in(block["parentHash"]),
        time=whole_in(block["timestamp"]),
        proposer=data_in(block["miner"]),
        gas_used=whole_in(block["gasUsed"]),
        gas_limit=whole_in(block["gasLimit"]),
        base_fee=base_fee,
        size=whole_in(block.get("size") or "0x0"),
        state_root=data_in(block["stateRoot"]),
        transactions_root=data_in(block["transactionsRoot"]),
        receipts_root=data_in(block["receiptsRoot"]),
        extra_data=data_in(block["extraData"]),
        transactions=tuple(transactions),
        logs=tuple(logs),
    )


def encode_header(block: Mapping[str, Any]) -> bytes:
    """A header in RLP, with as many of the later forks' fields as the block has."""
    fields: list[Rlp] = [
        *(data_in(block[name]) for name in ("parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot")),
        *(data_in(block[name]) for name in ("receiptsRoot", "logsBloom")),
        *(number_in(block[name]) for name in ("difficulty", "number", "gasLimit", "gasUsed", "timestamp")),
        *(data_in(block[name]) for name in ("extraData", "mixHash", "nonce")),
    ]
    for name, read in _LATER:
        if block.get(name) is None:
            break
        fields.append(read(block[name]))
    return encode_list(fields)


def _transaction(
    signed: SignedTransaction,
    sender: bytes,
    raw: bytes,
    position: int,
    base_fee: int,
    receipt: Mapping[str, Any],
    gas_used: int,
    first: int,
    after: int,
) -> CheckedTransaction:
    succeeded = whole_in(receipt["status"]) == 1
    made = signed.receiver == b"" and succeeded
    return CheckedTransaction(
        position=position,
        hash=keccak(raw),
        sender=sender,
        receiver=signed.receiver or None,
        nonce=signed.nonce,
        value=signed.value,
        gas=signed.gas,
        gas_price=signed.price(base_fee),
        kind=signed.kind,
        input=signed.input,
        succeeded=succeeded,
        gas_used=gas_used,
        cumulative_gas=whole_in(receipt["cumulativeGasUsed"]),
        contract=keccak(encode_list([sender, bytes_of(signed.nonce)]))[12:] if made else None,
        first_log=first,
        logs=after - first,
    )


def _receipt(receipt: Mapping[str, Any], transaction: int, logs: list[CheckedLog]) -> bytes:
    """A receipt in its consensus form; its logs are appended to those of the block."""
    parts: list[bytes] = []
    for log in receipt["logs"]:
        address, data = data_in(log["address"]), data_in(log["data"])
        topics = tuple([data_in(topic) for topic in log["topics"]])
        logs.append(CheckedLog(position=len(logs), transaction=transaction, address=address, topics=topics, data=data))
        parts.append(encode_list([address, list(topics), data]))
    kind = whole_in(receipt.get("type") or "0x0")
    status = number_in(receipt["status"])
    body = encode_text(status) + encode_text(number_in(receipt["cumulativeGasUsed"]))
    body += encode_text(data_in(receipt["logsBloom"])) + encode_list([], b"".join(parts))
    return (bytes([kind]) if kind else b"") + encode_list([], body)


_LATER: Final = (
    ("baseFeePerGas", number_in),
    ("withdrawalsRoot", data_in),
    ("blobGasUsed", number_in),
    ("excessBlobGas", number_in),
    ("parentBeaconBlockRoot", data_in),
    ("requestsHash", data_in),
)
"""What London and the forks after it added to the header, in that order."""
