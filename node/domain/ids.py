"""Identifiers and units, as distinct types, so that a merchant's number never lands where a member's belongs.

Used by every stage; imports nothing of ours.
"""

from typing import Final, NewType

MinorUnits = NewType("MinorUnits", int)
"""Money, in the currency's minor unit (cents)."""
Units = NewType("Units", int)
"""Coins or points, in 10^-6 coin."""
MerchantId = NewType("MerchantId", int)
"""uint32, given by the Registry."""
MemberId = NewType("MemberId", int)
"""uint64, random, never 0; no personal data."""
StreamId = NewType("StreamId", int)
"""uint32; who posts: one bridge's sequence of payments."""
Sequence = NewType("Sequence", int)
"""uint64; a payment's number on its stream."""
RuleVersion = NewType("RuleVersion", int)
"""uint16, inside a merchant."""
TerminalId = NewType("TerminalId", str)
"""DE41: up to 8 printable ASCII characters, unique in the network, without trailing blanks."""
TerminalNumber = NewType("TerminalNumber", int)
"""uint16, inside a merchant (docs/batch.md)."""
PaymentId = NewType("PaymentId", str)
"""`<stream>-<sequence>`, decimal: how people and logs name a payment."""
Address = NewType("Address", bytes)
"""20 bytes."""
Hash32 = NewType("Hash32", bytes)
"""32 bytes."""

MEMBER_PREFIX: Final = b"Tillmember\x00\x00"
"""The first 12 bytes of every member's account (docs/batch.md)."""


def member_account(member: MemberId) -> Address:
    """The 20-byte ledger account of a member, who needs no key."""
    return Address(MEMBER_PREFIX + member.to_bytes(8, "big"))


def payment_id(stream: StreamId, sequence: Sequence) -> PaymentId:
    """The name of the payment with this number on this stream."""
    return PaymentId(f"{stream}-{sequence}")


def parse_payment_id(text: str) -> tuple[StreamId, Sequence]:
    """Stream and sequence of a payment id.

    Raises ValueError when the text is not `<stream>-<sequence>` or a part is out of range.
    """
    stream_text, dash, sequence_text = text.partition("-")
    if not dash or not stream_text.isdecimal() or not sequence_text.isdecimal():
        raise ValueError(f"a payment id looks like 1-42, not {text!r}")
    stream, sequence = int(stream_text), int(sequence_text)
    if stream >= 2**32 or sequence >= 2**64:
        raise ValueError(f"payment id {text!r} is out of range")
    return StreamId(stream), Sequence(sequence)
