"""The bytes of each kind of act: what is written is read, and nothing else is."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain.act import Act, ActKind
from node.domain.acts import gift
from node.domain.acts.advice import BookAdvice
from node.domain.acts.authorization import Authorize, Capture, Void, about
from node.domain.acts.certificate import RedeemCertificate
from node.domain.acts.coupon import Face, WriteOff, campaign_of, discount_due_down
from node.domain.acts.discount import Discount, discount_down
from node.domain.acts.gift import HandOverGift, TakeGift
from node.domain.acts.recharge import Recharge
from node.domain.ids import Hash32, Sequence
from node.domain.payment import Tender


def bits(number: int) -> st.SearchStrategy[int]:
    return st.integers(0, (1 << number) - 1)


AMOUNTS = bits(48)
PRODUCTS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=32)
PROOFS = st.lists(st.binary(min_size=32, max_size=32).map(Hash32), max_size=20).map(tuple)
ACTS = {
    ActKind.COUPON: (
        st.builds(WriteOff, coupon=bits(64), discount=AMOUNTS, sale=bits(64), amount=AMOUNTS)
        | st.builds(WriteOff, coupon=bits(64), discount=AMOUNTS, product=PRODUCTS, proof=PROOFS),
        WriteOff.read,
    ),
    ActKind.RECHARGE: (st.builds(Recharge, amount=AMOUNTS, at_least=AMOUNTS), Recharge.read),
    ActKind.AUTHORIZE: (
        st.builds(
            Authorize,
            tender=st.sampled_from(Tender),
            amount=AMOUNTS,
            capture_by=bits(32),
            refund_by=bits(32),
            min_reward=bits(56),
        ),
        Authorize.read,
    ),
    ActKind.CAPTURE: (
        st.builds(Capture, stream=bits(32), sequence=bits(64), amount=AMOUNTS, reward=bits(56)),
        Capture.read,
    ),
    ActKind.VOID: (st.builds(Void, stream=bits(32), sequence=bits(64)), Void.read),
    ActKind.GIFT: (st.builds(TakeGift, gift=bits(64)) | st.builds(HandOverGift, reservation=bits(128)), gift.read),
    ActKind.CERTIFICATE: (
        st.builds(
            RedeemCertificate,
            certificate=bits(64),
            amount=AMOUNTS,
            signature=st.just(b"") | st.binary(min_size=65, max_size=65),
        ),
        RedeemCertificate.read,
    ),
    ActKind.DISCOUNT: (st.builds(Discount, amount=AMOUNTS), Discount.read),
    ActKind.ADVICE: (st.builds(BookAdvice, original=bits(64), value=AMOUNTS, coins=AMOUNTS), BookAdvice.read),
}


def test_every_kind_is_here() -> None:
    assert set(ACTS) == set(ActKind)


@pytest.mark.parametrize("kind", ActKind)
@given(data=st.data())
def test_read_undoes_act(kind: ActKind, data: st.DataObject) -> None:
    made, read = ACTS[kind]
    it = data.draw(made)
    act = it.act()  # type: ignore[attr-defined]
    assert act.kind == kind and not act.undoes
    assert read(act.data) == it


@pytest.mark.parametrize("kind", ActKind)
@given(data=st.data())
def test_read_refuses_what_is_cut_or_of_another_kind(kind: ActKind, data: st.DataObject) -> None:
    made, read = ACTS[kind]
    act: Act = data.draw(made).act()  # type: ignore[attr-defined]
    cut = act.data[: data.draw(st.integers(1, len(act.data) - 1))]
    if kind is ActKind.COUPON and len(cut) >= 29 and _still_fits(cut):
        return  # a proof that is shorter is a proof
    with pytest.raises(ValueError, match=r"no act of kind|no recharge"):
        read(cut)
    with pytest.raises(ValueError, match="no act of kind"):
        read(bytes([act.kind % 8 + 1]) + act.data[1:])


def _still_fits(cut: bytes) -> bool:
    if len(cut) == 29:
        return True
    end = 30 + cut[29]
    return len(cut) >= end and (len(cut) - end) % 32 == 0


@pytest.mark.parametrize(
    "too_large",
    [
        lambda: WriteOff(coupon=2**64, discount=0),
        lambda: WriteOff(coupon=1, discount=2**48),
        lambda: WriteOff(coupon=1, discount=0, product="x" * 256),
        lambda: WriteOff(coupon=1, discount=0, product="x", proof=(Hash32(b"short"),)),
        lambda: Recharge(amount=2**48),
        lambda: Capture(stream=2**32, sequence=1, amount=1),
        lambda: Void(stream=1, sequence=-1),
        lambda: TakeGift(gift=2**64),
        lambda: HandOverGift(reservation=2**128),
        lambda: RedeemCertificate(certificate=1, amount=1, signature=b"short"),
        lambda: Discount(amount=-1),
    ],
)
def test_act_is_refused_when_a_number_does_not_fit(too_large: Callable[[], Discount]) -> None:
    with pytest.raises(ValueError, match=r"fit|bytes|characters"):
        too_large().act()


@given(bits(32), bits(64), AMOUNTS, bits(64))
def test_about_names_another_authorisation_and_changes_nothing_else(
    stream: int, sequence: int, amount: int, other: int
) -> None:
    capture = Capture(stream=stream, sequence=sequence, amount=amount, reward=7)
    assert Capture.read(about(capture.act().data, Sequence(other)).data) == capture.of(Sequence(other))
    void = Void(stream=stream, sequence=sequence)
    assert Void.read(about(void.act().data, Sequence(other)).data) == void.of(Sequence(other))


@given(AMOUNTS, st.integers(0, 9_999))
def test_a_discount_is_what_the_contract_allows_and_not_a_unit_more(price: int, bps: int) -> None:
    off = discount_down(price, bps)
    coins = price - off
    assert off <= (coins + off) * bps // 10_000 and (off + 1) * 10_000 > price * bps


@given(AMOUNTS, bits(32))
def test_a_coupon_takes_off_no_more_than_the_basket(basket: int, value: int) -> None:
    assert discount_due_down(Face.PERCENTAGE, value % 10_001, basket) <= basket
    assert discount_due_down(Face.SUM, value, basket) == min(basket, value)
    assert discount_due_down(Face.GIFT, value, basket) == 0


def test_a_coupon_names_its_campaign() -> None:
    assert campaign_of(7 << 32 | 3 << 16 | 9) == 7
