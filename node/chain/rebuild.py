"""Rebuilds the leaves of a mined batch from its calldata and logs (docs/batch.md, "The leaf").

Used by bridge/finality and by whoever asks about a payment. Written for speed over the packed bytes;
node/domain/leaf.py says the same in words of the domain.
"""

import struct
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from node.chain.blocks import Block
from node.chain.events import BatchPosted, Clamped, Debited, LedgerEvent, Skipped
from node.chain.ledger import Ledger, RuleTerms, batch_of
from node.domain.act import MAX_ACT_BYTES, UNDO
from node.domain.errors import BrokenInvariant
from node.domain.ids import Hash32, MemberId, MerchantId, RuleVersion
from node.domain.leaf import LedgerTerms
from node.domain.merkle import root_of
from node.domain.packed_leaves import hashes
from node.domain.payment import Tender

ALL: Final = 10_000
SCALE: Final = 10**8
HEADER: Final = struct.Struct(">xIQxH")
SECTION: Final = struct.Struct(">IH")
PAYMENT: Final = struct.Struct(">HBBHQI")
LINE: Final = struct.Struct(">HIHB")
WORD_0: Final = struct.Struct(">BIQBBHIHHHBI")
WORD_1: Final = struct.Struct(">QHIIIHBIHB")
LEAF_DOMAIN: Final = 1
NONE: Final = bytes(32)
HAS_ACT: Final = 8
KNOWN_FLAGS: Final = 15
CACHED_TIERS: Final = 100_000


@dataclass(slots=True)
class Effects:
    """What the logs of a batch say beside its calldata, by sequence."""

    processed: int = 0
    leaves: int = 0
    skipped: Counter[int] = field(default_factory=Counter)
    clamped: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)  # points, owed
    previous: dict[int, int] = field(default_factory=dict)


class MissingTerms(Exception):
    """A rule's terms or (version 0) a member's tier must be asked for first."""

    def __init__(self, merchant: int, version: int, member: int) -> None:
        super().__init__()
        self.merchant, self.version, self.member = merchant, version, member


class LeafBuilder:
    """Builds leaves from what is known of rule versions (by merchant and version) and tiers; asks nobody."""

    def __init__(
        self, terms: LedgerTerms, rules: Mapping[tuple[int, int], RuleTerms], tiers: Mapping[int, int]
    ) -> None:
        self._terms, self._rules, self._tiers = terms, rules, tiers

    def leaves(self, batch: bytes, block: Block, effects: Effects) -> bytes:
        """The leaves of a batch. Raises MissingTerms."""
        stream, first, _ = HEADER.unpack_from(batch)
        epoch = self._terms.epoch(block.timestamp)
        leaves: list[bytes] = []
        for merchant, offset, flags, terminal, member, time, at, tail in accepted(batch, effects):
            head = (stream, first + offset, terminal, merchant, epoch, member, time)
            leaves += self._payment(batch[at:tail], head, hashes_at(batch, tail, flags), block, effects)
        return b"".join(leaves)

    def _payment(self, lines: bytes, head: tuple[int, ...], tail: bytes, block: Block, effects: Effects) -> list[bytes]:
        """The leaves of one accepted payment."""
        stream, sequence, terminal, merchant, epoch, member, time = head
        left = effects.previous.get(sequence, 0)
        found: list[bytes] = []
        for number, (high, low, version, tender) in enumerate(LINE.iter_unpack(lines)):
            amount = high << 32 | low
            bps = rate = points = last = 0
            if tender == Tender.COIN:
                last = min(left, amount * self._terms.units_per_minor_unit)
                left -= last
            else:
                bps, rate = self._rate(merchant, version, member, time, block)
                points = amount * rate * bps // SCALE
                if effects.clamped:
                    points, last = effects.clamped.get((sequence, number), (points, 0))
            found.append(
                WORD_0.pack(
                    LEAF_DOMAIN, stream, sequence, number, tender, terminal, merchant, version, bps, epoch,
                    rate >> 32, rate & 0xFFFFFFFF,
                )
                + WORD_1.pack(
                    member, high, low, time,
                    points >> 24, points >> 8 & 0xFFFF, points & 0xFF,
                    last >> 24, last >> 8 & 0xFFFF, last & 0xFF,
                )
                + tail
            )  # fmt: skip
        return found

    def _rate(self, merchant: int, version: int, member: int, time: int, block: Block) -> tuple[int, int]:
        """Tier basis points and the rate in force of a line that earns."""
        rule = self._rules.get((merchant, version))
        if rule is None:
            raise MissingTerms(merchant, version, member)
        bps = ALL
        if rule.tiers:
            tier = self._tiers.get(member)
            if tier is None:
                raise MissingTerms(merchant, 0, member)
            bps = rule.tiers[tier] if tier else ALL
        at = time if abs(time - block.timestamp) <= self._terms.clock_tolerance else block.timestamp
        vetoed = rule.veto_block and block.number > rule.veto_block
        in_force = not vetoed and rule.starts <= at and (rule.until == 0 or at < rule.until)
        return bps, rule.rate if in_force else rule.base_rate


class LeafRebuilder:
    """Rebuilds leaves for one ledger; keeps the terms of rule versions, which never change but for a veto."""

    def __init__(self, ledger: Ledger, terms: LedgerTerms) -> None:
        self._ledger = ledger
        self._rules: dict[tuple[int, int], RuleTerms] = {}
        self._tiers: dict[int, int] = {}
        self._builder = LeafBuilder(terms, self._rules, self._tiers)

    async def __call__(self, calldata: bytes, events: Sequence[LedgerEvent], block: Block, root: Hash32) -> bytes:
        """The leaves under `root`. Raises BrokenInvariant when what calldata and logs say does not hash to it."""
        batch, effects = batch_of(calldata), effects_of(events)
        for block_of_tiers in (block.number, block.number - 1):
            leaves = await self._rebuild(batch, block, effects, block_of_tiers)
            if root_of(hashes(leaves)) == root:
                return leaves
            # A rule was vetoed, or a member's tier set, since they were last asked for.
            self._rules.clear()
            self._tiers.clear()
        raise BrokenInvariant(
            f"the leaves of a batch in block {block.number} do not hash to the chain's root 0x{root.hex()}"
        )

    async def _rebuild(self, batch: bytes, block: Block, effects: Effects, block_of_tiers: int) -> bytes:
        while True:
            try:
                return self._builder.leaves(batch, block, effects)
            except MissingTerms as missing:
                if missing.version:
                    self._rules[missing.merchant, missing.version] = await self._ledger.rule(
                        MerchantId(missing.merchant), RuleVersion(missing.version), block.number
                    )
                else:
                    if len(self._tiers) >= CACHED_TIERS:
                        self._tiers.clear()
                    self._tiers[missing.member] = await self._ledger.tier(MemberId(missing.member), block_of_tiers)


def accepted(batch: bytes, effects: Effects, *, paused: bool = False) -> Iterator[tuple[int, ...]]:
    """Of each payment that took effect: merchant, offset, flags, terminal, member, time, where its lines begin and end.

    In a pause only what has no lines and undoes an act is accepted: a batch without leaves says nothing of the others;
    with `paused` those are given that undo.
    """
    first = HEADER.unpack_from(batch)[1]
    looked_at = list(_walk(batch, effects.processed)) if effects.leaves or paused else []
    skips = effects.skipped.copy()
    if skips:
        # who is malformed is skipped and consumes no sequence: it is none of those that the rest is counted among
        skips.subtract(first + offset for _, offset, flags, *_ in looked_at if flags > KNOWN_FLAGS)
        looked_at = [each for each in looked_at if each[2] <= KNOWN_FLAGS]
    times = Counter(first + each[1] for each in looked_at) if skips else Counter()
    for each in looked_at:
        sequence = first + each[1]
        # of a sequence that the batch names twice, the first is the accepted one
        if skips and skips[sequence] >= times.get(sequence, 0):
            continue
        if paused and skips and times[sequence] > 1 and not _undoes(batch, each):
            continue
        if skips:
            times.pop(sequence)
        yield each


def act_at(batch: bytes, tail: int, flags: int) -> bytes:
    """The act of a payment whose lines end at `tail`; empty without one."""
    if not flags & HAS_ACT:
        return b""
    end = tail + 32 * ((flags & 1) + (flags >> 1 & 1))
    return batch[end + 2 : end + 2 + int.from_bytes(batch[end : end + 2], "big")]


def _undoes(batch: bytes, payment: tuple[int, ...]) -> bool:
    flags, at, tail = payment[2], payment[6], payment[7]
    act = act_at(batch, tail, flags)
    return at == tail and bool(act) and bool(act[0] & UNDO)


def _walk(batch: bytes, processed: int) -> Iterator[tuple[int, int, int, int, int, int, int, int]]:
    """Of each payment that was looked at: merchant, offset, flags, terminal, member, time, where its lines are.

    An act that no batch may carry counts as flags that are not known.
    Reads nothing behind the last of them: whatever is there, the ledger did not look at it.
    """
    at, count, merchant = HEADER.size, 0, 0
    for _ in range(processed):
        while not count:
            merchant, count = SECTION.unpack_from(batch, at)
            at += SECTION.size
        count -= 1
        offset, flags, lines, terminal, member, time = PAYMENT.unpack_from(batch, at)
        at += PAYMENT.size
        tail = at + LINE.size * lines
        end = tail + 32 * ((flags & 1) + (flags >> 1 & 1))
        if flags & HAS_ACT:
            size = int.from_bytes(batch[end : end + 2], "big")
            end += 2 + size
            if not 1 <= size <= MAX_ACT_BYTES:
                flags |= KNOWN_FLAGS + 1
        yield merchant, offset, flags, terminal, member, time, at, tail
        at = end


def effects_of(events: Sequence[LedgerEvent]) -> Effects:
    """What a batch's events say."""
    effects = Effects()
    for event in events:
        if isinstance(event, Skipped):
            effects.skipped[event.sequence] += 1
        elif isinstance(event, Clamped):
            effects.clamped[event.sequence, event.line] = (event.points, event.due - event.points)
        elif isinstance(event, Debited):
            effects.previous[event.sequence] = event.coins_previous
        elif isinstance(event, BatchPosted):
            effects.processed, effects.leaves = event.processed, event.leaves
    return effects


def hashes_at(batch: bytes, at: int, flags: int) -> bytes:
    """Items root and authorisation of a payment whose lines end at `at`, zeros for what it does not have."""
    both = flags & 3
    if both == 3:
        return batch[at : at + 64]
    if both == 1:
        return batch[at : at + 32] + NONE
    if both == 2:
        return NONE + batch[at : at + 32]
    return NONE + NONE
