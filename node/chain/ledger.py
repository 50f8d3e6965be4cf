"""The ledger (RewardToken with PaymentProcessor) as the bridge calls it: calldata for posting, and the views it needs.

Types as in interfaces/IPaymentProcessor.sol and IRewardToken.sol; an ABI of its own would say the same again.
"""

from collections.abc import Sequence as Many
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any, Final

from eth_abi.abi import decode, encode

from node.chain.rpc import Rpc, RpcRefused
from node.chain.views import Views, selector
from node.domain.ids import Address, Hash32, MemberId, MerchantId, MinorUnits, RuleVersion, Sequence, StreamId, Units
from node.domain.leaf import LEAF_BYTES, LedgerTerms, NetworkTerms


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


_LEAF: Final = "(bytes32,bytes32,bytes32,bytes32)"
_REFUNDS: Final = f"(uint64,uint8,({_LEAF},uint48,bytes32,bytes32[])[])[]"
TABLED: Final = 8
"""Flag of a rule that has a tier table."""
_RULE: Final = "(uint40,uint40,uint32,uint32,uint56,uint48,uint8,uint64,uint256)"
_STREAM: Final = "(address,uint40,uint16,uint40,uint40,uint40)"
_ACCOUNT: Final = "(uint56,uint56,uint56,uint48,uint16,uint8,uint16)"
_POST_BATCH: Final = selector("postBatch(bytes)")
_POST_REFUNDS: Final = selector(f"postRefunds(uint32,{_REFUNDS})")


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleTerms:
    """A rule version as the ledger has it (docs/batch.md, word `rule`); `veto_block` 0 while it is not vetoed.

    `tiers` are basis points by tier, empty without a table. Nothing of it ever changes but the veto.
    """

    rate: int
    base_rate: int
    starts: int
    until: int
    veto_block: int
    tiers: tuple[int, ...]


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


def posts_batch(calldata: bytes) -> bool:
    """Whether calldata calls postBatch."""
    return calldata[:4] == _POST_BATCH


def posts_refunds(calldata: bytes) -> bool:
    """Whether calldata calls postRefunds."""
    return calldata[:4] == _POST_REFUNDS


def sent_batch(calldata: bytes) -> bytes:
    """The batch in the calldata of postBatch, wherever whoever sent it put it."""
    (batch,) = decode(["bytes"], calldata[4:])
    return bytes(batch)


def sent_refunds(calldata: bytes) -> tuple[StreamId, list[tuple[int, int, list[LineRefund]]]]:
    """The stream and the refunds in the calldata of postRefunds: sequence, kind as sent, lines."""
    stream, values = decode(["uint32", _REFUNDS], calldata[4:])
    return StreamId(stream), [
        (
            sequence,
            kind,
            [
                LineRefund(
                    leaf=b"".join(leaf), amount=MinorUnits(amount), root=Hash32(root), proof=tuple(map(Hash32, proof))
                )
                for leaf, amount, root, proof in lines
            ],
        )
        for sequence, kind, lines in values
    ]


def refunds_in(calldata: bytes) -> list[tuple[Sequence, bytes]]:
    """The sequences in the calldata of postRefunds, each with the leaf of its first line."""
    _, values = decode(["uint32", _REFUNDS], calldata[4:])
    return [(Sequence(sequence), b"".join(lines[0][0])) for sequence, _, lines in values]


class Ledger:
    """The deployed ledger's views, asked at the latest block. Each raises ChainUnreachable or RpcRefused."""

    def __init__(self, rpc: Rpc, address: Address) -> None:
        self._views = Views(rpc, address)
        self.address = address

    async def poster(self, stream: StreamId) -> Address:
        """Who may post this stream; 20 zero bytes for nobody."""
        ((poster, *_),) = await self._views.ask("stream(uint32)", stream, returns=f"({_STREAM})")
        return Address(bytes.fromhex(str(poster)[2:]))

    async def is_posted(self, stream: StreamId, sequence: Sequence) -> bool:
        """Whether a sequence of a stream is consumed."""
        (posted,) = await self._views.ask("isPosted(uint32,uint64)", stream, sequence, returns="(bool)")
        return bool(posted)

    async def refunded(self, leaf: Hash32, block: int) -> MinorUnits:
        """What was undone of the line with this leaf by the end of a block. RpcRefused from a gateway without it."""
        amount, _ = await self._views.ask("refunded(bytes32)", leaf, returns="(uint256,uint256)", block=hex(block))
        return MinorUnits(amount)

    async def account(self, member: MemberId) -> Account:
        """A member's account, its epoch rolled to now."""
        (row,) = await self._views.ask("account(uint64)", member, returns=f"({_ACCOUNT})")
        value, current, previous, _, _, tier, flags = row
        return Account(value=MinorUnits(value), coins=Units(current + previous), tier=tier, flags=flags)

    async def tier(self, member: MemberId, block: int) -> int:
        """A member's tier after a block; at the newest one where the gateway has forgotten that block's state."""
        (row,) = await self._at(block, "account(uint64)", member, returns=f"({_ACCOUNT})")
        return int(row[5])

    async def rule(self, merchant: MerchantId, version: RuleVersion, block: int) -> RuleTerms:
        """A rule version after a block, or at the newest one where the gateway has forgotten that block's state."""
        (row,) = await self._at(block, "rule(uint32,uint16)", merchant, version, returns=f"({_RULE})")
        rate, base_rate, starts, until, _, _, flags, veto_block, table = row
        return RuleTerms(
            rate=rate,
            base_rate=base_rate,
            starts=starts,
            until=until,
            veto_block=veto_block,
            tiers=tuple(table >> 16 * tier & 0xFFFF for tier in range(16)) if flags & TABLED else (),
        )

    async def _at(self, block: int, signature: str, *arguments: int, returns: str) -> Any:
        try:
            return await self._views.ask(signature, *arguments, returns=returns, block=hex(block))
        except RpcRefused:
            # a gateway that has not heard of the block yet would answer of an older one
            if not await self._views.has(block):
                raise
        return await self._views.ask(signature, *arguments, returns=returns)

    async def terms(self) -> LedgerTerms:
        """The ledger's constants."""
        (par,) = await self._views.ask("unitsPerMinorUnit()", returns="(uint64)")
        (start,) = await self._views.ask("epochStart()", returns="(uint32)")
        (length,) = await self._views.ask("epochLength()", returns="(uint32)")
        (tolerance,) = await self._views.ask("clockTolerance()", returns="(uint32)")
        return LedgerTerms(units_per_minor_unit=par, epoch_start=start, epoch_length=length, clock_tolerance=tolerance)

    async def network_terms(self) -> NetworkTerms:
        """All constants that arithmetic needs."""
        terms = await self.terms()
        (largest,) = await self._views.ask("maxLineAmount()", returns="(uint48)")
        (offset,) = await self._views.ask("utcOffset()", returns="(int32)")
        return NetworkTerms(**asdict(terms), max_line_amount=largest, utc_offset=offset)
