"""What the chain says about a contract: its code, and with which code and arguments which transaction created it.

After it node/explorer/sources/verify.py compares. Contracts that other contracts created are found in the trace of the
transaction, if the gateway gives one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from node.chain.rpc import Rpc, RpcRefused
from node.domain.ids import Address, Hash32

_CREATING: Final = ("CREATE", "CREATE2")


@dataclass(frozen=True, kw_only=True, slots=True)
class Creation:
    """The transaction that created a contract, who sent it, its block, and the code with arguments that ran."""

    transaction: Hash32
    creator: Address
    block: int
    code: bytes


async def code_at(rpc: Rpc, address: Address) -> bytes:
    """The code at an address, empty when there is none. Raises ChainUnreachable."""
    return bytes.fromhex(str(await rpc.call("eth_getCode", _hex(address), "latest"))[2:])


async def creation_in(rpc: Rpc, transaction: Hash32, address: Address) -> Creation | None:
    """How this transaction created the contract; None when it did not, or the gateway does not show how.

    Raises ChainUnreachable.
    """
    receipt = await rpc.call("eth_getTransactionReceipt", _hex(transaction))
    if receipt is None or receipt["status"] != "0x1":
        return None
    if str(receipt.get("contractAddress") or "").lower() == _hex(address):
        sent = await rpc.call("eth_getTransactionByHash", _hex(transaction))
        return _creation(transaction, receipt, str(sent["from"]), str(sent["input"]))
    try:
        trace = await rpc.call("debug_traceTransaction", _hex(transaction), {"tracer": "callTracer"})
    except RpcRefused:
        return None
    for call in _calls(trace):
        if call["type"] in _CREATING and str(call.get("to") or "").lower() == _hex(address):
            return _creation(transaction, receipt, str(call["from"]), str(call["input"]))
    return None


def _creation(transaction: Hash32, receipt: dict[str, Any], creator: str, code: str) -> Creation:
    return Creation(
        transaction=transaction,
        creator=Address(bytes.fromhex(creator[2:])),
        block=int(receipt["blockNumber"], 16),
        code=bytes.fromhex(code[2:]),
    )


def _calls(trace: dict[str, Any]) -> Iterator[dict[str, Any]]:
    left = [trace]
    while left:
        call = left.pop()
        yield call
        left += call.get("calls", [])


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
