"""Prices, and payments in other assets: what each call does, and the typed error of what it refuses."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.devchain import Chain, Contract, Reverted, deploy
from benchmarks.suite import Suite
from benchmarks.world import Terms
from node.domain.ids import MerchantId
from node.domain.merkle import keccak
from tests.contracts.suite.assets_model import DAY, GatewayModel, OracleModel, Sale
from tests.contracts.suite.guarantee import make_indebted, owed
from tests.contracts.suite.market_world import (
    FALSE,
    FEE,
    NOTHING,
    PRETENDS,
    RE_ENTERS,
    REFUSES,
    REVERTS,
    Bazaar,
    refusal,
)
from tests.contracts.twin import Twin

pytestmark = pytest.mark.anvil
SHOP = MerchantId(1)
COIN_PRICE = 6_500_000 * 10**6  # a bitcoin at 65,000.00
ETHER_PRICE = 250_000 * 10**6
DOLLAR_PRICE = 100 * 10**6
LIMIT, DAY_LIMIT = 10_000_000, 30_000_000
INVENTORY = 20_000_000
NOBODY = "0x" + "00" * 20
KEY = keccak(b"a payer's key")
MOST = 2**100


class Stall:
    """A shop that takes bitcoin (refunds at the sale's rate), ether and dollars (at the current one)."""

    def __init__(self, twin: Twin) -> None:
        self.twin, self.bazaar = twin, Bazaar(twin)
        self.oracle, self.gateway, self.cash = self.bazaar.oracle, self.bazaar.gateway, twin.world.cash
        self.payer, self.other = self.bazaar.payers
        self.bitcoin, self.ether, self.dollar = (t.address for t in self.bazaar.tokens.values())
        self.bazaar.appoint()
        self.bazaar.give(self.gateway, self.payer, self.other)
        twin.onboard(prepaid=1_000)
        self.send(self.cash, "approve", self.gateway.address, 2**256 - 1)
        self.send(self.gateway, "fund", INVENTORY)
        prices = (COIN_PRICE, ETHER_PRICE, DOLLAR_PRICE)
        for asset, decimals, price, refunds in zip(self.bazaar.tokens, (8, 18, 6), prices, (1, 2, 2), strict=True):
            self.send(self.oracle, "setFeed", asset, price, 3, 900, 1_000)
            self.send(self.gateway, "setAsset", asset, decimals, LIMIT, DAY_LIMIT)
            self.send(self.gateway, "setMerchantTerms", SHOP, asset, refunds, sender=twin.world.merchant)
            self.report(asset, price)

    def send(self, contract: Contract, name: str, *arguments: Any, sender: str | None = None) -> Any:
        return self.bazaar.send(contract, name, *arguments, sender=sender)

    def report(self, asset: str, *prices: int) -> None:
        """Each reporter its price; all the same if there is only one."""
        told = prices * 3 if len(prices) == 1 else prices
        for reporter, price in zip(self.bazaar.reporters, told, strict=False):
            self.send(self.oracle, "report", [asset], [price], sender=reporter)

    def terms(self, amount: int, *, asset: str = "", payer: str = "", most: int = MOST) -> tuple[Any, ...]:
        return (payer or self.payer, asset or self.bitcoin, SHOP, amount, most, bytes(32))

    def pay(self, amount: int, *, asset: str = "", most: int = MOST) -> Sale:
        return self._sale("pay", amount, asset, most)

    def lock(self, amount: int, *, asset: str = "", most: int = MOST) -> Sale:
        return self._sale("lockRate", amount, asset, most)

    def _sale(self, name: str, amount: int, asset: str, most: int) -> Sale:
        terms = self.terms(amount, asset=asset, most=most)
        receipt = self.send(self.gateway, name, terms, 0, b"", sender=self.payer)
        return sale_of(self.gateway.events(receipt)[-1].args["sale"])

    def refund(self, sale: Sale, amount: int, sender: str | None = None) -> Any:
        return self.send(self.gateway, "refund", sale.words(), amount, sender=sender or self.twin.world.merchant)

    def held(self, owner: str, asset: str = "") -> int:
        return int(self.bazaar.tokens[asset or self.bitcoin].view("balanceOf", owner))

    def payable(self) -> int:
        return int(self.twin.ledger.view("merchant", SHOP)["payable_"])

    def wait(self, seconds: int) -> None:
        self.twin.tick(seconds)
        self.cash.send("withdraw", 0, bytes(32), sender=self.twin.world.operator)


def sale_of(found: dict[str, Any]) -> Sale:
    return Sale(**{name: found[word] for name, word in zip(Sale.__dataclass_fields__, found, strict=True)})


@pytest.fixture(scope="module")
def opened(chain: Chain, terms: Terms) -> Iterator[Stall]:
    mark = chain.snapshot()
    yield Stall(Twin(chain, terms, Suite))
    chain.revert(mark)


@pytest.fixture
def stall(opened: Stall) -> Iterator[Stall]:
    with opened.twin.forgotten():
        yield opened


# --- the oracle ---


def test_price_is_the_median_when_three_reporters_tell(stall: Stall) -> None:
    stall.report(stall.bitcoin, COIN_PRICE + 9, COIN_PRICE - 500, COIN_PRICE + 100)
    assert stall.oracle.view("price", stall.bitcoin) == COIN_PRICE + 9
    fourth = stall.bazaar.thief
    stall.send(stall.twin.world.access, "grantRole", 7, fourth, 0)
    stall.send(stall.oracle, "report", [stall.bitcoin], [COIN_PRICE + 14], sender=fourth)
    # the mean of the two in the middle, rounded down
    assert stall.oracle.view("price", stall.bitcoin) == COIN_PRICE + 11
    assert len(stall.oracle.view("reports", stall.bitcoin)) == 4


def test_price_is_refused_when_too_few_reports_are_fresh(stall: Stall) -> None:
    until = stall.oracle.view("feed", stall.bitcoin)["freshUntil"]
    stall.wait(901)
    assert refusal(lambda: stall.oracle.view("price", stall.bitcoin))[0] == "StalePrice"
    stall.report(stall.bitcoin, COIN_PRICE, COIN_PRICE)
    assert refusal(lambda: stall.oracle.view("price", stall.bitcoin)) == ("StalePrice", (stall.bitcoin, until))
    stall.report(stall.bitcoin, COIN_PRICE)
    assert stall.oracle.view("price", stall.bitcoin) == COIN_PRICE


def test_feed_halts_when_the_median_moved_beyond_the_bound_until_it_is_reset(stall: Stall) -> None:
    far = COIN_PRICE * 12 // 10
    stall.report(stall.bitcoin, far, COIN_PRICE, COIN_PRICE)
    assert stall.oracle.view("price", stall.bitcoin) == COIN_PRICE  # one alone moves nothing
    stall.report(stall.bitcoin, far, far)
    assert refusal(lambda: stall.oracle.view("price", stall.bitcoin)) == ("FeedIsHalted", (stall.bitcoin,))
    stall.report(stall.bitcoin, COIN_PRICE)
    assert refusal(lambda: stall.oracle.view("price", stall.bitcoin))[0] == "FeedIsHalted"
    again = ("reset", stall.bitcoin)
    found = refusal(lambda: stall.send(stall.oracle, *again, far, "looked"))
    assert found == ("MovedTooFar", (stall.bitcoin, far, COIN_PRICE))
    assert refusal(lambda: stall.send(stall.oracle, *again, COIN_PRICE, ""))[0] == "NoReason"
    stall.send(stall.oracle, *again, COIN_PRICE, "a mistyped price")
    assert stall.oracle.view("price", stall.bitcoin) == COIN_PRICE


def test_price_moves_by_the_bound_at_most_in_a_period_when_all_reporters_walk_it(stall: Stall) -> None:
    for step in (10_500, 10_900, 11_000):
        stall.report(stall.bitcoin, COIN_PRICE * step // 10_000)
        assert stall.oracle.view("price", stall.bitcoin) == COIN_PRICE * step // 10_000
    stall.report(stall.bitcoin, COIN_PRICE * 11_100 // 10_000)
    assert refusal(lambda: stall.oracle.view("price", stall.bitcoin))[0] == "FeedIsHalted"


def test_dropped_report_no_longer_counts(stall: Stall) -> None:
    reporter = stall.bazaar.reporters[0]
    stall.send(stall.oracle, "drop", stall.bitcoin, reporter)
    assert refusal(lambda: stall.oracle.view("price", stall.bitcoin)) == ("StalePrice", (stall.bitcoin, 0))
    assert refusal(lambda: stall.send(stall.oracle, "drop", stall.bitcoin, reporter))[0] == "NoReport"


def test_sixteen_reporters_fill_a_feed_until_one_is_stale(stall: Stall) -> None:
    names = ["0x" + bytes([0xE0 + i]).hex() * 20 for i in range(14)]
    for name in names:
        stall.send(stall.twin.world.access, "grantRole", 7, name, 0)
    for name in names[:13]:
        stall.send(stall.oracle, "report", [stall.bitcoin], [COIN_PRICE], sender=name)
    last = ("report", [stall.bitcoin], [COIN_PRICE])
    found = refusal(lambda: stall.send(stall.oracle, *last, sender=names[13]))
    assert found == ("TooManyReporters", (stall.bitcoin,))
    stall.wait(900 - 5)
    stall.send(stall.oracle, *last, sender=names[13])
    assert len(stall.oracle.view("reports", stall.bitcoin)) == 16


@pytest.mark.parametrize(
    ("error", "name", "arguments", "who"),
    [
        ("BadFeed", "setFeed", ("bitcoin", 1, 2, 900, 100), "operator"),
        ("BadFeed", "setFeed", ("bitcoin", 1, 17, 900, 100), "operator"),
        ("BadFeed", "setFeed", ("bitcoin", 1, 3, 59, 100), "operator"),
        ("BadFeed", "setFeed", ("bitcoin", 1, 3, 86_401, 100), "operator"),
        ("BadFeed", "setFeed", ("bitcoin", 1, 3, 900, 0), "operator"),
        ("BadFeed", "setFeed", ("bitcoin", 1, 3, 900, 5_001), "operator"),
        ("ZeroPrice", "setFeed", ("bitcoin", 0, 3, 900, 100), "operator"),
        ("UnknownFeed", "reset", (NOBODY, 1, "why"), "operator"),
        ("UnknownFeed", "report", ([NOBODY], [1]), "reporter"),
        ("ZeroPrice", "report", (["bitcoin"], [0]), "reporter"),
        ("LengthsDiffer", "report", ([], [1]), "reporter"),
        ("AccessManagedUnauthorized", "report", ([], []), "operator"),
        ("AccessManagedUnauthorized", "setFeed", ("bitcoin", 1, 3, 900, 100), "reporter"),
        ("AccessManagedUnauthorized", "reset", ("bitcoin", 1, "why"), "reporter"),
        ("AccessManagedUnauthorized", "drop", ("bitcoin", NOBODY), "reporter"),
    ],
)
def test_oracle_refuses_by_name(stall: Stall, error: str, name: str, arguments: Any, who: str) -> None:
    words = [_named(stall, word) for word in arguments]
    sender = stall.twin.world.operator if who == "operator" else stall.bazaar.reporters[0]
    assert refusal(lambda: stall.oracle.view(name, *words, sender=sender))[0] == error


def _named(stall: Stall, word: Any) -> Any:
    if isinstance(word, list):
        return [_named(stall, each) for each in word]
    return stall.bitcoin if word == "bitcoin" else word


# --- paying ---


def test_pay_credits_the_merchant_at_once_and_rounds_up(stall: Stall) -> None:
    before = stall.held(stall.payer)
    sale = stall.pay(12_345)
    # 123.45 at 65,000.00 is 0.00189923..: the next satoshi
    assert sale.asset_amount == before - stall.held(stall.payer) == -(-12_345 * 10**8 // 6_500_000) == 189_924
    assert stall.payable() == 12_345
    assert stall.gateway.view("inventory") == (INVENTORY - 12_345, 0, 1)
    assert stall.cash.view("balanceOf", stall.gateway.address) == INVENTORY - 12_345
    assert stall.gateway.view("vault", stall.bitcoin) == {"free": 0, "held": sale.asset_amount}
    assert stall.gateway.view("stateOf", stall.gateway.view("hashOf", sale.words())) == {"status": 2, "refunded": 0}


def test_lock_reserves_and_its_deposit_counts_when_it_is_used(stall: Stall) -> None:
    before = stall.held(stall.payer)
    sale = stall.lock(65_000)
    assert (sale.asset_amount, sale.deposit) == (1_000_000, 10_000)
    assert stall.gateway.view("inventory") == (INVENTORY - 65_000, 65_000, 1)
    assert before - stall.held(stall.payer) == 10_000
    stall.report(stall.bitcoin, COIN_PRICE * 11 // 10)
    stall.send(stall.gateway, "payLocked", sale.words(), 0, b"", sender=stall.payer)
    assert before - stall.held(stall.payer) == 1_000_000  # at the locked rate, deposit included
    assert stall.payable() == 65_000
    assert stall.gateway.view("inventory") == (INVENTORY - 65_000, 0, 1)
    assert stall.gateway.view("openLocks", stall.payer) == 0
    again = refusal(lambda: stall.send(stall.gateway, "payLocked", sale.words(), 0, b"", sender=stall.payer))
    assert again == ("WrongStatus", (1, 2))


def test_lapsed_lock_frees_the_cash_and_forfeits_the_deposit(stall: Stall) -> None:
    sale = stall.lock(65_000)
    assert refusal(lambda: stall.send(stall.gateway, "lapse", sale.words()))[0] == "LockOpen"
    stall.wait(901)
    found = refusal(lambda: stall.send(stall.gateway, "payLocked", sale.words(), 0, b"", sender=stall.payer))
    assert found == ("LockOver", (1, sale.time + 900))
    stall.send(stall.gateway, "lapse", sale.words(), sender=stall.bazaar.thief)
    assert stall.gateway.view("inventory") == (INVENTORY, 0, 1)
    assert stall.gateway.view("vault", stall.bitcoin) == {"free": sale.deposit, "held": 0}
    assert stall.gateway.view("openLocks", stall.payer) == 0
    assert refusal(lambda: stall.send(stall.gateway, "lapse", sale.words()))[0] == "WrongStatus"


def test_locks_of_a_payer_are_bounded_even_when_they_are_over(stall: Stall) -> None:
    sales = [stall.lock(100) for _ in range(3)]
    assert refusal(lambda: stall.lock(100)) == ("TooManyLocks", (stall.payer, 3))
    stall.wait(901)
    stall.report(stall.bitcoin, COIN_PRICE)
    assert refusal(lambda: stall.lock(100))[0] == "TooManyLocks"
    stall.send(stall.gateway, "lapse", sales[0].words())
    stall.lock(100)


def test_reserved_cash_is_nobody_elses(stall: Stall) -> None:
    stall.lock(LIMIT)
    take = INVENTORY - LIMIT
    found = refusal(lambda: stall.send(stall.gateway, "takeInventory", take + 1, stall.other))
    assert found == ("InventoryShort", (take + 1, take))
    stall.send(stall.gateway, "takeInventory", take - 5, stall.other)
    assert refusal(lambda: stall.pay(6)) == ("InventoryShort", (6, 5))


def test_sale_that_was_changed_is_unknown(stall: Stall) -> None:
    sale = stall.lock(65_000)
    for place in range(len(sale.words())):
        words = list(sale.words())
        old = words[place]
        words[place] = stall.other if isinstance(old, str) else b"\1" * 32 if isinstance(old, bytes) else int(old) + 1  # type: ignore[call-overload]
        found = refusal(lambda words=words: stall.gateway.view("payLocked", words, 0, b"", sender=stall.payer))  # type: ignore[misc]
        assert found[0] == "WrongStatus"


@pytest.mark.parametrize(
    ("error", "call"),
    [
        ("NotPayer", lambda s: s.gateway.view("pay", s.terms(5), 0, b"", sender=s.other)),
        ("NotPayer", lambda s: s.gateway.view("pay", s.terms(5), 2**40, b"\1" * 65, sender=s.other)),
        ("NotListed", lambda s: s.gateway.view("pay", s.terms(5, asset=s.other), 0, b"", sender=s.payer)),
        ("NothingToDo", lambda s: s.gateway.view("pay", s.terms(0), 0, b"", sender=s.payer)),
        ("OverPaymentLimit", lambda s: s.gateway.view("pay", s.terms(LIMIT + 1), 0, b"", sender=s.payer)),
        ("OverPaymentLimit", lambda s: s.gateway.view("pay", s.terms(2**48 - 1), 0, b"", sender=s.payer)),
        ("AmountTooLarge", lambda s: s.gateway.view("pay", s.terms(2**48), 0, b"", sender=s.payer)),
        ("AmountTooLarge", lambda s: s.gateway.view("lockRate", s.terms(2**64 - 1), 0, b"", sender=s.payer)),
        ("AmountTooLarge", lambda s: s.gateway.view("quote", s.bitcoin, 2**48)),
        ("AmountTooLarge", lambda s: s.op("setAsset", s.bitcoin, 8, 2**48, 1)),
        ("AmountTooLarge", lambda s: s.op("setAsset", s.bitcoin, 8, 1, 2**48)),
        ("AmountTooLarge", lambda s: s.gateway.view("fund", 2**64 - INVENTORY)),
        ("Slippage", lambda s: s.gateway.view("pay", s.terms(65_000, most=999_999), 0, b"", sender=s.payer)),
        ("ERC20InsufficientBalance", lambda s: s.gateway.view("addAsset", s.bitcoin, 2**121, sender=s.payer)),
        ("NothingToDo", lambda s: s.gateway.view("fund", 0)),
        ("NothingToDo", lambda s: s.gateway.view("addAsset", s.bitcoin, 0)),
        ("NotListed", lambda s: s.gateway.view("addAsset", s.other, 1)),
        ("NothingToDo", lambda s: s.op("takeInventory", 0, s.other)),
        ("NothingToDo", lambda s: s.op("takeAsset", s.bitcoin, 0, s.other)),
        ("VaultShort", lambda s: s.op("takeAsset", s.bitcoin, 1, s.other)),
        ("NothingToDo", lambda s: s.gateway.view("claim", s.bitcoin, s.other, sender=s.payer)),
        ("NothingToDo", lambda s: s.gateway.view("releaseDay", s.bitcoin, 0)),
        ("RefundWindowOpen", lambda s: s.gateway.view("releaseDay", s.bitcoin, 65_535)),
        ("OwnToken", lambda s: s.op("setAsset", s.cash.address, 2, 1, 1)),
        ("OwnToken", lambda s: s.op("setAsset", s.twin.ledger.address, 6, 1, 1)),
        ("WrongDecimals", lambda s: s.op("setAsset", s.bitcoin, 18, 1, 1)),
        ("NotListed", lambda s: s.op("setAsset", s.other, 18, 1, 1)),
        ("BadTerms", lambda s: s.shop("setMerchantTerms", SHOP, s.bitcoin, 3)),
        ("NotListed", lambda s: s.shop("setMerchantTerms", SHOP, s.other, 1)),
        ("NotInGroup", lambda s: s.op("setMerchantTerms", SHOP, s.bitcoin, 1)),
        ("AccessManagedUnauthorized", lambda s: s.shop("setAsset", s.bitcoin, 8, 1, 1)),
        ("AccessManagedUnauthorized", lambda s: s.shop("takeInventory", 1, s.other)),
        ("AccessManagedUnauthorized", lambda s: s.shop("takeAsset", s.bitcoin, 1, s.other)),
    ],
)  # fmt: skip
def test_gateway_refuses_by_name(stall: Stall, error: str, call: Callable[[Any], object]) -> None:
    world = stall.twin.world
    stall.op = lambda name, *words: stall.gateway.view(name, *words, sender=world.operator)  # type: ignore[attr-defined]
    stall.shop = lambda name, *words: stall.gateway.view(name, *words, sender=world.merchant)  # type: ignore[attr-defined]
    assert refusal(lambda: call(stall))[0] == error


def test_pay_is_refused_when_the_merchant_does_not_take_the_asset(stall: Stall) -> None:
    stall.send(stall.gateway, "setMerchantTerms", SHOP, stall.bitcoin, 0, sender=stall.twin.world.merchant)
    assert refusal(lambda: stall.pay(5)) == ("NotAccepted", (SHOP, stall.bitcoin))


def test_amount_that_does_not_fit_is_told_with_it(stall: Stall) -> None:
    sale = stall.pay(500)
    assert refusal(lambda: stall.pay(2**48)) == ("AmountTooLarge", (2**48,))
    assert refusal(lambda: stall.refund(sale, 2**48)) == ("OverSale", (sale.id, 2**48, 500))


def test_closed_merchant_sells_nothing_for_assets_and_what_was_agreed_goes_on(stall: Stall) -> None:
    sale, lock = stall.pay(500), stall.lock(300)
    stall.send(stall.twin.world.registry, "setMerchantActive", SHOP, False)
    for call in (lambda: stall.pay(5), lambda: stall.lock(5)):
        assert refusal(call) == ("MerchantClosed", (SHOP,))
    stall.send(stall.gateway, "payLocked", lock.words(), 0, b"", sender=stall.payer)
    stall.refund(sale, 500)
    assert stall.payable() == 300


def test_pay_is_refused_when_the_days_limit_is_used_up_until_the_next_day(stall: Stall) -> None:
    stall.send(stall.gateway, "setAsset", stall.bitcoin, 8, 500, 700)
    stall.pay(500)
    assert refusal(lambda: stall.pay(201)) == ("OverDayLimit", (stall.bitcoin, 201, 200))
    stall.wait(DAY)
    stall.report(stall.bitcoin, COIN_PRICE)
    stall.pay(201)


def test_pay_and_lock_are_refused_in_a_pause_and_what_was_agreed_goes_on(stall: Stall) -> None:
    sale = stall.pay(500)
    lock, paid = stall.lock(500), stall.lock(500)
    stall.send(stall.twin.ledger, "pause")
    for call in (lambda: stall.pay(5), lambda: stall.lock(5)):
        assert refusal(call)[0] == "NetworkPaused"
    stall.refund(sale, 500)
    before = stall.payable()
    # else a pause would cost the payer its deposit
    stall.send(stall.gateway, "payLocked", paid.words(), 0, b"", sender=stall.payer)
    assert stall.payable() == before + 500
    stall.wait(901)
    stall.send(stall.gateway, "lapse", lock.words())


@pytest.mark.parametrize("change", [{"lock_time": 59}, {"lock_time": 86_401}, {"refund_window": 86_399}])
def test_gateway_is_not_deployed_when_settings_contradict(stall: Stall, change: dict[str, int]) -> None:
    words = {"lock_time": 900, "refund_window": 86_400, "deposit_bps": 1, "locks": 1} | change
    at = [stall.twin.world.access.address, stall.twin.ledger.address, stall.twin.world.registry.address]
    with pytest.raises(Reverted) as caught:
        deploy(stall.twin.chain, "AssetGateway", *at, stall.oracle.address, tuple(words.values()), sender=stall.payer)
    assert (caught.value.error, caught.value.values[0]) == ("BadSettings", tuple(words.values()))


# --- signatures ---


TERMS = [
    ("payer", "address"),
    ("asset", "address"),
    ("merchant", "uint32"),
    ("amount", "uint64"),
    ("maxAsset", "uint128"),
    ("reference", "bytes32"),
    ("nonce", "uint256"),
    ("deadline", "uint256"),
]
LOCKED_PAYMENT = [("sale", "bytes32"), ("deadline", "uint256")]


def signed(stall: Stall, kind: str, fields: Any, values: Any, *, chain_id: int | None = None) -> bytes:
    """A signature of the account with KEY."""
    domain = {
        "name": "AssetGateway",
        "version": "1",
        "chainId": chain_id or int(stall.twin.chain.request("eth_chainId"), 16),
        "verifyingContract": stall.gateway.address,
    }
    types = {kind: [{"name": name, "type": kind_} for name, kind_ in fields]}
    message = dict(zip((name for name, _ in fields), values, strict=True))
    signable = encode_typed_data(domain_data=domain, message_types=types, message_data=message)
    return bytes(Account.sign_message(signable, KEY).signature)


def test_anybody_may_carry_signed_terms_once(stall: Stall) -> None:
    payer = Account.from_key(KEY).address.lower()
    stall.bazaar.give(stall.gateway, payer)
    deadline = stall.twin.now + 600
    words = stall.terms(65_000, payer=payer)
    signature = signed(stall, "Payment", TERMS, (*words, 0, deadline))
    carried = ("pay", words, deadline, signature)
    stall.send(stall.gateway, *carried, sender=stall.other)
    assert stall.payable() == 65_000
    assert refusal(lambda: stall.send(stall.gateway, *carried, sender=stall.other)) == ("NotPayer", (payer,))
    late = signed(stall, "Payment", TERMS, (*words, 1, 5))
    assert refusal(lambda: stall.gateway.view("pay", words, 5, late)) == ("SignatureExpired", (5,))
    elsewhere = signed(stall, "Payment", TERMS, (*words, 1, deadline), chain_id=1)
    assert refusal(lambda: stall.gateway.view("pay", words, deadline, elsewhere))[0] == "NotPayer"
    more = (payer, stall.bitcoin, SHOP, 65_001, MOST, bytes(32))
    honest = signed(stall, "Payment", TERMS, (*words, 1, deadline))
    assert refusal(lambda: stall.gateway.view("pay", more, deadline, honest))[0] == "NotPayer"
    # terms of a payment are no terms of a lock
    assert refusal(lambda: stall.gateway.view("lockRate", words, deadline, honest))[0] == "NotPayer"


def test_signed_lock_is_paid_by_a_signature_for_this_sale(stall: Stall) -> None:
    payer = Account.from_key(KEY).address.lower()
    stall.bazaar.give(stall.gateway, payer)
    deadline = stall.twin.now + 600
    words = stall.terms(65_000, payer=payer)
    signature = signed(stall, "RateLock", TERMS, (*words, 0, deadline))
    receipt = stall.send(stall.gateway, "lockRate", words, deadline, signature, sender=stall.other)
    sale = sale_of(stall.gateway.events(receipt)[-1].args["sale"])
    assert refusal(lambda: stall.gateway.view("payLocked", sale.words(), 0, b"", sender=stall.other))[0] == "NotPayer"
    of_sale = (stall.gateway.view("hashOf", sale.words()), deadline)
    signature = signed(stall, "LockedPayment", LOCKED_PAYMENT, of_sale)
    stall.send(stall.gateway, "payLocked", sale.words(), deadline, signature, sender=stall.other)
    assert stall.payable() == 65_000


# --- refunds ---


def test_refund_at_the_rate_of_the_sale_gives_back_what_was_paid(stall: Stall) -> None:
    before = stall.held(stall.payer)
    sale = stall.pay(12_345)
    stall.report(stall.bitcoin, COIN_PRICE * 109 // 100)
    for amount in (45, 300, 12_000):
        stall.refund(sale, amount)
    assert stall.held(stall.payer) == before
    assert stall.payable() == 0
    assert stall.gateway.view("inventory")[0] == INVENTORY
    assert stall.gateway.view("vault", stall.bitcoin) == {"free": 0, "held": 0}
    assert refusal(lambda: stall.refund(sale, 1)) == ("OverSale", (1, 1, 0))


def test_refund_at_the_current_rate_needs_what_is_free_beyond_what_was_paid(stall: Stall) -> None:
    sale = stall.pay(100_000, asset=stall.ether)
    assert sale.asset_amount == 4 * 10**17
    stall.report(stall.ether, ETHER_PRICE * 19 // 20)
    needed = 100_000 * 10**18 * 10**6 // (ETHER_PRICE * 19 // 20)
    found = refusal(lambda: stall.refund(sale, 100_000))
    assert found == ("VaultShort", (stall.ether, needed, sale.asset_amount))
    stall.send(stall.gateway, "addAsset", stall.ether, needed - sale.asset_amount, sender=stall.other)
    before = stall.held(stall.payer, stall.ether)
    stall.refund(sale, 100_000)
    assert stall.held(stall.payer, stall.ether) - before == needed
    assert stall.gateway.view("vault", stall.ether) == {"free": 0, "held": 0}


def test_refund_at_a_higher_rate_leaves_the_rest_to_the_operator(stall: Stall) -> None:
    sale = stall.pay(100_000, asset=stall.ether)
    stall.report(stall.ether, ETHER_PRICE * 11 // 10)
    stall.refund(sale, 100_000)
    back = 100_000 * 10**18 * 10**6 // (ETHER_PRICE * 11 // 10)
    assert stall.gateway.view("vault", stall.ether) == {"free": sale.asset_amount - back, "held": 0}


def test_refund_is_refused_when_the_merchant_is_short_and_never_touches_the_guarantee_fund(stall: Stall) -> None:
    sale = stall.pay(500)
    world = stall.twin.world
    stall.send(world.ledger, "setDoors", stall.other, 32)
    stall.send(world.ledger, "takePayable", SHOP, 400, stall.other, sender=stall.other)
    stall.send(world.ledger, "addDeposit", 0, 10_000)
    assert refusal(lambda: stall.refund(sale, 101)) == ("MerchantShort", (SHOP, 101, 100))
    stall.send(world.ledger, "addDeposit", SHOP, 1)
    stall.refund(sale, 101)
    assert world.ledger.view("deposits", 0) == 10_000


def test_refund_leaves_what_the_merchant_owes_the_guarantee_fund(stall: Stall) -> None:
    make_indebted(stall.twin.world, SHOP, 400)
    sale = stall.pay(500)
    assert refusal(lambda: stall.refund(sale, 101)) == ("MerchantShort", (SHOP, 101, 100))
    stall.refund(sale, 100)
    assert owed(stall.twin.world, SHOP) == (400, 400)


def test_refund_is_the_merchants_own(stall: Stall) -> None:
    sale = stall.pay(500)
    assert refusal(lambda: stall.refund(sale, 5, sender=stall.payer))[0] == "NotInGroup"
    assert refusal(lambda: stall.refund(sale, 5, sender=stall.twin.world.operator))[0] == "NotInGroup"
    lock = stall.lock(500)
    assert refusal(lambda: stall.refund(lock, 5)) == ("WrongStatus", (2, 1))
    assert refusal(lambda: stall.refund(sale, 0))[0] == "NothingToDo"


def test_vault_is_held_until_the_refund_window_has_passed(stall: Stall) -> None:
    sale = stall.pay(65_000)
    day = sale.time // DAY
    found = refusal(lambda: stall.send(stall.gateway, "takeAsset", stall.bitcoin, 1, stall.other))
    assert found == ("VaultShort", (stall.bitcoin, 1, 0))
    until = (day + 1) * DAY + 2_592_000
    assert refusal(lambda: stall.send(stall.gateway, "releaseDay", stall.bitcoin, day))[0] == "RefundWindowOpen"
    stall.wait(until - stall.twin.now)
    found = refusal(lambda: stall.refund(sale, 5))
    assert found == ("RefundWindowOver", (1, sale.time + 2_592_000))
    stall.send(stall.gateway, "releaseDay", stall.bitcoin, day)
    stall.send(stall.gateway, "takeAsset", stall.bitcoin, sale.asset_amount, stall.other)
    assert stall.gateway.view("vault", stall.bitcoin) == {"free": 0, "held": 0}


# --- hostile tokens ---


@pytest.mark.parametrize(
    ("habit", "error"),
    [
        (FEE, "NotReceived"),
        (FALSE, "SafeERC20FailedOperation"),
        (PRETENDS, "NotReceived"),
        (REVERTS, "0x"),  # it gives no reason
    ],
)
def test_token_with_a_bad_habit_is_refused_and_nothing_moves(stall: Stall, habit: int, error: str) -> None:
    lock = stall.lock(65_000, asset=stall.dollar)
    stall.bazaar.behave(habit)
    before = stall.gateway.view("inventory"), stall.payable(), stall.held(stall.payer, stall.dollar)
    assert refusal(lambda: stall.pay(65_000, asset=stall.dollar))[0] == error
    assert refusal(lambda: stall.lock(65_000, asset=stall.dollar))[0] == error
    again = ("payLocked", lock.words(), 0, b"")
    assert refusal(lambda: stall.send(stall.gateway, *again, sender=stall.payer))[0] == error
    assert refusal(lambda: stall.send(stall.gateway, "addAsset", stall.dollar, 500, sender=stall.payer))[0] == error
    assert (stall.gateway.view("inventory"), stall.payable(), stall.held(stall.payer, stall.dollar)) == before


def test_token_that_returns_nothing_is_taken(stall: Stall) -> None:
    stall.bazaar.behave(NOTHING)
    sale = stall.pay(65_000, asset=stall.dollar)
    before = stall.held(stall.payer, stall.dollar)
    stall.refund(sale, 65_000)
    assert stall.held(stall.payer, stall.dollar) - before == sale.asset_amount


@pytest.mark.parametrize("name", ["pay", "lockRate", "payLocked", "claim", "fund", "takeAsset", "refund"])
def test_token_that_calls_back_finds_the_door_shut(stall: Stall, name: str) -> None:
    lock = stall.lock(65_000, asset=stall.dollar)
    terms = stall.terms(5, asset=stall.dollar, payer=stall.dollar)
    arguments: dict[str, tuple[Any, ...]] = {
        "pay": (terms, 0, b""),
        "lockRate": (terms, 0, b""),
        "payLocked": (lock.words(), 0, b""),
        "claim": (stall.dollar, stall.payer),
        "fund": (1,),
        "takeAsset": (stall.dollar, 1, stall.payer),
        "refund": (lock.words(), 1),
    }
    stall.bazaar.behave(RE_ENTERS)
    data = stall.gateway.interface.encode(name, *arguments[name])
    stall.send(stall.bazaar.dollar, "setCall", stall.gateway.address, bytes.fromhex(data[2:]))
    stall.pay(65_000, asset=stall.dollar)
    assert stall.bazaar.dollar.view("worked") is False
    errors = stall.gateway.interface.errors
    answer = "0x" + stall.bazaar.dollar.view("answer").hex()
    # who takes assets out must have a role first
    expected = "AccessManagedUnauthorized" if name == "takeAsset" else "ReentrancyGuardReentrantCall"
    assert errors[answer[:10]]["name"] == expected


@pytest.mark.parametrize("habit", [REFUSES, FALSE, REVERTS])
def test_refund_waits_for_its_owner_when_it_cannot_be_sent(stall: Stall, habit: int) -> None:
    sale = stall.pay(65_000, asset=stall.dollar)
    stall.bazaar.behave(habit, refused=stall.payer)
    stall.refund(sale, 65_000)
    assert stall.payable() == 0
    assert stall.gateway.view("claimable", stall.dollar, stall.payer) == sale.asset_amount
    stall.bazaar.behave(REFUSES)
    assert refusal(lambda: stall.send(stall.gateway, "claim", stall.dollar, stall.payer, sender=stall.payer))[0] == (
        "Refused"
    )
    before = stall.held(stall.other, stall.dollar)
    stall.send(stall.gateway, "claim", stall.dollar, stall.other, sender=stall.payer)
    assert stall.held(stall.other, stall.dollar) - before == sale.asset_amount
    assert refusal(lambda: stall.send(stall.gateway, "claim", stall.dollar, stall.other, sender=stall.payer))[0] == (
        "NothingToDo"
    )


def test_asset_whose_decimals_change_is_refused_when_it_is_set_again(stall: Stall) -> None:
    stall.send(stall.bazaar.dollar, "behave", 0, 2)
    found = refusal(lambda: stall.send(stall.gateway, "setAsset", stall.dollar, 6, LIMIT, DAY_LIMIT))
    assert found == ("WrongDecimals", (stall.dollar, 6, 2))
    stall.send(stall.bazaar.dollar, "behave", 0, 19)
    found = refusal(lambda: stall.send(stall.gateway, "setAsset", stall.dollar, 19, LIMIT, DAY_LIMIT))
    assert found == ("WrongDecimals", (stall.dollar, 19, 19))


# --- properties of the arithmetic, which the machine holds against the contract ---


def model_with(price: int, decimals: int, refunds: int) -> GatewayModel:
    """A gateway with one asset, open to every amount."""
    from node.domain.ledger import Block, Ledger
    from node.domain.words import Supply
    from tests.contracts.doors_model import DoorsModel
    from tests.contracts.suite.assets_model import Asset, Feed

    network = Terms().network()
    ledger = DoorsModel(book=Ledger(terms=network, supply=Supply()), block=Block(number=0, time=10**9))
    ledger.set_merchant(SHOP, True)
    feed = Feed(anchor=price, anchor_since=0, minimum=3, max_age=900, bound_bps=1, price=price, fresh_until=2**32)
    oracle = OracleModel(feeds={"a": feed})
    model = GatewayModel(
        ledger=ledger, oracle=oracle, lock_time=900, refund_window=DAY, deposit_bps=100, max_locks=3, free=2**50
    )
    model.assets["a"] = Asset(decimals=decimals, payment_limit=2**48, day_limit=2**49)
    model.terms[SHOP, "a"] = refunds
    return model


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    amount=st.integers(1, 2**47),
    price=st.integers(1, 2**64 - 1),
    decimals=st.integers(0, 18),
    parts=st.lists(st.integers(1, 10_000), min_size=1, max_size=12),
    refunds=st.sampled_from([1, 2]),
)
def test_rounding_creates_no_value_and_parts_give_what_the_whole_gives(
    amount: int, price: int, decimals: int, parts: list[int], refunds: int
) -> None:
    model = model_with(price, decimals, refunds)
    sale = model.pay("p", "a", SHOP, amount, 2**140)
    # what the payer gave is worth the amount at least, and less than a base unit more
    assert sale.asset_amount * price >= amount * 10**6 * 10**decimals > (sale.asset_amount - 1) * price
    cuts = sorted({amount * sum(parts[: i + 1]) // sum(parts) for i in range(len(parts))})
    back, before = 0, 0
    for cut in cuts:
        if cut > before:
            back += model.refund(sale, cut - before)
            before = cut
    assert before == amount
    assert back == sale.asset_amount if refunds == 1 else back <= sale.asset_amount
    assert (model.assets["a"].held, model.free) == (0, 2**50)
    assert model.assets["a"].free + back == sale.asset_amount
