"""Refunds: parts add up to the whole, points and money go where docs/batch.md says, whatever the age."""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.devchain import Chain
from benchmarks.world import Terms
from node.domain.ids import MemberId, MerchantId
from node.domain.payment import Line
from tests.contracts.conftest import EPOCH
from tests.contracts.model import Refund, Undo
from tests.contracts.twin import STREAM, Twin, coins, external, member_address, stored

pytestmark = [pytest.mark.anvil, pytest.mark.filterwarnings("ignore:A private pytest class")]
EXAMPLES = 500 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 40
SHOP, POOR = MerchantId(1), MerchantId(2)
SHOPPER, OTHER = MemberId(21), MemberId(22)


def prepared(chain: Chain, terms: Terms) -> Twin:
    """A rich and a poor merchant with a tiered base and a budgeted offer; a shopper with coins of two epochs."""
    twin = Twin(chain, terms)
    for prepaid in (10**9, 1):
        merchant = twin.onboard(prepaid=prepaid)
        twin.base(merchant, coefficient=333, tiers=(12_345,))
        twin.offer(merchant, coefficient=333, budget=5_000_000, multiplier_bps=77_777)
    twin.enrol(SHOPPER, OTHER)
    twin.set_tier(SHOPPER, 1)
    twin.recharge(SHOPPER, 100_000)
    twin.pay(SHOP, SHOPPER, external(60_003))
    twin.tick(EPOCH)
    twin.pay(SHOP, SHOPPER, external(80_001))
    return twin


@pytest.fixture(scope="module")
def rich(chain: Chain, terms: Terms) -> Twin:
    return prepared(chain, terms)


def line_of(tender: int, amount: int, version: int) -> Line:
    return {0: external, 2: stored}[tender](amount, version) if tender != 1 else coins(amount)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    tender=st.sampled_from([0, 1, 2]),
    merchant=st.sampled_from([SHOP, POOR]),
    version=st.sampled_from([1, 2]),
    parts=st.lists(st.integers(1, 997), min_size=1, max_size=10),
    kept=st.integers(0, 500),
    age=st.sampled_from([0, 1, 2, 3]),
    spent=st.sampled_from([0, 50, 100]),
    settled=st.booleans(),
)
def test_post_refunds_in_parts_ends_where_at_once_does(
    rich: Twin, tender: int, merchant: MerchantId, version: int, parts: list[int], kept: int, age: int, spent: int,
    settled: bool,
) -> None:  # fmt: skip
    def life(amounts: list[int]) -> object:
        with rich.forgotten():
            amount = min(sum(parts) + kept, 4_000)
            leaf = rich.pay(merchant, SHOPPER, line_of(tender, amount, version))[0]
            rich.tick(age * EPOCH)
            if settled:
                rich.buy_points(merchant, 3)
                rich.act(
                    rich.ledger, "settleOwed", merchant, SHOPPER,
                    model=lambda: rich.model.settle_owed(merchant, SHOPPER),
                )  # fmt: skip
            _spend(rich, spent)
            for part in amounts:
                rich.refund(Refund(sequence=rich.next_sequence(), kind=1, lines=(Undo(leaf=leaf, amount=part),)))
            rich.compare()
            rich.check_invariants()
            book, model = rich.model.book, rich.model
            # the limit's counter rounds each part up to a minor unit; all else is equal
            rest = {
                key: value for key, value in model.__dict__.items() if key not in ("book", "block", "stream_refunds")
            }
            return (
                book.accounts, book.merchants, book.supply, book.totals, book.owed, book.issued, book.closed_epochs,
                {key: value for key, value in rest.items() if value}, model.refunded,
            )  # fmt: skip

    whole = min(sum(parts), 4_000)
    pieces, total = [], 0
    for part in parts:
        part = min(part, whole - total)
        total += part
        pieces += [part] if part else []
    assert life(pieces) == life([whole])


def _spend(twin: Twin, percent: int) -> None:
    units = twin.model.touch(SHOPPER).coins * percent // 100
    sender = twin.chain.impersonate(member_address(SHOPPER))
    twin.act(
        twin.ledger, "transfer", member_address(OTHER), units, sender=sender,
        model=lambda: twin.model.transfer(SHOPPER, OTHER, units),
    )  # fmt: skip


def test_post_refunds_goes_on_when_paused_frozen_and_closed(twin: Twin) -> None:
    shop = twin.onboard(prepaid=10**6)
    twin.base(shop)
    twin.enrol(SHOPPER)
    leaf = twin.pay(shop, SHOPPER, external(5_000))[0]
    twin.set_state(SHOPPER, frozen=True, locked=True)
    twin.act(twin.ledger, "pause", model=lambda: twin.model.set_paused(True))
    registry = twin.world.registry
    twin.act(registry, "setMerchantActive", shop, False, model=lambda: twin.model.set_merchant(shop, False))
    logs = twin.refund(Refund(sequence=twin.next_sequence(), kind=3, lines=(Undo(leaf=leaf),)))
    assert logs[0].name == "Refunded"
    assert twin.ledger.view("account", SHOPPER)["current"] == 0
    assert twin.ledger.view("refunded", leaf.hash) == (5_000, leaf.points)
    twin.compare()


def test_post_refunds_of_another_payment_cannot_undo_twice_when_stream_differs(twin: Twin) -> None:
    shop = twin.onboard(prepaid=10**6)
    twin.base(shop)
    twin.enrol(SHOPPER)
    leaf = twin.pay(shop, SHOPPER, external(5_000))[0]
    twin.refund(Refund(sequence=twin.next_sequence(), kind=3, lines=(Undo(leaf=leaf),)))
    twin.tick()
    twin.world.open_stream(2, twin.world.stranger, 10**6, 10**6)
    words = twin.refund_words(Refund(sequence=1, kind=2, lines=(Undo(leaf=leaf),)))
    receipt = twin.ledger.send("postRefunds", 2, [words], sender=twin.world.stranger)
    assert [event.args["reason"] for event in twin.events(receipt) if event.name == "Skipped"] == [23]


def test_post_refunds_ends_cleanly_when_gas_runs_short(twin: Twin) -> None:
    shop = twin.onboard(prepaid=10**6)
    twin.base(shop)
    twin.enrol(SHOPPER)
    leaves = list(twin.post(*(twin.payment(shop, SHOPPER, external(500)) for _ in range(6))).leaves)
    refunds = [Refund(sequence=twin.next_sequence(), kind=3, lines=(Undo(leaf=leaf),)) for leaf in leaves]
    words = [twin.refund_words(refund) for refund in refunds]
    twin.tick()
    receipt = twin.ledger.send("postRefunds", STREAM, words, sender=twin.world.poster, gas=800_000)
    closing = twin.events(receipt)[-1]
    assert closing.name == "RefundsPosted"
    assert 0 < closing.args["processed"] < 6
    done = closing.args["processed"]
    assert [twin.ledger.view("isPosted", STREAM, r.sequence) for r in refunds] == [True] * done + [False] * (6 - done)
