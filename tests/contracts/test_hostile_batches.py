"""Batches that no honest poster sends: whatever of one the ledger processed, everybody can rebuild its leaves."""

import asyncio
import os
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.devchain import Chain, Receipt, Reverted
from benchmarks.world import Terms
from node.chain.blocks import Block
from node.chain.events import LedgerEvent, decode_event
from node.chain.ledger import Ledger, RuleTerms, post_batch
from node.chain.rebuild import LeafRebuilder
from node.domain.batch_format import decode_batch, encode_batch, make_batch
from node.domain.ids import Hash32, MemberId, MerchantId, RuleVersion
from node.domain.leaf import BatchLogs, Leaf, rebuild_leaves
from node.domain.packed_leaves import hashes
from node.domain.rewards import Outcome
from node.domain.rewards import post_batch as mirrored
from tests.contracts.probe import Probe, catalogue
from tests.contracts.twin import ONE, POSTING, Twin
from tests.contracts.worlds import MEMBERS, RICH, furnished, made, maybe_acting

pytestmark = [pytest.mark.anvil, pytest.mark.filterwarnings("ignore:A private pytest class")]
EXAMPLES = 2_000 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 80
ACTS: list[bytes] = []  # of the target in `busy`
HEADER, SECTION, PAYMENT, LINE = 16, 6, 18, 9
# of a payment's head and its first line: what a hostile poster may write where
SPOILT = {
    1: [9, 10, 11, 12, 13],  # low byte of the sequence's offset: another payment's, so that one is named twice
    2: [4, 7, 8, 9, 10, 15, 16, 24, 128, 255],  # flags
    3: [0, 1, 16, 17, 255],  # line count
    26: [0, 1, 2, 3, 255],  # tender
}


@pytest.fixture(scope="module")
def busy(chain: Chain, terms: Terms) -> Twin:
    twin = furnished(chain, terms)
    ACTS.extend(catalogue(Probe(twin), RICH, MEMBERS[:2]))
    return twin


@st.composite
def spoilings(draw: st.DrawFn) -> tuple[int, int, int]:
    """Which payment, which of its bytes, the new value."""
    place = draw(st.sampled_from([1, 1, 1, 1, 2, 2, 3, 26]))
    return draw(st.integers(0, 6)), place, draw(st.sampled_from(SPOILT[place]))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    fields=st.lists(st.deferred(lambda: maybe_acting(ACTS)), min_size=2, max_size=7),
    spoilt=st.lists(spoilings(), min_size=1, max_size=3),
    tail=st.one_of(st.just(0), st.integers(-80, 80)),
    gas=st.sampled_from([30_000_000, 30_000_000, 700_000, 1_000_000, 1_600_000, 2_300_000]),
)
def test_leaves_are_rebuilt_whatever_the_poster_sent(
    busy: Twin, fields: list[dict[str, Any]], spoilt: list[tuple[int, int, int]], tail: int, gas: int
) -> None:
    with busy.forgotten():
        batch = make_batch(ONE, [made(busy, each) for each in fields])
        starts, at, before = [], HEADER, None
        for payment in batch.payments:
            at += SECTION if payment.merchant != before else 0
            before = payment.merchant
            starts.append(at)
            at += PAYMENT + LINE * len(payment.lines)
            at += 32 * ((payment.items_root is not None) + (payment.authorisation is not None))
            at += 0 if payment.act is None else 2 + len(payment.act)
        data = bytearray(encode_batch(batch))
        for which, place, value in spoilt:
            data[starts[which % len(starts)] + place] = value
        sent = bytes(data[:tail] if tail < 0 else data + bytes(tail))
        busy.tick()
        try:
            receipt = busy.world.post(sent, gas=gas)
        except Reverted:
            return
        _rebuilt_alike(busy, sent, receipt)


def _rebuilt_alike(twin: Twin, sent: bytes, receipt: Receipt) -> None:
    processed = twin.events(receipt)[-1].args["processed"]
    batch = decode_batch(sent)
    batch = replace(batch, payments=batch.payments[:processed])
    assert len(batch.payments) == processed
    outcome = mirrored(twin.model.book, batch, twin.model.block, twin.acts)
    logs, said = ([log for log in each if log.name in POSTING] for each in (twin.logs(receipt), outcome.logs))
    assert logs == said
    twin.compare()
    assert _by_the_domain(twin, sent, outcome) == outcome.leaves
    fast = LeafRebuilder(cast(Ledger, _Known(twin)), twin.model.book.terms)
    events = [event for event in map(decode_event, receipt.logs) if event is not None]
    assert _fast(fast, twin, sent, events, outcome.root) == [leaf.hash for leaf in outcome.leaves]


def _by_the_domain(twin: Twin, sent: bytes, outcome: Outcome) -> tuple[Leaf, ...]:
    logs, book, block = outcome.logs, twin.model.book, twin.model.block
    found = BatchLogs(
        processed=int(logs[-1].values[3]),
        leaves=int(logs[-1].values[5]),
        skipped=tuple(sequence for sequence, _ in outcome.skipped),
        clamped={cast(Any, log.values[1:3]): cast(Any, log.values[3:5]) for log in logs if log.name == "Clamped"},
        coins_previous={int(log.values[2]): int(log.values[5]) for log in logs if log.name == "Debited"},
    )
    tiers = {member: account.tier for member, account in book.accounts.items()}
    return rebuild_leaves(
        decode_batch(sent), found, rules=book.rules, tiers=tiers, terms=book.terms, block=block.number,
        block_time=block.time,
    )  # fmt: skip


def _fast(fast: LeafRebuilder, twin: Twin, sent: bytes, events: list[LedgerEvent], root: Hash32) -> list[Hash32]:
    block = twin.model.block
    mined = Block(number=block.number, hash=Hash32(bytes(32)), timestamp=block.time, base_fee=0, transactions=())
    return hashes(asyncio.run(fast(post_batch(sent), events, mined, root)))


class _Known:
    """Answers of the model's ledger."""

    def __init__(self, twin: Twin) -> None:
        self._book = twin.model.book

    async def rule(self, merchant: MerchantId, version: RuleVersion, block: int) -> RuleTerms:
        rule = self._book.rules[merchant, version]
        return RuleTerms(**{name: getattr(rule, name) for name in RuleTerms.__dataclass_fields__})

    async def tier(self, member: MemberId, _: int) -> int:
        return self._book.accounts[member].tier
