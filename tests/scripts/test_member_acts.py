"""What members do by their own keys, and what is between them and merchants afterwards, as people run it on anvil."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.domain.acts.coupon import WriteOff
from node.domain.acts.discount import Discount
from node.domain.coupons import coupon_id
from node.domain.ids import MinorUnits, RuleVersion
from node.domain.payment import Line, Tender
from node.network.keys import make_account, write_account
from scripts.deploy import VALUES
from tests.scripts.conftest import Chain
from tests.scripts.test_loyalty import DAY, OPERATOR, Poster, coin, external
from tests.scripts.test_registry_acts import line
from tests.scripts.test_run import OWNER, POSTER, shown, told, web3_of
from tests.scripts.test_settlement import ACQUIRER, id_in, row

pytestmark = [pytest.mark.anvil, pytest.mark.slow]
ANN, BOB, CARL = 7, 8, 9
EPOCH = 60 * DAY
CAMPAIGN = """
face = "sum"
value = "1.00"
incentive = "5%"
[weights]
member = "30%"
"""


@pytest.fixture(scope="module")
def shop(anvil: Chain, tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """A merchant with points and a fee, on a network whose points expire; three members, and the operator's stream."""
    values = tmp_path_factory.mktemp("values") / "values.toml"
    text = VALUES.read_text()
    assert "epoch_length = 0\n" in text
    values.write_text(text.replace("epoch_length = 0\n", f"epoch_length = {EPOCH}\n"))
    # from the beginning of an epoch on: the tests before the last pass less than one
    web3 = web3_of(anvil)
    now = int(web3.eth.get_block("latest")["timestamp"])
    for method, arguments in (("evm_setNextBlockTimestamp", [now - now % EPOCH + EPOCH]), ("evm_mine", [])):
        web3.provider.make_request(method, arguments)  # type: ignore[arg-type]
    for command in (
        ("deploy", "main", str(values)),
        ("open_stream", "main", "1", OPERATOR.address, "50,000.00"),
        ("onboard_merchant", "main", "Corner Shop", "Main Street=S0000101"),
        ("set_rule", "main", "1", "1%"),
        ("fund_points", "main", "1", "1,000.00"),
        ("settle_merchant", "terms", "1", "2%", f"{ACQUIRER}=100%"),
        ("enrol_members", "main", f"{ANN},{BOB},{CARL}"),
        ("recharge_member", "main", str(ANN), "500.00"),
        ("deposit_cash", "main", OPERATOR.address, "1,000.00"),
    ):
        shown(anvil, *command)
    return anvil


@pytest.fixture(scope="module")
def keys(shop: Chain, tmp_path_factory: pytest.TempPathFactory) -> dict[int, str]:
    """Key files of Ann and Bob, registered while they could be: Ann has value already, so two people gave hers."""
    folder, found = tmp_path_factory.mktemp("keys"), {}
    for member in (ANN, BOB):
        file, account = folder / f"{member}.json", make_account()
        write_account(file, account)
        found[member] = str(file)
        if member == BOB:
            shown(shop, "enrol_members", "key", str(member), account.address)
        else:
            shown(shop, "enrol_members", "propose_key", str(member), account.address)
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("TILLNET_OPERATOR_KEY", second_person(shop, folder))
                shown(shop, "proposals", "approve", f"key-{member}")
    return found


@pytest.fixture
def ann(keys: dict[int, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Ann's key file, named for the scripts."""
    monkeypatch.setenv("TILLNET_MEMBER_KEY", keys[ANN])
    monkeypatch.setenv("TILLNET_PAYER_KEY", keys[ANN])
    yield keys[ANN]


@pytest.fixture(scope="module")
def poster(shop: Chain) -> Poster:
    return Poster(shop)


def second_person(shop: Chain, folder: Path) -> str:
    """The key file of another account of finance."""
    file, account = folder / "second.json", make_account()
    write_account(file, account)
    shown(shop, "set_role", "give", "finance", account.address)
    web3_of(shop).provider.make_request("anvil_setBalance", [account.address, hex(10**20)])  # type: ignore[arg-type]
    return str(file)


def test_member_consents_and_withdraws(shop: Chain, ann: str) -> None:
    assert row(shown(shop, "set_consent", "main", str(ANN), "yes"), "consents to targeting") == "yes"
    assert row(shown(shop, "set_consent", "main", str(ANN), "no"), "consents to targeting") == "no"
    assert row(shown(shop, "set_consent", "by_operator", str(CARL), "yes"), "consents to targeting") == "yes"
    assert row(shown(shop, "set_consent", "show", str(CARL)), "consents to targeting") == "yes"
    assert "is neither yes nor no" in told(shop, "set_consent", "main", str(ANN), "maybe")
    assert f"Member {CARL} has no key" in told(shop, "set_consent", "main", str(CARL), "yes")


def test_payment_is_charged_in_one_step(shop: Chain, ann: str, monkeypatch: pytest.MonkeyPatch) -> None:
    dry = shown(shop, "charge_payment", "member", "1", str(ANN), "100.00", "--dry-run")
    assert "PaymentCaptured(" in dry and "Nothing was sent" in dry
    out = shown(shop, "charge_payment", "member", "1", str(ANN), "100.00", "value", "5%", "1.5")
    assert (row(out, "captured"), row(out, "points given")) == ("100.00", "1,500,000 units")
    assert row(shown(shop, "show_member", "main", str(ANN)), "stored value") == "400.00"
    assert row(shown(shop, "refund_payment", "main", id_in(out), "30.00"), "of this refunded") == "30.00"
    assert "InsufficientValue" in told(shop, "charge_payment", "member", "1", str(ANN), "9,000.00")
    assert "is not value or coins" in told(shop, "charge_payment", "member", "1", str(ANN), "1.00", "gold")
    monkeypatch.delenv("TILLNET_PAYER_KEY")
    out = shown(shop, "charge_payment", "main", "1", "60.00")
    assert (row(out, "captured"), row(out, "paid by")) == ("60.00", OPERATOR.address)
    assert "FeeOutOfRange" in told(shop, "charge_payment", "main", "1", "60.00", "1%")


def test_member_locks_replaces_and_gives_up_its_card(shop: Chain, ann: str, keys: dict[int, str]) -> None:
    shown(shop, "manage_card", "kind", "1", "0", "0", "100%", "0")
    shown(shop, "manage_card", "issue", "1", "101,102,103")
    assert "Card 101 is nobody's" in told(shop, "my_card", "lock", "101")
    shown(shop, "manage_card", "activate", "101", str(ANN))
    assert row(shown(shop, "my_card", "lock", "101"), "state") == "locked by the member"
    assert row(shown(shop, "my_card", "unlock", "101"), "state") == "active"
    out = shown(shop, "my_card", "replace", "101", "102")
    assert (row(out, "state"), row(out, "member")) == ("active", str(ANN))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TILLNET_MEMBER_KEY", keys[BOB])
        assert f"that of member {ANN} is" in told(shop, "my_card", "lock", "102")
    shown(shop, "manage_card", "lock", "102")
    assert "BadState" in told(shop, "my_card", "unlock", "102")
    shown(shop, "manage_card", "unlock", "102")
    # 430.00 of value, all of it paid in
    assert row(shown(shop, "my_card", "close", "102", OWNER), "state") == "closed"
    assert row(shown(shop, "deposit_cash", "show", OWNER), "has") == "430.00"
    assert "is no address" in told(shop, "my_card", "close", "102", "0x12")
    # without a good card nothing is debited
    assert row(shown(shop, "show_member", "main", str(ANN)), "state") == "locked"
    shown(shop, "manage_card", "activate", "103", str(ANN))
    shown(shop, "recharge_member", "main", str(ANN), "100.00")


def test_coupon_is_passed_on_by_its_member_and_its_refund_undoes_the_incentive(
    shop: Chain, ann: str, poster: Poster, tmp_path: Path
) -> None:
    terms = tmp_path / "terms.toml"
    terms.write_text(CAMPAIGN)
    shown(shop, "issue_coupons", "campaign", str(terms))
    shown(shop, "issue_coupons", "main", "1", "2")
    shown(shop, "hand_coupons", "lot", "1/0", "1")
    shown(shop, "hand_coupons", "give", "1", "1/0/0", str(ANN))
    assert f"member {BOB}" in shown(shop, "hand_coupons", "sign", "1/0/0", str(ANN), str(BOB))
    act = WriteOff(coupon=coupon_id(1, 0, 0), discount=MinorUnits(100)).act().data
    payment = poster.pay(BOB, external(100_00), act=act)
    assert "5.000000" in shown(shop, "show_coupon", "campaign", "1")
    assert "Nothing of these payments was refunded" in told(shop, "write_off", "refunded", payment)
    poster.refund(payment, 40_00)
    out = shown(shop, "write_off", "refunded", payment)
    assert line(out, f"{payment}/0") == ["1/0/0", "2.000000 coins"]
    assert "NothingUndone" in told(shop, "write_off", "refunded", payment)


def test_incentive_that_was_claimed_and_undone_is_owed(shop: Chain, poster: Poster) -> None:
    shown(shop, "hand_coupons", "give", "1", "1/0/1", str(ANN))
    act = WriteOff(coupon=coupon_id(1, 0, 1), discount=MinorUnits(100)).act().data
    payment = poster.pay(ANN, external(100_00), act=act)
    assert row(shown(shop, "claim_incentive", "main", str(ANN), "1/0/1"), "coins") == "1.500000"
    poster.refund(payment)
    assert line(shown(shop, "write_off", "refunded", payment), f"{payment}/0") == ["1/0/1", "5.000000 coins"]
    assert "was merged into no other" in told(shop, "claim_incentive", "inherit", str(ANN))


def test_members_coins_are_traded_by_their_signature(shop: Chain, ann: str, poster: Poster) -> None:
    poster.pay(ANN, external(5_000_00))
    out = shown(shop, "offer_coins", "make_for_member", str(ANN), "20", "cash", "18.00")
    assert row(out, "sells").startswith("20.000000")
    assert row(shown(shop, "offer_coins", "cancel_for_member", "1"), "given back").startswith("20.000000")
    shown(shop, "offer_coins", "make_for_member", str(ANN), "20", "cash", "18.00")
    assert row(shown(shop, "offer_coins", "take", "2", "12"), "left").startswith("8.000000")
    shown(shop, "offer_coins", "make", "cash", "4.00", "coin", "5")
    assert "is of no member's account" in told(shop, "offer_coins", "cancel_for_member", "3")
    out = shown(shop, "offer_coins", "take_for_member", str(ANN), "3", "2.00")
    assert row(out, "paid by the member, fee included").startswith("2.500000") and row(out, "left").startswith("2.00")
    assert "there are 2.00 TCASH left" in told(shop, "offer_coins", "take_for_member", str(ANN), "3", "2.01")


def test_coins_and_cash_are_sent(shop: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert line(shown(shop, "send_coins", "main", POSTER, "1.5"), POSTER) == ["1.500000"]
    before = coins_of(shop, BOB)
    shown(shop, "send_coins", "main", str(BOB), "0.5")
    assert coins_of(shop, BOB) == before + 500_000
    assert line(shown(shop, "send_coins", "cash", POSTER, "2.00"), POSTER) == ["2.00"]
    assert "ERC20InsufficientBalance" in told(shop, "send_coins", "main", POSTER, "1,000,000")
    assert "No member 99 is registered" in told(shop, "send_coins", "main", "99", "1")


def test_transfer_is_signed_by_one_and_carried_by_another(
    shop: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    giver, files = make_account(), [tmp_path / "giver.json", tmp_path / "first.json", tmp_path / "other.json"]
    write_account(files[0], giver)
    shown(shop, "send_coins", "main", giver.address, "3")
    monkeypatch.setenv("TILLNET_PAYER_KEY", str(files[0]))
    first, other = map(str, files[1:])
    assert f"Signed by {giver.address}" in shown(shop, "send_coins", "sign", first, OWNER, "1")
    shown(shop, "send_coins", "sign", other, OWNER, "1")
    assert line(shown(shop, "send_coins", "carry", first), OWNER) == ["1.000000"]
    assert "AuthorizationSpent" in told(shop, "send_coins", "carry", first)
    monkeypatch.delenv("TILLNET_PAYER_KEY")
    assert f"was signed by {giver.address}" in told(shop, "send_coins", "void", other)
    monkeypatch.setenv("TILLNET_PAYER_KEY", str(files[0]))
    assert "Void" in shown(shop, "send_coins", "void", other)
    assert "AuthorizationSpent" in told(shop, "send_coins", "carry", other)
    files[2].write_text("{}")
    assert "is no transfer that send_coins sign wrote" in told(shop, "send_coins", "carry", other)


def test_points_that_were_spent_are_collected_or_forgiven(
    shop: Chain, keys: dict[int, str], poster: Poster, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown(shop, "set_limits", "correct", "clawback", "1,000", "1")
    held = coins_of(shop, CARL)
    assert held == 0
    shown(shop, "correct_points", "propose", "clawback", str(CARL), "5", "never bought anything", "1")
    monkeypatch.setenv("TILLNET_OPERATOR_KEY", str(Path(keys[ANN]).with_name("second.json")))
    shown(shop, "proposals", "approve", "correction-1")
    assert "which needs the role of operator" in told(shop, "settle_debts", "forgive", "1", str(CARL), "2")
    monkeypatch.delenv("TILLNET_OPERATOR_KEY")
    assert line(shown(shop, "settle_debts", "show", "1"), str(CARL)) == ["0.000000", "5.000000", "0.00"]
    assert "Who owes merchant 1 points has no coins" in told(shop, "settle_debts", "collect", "1")
    assert line(shown(shop, "settle_debts", "forgive", "1", str(CARL), "2"), str(CARL))[1] == "3.000000"
    shown(shop, "send_coins", "main", str(CARL), "1")
    assert line(shown(shop, "settle_debts", "collect", "1"), str(CARL))[1] == "2.000000"
    assert line(shown(shop, "settle_debts", "forgive", "1", str(CARL), "all"), str(CARL))[1] == "0.000000"
    forgiven = told(shop, "settle_debts", "forgive", "1", str(CARL), "all")
    assert f"Member {CARL} owes merchant 1 no points" in forgiven


def test_recharge_that_was_spent_and_undone_is_forgiven_by_the_merchant(shop: Chain, poster: Poster) -> None:
    shown(shop, "add_deposit", "main", "1", "100.00")
    shown(shop, "set_limits", "recharge", "1", "100.00", "100.00")
    shown(shop, "recharge_member", "at", "1", str(CARL), "20.00")
    spent = Line(amount=MinorUnits(15_00), rule_version=RuleVersion(1), tender=Tender.STORED_VALUE)
    poster.pay(CARL, spent)
    shown(shop, "recharge_member", "undo", "1", str(CARL), "20.00")
    assert line(shown(shop, "settle_debts", "show", "1"), str(CARL))[2] == "15.00"
    assert line(shown(shop, "settle_debts", "forgive_value", "1", str(CARL), "5.00"), str(CARL))[2] == "10.00"
    assert line(shown(shop, "settle_debts", "forgive_value", "1", str(CARL), "all"), str(CARL))[2] == "0.00"


def test_discount_of_refunded_coins_comes_back(shop: Chain, poster: Poster) -> None:
    shown(shop, "set_discount", "allowance", "1", "500.00")
    shown(shop, "set_discount", "bearer", "1", "platform")
    shown(shop, "set_discount", "fund", "50.00")
    payment = poster.pay(ANN, coin(9_50), act=Discount(amount=MinorUnits(50)).act().data)
    assert row(shown(shop, "set_discount", "show", "1"), "the platform may bear") == "499.50"
    assert "NothingToTakeBack" in told(shop, "set_discount", "take_back", payment)
    poster.refund(payment)
    assert row(shown(shop, "set_discount", "take_back", payment), "platform's fund") == "50.00"
    assert row(shown(shop, "set_discount", "take_out", POSTER, "10.00"), "platform's fund") == "40.00"
    assert "FundUsedUp" in told(shop, "set_discount", "take_out", POSTER, "40.01")
    cash = poster.pay(ANN, external(100))
    refused = told(shop, "set_discount", "take_back", cash)
    assert "None of these payments has a line that was paid in coins" in refused


def test_admin_names_the_treasury_and_the_formula(shop: Chain) -> None:
    assert f"goes to {ACQUIRER}" in shown(shop, "claim_incentive", "treasury", ACQUIRER)
    out = shown(shop, "close_period", "formula", "10", "2", "500.00", "20,000.00", "5.00")
    assert (row(out, "for each merchant"), row(out, "one for each turnover of")) == ("10", "500.00")
    assert "BadFormula" in told(shop, "close_period", "formula", "10", "2", "0", "4.00", "5.00")


def test_members_merge_by_both_signatures_and_a_referrer_s_debt_follows(
    shop: Chain, keys: dict[int, str], poster: Poster
) -> None:
    shown(shop, "refer_member", "main", str(CARL), str(ANN))
    shown(shop, "refer_member", "programme", "1", "2%", "100", "1")
    payment = poster.pay(CARL, external(50_00))
    poster.wait(2 * DAY)
    shown(shop, "claim_referrals", "main", "1", payment)
    poster.refund(payment)
    shown(shop, "claim_referrals", "main", "1", payment)
    assert f"Member {ANN} was not merged into another" in told(shop, "claim_referrals", "carry", "1", str(ANN))
    assert "has no key" not in shown(shop, "merge_members", "signed", str(ANN), str(BOB), keys[ANN], keys[BOB])
    assert line(shown(shop, "claim_referrals", "carry", "1", str(ANN)), str(BOB)) == ["1.000000"]
    assert "NothingToGive" in told(shop, "claim_referrals", "carry", "1", str(ANN))
    assert "frozen" in row(shown(shop, "show_member", "main", str(ANN)), "state")
    # what a test before left it owing of a coupon's incentive
    assert row(shown(shop, "claim_incentive", "inherit", str(ANN)), "coins") == "1.500000"
    assert "owes nothing" in told(shop, "claim_incentive", "inherit", str(ANN))


def test_expired_points_go_back_to_their_merchant(shop: Chain, poster: Poster) -> None:
    assert "Nothing that expired is merchant 1's" in told(shop, "claim_expired", "main", "1")
    before = coins_of(shop, BOB)
    assert before > 0
    spent = poster.pay(BOB, coin(1_00))
    poster.wait(3 * EPOCH)
    assert coins_of(shop, BOB) == 0
    out = shown(shop, "claim_expired", "main", "1")
    assert re.search(r"│ \d+ +│ +[1-9][0-9.,]* │", out), out
    assert "Nothing that expired is merchant 1's" in told(shop, "claim_expired", "main", "1")
    assert "NotExpired" in told(shop, "claim_expired", "main", "1", "60000")
    assert re.search(r"│ \d+ +│ +\d{4}-", shown(shop, "claim_expired", "show"))
    assert "the guarantee fund" in told(shop, "claim_expired", "fund")
    # coins that come back are of an epoch in which no merchant gave any
    poster.refund(spent)
    poster.wait(3 * EPOCH)
    assert row(shown(shop, "claim_expired", "fund"), "holds") == "1.00"


def coins_of(shop: Chain, member: int) -> int:
    """Units that a member has, by the chain."""
    found = re.search(r"│ coins +│ +([0-9,.]+) +│", shown(shop, "show_member", "main", str(member)))
    assert found is not None
    return int(found[1].replace(",", "").replace(".", ""))
