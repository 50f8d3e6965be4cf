"""Blocks, transactions and logs that are what the headers' roots say, in order; the only thing an audit believes.

Every header is hashed and linked to the one before; receipts and transactions are hashed to the header's roots. A block
whose bloom filter has none of the contracts holds no log of theirs, so its receipts are not asked for. Stage before:
chain/rpc. Stage after: follow.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from node.chain.rlp import Rlp, encode_list, root_of_list
from node.chain.rpc import Rpc, RpcRefused
from node.domain.errors import TillnetError
from node.domain.ids import Address, Hash32
from node.domain.merkle import keccak
from node.explorer.receipt_trie import encode_header, encode_receipt

HEADERS_AT_ONCE: Final = 20
"""Calls in one request; what a gateway grants the public."""
REQUESTS_AHEAD: Final = 4
UNREADABLE: Final = (KeyError, TypeError, ValueError, AttributeError)
"""What a gateway's malformed block raises where it is taken apart."""


class EvidenceBroken(TillnetError):
    """The gateway shows something that the block's header does not prove."""


class StateGone(TillnetError):
    """The gateway no longer has what the audit needs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RawLog:
    """A proven log."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Transaction:
    """A proven transaction that succeeded; `to` is None where it made a contract."""

    hash: Hash32
    to: bytes | None
    calldata: bytes
    logs: tuple[RawLog, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ProvenBlock:
    """A block by its header. `transactions` are those with logs of the contracts, and only where there are any."""

    number: int
    hash: Hash32
    time: int
    state_root: Hash32
    receipts_root: Hash32
    transactions: tuple[Transaction, ...] = ()


class Evidence:
    """The chain of blocks as one gateway shows it, believed only as far as it proves itself."""

    def __init__(self, rpc: Rpc, contracts: Sequence[Address]) -> None:
        self._rpc = rpc
        self._contracts = frozenset(bytes(each) for each in contracts)
        self._places = [_bloom_bits(each) for each in self._contracts]

    async def blocks(self, first: int, last: int) -> AsyncIterator[ProvenBlock]:
        """All blocks of a range in order. Raises EvidenceBroken, StateGone, ChainUnreachable."""
        parent: str | None = None
        starts = iter(range(first, last + 1, HEADERS_AT_ONCE))
        asked: list[asyncio.Task[list[tuple[Any, Any]]]] = []
        try:
            while True:
                while len(asked) < REQUESTS_AHEAD and (start := next(starts, None)) is not None:
                    asked.append(asyncio.create_task(self._group(start, min(start + HEADERS_AT_ONCE - 1, last))))
                if not asked:
                    return
                for header, receipts in await asked.pop(0):
                    if parent is not None and header["parentHash"] != parent:
                        raise EvidenceBroken(f"block {_number(header)} does not follow the one before it")
                    parent = header["hash"]
                    yield self._proven(header, receipts)
        finally:
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)

    async def _group(self, first: int, last: int) -> list[tuple[Any, Any]]:
        """Headers of a few blocks, each with its receipts and its transactions where the bloom filter calls for it."""
        numbers = range(first, last + 1)
        headers = await self._rpc.call_batch("eth_getBlockByNumber", [(hex(number), False) for number in numbers])
        for number, header in zip(numbers, headers, strict=True):
            if header is None:
                raise StateGone(f"it has no block {number}")
            try:
                _check_header(header, number)
            except UNREADABLE as failure:
                raise EvidenceBroken(f"block {number} is none ({type(failure).__name__}: {failure})") from None
        return [(header, await self._contents(header) if self._may_hold(header) else None) for header in headers]

    async def _contents(self, header: Mapping[str, Any]) -> tuple[Any, Any]:
        try:
            receipts, block = await asyncio.gather(
                self._rpc.call("eth_getBlockReceipts", header["number"]),
                self._rpc.call("eth_getBlockByHash", header["hash"], True),
            )
        except RpcRefused as refused:
            raise StateGone(f"block {_number(header)}: {refused}") from None
        if receipts is None or block is None:
            raise StateGone(f"it has lost what block {_number(header)} holds")
        return receipts, block

    def _may_hold(self, header: Mapping[str, Any]) -> bool:
        bloom = bytes.fromhex(header["logsBloom"][2:])
        return any(all(bloom[byte] & bit for byte, bit in places) for places in self._places)

    def _proven(self, header: Mapping[str, Any], contents: tuple[Any, Any] | None) -> ProvenBlock:
        number = _number(header)
        transactions: tuple[Transaction, ...] = ()
        if contents is not None:
            receipts, block = contents
            try:
                _check_roots(header, receipts, block["transactions"])
                pairs = zip(receipts, block["transactions"], strict=True)
                transactions = tuple(_transaction(sent, receipt) for receipt, sent in pairs if self._concerns(receipt))
            except UNREADABLE as failure:
                raise EvidenceBroken(f"block {number} is none ({type(failure).__name__}: {failure})") from None
        return ProvenBlock(
            number=number,
            hash=Hash32(bytes.fromhex(header["hash"][2:])),
            time=int(header["timestamp"], 16),
            state_root=Hash32(bytes.fromhex(header["stateRoot"][2:])),
            receipts_root=Hash32(bytes.fromhex(header["receiptsRoot"][2:])),
            transactions=transactions,
        )

    def _concerns(self, receipt: Mapping[str, Any]) -> bool:
        return any(bytes.fromhex(log["address"][2:]) in self._contracts for log in receipt["logs"])


def encode_transaction(sent: Mapping[str, Any]) -> bytes:
    """A transaction as JSON-RPC gives it, in its consensus form (EIP-155, EIP-2930, EIP-1559).

    Raises ValueError for a type that the network's validators refuse.
    """
    kind = int(sent.get("type") or "0x0", 16)
    whole = {name: _whole(sent[name]) for name in ("nonce", "gas", "value")}
    body = [whole["gas"], _data(sent["to"] or "0x"), whole["value"], _data(sent["input"])]
    signature = [_whole(sent["r"]), _whole(sent["s"])]
    if kind == 0:
        return encode_list([whole["nonce"], _whole(sent["gasPrice"]), *body, _whole(sent["v"]), *signature])
    if kind not in (1, 2):
        raise ValueError(f"a transaction of type {kind}")
    fees = ("gasPrice",) if kind == 1 else ("maxPriorityFeePerGas", "maxFeePerGas")
    entries = sent.get("accessList") or []
    listed: list[Rlp] = [[_data(each["address"]), [_data(key) for key in each["storageKeys"]]] for each in entries]
    parity = _whole(sent["yParity"] if "yParity" in sent else sent["v"])
    head = [_whole(sent["chainId"]), whole["nonce"], *(_whole(sent[fee]) for fee in fees)]
    return bytes([kind]) + encode_list([*head, *body, listed, parity, *signature])


def _check_header(header: Mapping[str, Any], number: int) -> None:
    if _number(header) != number or "0x" + keccak(encode_header(header)).hex() != header["hash"]:
        raise EvidenceBroken(f"the header of block {number} does not have the hash {header['hash']}")


def _check_roots(header: Mapping[str, Any], receipts: Sequence[Any], transactions: Sequence[Any]) -> None:
    number = _number(header)
    for what, root, encoded in (
        ("receipts", header["receiptsRoot"], [encode_receipt(each) for each in receipts]),
        ("transactions", header["transactionsRoot"], [encode_transaction(each) for each in transactions]),
    ):
        if "0x" + root_of_list(encoded).hex() != root:
            raise EvidenceBroken(f"the {what} of block {number} do not have the root {root}: something was altered")


def _transaction(sent: Mapping[str, Any], receipt: Mapping[str, Any]) -> Transaction:
    return Transaction(
        hash=Hash32(bytes.fromhex(receipt["transactionHash"][2:])),
        to=_data(sent["to"]) if sent["to"] else None,
        calldata=_data(sent["input"]),
        logs=tuple(
            RawLog(address=_data(log["address"]), topics=tuple(map(_data, log["topics"])), data=_data(log["data"]))
            for log in receipt["logs"]
        ),
    )


def _bloom_bits(address: bytes) -> list[tuple[int, int]]:
    """Where a log of this contract sets the bloom filter (Yellow Paper, 4.3.1): places of bytes, and the bit there."""
    digest = keccak(address)
    numbers = [int.from_bytes(digest[at : at + 2], "big") % 2048 for at in (0, 2, 4)]
    return [(255 - number // 8, 1 << number % 8) for number in numbers]


def _index(place: int) -> bytes:
    return place.to_bytes((place.bit_length() + 7) // 8, "big")


def _number(header: Mapping[str, Any]) -> int:
    return int(header["number"], 16)


def _data(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def _whole(text: str) -> bytes:
    return _index(int(text, 16))
