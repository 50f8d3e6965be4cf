"""The scripts of other assets, of trade and of resale as a person runs them, in their order, with what goes wrong."""

import contextlib
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from web3 import Web3

from node.domain.assignment import Item
from node.domain.batch_format import BatchPayment, encode_batch, make_batch
from node.domain.ids import MemberId, MerchantId, MinorUnits, RuleVersion, Sequence, StreamId, TerminalNumber
from node.domain.line_items import salted_root
from node.domain.payment import Line, Tender
from node.network.keys import make_account, write_account
from tests.scripts.conftest import Chain
from tests.scripts.test_run import shown, told, web3_of
from tests.scripts.test_settlement import OPERATOR, address_of, as_operator, row, wait

pytestmark = [pytest.mark.anvil, pytest.mark.slow]
OTHERS = ("0x" + "5a" * 20, "0x" + "5b" * 20)
SALT = bytes(range(16))
ITEMS = (
    Item(product="4006381333931", quantity=1, amount=MinorUnits(1_299)),
    Item(product="5449000000996", quantity=2, amount=MinorUnits(3_701)),
)


@pytest.fixture(scope="module")
def market(anvil: Chain) -> Chain:
    """A deployment with one merchant whose operator is its reporter, poster and payer, and cash in its hands."""
    shown(anvil, "deploy")
    shown(anvil, "onboard_merchant", "main", "Corner Shop", "Main Street=S0000101")
    shown(anvil, "set_rule", "main", "1", "5%")
    shown(anvil, "fund_points", "main", "1", "1,000.00")
    shown(anvil, "enrol_members", "main", "7")
    as_operator(anvil, "CashToken", "deposit(address,uint256,bytes32)", OPERATOR, 10**6, b"")
    for role, account in ((7, OPERATOR), (7, OTHERS[0]), (7, OTHERS[1]), (8, OPERATOR)):
        as_operator(anvil, "NetworkAccess", "grantRole(uint64,address,uint32)", role, account, 0)
    as_operator(anvil, "RewardToken", "setStream(uint32,address,uint40,uint40)", 1, OPERATOR, 10**9, 10**9)
    return anvil


def report_as_others(chain: Chain, asset: str, price: int) -> None:
    web3 = web3_of(chain)
    data = Web3.keccak(text="report(address[],uint64[])")[:4]
    data += web3.codec.encode(["address[]", "uint64[]"], [[asset], [price]])
    for reporter in OTHERS:
        web3.provider.make_request("anvil_impersonateAccount", [reporter])  # type: ignore[arg-type]
        web3.provider.make_request("anvil_setBalance", [reporter, hex(10**18)])  # type: ignore[arg-type]
        to = address_of(chain, "PriceOracle")
        sent = web3.eth.send_transaction({"from": Web3.to_checksum_address(reporter), "to": to, "data": data})
        assert web3.eth.wait_for_transaction_receipt(sent)["status"] == 1


def test_payment_in_an_asset_from_its_listing_to_its_refund(market: Chain) -> None:
    token = row(shown(market, "make_test_token", "main", "WBTC", "8", "10"), "address")
    assert "'WBTC' is no asset here" in told(market, "report_price", "show_feed", "WBTC")
    assert row(shown(market, "report_price", "open_feed", token, "65,000.00"), "state") == "stale"
    assert row(shown(market, "fund_gateway", "list_asset", token, "5,000.00", "20,000.00"), "a day") == "20,000.00"
    assert row(shown(market, "fund_gateway", "main", "10,000.00"), "free") == "10,000.00"
    assert "StalePrice" in told(market, "pay_with_asset", "quote", "650.00", "WBTC")
    report_as_others(market, token, 6_500_000 * 10**6)
    out = shown(market, "report_price", "main", "WBTC", "65,010.00")
    assert row(out, "price of one") == "65,000.00" and "good for" in out
    assert row(shown(market, "report_price", "show_feed", "WBTC"), "price of one") == "65,000.00"
    assert row(shown(market, "pay_with_asset", "quote", "650.00", "WBTC"), "costs") == "0.01000000 WBTC"
    assert "NotAccepted" in told(market, "pay_with_asset", "main", "1", "123.45", "WBTC")
    shown(market, "set_asset_terms", "main", "1", "WBTC", "sale")
    dry = shown(market, "pay_with_asset", "main", "1", "123.45", "WBTC", "--dry-run")
    assert "AssetPaid" in dry and "Nothing was sent" in dry
    out = shown(market, "pay_with_asset", "main", "1", "123.45", "WBTC", "1%", "order 17")
    assert (row(out, "gets"), row(out, "costs")) == ("123.45", "0.00189924 WBTC")
    assert "VaultShort" in told(market, "fund_gateway", "take_asset", "WBTC", "0.001", OPERATOR)
    out = shown(market, "refund_asset", "main", "1", "23.45")
    assert (row(out, "as"), row(out, "left")) == ("0.00036077 WBTC", "100.00")
    assert row(shown(market, "refund_asset", "main", "1"), "as") == "0.00153847 WBTC"
    assert "is refunded already" in told(market, "refund_asset", "main", "1")
    assert "There is no sale or lock 9" in told(market, "refund_asset", "main", "9")


def test_rate_is_locked_paid_and_lapses(market: Chain) -> None:
    out = shown(market, "lock_rate", "main", "1", "650.00", "WBTC")
    assert (row(out, "costs"), row(out, "deposit in it")) == ("0.01000000 WBTC", "0.00010000 WBTC")
    assert "LockOpen" in told(market, "lock_rate", "lapse", "2")
    assert row(shown(market, "pay_with_asset", "locked", "2"), "gets") == "650.00"
    shown(market, "lock_rate", "main", "1", "650.00", "WBTC")
    wait(market, 901)
    assert "forfeited" in shown(market, "lock_rate", "lapse", "3")
    assert row(shown(market, "fund_gateway", "take_asset", "WBTC", "0.0001", OPERATOR), "free to take") == (
        "0.00000000 WBTC"
    )
    assert row(shown(market, "fund_gateway", "add_asset", "WBTC", "0.5"), "free to take") == "0.50000000 WBTC"
    assert "InventoryShort" in told(market, "fund_gateway", "take_cash", "10,000.00", OPERATOR)
    assert row(shown(market, "fund_gateway", "take_cash", "1,000.00", OPERATOR), "free") == "8,350.00"
    assert "is no day" in told(market, "fund_gateway", "release", "WBTC", "soon")


def test_feed_that_halted_is_reset_by_the_operator(market: Chain) -> None:
    assert row(shown(market, "offer_coins", "list_token", token_of(market)), "traded") == "yes"
    report_as_others(market, token_of(market), 9_000_000 * 10**6)
    assert "halted" in shown(market, "report_price", "main", "WBTC", "90,000.00")
    assert row(shown(market, "report_price", "reset", "WBTC", "90,000.00", "it is so"), "price of one") == "90,000.00"
    assert "dropped" in shown(market, "report_price", "drop", "WBTC", OTHERS[0])


def token_of(market: Chain) -> str:
    """The only asset that is listed."""
    web3 = web3_of(market)
    topic = Web3.to_hex(Web3.keccak(text="AssetListed(address,uint8,uint48,uint48)"))
    (log, *_) = web3.eth.get_logs(
        {"address": Web3.to_checksum_address(address_of(market, "AssetGateway")), "fromBlock": 0, "topics": [topic]}
    )
    return Web3.to_checksum_address(log["topics"][1][-20:])


def test_offers_are_made_listed_taken_and_cancelled(market: Chain) -> None:
    out = shown(market, "offer_coins", "make", "WBTC", "0.5", "cash", "480.00")
    assert (row(out, "sells"), row(out, "for")) == ("0.50000000 WBTC", "480.00 TCASH")
    assert "BadOffer" in told(market, "offer_coins", "make", "cash", "5.00", "cash", "5.00")
    assert "0.50000000 WBTC" in shown(market, "offer_coins")
    out = shown(market, "offer_coins", "take", "1", "0.10000001")
    assert (row(out, "paid, fee included"), row(out, "left")) == ("96.01 TCASH", "0.39999999 WBTC")
    assert row(shown(market, "offer_coins", "take_fees", "cash", OPERATOR), "fees sent") == "0.04 TCASH"
    assert row(shown(market, "offer_coins", "cancel", "1"), "given back") == "0.39999999 WBTC"
    assert "There is no offer 7" in told(market, "offer_coins", "take", "7")
    assert row(shown(market, "offer_coins", "set_fee", "0.1%"), "fee") == "0.1%"


def test_item_is_sold_on(market: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seller = make_account()
    write_account(tmp_path / "seller.json", seller)
    monkeypatch.setenv("TILLNET_MEMBER_KEY", str(tmp_path / "seller.json"))
    shown(market, "enrol_members", "key", "7", seller.address)
    post_purchase(market)
    receipt = tmp_path / "receipt.json"
    items = [{"product": i.product, "quantity": i.quantity, "amount": i.amount} for i in ITEMS]
    receipt.write_text(json.dumps({"payment": "1-1", "seed": SALT.hex(), "items": items}))
    assert "an item's place lies between" in told(market, "offer_receipt", "main", str(receipt), "2", "9.00")
    out = shown(market, "offer_receipt", "main", str(receipt), "0", "9.00")
    assert (row(out, "state"), row(out, "was bought for")) == ("offered", "12.99")
    token = row(out, "token")[:10]
    assert token in shown(market, "offer_receipt", "offers")
    assert "it costs 9.00" in told(market, "buy_receipt", "main", token, "8.00").lower()
    assert row(shown(market, "buy_receipt", "main", token, "9.00"), "paid") == "9.00"
    assert "StillGood" in told(market, "offer_receipt", "unwind", token)
    shown(market, "buy_receipt", "dispute", token, "an empty box")
    out = shown(market, "hand_over", "resolve", token, "sold", "saw it")
    assert (row(out, "the seller got"), row(out, "points taken back")) == ("9.00", "0.649500")
    out = shown(market, "offer_receipt", "main", str(receipt), "1", "30.00")
    token = row(out, "token")[:10]
    shown(market, "buy_receipt", "main", token, "30.00")
    assert row(shown(market, "hand_over", "main", token), "points taken back") == "1.850500"
    receipt.write_text("{}")
    assert "is no receipt" in told(market, "offer_receipt", "main", str(receipt), "0", "9.00")


def test_sale_of_an_item_is_withdrawn_unwound_and_returned(
    market: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seller, key = make_account(), tmp_path / "seller.json"
    write_account(key, seller)
    shown(market, "enrol_members", "main", "8")
    shown(market, "enrol_members", "key", "8", seller.address)
    web3_of(market).provider.make_request("anvil_setBalance", [seller.address, hex(10**18)])  # type: ignore[arg-type]
    monkeypatch.setenv("TILLNET_MEMBER_KEY", str(key))
    post_purchase(market, sequence=2, member=8)
    receipt = tmp_path / "receipt.json"
    items = [{"product": i.product, "quantity": i.quantity, "amount": i.amount} for i in ITEMS]
    receipt.write_text(json.dumps({"payment": "1-2", "seed": SALT.hex(), "items": items}))
    offer = ("offer_receipt", "main", str(receipt), "0", "9.00")
    token = row(shown(market, *offer), "token")[:10]
    assert "NotSeller" in told(market, "offer_receipt", "withdraw", token)
    with monkeypatch.context() as patch:
        patch.setenv("TILLNET_OPERATOR_KEY", str(key))
        assert "withdrawn" in shown(market, "offer_receipt", "withdraw", token)
    assert row(shown(market, *offer), "token")[:10] == token
    shown(market, "buy_receipt", "main", token, "9.00")
    with monkeypatch.context() as patch:
        patch.setenv("TILLNET_OPERATOR_KEY", str(key))
        assert "The buyer got 9.00 back." in shown(market, "offer_receipt", "unwind", token)
        out = shown(market, "offer_coins", "make_for_member", "8", "1.5", "cash", "1.40")
        assert (row(out, "sells"), row(out, "for")) == ("1.500000 TILL", "1.40 TCASH")
    assert "it cannot be sold on" in shown(market, "offer_receipt", "returned", str(receipt), "0")
    assert "Returned(" in told(market, *offer)


def test_what_could_not_be_sent_is_claimed(market: Chain) -> None:
    token = token_of(market)
    report_as_others(market, token, 9_000_000 * 10**6)
    shown(market, "report_price", "main", "WBTC", "90,000.00")
    sale = row_number(shown(market, "pay_with_asset", "main", "1", "90.00", "WBTC"), "Sale")
    offer = row_number(shown(market, "offer_coins", "make", "cash", "90.00", "WBTC", "0.001"), "Offer")
    assert "NothingToDo" in told(market, "refund_asset", "claim", "WBTC")
    with sending_nothing(market, token):
        shown(market, "refund_asset", "main", sale)
        shown(market, "offer_coins", "take", offer)
    assert row(shown(market, "refund_asset", "claim", "WBTC"), "sent") == "0.00100000 WBTC"
    # less the fee of 0.1 % that was set above
    assert row(shown(market, "offer_coins", "claim", "WBTC"), "sent") == "0.00099900 WBTC"


def test_day_is_released_when_its_refunds_are_over(market: Chain) -> None:
    shown(market, "pay_with_asset", "main", "1", "90.00", "WBTC")
    day = datetime.fromtimestamp(web3_of(market).eth.get_block("latest")["timestamp"], UTC).strftime("%Y-%m-%d")
    assert "RefundWindowOpen" in told(market, "fund_gateway", "release", "WBTC", day)
    before = row(shown(market, "fund_gateway", "show_vault", "WBTC"), "free to take")
    wait(market, 32 * 86_400)
    after = row(shown(market, "fund_gateway", "release", "WBTC", day), "free to take")
    assert float(after.split()[0]) > float(before.split()[0])


def row_number(text: str, title: str) -> str:
    """The number in a table's title, such as Sale 4."""
    found = re.search(rf"{title} (\d+)", text)
    assert found, text
    return found[1]


@contextlib.contextmanager
def sending_nothing(market: Chain, token: str) -> Iterator[None]:
    """Meanwhile the token's `transfer` reverts, as that of one that was stopped; all else of it goes on."""
    web3 = web3_of(market)
    whole, elsewhere = web3.eth.get_code(Web3.to_checksum_address(token)), "5c" * 20
    # its code lies elsewhere meanwhile and is delegated to, so that its storage stays where it is
    refuse = "36600060003760003560e01c63a9059cbb14604557"
    delegate = f"6000600036600073{elsewhere}5af43d600060003e604057"
    stopped = f"{refuse}{delegate}3d6000fd5b3d6000f35b60006000fd"
    for address, code in ((elsewhere, whole.hex()), (token, stopped)):
        put_code(web3, address, code)
    yield
    put_code(web3, token, whole.hex())


def put_code(web3: Web3, address: str, code: str) -> None:
    """Lets an account have this code, both in hexadecimal digits."""
    words = [f"0x{each.removeprefix('0x')}" for each in (address, code)]
    web3.provider.make_request("anvil_setCode", words)  # type: ignore[arg-type]


def post_purchase(market: Chain, *, sequence: int = 1, member: int = 7) -> None:
    """A member pays 50.00 at merchant 1, with two items."""
    web3 = web3_of(market)
    payment = BatchPayment(
        sequence=Sequence(sequence),
        merchant=MerchantId(1),
        terminal=TerminalNumber(0),
        member=MemberId(member),
        time=int(web3.eth.get_block("latest")["timestamp"]),
        lines=(Line(amount=MinorUnits(5_000), rule_version=RuleVersion(1), tender=Tender.EXTERNAL),),
        items_root=salted_root(ITEMS, SALT),
    )
    data = Web3.keccak(text="postBatch(bytes)")[:4]
    data += web3.codec.encode(["bytes"], [encode_batch(make_batch(StreamId(1), [payment]))])
    to = address_of(market, "RewardToken")
    sent = web3.eth.send_transaction({"from": OPERATOR, "to": to, "data": data, "gas": 5_000_000})
    assert web3.eth.wait_for_transaction_receipt(sent)["status"] == 1
