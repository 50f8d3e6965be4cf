"""The ledger (RewardToken with PaymentProcessor) as the bridge calls it: calldata for posting, and the views it needs.

Types as in interfaces/IPaymentProcessor.sol and IRewardToken.sol; an ABI of its own would say the same again.
"""

from collections.abc import Sequence as Many
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from eth_abi.abi import decode, encode

from node.chain.rpc import Rpc
from node.domain.ids import Address, Hash32, MemberId, MinorUnits, Sequence, StreamId, Units
from node.domain.merkle import keccak

LEAF_BYTES: Final = 128


class RefundKind(IntEnum):
    """Why a line is undone (docs/batch.md, postRefunds)."""

    REFUND = 1
    VOID = 2
    REVERSAL = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class LineRefund:
    """A line to undo: its leaf's four words (128 bytes), the amount (0 = all that is left), and its proof."""

    leaf: bytes
    amount: MinorUnits
    root: Hash32
    proof: tuple[Hash32, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Refund:
    """Lines of one payment to undo, under a sequence of its own."""

    sequence: Sequence
    kind: RefundKind
    lines: tuple[LineRefund, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """What a member has: stored value in minor units, coins in units; `flags` as in docs/batch.md."""

    value: MinorUnits
    coins: Units
    tier: int
    flags: int


def selector(signature: str) -> bytes:
    """The first four bytes of calldata."""
    return keccak(signature.encode())[:4]


_LEAF: Final = "(bytes32,bytes32,bytes32,bytes32)"
_REFUNDS: Final = f"(uint64,uint8,({_LEAF},uint48,bytes32,bytes32[])[])[]"
_POST_BATCH: Final = selector("postBatch(bytes)")
_POST_REFUNDS: Final = selector(f"postRefunds(uint32,{_REFUNDS})")


def post_batch(batch: bytes) -> bytes:
    """The calldata of postBatch."""
    padding = -len(batch) % 32
    return _POST_BATCH + (32).to_bytes(32, "big") + len(batch).to_bytes(32, "big") + batch + bytes(padding)


def batch_of(calldata: bytes) -> bytes:
    """The batch in the calldata of postBatch."""
    length = int.from_bytes(calldata[36:68], "big")
    return calldata[68 : 68 + length]


def post_refunds(stream: StreamId, refunds: Many[Refund]) -> bytes:
    """The calldata of postRefunds."""
    values = [
        (
            refund.sequence,
            int(refund.kind),
            [
                (tuple(line.leaf[at : at + 32] for at in range(0, LEAF_BYTES, 32)), line.amount, line.root, line.proof)
                for line in refund.lines
            ],
        )
        for refund in refunds
    ]
    return _POST_REFUNDS + encode(["uint32", _REFUNDS], [stream, values])


def refunds_in(calldata: bytes) -> list[tuple[Sequence, bytes]]:
    """The sequences in the calldata of postRefunds, each with the leaf of its first line."""
    _, values = decode(["uint32", _REFUNDS], calldata[4:])
    return [(Sequence(sequence), b"".join(lines[0][0])) for sequence, _, lines in values]


class Ledger:
    """The deployed ledger's views, asked over JSON-RPC at the latest block."""

    def __init__(self, rpc: Rpc, address: Address) -> None:
        self._rpc = rpc
        self.address = address

    async def poster(self, stream: StreamId) -> Address:
        """Who may post this stream; 20 zero bytes for nobody."""
        words = await self._view("stream(uint32)", stream, ["address", "uint40", "uint16", "uint40", "uint40"])
        return Address(bytes.fromhex(str(words[0])[2:]))

    async def is_posted(self, stream: StreamId, sequence: Sequence) -> bool:
        """Whether a sequence of a stream is consumed."""
        data = selector("isPosted(uint32,uint64)") + encode(["uint32", "uint64"], [stream, sequence])
        return int(await self._call(data), 16) != 0

    async def account(self, member: MemberId) -> Account:
        """A member's account, its epoch rolled to now."""
        shape = ["uint56", "uint56", "uint56", "uint48", "uint16", "uint8", "uint16"]
        value, current, previous, _, _, tier, flags = await self._view("account(uint64)", member, shape)
        return Account(value=MinorUnits(value), coins=Units(current + previous), tier=tier, flags=flags)

    async def number(self, view: str) -> int:
        """A view without arguments that returns one number, such as `unitsPerMinorUnit`."""
        return int(await self._call(selector(f"{view}()")), 16)

    async def _view(self, signature: str, argument: int, shape: list[str]) -> tuple[Any, ...]:
        answer = await self._call(selector(signature) + int(argument).to_bytes(32, "big"))
        return tuple(decode(shape, bytes.fromhex(answer[2:])))

    async def _call(self, data: bytes) -> str:
        call = {"to": "0x" + self.address.hex(), "data": "0x" + data.hex()}
        return str(await self._rpc.call("eth_call", call, "latest"))
