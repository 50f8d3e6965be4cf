"""Acts 3 to 5: put money aside for a merchant, take a part of it, give the rest back (ISettlementEscrow); pure."""

from dataclasses import dataclass, replace

from node.domain.act import Act, ActKind
from node.domain.acts.fields import pack, unpack
from node.domain.ids import MinorUnits, Sequence, StreamId, Units
from node.domain.payment import Tender


@dataclass(frozen=True, kw_only=True, slots=True)
class Authorize:
    """`tender 1 | amount 6 | captureBy 4 | refundBy 4 | minReward 7`; times are Unix seconds."""

    tender: Tender
    amount: MinorUnits
    capture_by: int
    refund_by: int
    min_reward: Units = Units(0)

    def act(self) -> Act:
        """Its bytes. Raises ValueError when a number does not fit."""
        numbers = ((self.amount, 6), (self.capture_by, 4), (self.refund_by, 4), (self.min_reward, 7))
        return pack(ActKind.AUTHORIZE, (self.tender, 1), *numbers)

    @classmethod
    def read(cls, data: bytes) -> "Authorize":
        """What these bytes say. Raises ValueError when they are no authorisation."""
        tender, amount, capture_by, refund_by, reward = unpack(data, ActKind.AUTHORIZE, 1, 6, 4, 4, 7)
        return cls(
            tender=Tender(tender),
            amount=MinorUnits(amount),
            capture_by=capture_by,
            refund_by=refund_by,
            min_reward=Units(reward),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Capture:
    """`stream 4 | sequence 8 | amount 6 | reward 7`: of the payment that authorised, and the points given for it."""

    stream: StreamId
    sequence: Sequence
    amount: MinorUnits
    reward: Units = Units(0)

    def of(self, sequence: Sequence) -> "Capture":
        """The same of another authorisation of the stream."""
        return replace(self, sequence=sequence)

    def act(self) -> Act:
        """Its bytes. Raises ValueError when a number does not fit."""
        return pack(ActKind.CAPTURE, (self.stream, 4), (self.sequence, 8), (self.amount, 6), (self.reward, 7))

    @classmethod
    def read(cls, data: bytes) -> "Capture":
        """What these bytes say. Raises ValueError when they are no capture."""
        stream, sequence, amount, reward = unpack(data, ActKind.CAPTURE, 4, 8, 6, 7)
        return cls(
            stream=StreamId(stream), sequence=Sequence(sequence), amount=MinorUnits(amount), reward=Units(reward)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Void:
    """`stream 4 | sequence 8`: of the payment that authorised; all that was not captured goes back."""

    stream: StreamId
    sequence: Sequence

    def of(self, sequence: Sequence) -> "Void":
        """The same of another authorisation of the stream."""
        return replace(self, sequence=sequence)

    def act(self) -> Act:
        """Its bytes. Raises ValueError when a number does not fit."""
        return pack(ActKind.VOID, (self.stream, 4), (self.sequence, 8))

    @classmethod
    def read(cls, data: bytes) -> "Void":
        """What these bytes say. Raises ValueError when they are no void."""
        stream, sequence = unpack(data, ActKind.VOID, 4, 8)
        return cls(stream=StreamId(stream), sequence=Sequence(sequence))


def about(data: bytes, sequence: Sequence) -> Act:
    """The capture or void in these bytes, of the authorisation with this sequence. Raises ValueError for others."""
    if data[:1] == bytes([ActKind.CAPTURE]):
        return Capture.read(data).of(sequence).act()
    return Void.read(data).of(sequence).act()
