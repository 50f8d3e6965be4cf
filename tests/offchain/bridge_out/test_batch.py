"""Batches: the bytes of docs/batch.md, one payment of a member in each, nobody overtaken."""

from hypothesis import given, settings
from hypothesis import strategies as st

from node.bridge.batch import Batcher, encode
from node.bridge.entry import PaymentEntry, ReversalEntry, entry_of, pack_payment
from node.bridge.finality import payments_in_order
from node.bridge.journal.reading import Original
from node.bridge.refunds import Refunds
from node.chain.ledger import batch_of
from node.config import BatchSettings
from node.domain.batch_format import decode_batch, encode_batch, for_batch, make_batch
from node.domain.ids import Hash32, MemberId, MinorUnits, Sequence, StreamId
from node.domain.leaf import LEAF_BYTES
from node.domain.payment import Payment, Status, Tender
from tests.offchain.bridge_out.makers import line, payment

STREAM = StreamId(3)


def entry(sequence: int, of: Payment) -> PaymentEntry:
    return entry_of(sequence, of.merchant, pack_payment(of), 1_000, debits=of.debits)


payments = st.builds(
    payment,
    st.integers(1, 999_999),
    member=st.integers(1, 6),
    merchant=st.integers(1, 4),
    lines=st.lists(
        st.builds(
            line, st.integers(1, 2**48 - 1), version=st.integers(0, 65_535), tender=st.sampled_from(list(Tender))
        ),
        min_size=1,
        max_size=16,
    ).map(tuple),
    authorisation=st.one_of(st.none(), st.binary(min_size=32, max_size=32)),
)


@given(st.lists(payments, min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_encode_gives_the_bytes_of_the_format(made: list[Payment]) -> None:
    numbered = [(Sequence(number + 250), each) for number, each in enumerate(made)]
    entries = sorted([entry(number, each) for number, each in numbered], key=lambda each: each.merchant)
    expected = make_batch(STREAM, [for_batch(each, number) for number, each in numbered])
    data = encode(STREAM, entries)
    assert data == encode_batch(expected)
    assert payments_in_order(data) == [each.sequence for each in decode_batch(data).payments]


@given(st.lists(payments, min_size=1, max_size=60), st.integers(1, 10))
@settings(max_examples=60, deadline=None)
def test_take_posts_everything_once_and_overtakes_nobody(made: list[Payment], size: int) -> None:
    batcher = Batcher(BatchSettings(max_payments=size), STREAM)
    for number, each in enumerate(made):
        batcher.add(entry(number, each))
    order: dict[int, list[int]] = {}
    seen: list[int] = []
    while (formed := batcher.take()) is not None:
        posted = decode_batch(batch_of(formed.data)).payments
        assert len(posted) <= size
        assert len({each.member for each in posted}) == len(posted), "one payment of a member in a batch"
        assert [each.sequence for each in posted] == list(formed.sequences)
        for each in posted:
            order.setdefault(each.member, []).append(each.sequence)
        seen += formed.sequences
    assert sorted(seen) == list(range(len(made)))
    assert all(numbers == sorted(numbers) for numbers in order.values())


def test_take_sorts_by_merchant_then_rule_version() -> None:
    batcher = Batcher(BatchSettings(), STREAM)
    for number, (merchant, version) in enumerate([(2, 9), (1, 5), (2, 1), (1, 4)]):
        batcher.add(
            entry(number, payment(number, member=number + 1, merchant=merchant, lines=(line(5, version=version),)))
        )
    formed = batcher.take()
    assert formed is not None and formed.sequences == (3, 1, 2, 0)


def test_take_stays_inside_the_window_of_sequences() -> None:
    batcher = Batcher(BatchSettings(), STREAM)
    for number in (300, 301, 8_191, 8_447, 8_448):
        batcher.add(entry(number, payment(number, member=number)))
    first, second = batcher.take(), batcher.take()
    assert first is not None and sorted(first.sequences) == [300, 301, 8_191, 8_447]
    assert second is not None and second.sequences == (8_448,)


def test_take_stays_below_the_bytes_and_the_gas_of_one_transaction() -> None:
    limits = BatchSettings(max_bytes=2_000, max_gas=2_500_000)
    batcher = Batcher(limits, STREAM)
    for number in range(200):
        batcher.add(entry(number, payment(number, member=number + 1)))
    while (formed := batcher.take()) is not None:
        assert len(batch_of(formed.data)) <= limits.max_bytes
        assert formed.gas <= limits.max_gas


def test_take_keeps_later_payments_of_a_member_back_when_a_reversal_waits() -> None:
    batcher = Batcher(BatchSettings(), STREAM)
    reversal = ReversalEntry(sequence=Sequence(2), original=Sequence(1), member=MemberId(7), received_at=1)
    batcher.add(entry(1, payment(1, member=7)))
    batcher.hold(reversal)
    batcher.add(entry(3, payment(3, member=7)))
    batcher.add(entry(4, payment(4, member=8)))
    first = batcher.take()
    assert first is not None and sorted(first.sequences) == [1, 4]
    assert batcher.take() is None
    batcher.release(reversal)
    second = batcher.take()
    assert second is not None and second.sequences == (3,)


def test_give_back_puts_payments_before_later_ones() -> None:
    batcher = Batcher(BatchSettings(max_payments=1), STREAM)
    batcher.add(entry(5, payment(5, member=5)))
    batcher.give_back([entry(2, payment(2, member=2)), entry(3, payment(3, member=5))])
    assert [formed.sequences for formed in iter(batcher.take, None)] == [(2,), (3,), (5,)]


def test_withdraw_is_false_when_somebody_withdrew_it_before() -> None:
    """A refund may be refused and too late at the same moment: one of the two declines it."""
    refunds = Refunds(BatchSettings(), StreamId(1))
    refund = ReversalEntry(
        sequence=Sequence(2), original=Sequence(1), member=MemberId(7), received_at=0, amount=MinorUnits(5)
    )
    refunds.wait(refund)
    assert refunds.begin(refund)
    assert [refunds.withdraw(refund), refunds.withdraw(refund)] == [True, False]


def test_refunds_never_ask_for_more_gas_than_a_transaction_may() -> None:
    """Reversals of payments with several lines: the network would refuse such a transaction for good."""
    limits, count, lines = BatchSettings(), 40, 4
    refunds = Refunds(limits, STREAM)
    leaves = b"".join(
        (bytes(5) + sequence.to_bytes(8, "big")).ljust(LEAF_BYTES, b"\0")
        for sequence in range(1, count + 1)
        for _ in range(lines)
    )
    root = Hash32(b"\x01" * 32)
    for original in range(1, count + 1):
        reversal = ReversalEntry(
            sequence=Sequence(100 + original), original=Sequence(original), member=MemberId(7), received_at=0
        )
        refunds.wait(reversal)
        assert refunds.begin(reversal)
        refunds.original_final(reversal, Original(sequence=original, status=Status.FINAL, root=root, leaves=leaves))
    batches = [formed for formed, _ in iter(refunds.take, None)]
    assert [sequence for formed in batches for sequence in formed.sequences] == list(range(101, 101 + count))
    assert len(batches) > 2 and max(formed.gas for formed in batches) <= limits.max_gas
