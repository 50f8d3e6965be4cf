"""Internal calls of a block, as callTracer tells them, with revert reasons in words; contracts made by contracts.

No root covers a trace: it is the node's word. What can be compared with the block is: who called whom with what.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from node.chain.checked import CheckedBlock, CheckedTransaction, LyingNode
from node.domain.merkle import keccak
from node.indexer.decode import ARTIFACTS
from node.indexer.known import Known
from node.indexer.rows import Rows
from node.indexer.tables import chain

Traces = Sequence[Mapping[str, Any]]
TEXT: Final = bytes.fromhex("08c379a0")
PANIC: Final = bytes.fromhex("4e487b71")
MAX_REASON: Final = 500
CREATIONS: Final = ("CREATE", "CREATE2")


def apply_traces(rows: Rows, known: Known, block: CheckedBlock, traces: Traces) -> None:
    """The calls of a block's transactions. Raises LyingNode when they are not of these transactions."""
    if len(traces) != len(block.transactions):
        raise LyingNode(f"block {block.number} has {len(block.transactions)} transactions and {len(traces)} traces")
    for transaction, trace in zip(block.transactions, traces, strict=True):
        frame = trace["result"]
        _compare(block, transaction, frame)
        for position, parent, depth, each in _walk(frame):
            if position or "error" in each:
                _append(rows, known, transaction, position, parent, depth, each)


def _compare(block: CheckedBlock, transaction: CheckedTransaction, frame: Mapping[str, Any]) -> None:
    same = _data(frame["from"]) == transaction.sender and _data(frame.get("input", "0x")) == transaction.input
    if transaction.receiver is not None:
        same = same and _data(frame["to"]) == transaction.receiver
    if not same or ("error" in frame) == transaction.succeeded:
        raise LyingNode(f"a trace of block {block.number} is not of its transaction 0x{transaction.hash.hex()}")


def _walk(frame: Mapping[str, Any]) -> Iterator[tuple[int, int | None, int, Mapping[str, Any]]]:
    """Each call with its position, its caller's and its depth, in the order in which they were made."""
    waiting: list[tuple[int | None, int, Mapping[str, Any]]] = [(None, 0, frame)]
    position = 0
    while waiting:
        parent, depth, each = waiting.pop()
        yield position, parent, depth, each
        waiting += [(position, depth + 1, call) for call in reversed(each.get("calls", ()))]
        position += 1


def _append(
    rows: Rows,
    known: Known,
    transaction: CheckedTransaction,
    position: int,
    parent: int | None,
    depth: int,
    frame: Mapping[str, Any],
) -> None:
    receiver = _data(frame["to"]) if frame.get("to") else None
    output, failed = _data(frame.get("output") or "0x"), "error" in frame
    rows.append(
        chain.calls,
        (
            rows.block, transaction.position, position, parent, depth, frame["type"], _data(frame["from"]), receiver,
            str(int(frame.get("value") or "0x0", 16)), int(frame.get("gas", "0x0"), 16),
            int(frame.get("gasUsed", "0x0"), 16), _data(frame.get("input", "0x")) if position else b"", output,
            _clean(str(frame["error"])) if failed else None, reason_in(output) if failed else None,
        ),
    )  # fmt: skip
    if position and not failed and frame["type"] in CREATIONS and receiver is not None:
        made = rows.at(chain.contracts, receiver)
        made.update(
            name=known.names.get(receiver), creator=_data(frame["from"]), block=rows.block,
            transaction=transaction.position,
        )  # fmt: skip


def reason_in(output: bytes) -> str | None:
    """Why a call was reverted, by its revert data: a text, a panic's code, or a typed error of the suite."""
    selector, data = output[:4], output[4:]
    try:
        if selector == TEXT:
            return _clean(str(decode(["string"], data)[0]))
        if selector == PANIC:
            return f"Panic(0x{decode(['uint256'], data)[0]:02x})"
        known = _errors().get(selector)
        if known is None:
            return None
        name, kinds = known
        return _clean(f"{name}({', '.join(_said(value) for value in decode(kinds, data))})")
    except (DecodingError, UnicodeDecodeError, OverflowError):
        return None


@cache
def _errors() -> Mapping[bytes, tuple[str, tuple[str, ...]]]:
    found: dict[bytes, tuple[str, tuple[str, ...]]] = {}
    for file in sorted(ARTIFACTS.glob("*.json")):
        for entry in json.loads(file.read_text())["abi"]:
            if entry["type"] == "error" and not any(str(i["type"]).startswith("tuple") for i in entry["inputs"]):
                kinds = tuple(str(each["type"]) for each in entry["inputs"])
                found[keccak(f"{entry['name']}({','.join(kinds)})".encode())[:4]] = (entry["name"], kinds)
    return found


def _said(value: Any) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)


def _clean(text: str) -> str:
    """Text that every database takes, and no longer than a page shows."""
    return text.replace("\x00", "\ufffd")[:MAX_REASON]


def _data(text: str) -> bytes:
    return bytes.fromhex(text[2:])
