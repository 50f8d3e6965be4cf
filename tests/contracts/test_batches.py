"""What makes a whole batch revert, how it ends when gas runs short, and what a thief of the posting key can do."""

from dataclasses import replace

import pytest

from benchmarks.devchain import Reverted
from node.domain.batch_format import BatchPayment, encode_batch, gas_limit, make_batch
from node.domain.ids import MemberId, MerchantId, TerminalNumber
from node.domain.ids import Sequence as SequenceNumber
from node.domain.ledger import Reason
from node.domain.rewards import post_batch
from tests.contracts.twin import ONE, STREAM, Twin, coins, external, stored

pytestmark = pytest.mark.anvil
SHOPPER = MemberId(31)


@pytest.fixture
def shop(twin: Twin) -> Twin:
    """Two merchants with a base and a shopper."""
    for _ in range(2):
        twin.base(twin.onboard(terminals=2, prepaid=10**8), coefficient=1_000)
    twin.enrol(SHOPPER)
    return twin


def _pair(shop: Twin) -> list[BatchPayment]:
    return [shop.payment(MerchantId(m), SHOPPER, external(100)) for m in (1, 2)]


def _error(shop: Twin, data: bytes, sender: str | None = None) -> Reverted:
    shop.tick()
    with pytest.raises(Reverted) as caught:
        shop.world.post(data, sender=sender)
    shop.compare()
    return caught.value


def test_post_batch_reverts_naming_the_sender_when_it_is_not_the_poster(shop: Twin) -> None:
    data = encode_batch(make_batch(ONE, _pair(shop)))
    for sender in (shop.world.stranger, shop.world.operator):
        error = _error(shop, data, sender)
        assert (error.error, error.values) == ("NotPoster", (STREAM, sender.lower()))
    closed = bytearray(data)
    closed[1:5] = (9).to_bytes(4, "big")
    assert _error(shop, bytes(closed)).error == "NotPoster"


@pytest.mark.parametrize(
    ("error", "start", "replacement"),
    [
        ("UnknownVersion", 0, b"\x00"),
        ("UnknownVersion", 0, b"\x02"),
        ("BadWindow", 5, (1).to_bytes(8, "big")),
        ("BadWindow", 13, b"\x00"),
        ("BadWindow", 13, b"\x21"),
        ("EmptyBatch", 14, b"\x00\x00"),
        ("BadLength", 14, b"\x00\x03"),
        ("BadLength", 14, b"\x00\x01"),
        ("MerchantsOutOfOrder", 16, (0).to_bytes(4, "big")),
        ("MerchantsOutOfOrder", 16, (2).to_bytes(4, "big")),
        ("MerchantsOutOfOrder", 16, (3).to_bytes(4, "big")),
        ("EmptyBatch", 20, b"\x00\x00"),
    ],
)
def test_post_batch_reverts_by_name_when_header_or_section_is_wrong(
    shop: Twin, error: str, start: int, replacement: bytes
) -> None:
    data = bytearray(encode_batch(make_batch(ONE, _pair(shop))))
    data[start : start + len(replacement)] = replacement
    assert _error(shop, bytes(data)).error == error


def test_post_batch_reverts_when_window_would_pass_the_last_sequence(shop: Twin) -> None:
    data = bytearray(encode_batch(make_batch(ONE, _pair(shop))))
    data[5:13] = (2**64 - 256).to_bytes(8, "big")
    shop.tick()
    shop.world.post(bytes(data))
    data[13] = 2
    assert _error_only(shop, bytes(data)) == "BadWindow"


def _error_only(shop: Twin, data: bytes) -> str:
    shop.tick()
    with pytest.raises(Reverted) as caught:
        shop.world.post(data)
    return caught.value.error


def test_post_batch_reverts_when_any_byte_is_missing_or_added(shop: Twin) -> None:
    payments = _pair(shop)
    payments[1] = replace(payments[1], items_root=bytes([1]) * 32, authorisation=bytes([2]) * 32)  # type: ignore[arg-type]
    data = encode_batch(make_batch(ONE, payments))
    for cut in range(len(data)):
        assert _error_only(shop, data[:cut]) == "BadLength", cut
    assert _error_only(shop, data + b"\x00") == "BadLength"
    shop.compare()


def test_post_batch_ends_cleanly_when_gas_runs_short_at_any_point(shop: Twin) -> None:
    payments = [shop.payment(MerchantId(1 + i // 10), SHOPPER, *[external(100 + i)] * (1 + i % 3)) for i in range(20)]
    batch = make_batch(ONE, payments)
    data = encode_batch(batch)
    seen = set()
    for gas in range(200_000, 650_000, 11_000):
        with shop.forgotten():
            shop.tick()
            try:
                events = shop.events(shop.world.post(data, gas=gas))
            except Reverted as reverted:  # not even the frame and the header
                assert gas < 250_000, reverted
                continue
            done = events[-1].args["processed"]
            seen.add(done)
            if done:
                outcome = post_batch(shop.model.book, replace(batch, payments=batch.payments[:done]), shop.model.block)
                assert events[-1].args["root"] == outcome.root
            shop.compare()
    assert {0, 20} < seen
    assert len(seen) > 8


def test_post_batch_looks_at_all_when_gas_is_what_gas_limit_says(shop: Twin) -> None:
    lines = [external(1 + i) for i in range(16)]
    batch = make_batch(ONE, [shop.payment(MerchantId(1), SHOPPER, *lines)])
    shop.tick()
    assert shop.events(shop.world.post(batch, gas=gas_limit(batch)))[-1].args["processed"] == 1


def test_post_batch_is_one_effect_when_the_same_bytes_are_posted_again(shop: Twin) -> None:
    payments = _pair(shop)
    assert len(shop.post(*payments).leaves) == 2
    again = shop.post(*payments)
    assert [reason for _, reason in again.skipped] == [Reason.ALREADY_POSTED] * 2
    assert not again.leaves
    shop.compare()


def test_post_batch_accepts_sequences_of_the_whole_window(shop: Twin) -> None:
    start = shop.sequence = 256 * 40
    for offset in (0, 255, 256, 256 * 31 + 255):
        shop.sequence = start + offset - 1
        assert not shop.post(shop.payment(MerchantId(1), SHOPPER, external(5))).skipped
    wide = [
        replace(shop.payment(MerchantId(1), SHOPPER, external(5)), sequence=SequenceNumber(start * 2 + offset))
        for offset in (0, 256 * 31 + 255)
    ]
    assert not shop.post(*wide).skipped
    shop.compare()


# --- the thief ---


def test_thief_with_posting_key_debits_no_more_than_the_limit_a_day(shop: Twin) -> None:
    victims = [MemberId(40 + i) for i in range(10)]
    shop.enrol(*victims)
    for victim in victims:
        shop.recharge(victim, 1_000)
        shop.pay(MerchantId(1), victim, external(10_000))
    shop.set_limit(2_500)
    for _ in range(3):
        shop.post(*(shop.payment(MerchantId(1), victim, stored(500)) for victim in victims))
        shop.post(*(shop.payment(MerchantId(1), victim, coins(500)) for victim in victims))
    taken = shop.ledger.view("merchant", 1)["payable_"]
    assert taken == 2_500
    shop.tick(86_400)
    shop.post(*(shop.payment(MerchantId(1), victim, coins(500)) for victim in victims))
    assert shop.ledger.view("merchant", 1)["payable_"] == 5_000
    shop.compare()
    shop.check_invariants()


def test_thief_with_posting_key_reaches_no_other_stream_or_terminal(shop: Twin) -> None:
    shop.tick()
    shop.world.open_stream(2, shop.world.stranger, 10**9, 0)
    payment = shop.payment(MerchantId(1), SHOPPER, external(5))
    data = encode_batch(make_batch(type(ONE)(2), [payment]))  # type: ignore[misc]
    assert _error_only(shop, data) == "NotPoster"
    shop.tick()
    events = shop.events(shop.world.post(data, sender=shop.world.stranger))
    assert [event.args["reason"] for event in events if event.name == "Skipped"] == [Reason.TERMINAL]


def test_terminal_earns_on_the_new_stream_only_when_handed_over(shop: Twin) -> None:
    shop.tick()
    shop.world.as_operator(shop.world.registry, "handOver", [b"1T1".ljust(8, b"\0")], 2)
    shop.model.book.terminals.discard((MerchantId(1), ONE, TerminalNumber(1)))
    outcome = shop.post(shop.payment(MerchantId(1), SHOPPER, external(5), terminal=TerminalNumber(1)))
    assert [reason for _, reason in outcome.skipped] == [Reason.TERMINAL]
    assert not shop.post(shop.payment(MerchantId(1), SHOPPER, external(5))).skipped
    shop.world.open_stream(2, shop.world.stranger, 0, 0)
    moved = shop.payment(MerchantId(1), SHOPPER, external(5), terminal=TerminalNumber(1))
    shop.tick()
    receipt = shop.world.post(make_batch(type(ONE)(2), [moved]), sender=shop.world.stranger)  # type: ignore[misc]
    assert shop.events(receipt)[-1].args["leaves"] == 1
