"""The execution payload that one CometBFT block carries: its compact binary form, and geth's JSON form.

Pure. Every field stands in the binary form exactly once, at a fixed place or after its length, so that a field can
be neither unknown nor repeated. That matters because geth reads JSON keys without regard to case: a second
`ParentHash` would override the `parentHash` that was checked. geth only ever gets what `payload_to_json` writes.
Source of the fields: ExecutionPayloadV3, execution-apis src/engine/cancun.md. Prague (prague.md) adds no field; the
execution requests that go beside it (EIP-7685) are always none here, so the form has no place for any.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from node.consensus.errors import ProposalRefused
from node.domain.ids import Address, Hash32

CANCUN, PRAGUE = 1, 2
"""Versions, the first byte: a fork that changes the Engine calls takes the next number."""
VERSIONS: Final = frozenset({CANCUN, PRAGUE})
HEAD: Final = struct.Struct(">B32s20s32s32s256s32sQQQQ32s32sQQB")
COUNT: Final = struct.Struct(">I")
JSON_FIELDS: Final = frozenset(
    {
        "parentHash",
        "feeRecipient",
        "stateRoot",
        "receiptsRoot",
        "logsBloom",
        "prevRandao",
        "blockNumber",
        "gasLimit",
        "gasUsed",
        "timestamp",
        "extraData",
        "baseFeePerGas",
        "blockHash",
        "transactions",
        "withdrawals",
        "blobGasUsed",
        "excessBlobGas",
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Payload:
    """An execution payload without withdrawals and requests. Times in seconds, base fee in wei, transactions raw.

    `version` says by which fork's Engine calls geth takes it.
    """

    parent_hash: Hash32
    fee_recipient: Address
    state_root: Hash32
    receipts_root: Hash32
    logs_bloom: bytes
    prev_randao: Hash32
    number: int
    gas_limit: int
    gas_used: int
    timestamp: int
    base_fee: int
    block_hash: Hash32
    blob_gas_used: int
    excess_blob_gas: int
    extra_data: bytes
    transactions: tuple[bytes, ...]
    version: int = CANCUN


def encode_payload(payload: Payload) -> bytes:
    """The binary form. Raises OverflowError or struct.error for a number that does not fit its place."""
    head = HEAD.pack(
        payload.version,
        payload.parent_hash,
        payload.fee_recipient,
        payload.state_root,
        payload.receipts_root,
        payload.logs_bloom,
        payload.prev_randao,
        payload.number,
        payload.gas_limit,
        payload.gas_used,
        payload.timestamp,
        payload.base_fee.to_bytes(32, "big"),
        payload.block_hash,
        payload.blob_gas_used,
        payload.excess_blob_gas,
        len(payload.extra_data),
    )
    parts = [head, payload.extra_data, COUNT.pack(len(payload.transactions))]
    for raw in payload.transactions:
        parts += (COUNT.pack(len(raw)), raw)
    return b"".join(parts)


def decode_payload(data: bytes) -> Payload:
    """The payload of a binary form; raises ProposalRefused unless every byte of it is accounted for."""
    if not data or data[0] not in VERSIONS:
        raise ProposalRefused(f"payload version {data[0] if data else None}, known are {sorted(VERSIONS)}")
    try:
        fields = HEAD.unpack_from(data)
        position = HEAD.size + fields[-1]
        extra_data = data[HEAD.size : position]
        (count,) = COUNT.unpack_from(data, position)
        position += COUNT.size
        transactions = []
        for _ in range(count):
            (length,) = COUNT.unpack_from(data, position)
            position += COUNT.size + length
            transactions.append(data[position - length : position])
    except struct.error:
        raise ProposalRefused("the payload is cut short") from None
    if position != len(data):
        raise ProposalRefused(f"{len(data) - position} bytes after the payload's end")
    return Payload(
        parent_hash=fields[1],
        fee_recipient=fields[2],
        state_root=fields[3],
        receipts_root=fields[4],
        logs_bloom=fields[5],
        prev_randao=fields[6],
        number=fields[7],
        gas_limit=fields[8],
        gas_used=fields[9],
        timestamp=fields[10],
        base_fee=int.from_bytes(fields[11], "big"),
        block_hash=fields[12],
        blob_gas_used=fields[13],
        excess_blob_gas=fields[14],
        extra_data=extra_data,
        transactions=tuple(transactions),
        version=data[0],
    )


def payload_to_json(payload: Payload) -> dict[str, Any]:
    """ExecutionPayloadV3 as `engine_newPayloadV3` and `V4` take it."""
    return {
        "parentHash": _hex(payload.parent_hash),
        "feeRecipient": _hex(payload.fee_recipient),
        "stateRoot": _hex(payload.state_root),
        "receiptsRoot": _hex(payload.receipts_root),
        "logsBloom": _hex(payload.logs_bloom),
        "prevRandao": _hex(payload.prev_randao),
        "blockNumber": hex(payload.number),
        "gasLimit": hex(payload.gas_limit),
        "gasUsed": hex(payload.gas_used),
        "timestamp": hex(payload.timestamp),
        "extraData": _hex(payload.extra_data),
        "baseFeePerGas": hex(payload.base_fee),
        "blockHash": _hex(payload.block_hash),
        "transactions": [_hex(raw) for raw in payload.transactions],
        "withdrawals": [],
        "blobGasUsed": hex(payload.blob_gas_used),
        "excessBlobGas": hex(payload.excess_blob_gas),
    }


def payload_from_json(answer: Mapping[str, Any], version: int = CANCUN) -> Payload:
    """The payload that geth built, to be of this version.

    Raises ProposalRefused for any field too many, missing or malformed.
    """
    if unlike := set(answer) ^ JSON_FIELDS:
        raise ProposalRefused(f"fields that differ: {', '.join(sorted(unlike))}")
    if answer["withdrawals"]:
        raise ProposalRefused("it has withdrawals, which would mint coin")
    try:
        return Payload(
            parent_hash=Hash32(_sized(answer, "parentHash", 32)),
            fee_recipient=Address(_sized(answer, "feeRecipient", 20)),
            state_root=Hash32(_sized(answer, "stateRoot", 32)),
            receipts_root=Hash32(_sized(answer, "receiptsRoot", 32)),
            logs_bloom=_sized(answer, "logsBloom", 256),
            prev_randao=Hash32(_sized(answer, "prevRandao", 32)),
            number=int(answer["blockNumber"], 16),
            gas_limit=int(answer["gasLimit"], 16),
            gas_used=int(answer["gasUsed"], 16),
            timestamp=int(answer["timestamp"], 16),
            base_fee=int(answer["baseFeePerGas"], 16),
            block_hash=Hash32(_sized(answer, "blockHash", 32)),
            blob_gas_used=int(answer["blobGasUsed"], 16),
            excess_blob_gas=int(answer["excessBlobGas"], 16),
            extra_data=_bytes(answer["extraData"]),
            transactions=tuple(_bytes(raw) for raw in answer["transactions"]),
            version=version,
        )
    except (TypeError, ValueError) as failure:
        raise ProposalRefused(f"a field cannot be read ({failure})") from None


def _hex(data: bytes) -> str:
    return "0x" + data.hex()


def _bytes(text: str) -> bytes:
    if not text.startswith("0x"):
        raise ValueError("not hex")
    return bytes.fromhex(text[2:])


def _sized(answer: Mapping[str, Any], field: str, size: int) -> bytes:
    data = _bytes(answer[field])
    if len(data) != size:
        raise ValueError(f"{field} has {len(data)} bytes")
    return data
