"""Batches: the payments that took effect, their lines, and what they gave; the refunds; and what was skipped.

The lines are rebuilt from the batch's calldata and logs, with the rules and tiers that the index has, and are kept only
if they hash to the root that the chain computed.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from node.chain.blocks import Block
from node.chain.events import (
    BatchPosted,
    Clamped,
    Debited,
    LedgerEvent,
    Skipped,
)
from node.chain.ledger import batch_of
from node.chain.rebuild import (
    HEADER,
    WORD_0,
    WORD_1,
    Effects,
    LeafBuilder,
    MissingTerms,
    accepted,
    act_at,
    effects_of,
    hashes_at,
)
from node.domain.ids import Hash32, MemberId, MerchantId, StreamId, Units
from node.domain.ids import Sequence as SequenceNumber
from node.domain.leaf import LEAF_BYTES, leaf_in
from node.domain.merkle import NO_ITEMS, keccak, root_of
from node.domain.payment import Tender
from node.indexer.apply.accounts import LEDGER, debited, of_member, totals
from node.indexer.apply.giving import Given
from node.indexer.apply.handling import Now, on
from node.indexer.apply.lines import undo
from node.indexer.apply.points import set_off
from node.indexer.apply.purses import add_prepaid, pay_back
from node.indexer.apply.rules import Rules, Tiers
from node.indexer.decode import Event
from node.indexer.tables import ledger

POST_BATCH: Final = keccak(b"postBatch(bytes)")[:4]


@on(LEDGER, "Skipped", "Clamped", "Debited")
def noted(now: Now, event: Event) -> None:
    """Kept until the batch is closed."""
    if event.name == "Debited":
        debited(now, event)
    now.pending.append((event.log, _posting(event)))


@on(LEDGER, "RefundsPosted")
def refunds_posted(now: Now, event: Event) -> None:
    """Refunds were looked at; each that took effect has said so."""
    for log, each in now.pending:
        if isinstance(each, Skipped):
            _skip(now, log.position, each, None, None)
    now.pending.clear()


@on(LEDGER, "Refunded")
def refunded(now: Now, event: Event) -> None:
    """A part of a line was undone."""
    args = event.args
    taken = args["clawedBack"] + args["setOff"] + args["arrears"]
    line = undo(now, args["leaf"], args["amount"], taken)
    payment = None if line is None else now.rows.find(ledger.payments, line["stream"], line["sequence"])
    if line is None or payment is None:
        _inherited(now, args)
        return
    _money_back(now, payment["merchant"], payment["member"], line["tender"], args)
    set_off(now, payment["merchant"], payment["member"], args["setOff"], args["arrears"])
    now.rows.at(ledger.merchants, payment["merchant"])["clawed_back"] += args["clawedBack"]
    today = now.today()
    today["refunds"] += 1
    today["refunded"] += args["amount"]
    today["points_clawed_back"] += args["clawedBack"]
    now.rows.add(
        ledger.refunds, stream=args["stream"], sequence=args["sequence"], leaf=args["leaf"], of_stream=line["stream"],
        of_sequence=line["sequence"], of_line=line["line"], merchant=payment["merchant"], member=payment["member"],
        kind=args["kind"], tender=line["tender"], amount=args["amount"], clawed_back=args["clawedBack"],
        set_off=args["setOff"], arrears=args["arrears"],
    )  # fmt: skip


def _money_back(now: Now, merchant: int, member: int, tender: int, args: Mapping[str, Any]) -> None:
    """What a refund does to the merchant's purse, and to the member's stored value."""
    pay_back(now, merchant, tender, args["amount"])
    add_prepaid(now, merchant, args["clawedBack"])
    if tender == Tender.STORED_VALUE:
        of_member(now, member)["value"] += args["amount"]
        totals(now)["value"] += args["amount"]


def _inherited(now: Now, args: Mapping[str, Any]) -> None:
    """A line of the ledger before this one: the refund's calldata has its leaf."""
    leaf = leaf_in(now.transaction.input, args["leaf"])
    if leaf is not None:
        _money_back(now, leaf.merchant, leaf.member, leaf.tender, args)
        set_off(now, leaf.merchant, leaf.member, args["setOff"], args["arrears"])


@on(LEDGER, "BatchPosted")
def batch_posted(now: Now, event: Event) -> None:
    """A batch is closed: its payments, lines and skips."""
    args = event.args
    events: list[LedgerEvent] = [each for _, each in now.pending]
    events.append(
        BatchPosted(
            stream=args["stream"], root=args["root"], first_sequence=args["firstSequence"],
            processed=args["processed"], skipped=args["skipped"], leaves=args["leaves"],
        )
    )  # fmt: skip
    effects = effects_of(events)
    batch = _batch_in(now, args["stream"])
    leaves = None if batch is None else _rebuilt(now, batch, effects, args["root"])
    now.rows.add(
        ledger.batches, transaction=now.transaction.position, stream=args["stream"], root=args["root"],
        first_sequence=args["firstSequence"], processed=args["processed"], skipped=args["skipped"],
        leaves=args["leaves"], rebuilt=leaves is not None,
    )  # fmt: skip
    if batch is not None and leaves is not None:
        _keep(now, batch, effects, leaves, [each for each in events if isinstance(each, Debited)])
    _skips(now, batch, effects)
    now.pending.clear()


def _batch_in(now: Now, stream: int) -> bytes | None:
    """The batch in the transaction's calldata, if it went to the ledger itself."""
    data = now.transaction.input
    if now.transaction.receiver != now.known.ledger or data[:4] != POST_BATCH:
        return None
    batch = batch_of(data)
    return batch if HEADER.unpack_from(batch)[0] == stream else None


def _rebuilt(now: Now, batch: bytes, effects: Effects, root: bytes) -> bytes | None:
    """The leaves under the root; None if they cannot be had."""
    block = Block(
        number=now.block.number, hash=Hash32(now.block.hash), timestamp=now.block.time, base_fee=0, transactions=()
    )
    rules = Rules(now)
    # an act in the batch may have changed tiers
    for tiers in (Tiers(now), Tiers(now, before=True))[: 2 if now.tiers_before else 1]:
        try:
            leaves = LeafBuilder(now.known.terms, rules, tiers).leaves(batch, block, effects)
        except MissingTerms:
            return None
        if root_of([keccak(leaves[at : at + LEAF_BYTES]) for at in range(0, len(leaves), LEAF_BYTES)]) == root:
            return leaves
    return None


def _keep(now: Now, batch: bytes, effects: Effects, leaves: bytes, debits: Sequence[Debited]) -> None:
    """Appends a batch's payments and lines."""
    stream, first, _ = HEADER.unpack_from(batch)
    debited = {each.sequence: each for each in debits}
    given = Given()
    rows, place = now.rows, 0
    number, log, transaction = now.block.number, rows.log, now.transaction.position
    for merchant, offset, flags, terminal, member, time, at, tail in accepted(
        batch, effects, paused=not effects.leaves
    ):
        sequence = first + offset
        count = (tail - at) // 9
        amount = value = coins = points = owed = 0
        for line in range(count):
            leaf = leaves[place * LEAF_BYTES : place * LEAF_BYTES + LEAF_BYTES]
            *_, tender, _, _, version, bps, epoch, rate_high, rate_low = WORD_0.unpack_from(leaf)
            _, high, low, _, p2, p1, p0, l2, l1, l0 = WORD_1.unpack_from(leaf, 32)
            paid, got, last = high << 32 | low, p2 << 24 | p1 << 8 | p0, l2 << 24 | l1 << 8 | l0
            amount += paid
            points += got
            if tender == Tender.COIN:
                coins += paid
            else:
                value += paid if tender == Tender.STORED_VALUE else 0
                owed += last
                given.line(merchant, version, paid, got, last)
            rate = rate_high << 32 | rate_low
            key = (stream, sequence, line)
            hashed = keccak(leaf)
            rows.begin(
                ledger.payment_lines, key,
                (stream, sequence, line, place, hashed, tender, paid, version, bps, rate, epoch, got, last, 0, 0),
            )  # fmt: skip
            rows.begin_line(hashed, key)
            place += 1
        debit = debited.get(SequenceNumber(sequence))
        items, authorisation = _hashes(batch, tail, flags)
        act = act_at(batch, tail, flags)
        rows.begin(
            ledger.payments, (stream, sequence),
            (
                stream, sequence, number, log, transaction, merchant, terminal, member, time, count, amount, value,
                coins, debit.coins_previous if debit else 0, debit.coins_current if debit else 0, points, owed,
                act[0] if act else None, act[1:] if act else None, items, authorisation, 0,
            ),
        )  # fmt: skip
        spent = debit.coins_previous + debit.coins_current if debit else 0
        given.payment(merchant, count, amount, points, spent, paid_in=(value, coins))
    given.book(now)


def _skips(now: Now, batch: bytes | None, effects: Effects) -> None:
    """Appends what a batch skipped, with whose it was where the calldata says."""
    whose = {} if batch is None or not effects.skipped else _named(batch, effects)
    for log, each in now.pending:
        if isinstance(each, Skipped):
            merchant, member = whose.get(each.sequence, (None, None))
            _skip(now, log.position, each, merchant, member)


def _named(batch: bytes, effects: Effects) -> dict[int, tuple[int, int]]:
    first = HEADER.unpack_from(batch)[1]
    everything = Effects(processed=effects.processed, leaves=1)
    return {first + each[1]: (each[0], each[4]) for each in accepted(batch, everything)}


def _skip(now: Now, log: int, each: Skipped, merchant: int | None, member: int | None) -> None:
    now.today()["skipped"] += 1
    now.rows.add(
        ledger.skips, log=log, stream=each.stream, sequence=each.sequence, reason=each.reason, merchant=merchant,
        member=member,
    )  # fmt: skip


def _hashes(batch: bytes, tail: int, flags: int) -> tuple[bytes | None, bytes | None]:
    both = hashes_at(batch, tail, flags)
    items, authorisation = both[:32], both[32:]
    return (items if items != NO_ITEMS else None, authorisation if authorisation != NO_ITEMS else None)


def _posting(event: Event) -> LedgerEvent:
    args = event.args
    stream, sequence = StreamId(args["stream"]), SequenceNumber(args["sequence"])
    if event.name == "Skipped":
        return Skipped(stream=stream, sequence=sequence, reason=args["reason"])
    if event.name == "Clamped":
        return Clamped(
            stream=stream, sequence=sequence, line=args["line"], points=Units(args["points"]), due=Units(args["due"])
        )
    return Debited(
        member=MemberId(args["member"]), stream=stream, sequence=sequence, merchant=MerchantId(args["merchant"]),
        value=args["value"], coins_previous=Units(args["coinsPrevious"]), coins_current=Units(args["coinsCurrent"]),
    )  # fmt: skip
