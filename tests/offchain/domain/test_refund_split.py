"""How a refund spreads over the lines of its payment."""

from hypothesis import given
from hypothesis import strategies as st

from node.domain.currency import decimals, written
from node.domain.ids import MinorUnits
from node.domain.payment import Tender
from node.domain.refund_split import LineLeft, RefundParts, parts_of, split_refund

LINES = st.lists(
    st.builds(LineLeft, tender=st.sampled_from(Tender), left=st.integers(0, 2**48 - 1).map(MinorUnits)), max_size=16
)
ORDER = (Tender.COIN, Tender.STORED_VALUE, Tender.EXTERNAL)


@given(LINES, st.data())
def test_split_gives_the_amount_and_never_more_than_is_left(lines: list[LineLeft], data: st.DataObject) -> None:
    whole = sum(line.left for line in lines)
    amount = data.draw(st.integers(0, whole))
    split = split_refund(MinorUnits(amount), lines)
    assert split is not None and sum(split) == amount
    assert all(0 <= part <= line.left for line, part in zip(lines, split, strict=True))
    for line, part in zip(lines, split, strict=True):
        # a line is not begun while an earlier tender has something left
        earlier = ORDER[: ORDER.index(line.tender)]
        assert not part or all(
            other_part == other.left for other, other_part in zip(lines, split, strict=True) if other.tender in earlier
        )
    assert split_refund(MinorUnits(whole + 1), lines) is None


@given(LINES, st.data())
def test_split_in_parts_ends_where_split_at_once_does(lines: list[LineLeft], data: st.DataObject) -> None:
    whole = sum(line.left for line in lines)
    first = data.draw(st.integers(0, whole))
    second = data.draw(st.integers(0, whole - first))
    at_once = split_refund(MinorUnits(first + second), lines)
    one = split_refund(MinorUnits(first), lines)
    assert one is not None
    left = [
        LineLeft(tender=line.tender, left=MinorUnits(line.left - part)) for line, part in zip(lines, one, strict=True)
    ]
    two = split_refund(MinorUnits(second), left)
    assert two is not None and at_once is not None
    assert tuple(a + b for a, b in zip(one, two, strict=True)) == at_once


@given(LINES)
def test_parts_are_packed_and_unpacked(lines: list[LineLeft]) -> None:
    small = [LineLeft(tender=line.tender, left=MinorUnits(line.left >> 4)) for line in lines]
    parts = parts_of(small, [line.left for line in small])
    assert RefundParts.unpack(parts.pack()) == parts
    assert parts.coin + parts.stored_value + parts.external == parts.amount


def test_money_is_written_with_its_currencys_decimals() -> None:
    assert [written(12_345, currency) for currency in ("840", "392", "414")] == ["123.45", "12345", "12.345"]
    assert (written(5, "978"), decimals("978")) == ("0.05", 2)
