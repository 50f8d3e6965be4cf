"""The fast rebuilding of leaves says what the mirror of the rules says (node/domain/leaf.py)."""

import asyncio
from dataclasses import replace
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.bridge.batch import encode
from node.bridge.entry import entry_of, pack_payment
from node.chain.blocks import Block
from node.chain.events import BatchPosted, Clamped, Debited, LedgerEvent, Skipped
from node.chain.ledger import Ledger, RuleTerms, post_batch
from node.chain.rebuild import LeafRebuilder
from node.domain.act import Act
from node.domain.batch_format import decode_batch
from node.domain.errors import BrokenInvariant
from node.domain.ids import Hash32, MemberId, MerchantId, RuleVersion, Sequence, StreamId, Units
from node.domain.leaf import BatchLogs, LedgerTerms, NetworkTerms, rebuild_leaves
from node.domain.merkle import root_of
from node.domain.packed_leaves import hashes, leaf_points, leaf_sequence, leaves_of
from node.domain.payment import Payment, Tender
from node.domain.words import Rule
from tests.offchain.bridge_out.makers import line, payment

STREAM = StreamId(3)
NOW = 1_790_000_000
RULES = {
    1: Rule(rate=1_000_000, base_rate=1_000_000, flags=1),
    2: Rule(rate=5_000_000, base_rate=1_000_000, starts=NOW - 50, until=NOW + 50, flags=1),
    3: Rule(rate=9_999_999, base_rate=7, flags=9, tiers=(0, 15_000, 20_000, *[0] * 13)),
    4: Rule(rate=9_000_000, base_rate=3_000_000, flags=17, veto_block=90),
}
TERMS = {"units_per_minor_unit": 10_000, "epoch_start": 5, "epoch_length": 86_400 * 30, "clock_tolerance": 100}


class KnownLedger:
    """A ledger whose answers are known. `asked` counts the questions."""

    def __init__(self) -> None:
        self.asked = 0

    async def rule(self, merchant: MerchantId, version: RuleVersion, block: int) -> RuleTerms:
        self.asked += 1
        rule = RULES[version]
        return RuleTerms(
            rate=rule.rate,
            base_rate=rule.base_rate,
            starts=rule.starts,
            until=rule.until,
            veto_block=rule.veto_block,
            tiers=rule.tiers,
        )

    async def tier(self, member: MemberId, block: int) -> int:
        self.asked += 1
        return member % 3


def rebuilder(ledger: KnownLedger) -> LeafRebuilder:
    return LeafRebuilder(cast(Ledger, ledger), LedgerTerms(**TERMS))


payments = st.builds(
    payment,
    st.integers(1, 999_999),
    member=st.integers(1, 2**64 - 1),
    merchant=st.integers(1, 3),
    time=st.integers(NOW - 300, NOW + 300),
    lines=st.lists(
        st.builds(line, st.integers(1, 10**8), version=st.integers(1, 4), tender=st.sampled_from(list(Tender))),
        min_size=1,
        max_size=4,
    ).map(tuple),
    authorisation=st.one_of(st.none(), st.binary(min_size=32, max_size=32)),
)
acts = st.builds(lambda data: Act(data=b"\x01" + data), st.binary(max_size=40))
payments = st.one_of(
    payments, st.builds(replace, payments, act=acts), st.builds(replace, payments, act=acts, lines=st.just(()))
)


@given(st.lists(payments, min_size=1, max_size=12), st.integers(0, 2), st.sampled_from([89, 90, 91]), st.randoms())
@settings(max_examples=100, deadline=None)
def test_rebuild_says_what_the_mirror_says(made: list[Payment], left_out: int, number: int, dice: object) -> None:
    choose = dice.random  # type: ignore[attr-defined]
    block = Block(number=number, hash=Hash32(b"b" * 32), timestamp=NOW, base_fee=1, transactions=())
    entries = sorted(
        [entry_of(i, each.merchant, pack_payment(each), 1, debits=False) for i, each in enumerate(made)],
        key=lambda each: each.merchant,
    )
    data = encode(STREAM, entries)
    processed = max(0, len(made) - left_out)
    events: list[LedgerEvent] = []
    for sequence in range(len(made)):
        if choose() < 0.2:
            events.append(Skipped(stream=STREAM, sequence=Sequence(sequence), reason=14))
        if choose() < 0.2:
            events.append(Clamped(stream=STREAM, sequence=Sequence(sequence), line=0, points=Units(5), due=Units(9)))
        if choose() < 0.3:
            events.append(
                Debited(
                    member=MemberId(1),
                    stream=STREAM,
                    sequence=Sequence(sequence),
                    merchant=MerchantId(1),
                    value=0,
                    coins_previous=Units(int(choose() * 10**9)),
                    coins_current=Units(0),
                )
            )
    logs = BatchLogs(
        processed=processed,
        leaves=1,  # some; how many comes out
        skipped=frozenset(each.sequence for each in events if isinstance(each, Skipped)),
        clamped={(each.sequence, each.line): (5, 9) for each in events if isinstance(each, Clamped)},
        coins_previous={each.sequence: each.coins_previous for each in events if isinstance(each, Debited)},
    )
    expected = rebuild_leaves(
        decode_batch(data),
        logs,
        rules={(MerchantId(m), RuleVersion(v)): rule for m in (1, 2, 3) for v, rule in RULES.items()},
        tiers={each.member: each.member % 3 for each in made},
        terms=NetworkTerms(**TERMS, max_line_amount=10**9, utc_offset=0),
        block=number,
        block_time=NOW,
    )
    root = root_of([leaf.hash for leaf in expected])
    events.append(
        BatchPosted(
            stream=STREAM, root=root, first_sequence=Sequence(0), processed=processed, skipped=0, leaves=len(expected)
        )
    )
    leaves = asyncio.run(rebuilder(KnownLedger())(post_batch(data), events, block, root))
    assert hashes(leaves) == [leaf.hash for leaf in expected]
    for sequence in {leaf.sequence for leaf in expected}:
        own = leaves_of(leaves, sequence)
        assert {leaf_sequence(leaf) for _, leaf in own} == {sequence}
        assert [leaf_points(leaf) for _, leaf in own] == [leaf.points for leaf in expected if leaf.sequence == sequence]


async def test_rebuild_stops_everything_when_the_root_is_not_the_chains() -> None:
    ledger = KnownLedger()
    entry = entry_of(1, 1, pack_payment(payment(1)), 1, debits=False)
    posted = BatchPosted(
        stream=STREAM, root=Hash32(b"?" * 32), first_sequence=Sequence(0), processed=1, skipped=0, leaves=1
    )
    calldata = post_batch(encode(STREAM, [entry]))
    block = Block(number=9, hash=Hash32(b"b" * 32), timestamp=NOW, base_fee=1, transactions=())
    with pytest.raises(BrokenInvariant, match="do not hash"):
        await rebuilder(ledger)(calldata, (posted,), block, posted.root)
    assert ledger.asked == 2, "asked once more before giving up"
