"""Advices that overdrew, as Advices booked them (interfaces/IAdvices.sol). Read block by block by the bridge."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from node.chain.events import topic_of
from node.domain.ids import Address, MemberId, MerchantId, MinorUnits, Sequence, StreamId

if TYPE_CHECKING:
    from node.chain.blocks import Block, Blocks

BOOKED: Final = topic_of(
    "AdviceBooked(uint32,uint64,uint64,uint64,"
    "(uint32,uint64,uint16,uint48,uint48,uint48,uint56,uint56,uint16,uint48,uint48),uint64,uint64)"
)
WORDS: Final = 14
"""The original's sequence, the eleven fields of a booking, what the merchant got, and what it is still due."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AdviceBooked:
    """What became of the sale with the sequence `original`; minor units.

    `taken` is what the member paid, `guaranteed` what the guarantee stands for, of which it still owes the merchant
    `due`; `owed` is all that the member did not pay, whomever it owes that now.
    """

    stream: StreamId
    sequence: Sequence
    member: MemberId
    original: Sequence
    merchant: MerchantId
    taken: MinorUnits
    guaranteed: MinorUnits
    due: MinorUnits
    owed: MinorUnits


async def bookings_in(block: "Block", blocks: "Blocks", advices: Address) -> list[AdviceBooked]:
    """The advices that a block booked. Raises ChainUnreachable, RpcRefused."""
    return [booking_in(log) for log in await blocks.logs(block, advices, (BOOKED,))]


def booking_in(log: Mapping[str, Any]) -> AdviceBooked:
    """The booking in a log as JSON-RPC gives it. Raises ValueError for another log."""
    data = bytes.fromhex(log["data"][2:])
    if log["topics"][0] != BOOKED or len(data) != 32 * WORDS:
        raise ValueError("this log books no advice")
    stream, sequence, member = (int(topic, 16) for topic in log["topics"][1:4])
    words = [int.from_bytes(data[at : at + 32], "big") for at in range(0, len(data), 32)]
    original, merchant, _, _, _, of_fund, of_shop, _, _, _, coins_of_fund, coins_of_shop, credited, due = words
    guaranteed = of_fund + coins_of_fund
    return AdviceBooked(
        stream=StreamId(stream),
        sequence=Sequence(sequence),
        member=MemberId(member),
        original=Sequence(original),
        merchant=MerchantId(merchant),
        # what the merchant got is what the member paid and what the guarantee paid
        taken=MinorUnits(credited - (guaranteed - due)),
        guaranteed=MinorUnits(guaranteed),
        due=MinorUnits(due),
        owed=MinorUnits(guaranteed + of_shop + coins_of_shop),
    )
