"""The guarantee for sales offline as a person runs it: paid in, owed to a merchant, collected, forgiven, taken out."""

import pytest

from node.domain.acts.advice import BookAdvice
from node.domain.ids import MinorUnits, Sequence
from tests.contracts.twin import stored
from tests.scripts.conftest import Chain
from tests.scripts.test_loyalty import OPERATOR, Poster
from tests.scripts.test_registry_acts import line
from tests.scripts.test_run import shown, told

pytestmark = [pytest.mark.anvil, pytest.mark.slow]
ANN = 7
ELSEWHERE = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"


@pytest.fixture(scope="module")
def shop(anvil: Chain) -> Chain:
    """A till with a floor limit of 50.00 on a stream that the operator posts, a member with 30.00."""
    shown(anvil, "deploy")
    shown(anvil, "open_stream", "main", "1", OPERATOR.address, "50,000.00")
    shown(anvil, "onboard_merchant", "main", "Corner Shop", "Main Street=S0000101")
    shown(anvil, "set_rule", "main", "1", "1%")
    shown(anvil, "manage_terminals", "floor", "S0000101", "50.00")
    shown(anvil, "enrol_members", "main", str(ANN))
    shown(anvil, "recharge_member", "main", str(ANN), "30.00")
    return anvil


def sold_offline(poster: Poster, amount: int) -> str:
    """A sale in stored value that the ledger skips, booked; as what."""
    poster.pay(ANN, stored(amount))
    sale = BookAdvice(original=Sequence(poster.sequence), value=MinorUnits(amount), coins=MinorUnits(0))
    poster.pay(ANN, act=sale.act().data)
    return f"1-{poster.sequence}"


def test_a_guarantee_is_paid_in_collected_forgiven_and_taken_out(shop: Chain) -> None:
    assert line(shown(shop, "guarantee_offline", "show"), "fund") == ["0.00"]
    poster = Poster(shop)
    booked = sold_offline(poster, 90_00)
    said = shown(shop, "guarantee_offline", "show")
    assert line(said, "due to merchant 1") == ["20.00"]
    assert said.count(f"member {ANN}") == 4 and "40.00" in said
    assert line(said, booked) == [f"member {ANN}", "the guarantee", "20.00", "0.00"]
    assert "nothing is due to merchant 1" not in told(shop, "guarantee_offline", "take", "1.00", ELSEWHERE)
    paid = shown(shop, "guarantee_offline", "main", "15.00")
    assert (line(paid, "fund"), line(paid, "due to merchant 1")) == (["0.00"], ["5.00"])
    # a recharge by finance pays the guarantee; what is owed to the shop is collected when somebody asks
    shown(shop, "recharge_member", "main", str(ANN), "5.00")
    paid = shown(shop, "guarantee_offline", "pay", "1")
    assert line(paid, "fund") == ["0.00"] and "due to" not in paid
    assert "Nothing is due to merchant 1" in told(shop, "guarantee_offline", "pay", "1")
    paid = shown(shop, "guarantee_offline", "main", "25.00")
    assert line(paid, "fund") == ["25.00"] and "due to" not in paid
    shown(shop, "recharge_member", "main", str(ANN), "20.00")
    assert line(shown(shop, "guarantee_offline", "show"), "fund") == ["40.00"]
    collected = shown(shop, "guarantee_offline", "collect", str(ANN), "1")
    assert line(collected, f"member {ANN}") == ["merchant 1", "35.00", "0.00"]
    assert line(collected, booked) == [f"member {ANN}", "merchant 1", "40.00", "0.00"]
    assert "OwesLess" in told(shop, "guarantee_offline", "forgive", booked, "35.01", "0")
    assert "was booked as 1-9999" in told(shop, "guarantee_offline", "forgive", "1-9999", "1.00", "0")
    assert "such as 1-43" in told(shop, "guarantee_offline", "forgive", "43", "1.00", "0")
    forgiven = shown(shop, "guarantee_offline", "forgive", booked, "5.00", "0")
    assert line(forgiven, booked) == [f"member {ANN}", "merchant 1", "35.00", "0.00"]
    assert f"member {ANN}" not in shown(shop, "guarantee_offline", "forgive", booked, "30.00", "0")
    assert "OwesLess" in told(shop, "guarantee_offline", "forgive_guarantee", booked, "1.00", "0")
    assert "owes nothing" in told(shop, "guarantee_offline", "collect", str(ANN))
    another = sold_offline(poster, 10_00)
    owes = [f"member {ANN}", "the guarantee", "10.00", "0.00"]
    assert line(shown(shop, "guarantee_offline", "show"), another) == owes
    forgiven = shown(shop, "guarantee_offline", "forgive_guarantee", another, "10.00", "0")
    assert line(forgiven, "fund") == ["30.00"] and f"member {ANN}" not in forgiven
    assert "GuaranteeShort" in told(shop, "guarantee_offline", "take", "30.01", ELSEWHERE)
    assert line(shown(shop, "guarantee_offline", "take", "30.00", ELSEWHERE), "fund") == ["0.00"]
