"""Every reason by which a payment or a refund is skipped, by its name; a bad item never harms its neighbours."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from node.domain.batch_format import BatchPayment, encode_batch, make_batch
from node.domain.ids import Hash32, MemberId, MerchantId, TerminalNumber
from node.domain.ids import Sequence as SequenceNumber
from node.domain.ledger import Reason
from tests.contracts.model import MAX_56, Refund, Undo
from tests.contracts.twin import ONE, STREAM, Twin, coins, external, stored

pytestmark = pytest.mark.anvil
SHOPPER, LOCKED, FROZEN, STRANGER = (MemberId(m) for m in (11, 12, 13, 14))


@pytest.fixture
def shop(twin: Twin) -> Twin:
    """One merchant, whose shoppers have 100.00 of stored value and 10 coins."""
    merchant = twin.onboard(terminals=2, prepaid=10**8)
    twin.base(merchant, coefficient=1_000)
    twin.enrol(SHOPPER, LOCKED, FROZEN)
    for member in (SHOPPER, LOCKED):
        twin.recharge(member, 10_000)
    twin.pay(MerchantId(1), SHOPPER, external(10_000))
    twin.set_state(LOCKED, locked=True)
    twin.set_state(FROZEN, frozen=True)
    return twin


Bad = Callable[[Twin], BatchPayment]


def _with(*lines: object, **fields: object) -> Bad:
    def bad(twin: Twin) -> BatchPayment:
        payment = twin.payment(MerchantId(1), SHOPPER, *(lines or (external(100),)))  # type: ignore[arg-type]
        return replace(payment, **fields)  # type: ignore[arg-type]

    return bad


def _twice(twin: Twin) -> BatchPayment:
    return replace(_with()(twin), sequence=SequenceNumber(1))


@pytest.mark.parametrize(
    ("reason", "bad"),
    [
        (Reason.ALREADY_POSTED, _twice),
        (Reason.MERCHANT, _with(merchant=MerchantId(2))),
        (Reason.TERMINAL, _with(terminal=TerminalNumber(2))),
        (Reason.TERMINAL, _with(terminal=TerminalNumber(256))),
        (Reason.MEMBER, _with(member=STRANGER)),
        (Reason.MEMBER, _with(member=MemberId(0), enrol=True)),
        (Reason.FROZEN, _with(member=FROZEN)),
        (Reason.AMOUNT, _with(external(0))),
        (Reason.AMOUNT, _with(external(100_000_001))),
        (Reason.AMOUNT, _with(external(1), external(2**48 - 1))),
        (Reason.TENDER, _with(replace(external(5), tender=3))),  # type: ignore[arg-type]
        (Reason.RULE, _with(external(5, version=2))),
        (Reason.RULE, _with(stored(5, version=0))),
        (Reason.LOCKED, _with(stored(5), member=LOCKED)),
        (Reason.LOCKED, _with(coins(5), member=LOCKED)),
        (Reason.AUTHORISATION, _with(stored(5), authorisation=None)),
        (Reason.AUTHORISATION, _with(stored(5), authorisation=Hash32(bytes(32)))),
        (Reason.VALUE, _with(stored(10_001))),
        (Reason.VALUE, _with(stored(9_999), stored(2))),
        (Reason.COINS, _with(coins(1_011))),
        (Reason.COINS, _with(coins(1_010), coins(1))),
    ],
)
def test_post_batch_skips_by_name_and_posts_neighbours_when_item_is_bad(shop: Twin, reason: Reason, bad: Bad) -> None:
    before, wrong, after = _with()(shop), bad(shop), _with()(shop)
    outcome = shop.post(before, wrong, after)
    assert outcome.skipped == ((wrong.sequence, reason),)
    assert {leaf.sequence for leaf in outcome.leaves} == {before.sequence, after.sequence}
    assert shop.ledger.view("isPosted", STREAM, wrong.sequence)
    shop.compare()


def test_post_batch_skips_frozen_earning_but_not_locked_earning(shop: Twin) -> None:
    outcome = shop.post(_with(member=LOCKED)(shop), _with(member=FROZEN)(shop))
    assert [reason for _, reason in outcome.skipped] == [Reason.FROZEN]


def test_post_batch_skips_over_stream_limit_when_day_is_used_up(shop: Twin) -> None:
    shop.set_limit(1_000)
    outcome = shop.post(*(_with(stored(400))(shop) for _ in range(3)))
    assert [reason for _, reason in outcome.skipped] == [Reason.STREAM_LIMIT]
    shop.tick(86_400)
    assert not shop.post(_with(stored(400))(shop)).skipped
    shop.compare()


def test_post_batch_consumes_nothing_when_paused(shop: Twin) -> None:
    shop.act(shop.ledger, "pause", model=lambda: shop.model.set_paused(True))
    waiting = _with()(shop)
    assert shop.post(waiting).skipped == ((waiting.sequence, Reason.PAUSED),)
    assert not shop.ledger.view("isPosted", STREAM, waiting.sequence)
    shop.act(shop.ledger, "unpause", model=lambda: shop.model.set_paused(False))
    assert not shop.post(waiting).skipped


@pytest.mark.parametrize("flags", [0x10, 0x80, 0xF7])
def test_post_batch_skips_malformed_when_flags_are_unknown(shop: Twin, flags: int) -> None:
    payment = replace(_with()(shop), authorisation=None)
    data = bytearray(encode_batch(make_batch(ONE, [payment])))
    data[16 + 6 + 2] = flags
    data += bytes(32 * ((flags & 1) + (flags >> 1 & 1)))
    assert _reasons(shop, bytes(data)) == [Reason.MALFORMED]
    assert not shop.ledger.view("isPosted", STREAM, payment.sequence)


def test_post_batch_skips_malformed_when_offset_is_out_of_window(shop: Twin) -> None:
    data = bytearray(encode_batch(make_batch(ONE, [_with()(shop)])))
    data[22:24] = (256).to_bytes(2, "big")
    assert _reasons(shop, bytes(data)) == [Reason.MALFORMED]


@pytest.mark.parametrize("lines", [0, 17, 255])
def test_post_batch_ends_when_line_count_is_out_of_range(shop: Twin, lines: int) -> None:
    first, second, third = (_with()(shop) for _ in range(3))
    data = bytearray(encode_batch(make_batch(ONE, [first, second, third])))
    data[22 + 27 + 3] = lines
    shop.tick()
    events = shop.events(shop.world.post(bytes(data)))
    assert events[-1].args["processed"] == 2
    assert events[-1].args["leaves"] == 1
    assert not shop.ledger.view("isPosted", STREAM, second.sequence)
    assert not shop.ledger.view("isPosted", STREAM, third.sequence)


def _reasons(shop: Twin, data: bytes) -> list[int]:
    shop.tick()
    events = shop.events(shop.world.post(data))
    return [event.args["reason"] for event in events if event.name == "Skipped"]


# --- refunds ---


def _refund(shop: Twin, *lines: Undo, kind: int = 1) -> list[int]:
    logs = shop.refund(Refund(sequence=shop.next_sequence(), kind=kind, lines=lines))
    shop.compare()
    return [log.values[2] for log in logs if log.name == "Skipped"]  # type: ignore[misc]


def test_post_refunds_skips_by_name_when_refund_is_bad(shop: Twin) -> None:
    leaf = shop.pay(MerchantId(1), SHOPPER, stored(300))[0]
    other = shop.pay(MerchantId(1), SHOPPER, external(200))[0]
    assert _refund(shop, Undo(leaf=leaf, amount=10, proved=False)) == [Reason.PROOF]
    assert _refund(shop, Undo(leaf=replace(leaf, points=leaf.points + 1), amount=10, proved=False)) == [Reason.PROOF]
    assert _refund(shop, Undo(leaf=leaf, amount=301)) == [Reason.EXCEEDS]
    assert _refund(shop, Undo(leaf=leaf, amount=0)) == [Reason.EXCEEDS]
    assert _refund(shop, Undo(leaf=leaf, amount=1), kind=2) == [Reason.EXCEEDS]
    assert _refund(shop, Undo(leaf=leaf, amount=200), Undo(leaf=leaf, amount=101)) == [Reason.EXCEEDS]
    assert _refund(shop, Undo(leaf=leaf, amount=1), kind=0) == [Reason.KIND]
    assert _refund(shop, Undo(leaf=leaf, amount=1), kind=4) == [Reason.KIND]
    assert _refund(shop) == [Reason.KIND]
    assert _refund(shop, Undo(leaf=leaf, amount=1), Undo(leaf=other, amount=1)) == [Reason.KIND]
    assert _refund(shop, Undo(leaf=leaf), kind=2) == []
    assert _refund(shop, Undo(leaf=leaf), kind=3) == [Reason.NOTHING]
    again = Refund(sequence=shop.sequence, kind=3, lines=(Undo(leaf=other),))
    assert shop.refund(again)[0].values[2] == Reason.ALREADY_POSTED


def test_post_refunds_skips_over_stream_limit_and_goes_on_next_day(shop: Twin) -> None:
    leaf = shop.pay(MerchantId(1), SHOPPER, stored(300))[0]
    shop.tick(86_400)
    shop.set_limit(300)
    assert _refund(shop, Undo(leaf=leaf, amount=250)) == []
    # 50 of money and the points above par of what they gave
    assert _refund(shop, Undo(leaf=leaf, amount=50)) == [Reason.STREAM_LIMIT]
    shop.tick(86_400)
    assert _refund(shop, Undo(leaf=leaf, amount=50)) == []


def test_post_refunds_skips_for_funds_until_guarantee_fund_covers(shop: Twin) -> None:
    leaf = shop.pay(MerchantId(1), SHOPPER, stored(300))[0]
    shop.tick()
    slot = 2 << 248 | 1
    # a payout is not built yet: the merchant's payable is taken away by hand, in chain and model alike
    word = replace(shop.model.book.merchants[MerchantId(1)], payable=100)
    shop.model.book.merchants[MerchantId(1)] = word
    shop.chain.request("anvil_setStorageAt", shop.ledger.address, f"0x{slot:064x}", f"0x{word.pack():064x}")
    assert _refund(shop, Undo(leaf=leaf, amount=101)) == [Reason.FUNDS]
    for merchant, amount in ((1, 50), (0, 60)):
        shop.act(
            shop.ledger, "addDeposit", merchant, amount, model=lambda m=merchant, a=amount: shop.model.add_deposit(m, a)
        )
    assert _refund(shop, Undo(leaf=leaf, amount=211)) == [Reason.FUNDS]
    assert _refund(shop, Undo(leaf=leaf, amount=210)) == []
    assert shop.ledger.view("guaranteed", 1) == 60
    shop.act(shop.ledger, "addDeposit", 1, 100, model=lambda: shop.model.add_deposit(1, 100))
    assert shop.ledger.view("guaranteed", 1) == 0
    assert shop.ledger.view("deposits", 0) == 60
    assert shop.ledger.view("deposits", 1) == 40
    shop.compare()


def test_post_refunds_skips_for_funds_when_the_reserve_holds_no_more(shop: Twin) -> None:
    leaf = shop.pay(MerchantId(1), SHOPPER, coins(10))[0]
    shop.buy_points(MerchantId(1), MAX_56 // shop.model.par - shop.model.book.totals.reserve - 4)
    assert _refund(shop, Undo(leaf=leaf, amount=5)) == [Reason.FUNDS]
    assert _refund(shop, Undo(leaf=leaf, amount=4)) == []
    shop.compare()
