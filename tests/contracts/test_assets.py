"""Payments in other assets: what each call does, the typed error of what it refuses, and signed terms."""

from collections.abc import Callable
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from benchmarks.devchain import Reverted, deploy
from tests.contracts.suite.assets_model import DAY
from tests.contracts.suite.market_world import refusal
from tests.contracts.suite.stall import COIN_PRICE, INVENTORY, KEY, LIMIT, MOST, SHOP, Stall, sale_of

pytestmark = pytest.mark.anvil


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
