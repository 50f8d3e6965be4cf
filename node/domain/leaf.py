"""The leaf of an accepted line (docs/batch.md, "The leaf"), and how a mined batch's leaves are rebuilt; pure.

Whoever recomputes the chain uses `rebuild_leaves`: it needs calldata, logs and rule terms, no state but members' tiers.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from node.domain.batch_format import Batch, BatchPayment
from node.domain.ids import Hash32, MemberId, MerchantId, RuleVersion, Sequence, StreamId
from node.domain.merkle import NO_ITEMS, keccak
from node.domain.payment import Tender
from node.domain.words import Rule

LEAF_DOMAIN: Final = 1
LEAF_BYTES: Final = 128


@dataclass(frozen=True, kw_only=True, slots=True)
class Leaf:
    """One line as the tree has it. `last` is coinsPrevious of a coin line, what was owed of another; units."""

    stream: StreamId
    sequence: Sequence
    line: int
    tender: int
    terminal: int
    merchant: MerchantId
    rule_version: RuleVersion
    tier_bps: int
    epoch: int
    rate: int
    member: MemberId
    amount: int
    time: int
    points: int
    last: int
    items_root: Hash32
    authorisation: Hash32

    def words(self) -> tuple[bytes, bytes, bytes, bytes]:
        """head, body, items root, authorisation: what IPaymentProcessor.Leaf takes."""
        head = (
            LEAF_DOMAIN.to_bytes(1, "big")
            + self.stream.to_bytes(4, "big")
            + self.sequence.to_bytes(8, "big")
            + bytes([self.line, self.tender])
            + self.terminal.to_bytes(2, "big")
            + self.merchant.to_bytes(4, "big")
            + self.rule_version.to_bytes(2, "big")
            + self.tier_bps.to_bytes(2, "big")
            + self.epoch.to_bytes(2, "big")
            + self.rate.to_bytes(5, "big")
        )
        body = (
            self.member.to_bytes(8, "big")
            + self.amount.to_bytes(6, "big")
            + self.time.to_bytes(4, "big")
            + self.points.to_bytes(7, "big")
            + self.last.to_bytes(7, "big")
        )
        return head, body, self.items_root, self.authorisation

    @classmethod
    def unpack(cls, packed: bytes) -> "Leaf":
        """The leaf in these 128 bytes (`words` one after the other). Raises ValueError when they are no leaf."""
        if len(packed) != LEAF_BYTES or packed[0] != LEAF_DOMAIN:
            raise ValueError(f"{len(packed)} bytes that begin with {packed[:1].hex()} are no leaf")

        def number(start: int, size: int) -> int:
            return int.from_bytes(packed[start : start + size], "big")

        return cls(
            stream=StreamId(number(1, 4)),
            sequence=Sequence(number(5, 8)),
            line=number(13, 1),
            tender=number(14, 1),
            terminal=number(15, 2),
            merchant=MerchantId(number(17, 4)),
            rule_version=RuleVersion(number(21, 2)),
            tier_bps=number(23, 2),
            epoch=number(25, 2),
            rate=number(27, 5),
            member=MemberId(number(32, 8)),
            amount=number(40, 6),
            time=number(46, 4),
            points=number(50, 7),
            last=number(57, 7),
            items_root=Hash32(packed[64:96]),
            authorisation=Hash32(packed[96:128]),
        )

    @property
    def hash(self) -> Hash32:
        """What stands in the tree."""
        return keccak(b"".join(self.words()))


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchLogs:
    """What the logs of a batch say beside its calldata.

    `leaves` is how many there are; `skipped` are the sequences of Skipped, one for each log; `clamped` is (points, due)
    by (sequence, line); `coins_previous` what a payment took of aged coins, by sequence.
    """

    processed: int
    leaves: int
    skipped: tuple[int, ...] = ()
    clamped: Mapping[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    coins_previous: Mapping[int, int] = field(default_factory=dict)


def leaf_in(calldata: bytes, digest: bytes) -> Leaf | None:
    """The leaf with this hash among the words of calldata; None if it is not there."""
    for at in range(4, len(calldata) - LEAF_BYTES + 1, 32):
        packed = calldata[at : at + LEAF_BYTES]
        if keccak(packed) == digest:
            return Leaf.unpack(packed)
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class LedgerTerms:
    """The constants of a network that its leaves need (docs/batch.md, "Constants of a network"); times in seconds."""

    units_per_minor_unit: int
    epoch_start: int
    epoch_length: int
    clock_tolerance: int

    def epoch(self, time: int) -> int:
        """The expiry epoch of a block's time."""
        return (time - self.epoch_start) // self.epoch_length if self.epoch_length else 0


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkTerms(LedgerTerms):
    """All constants of a network that arithmetic needs."""

    max_line_amount: int
    utc_offset: int

    def day(self, time: int) -> int:
        """The network's day of a block's time."""
        return (time + self.utc_offset) // 86_400

    def rule_time(self, time: int, block_time: int) -> int:
        """The time by which a rule is judged: the terminal's if its clock is sane."""
        return time if abs(time - block_time) <= self.clock_tolerance else block_time


def rebuild_leaves(
    batch: Batch,
    logs: BatchLogs,
    *,
    rules: Mapping[tuple[MerchantId, RuleVersion], Rule],
    tiers: Mapping[MemberId, int],
    terms: NetworkTerms,
    block: int,
    block_time: int,
) -> tuple[Leaf, ...]:
    """The leaves under a batch's root, in order; `tiers` as they were in that block. Compare root_of their hashes.

    Raises KeyError when a rule version is missing.
    """
    leaves: list[Leaf] = []
    # in a pause only reversals of acts are accepted, which have no lines; all else may name their sequences before
    looked_at = batch.payments[: logs.processed] if logs.leaves else ()
    sound = [payment for payment in looked_at if not payment.malformed]
    times, skips = Counter(payment.sequence for payment in sound), Counter(logs.skipped)
    skips.subtract(payment.sequence for payment in looked_at if payment.malformed)  # skipped, each of them
    for payment in sound:
        # of a sequence that the batch names twice, the first is the accepted one
        accepted = skips[payment.sequence] < times.pop(payment.sequence, 0)
        if not accepted:
            continue
        previous = logs.coins_previous.get(payment.sequence, 0)
        time = terms.rule_time(payment.time, block_time)
        for number, line in enumerate(payment.lines):
            bps = rate = points = last = 0
            if line.tender == Tender.COIN:
                last = min(previous, line.amount * terms.units_per_minor_unit)
                previous -= last
            else:
                rule = rules[payment.merchant, line.rule_version]
                rate = rule.rate if rule.in_force(time, block) else rule.base_rate
                bps = rule.tier_bps(tiers.get(payment.member, 0))
                plain = line.amount * rate * bps // 10**8
                points, due = logs.clamped.get((payment.sequence, number), (plain, plain))
                last = due - points
            epoch = terms.epoch(block_time)
            leaves.append(leaf_of(batch.stream, payment, number, bps, epoch, rate, points, last))
    return tuple(leaves)


def leaf_of(
    stream: StreamId, payment: BatchPayment, number: int, bps: int, epoch: int, rate: int, points: int, last: int
) -> Leaf:
    """The leaf of line `number` of an accepted payment."""
    line = payment.lines[number]
    return Leaf(
        stream=stream,
        sequence=payment.sequence,
        line=number,
        tender=int(line.tender),
        terminal=payment.terminal,
        merchant=payment.merchant,
        rule_version=line.rule_version,
        tier_bps=bps,
        epoch=epoch,
        rate=rate,
        member=payment.member,
        amount=line.amount,
        time=payment.time,
        points=points,
        last=last,
        items_root=payment.items_root or NO_ITEMS,
        authorisation=payment.authorisation or NO_ITEMS,
    )
