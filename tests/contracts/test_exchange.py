"""Trade among members: what each call does, coins that age in an offer, and the typed error of what is refused."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.devchain import Chain, Contract, deploy
from benchmarks.suite import Suite
from benchmarks.world import Terms
from node.domain.ids import MemberId
from node.domain.merkle import keccak
from tests.contracts.conftest import EPOCH
from tests.contracts.suite.exchange_model import NOBODY, ExchangeModel, Offer
from tests.contracts.suite.market_world import FALSE, FEE, PRETENDS, RE_ENTERS, REFUSES, Bazaar, refusal
from tests.contracts.twin import Twin, external, member_address

pytestmark = pytest.mark.anvil
ANN = MemberId(1)
KEY = keccak(b"a member's key")
COINS = 10**8
WEEK = 7 * 86_400


class Pitch:
    """Two traders with coins, cash and tokens; Ann has coins in her account and a key that has nothing."""

    def __init__(self, twin: Twin) -> None:
        self.twin, self.bazaar, self.ledger = twin, Bazaar(twin), twin.ledger
        self.exchange, self.cash = self.bazaar.exchange, twin.world.cash
        self.maker, self.taker = self.bazaar.payers
        self.coin, self.money = self.ledger.address, self.cash.address
        self.bitcoin, self.dollar = self.bazaar.bitcoin.address, self.bazaar.dollar.address
        self.bazaar.give(self.exchange, self.maker, self.taker, cash=10**6)
        for token in self.bazaar.tokens:
            self.send(self.exchange, "setToken", token, True)
        shop = twin.onboard(prepaid=10**6)
        twin.base(shop)
        twin.enrol(ANN)
        self.shop = shop
        self.ann = Account.from_key(KEY).address.lower()
        twin.give_key(ANN, self.ann)
        self.earn(3 * COINS)
        for trader in (self.maker, self.taker):
            self.send(self.ledger, "transfer", trader, COINS, sender=twin.chain.impersonate(member_address(ANN)))

    def earn(self, units: int) -> None:
        """Ann earns coins of this epoch."""
        self.twin.pay(self.shop, ANN, external(units // 100))

    def send(self, contract: Contract, name: str, *arguments: Any, sender: str | None = None) -> Any:
        return self.bazaar.send(contract, name, *arguments, sender=sender)

    def make(self, sell: str, buy: str, amounts: tuple[int, int], partner: str = NOBODY, life: int = WEEK) -> Offer:
        words = (sell, buy, *amounts, self.twin.now + life, partner)
        return self.offer(self.send(self.exchange, "make", *words, sender=self.maker))

    def offer(self, receipt: Any) -> Offer:
        found = next(e for e in self.exchange.events(receipt) if e.name == "OfferMade").args["offer"]
        return Offer(**dict(zip(Offer.__dataclass_fields__, found.values(), strict=True)))

    def take(self, offer: Offer, amount: int, least: int = 0, sender: str = "") -> Any:
        taker = sender or self.taker
        return self.send(self.exchange, "take", offer.words(), amount, least, taker, sender=taker)

    def coins(self, owner: str) -> tuple[int, int]:
        account = self.ledger.view("accountOf", owner)
        return account["current"], account["previous"]

    def held(self, token: Contract, owner: str) -> int:
        return int(token.view("balanceOf", owner))

    def wait(self, seconds: int) -> None:
        self.twin.tick(seconds)
        self.cash.send("withdraw", 0, bytes(32), sender=self.twin.world.operator)

    def signed(self, kind: str, *fields: tuple[str, str, Any], chain_id: int = 0) -> bytes:
        domain = {
            "name": "PeerExchange",
            "version": "1",
            "chainId": chain_id or int(self.twin.chain.request("eth_chainId"), 16),
            "verifyingContract": self.exchange.address,
        }
        types = {kind: [{"name": name, "type": type_} for name, type_, _ in fields]}
        message = {name: value for name, _, value in fields}
        signable = encode_typed_data(domain_data=domain, message_types=types, message_data=message)
        return bytes(Account.sign_message(signable, KEY).signature)


@pytest.fixture(scope="module")
def opened(chain: Chain, terms: Terms) -> Iterator[Pitch]:
    mark = chain.snapshot()
    yield Pitch(Twin(chain, terms, Suite))
    chain.revert(mark)


@pytest.fixture
def pitch(opened: Pitch) -> Iterator[Pitch]:
    with opened.twin.forgotten():
        yield opened


def test_take_pays_the_maker_and_rounds_up_for_it(pitch: Pitch) -> None:
    offer = pitch.make(pitch.coin, pitch.money, (50_000_000, 4_800_00))
    assert pitch.coins(pitch.maker) == (COINS - 50_000_000, 0)
    before = pitch.held(pitch.cash, pitch.maker)
    pitch.take(offer, 10_000_001)
    # 96,000.0096 cents: the next one; 0.05 % of it is 48
    assert pitch.held(pitch.cash, pitch.taker) == 10**6 - 96_001
    assert pitch.held(pitch.cash, pitch.maker) - before == 96_001 - 48
    assert pitch.exchange.view("feesOf", pitch.money) == 48
    assert pitch.coins(pitch.taker) == (COINS + 10_000_001, 0)
    assert pitch.exchange.view("leftOf", offer.words()) == (39_999_999, 39_999_999)
    pitch.take(offer, 39_999_999)
    assert refusal(lambda: pitch.take(offer, 1)) == ("UnknownOffer", (offer.id,))
    pitch.send(pitch.exchange, "takeFees", pitch.money, pitch.ann)
    assert pitch.held(pitch.cash, pitch.exchange.address) == 0


def test_coins_age_and_expire_in_an_offer(pitch: Pitch) -> None:
    offer = pitch.make(pitch.coin, pitch.money, (COINS, 10_000), life=4 * EPOCH)
    pitch.wait(EPOCH)
    assert pitch.exchange.view("leftOf", offer.words()) == (COINS, 0)
    found = refusal(lambda: pitch.take(offer, 1_000, least=1))
    assert found == ("CoinsTooOld", (offer.id, 0, 1))
    pitch.take(offer, 1_000)
    # the taker's own are of the epoch before by now, too
    assert pitch.coins(pitch.taker) == (0, COINS + 1_000)
    pitch.wait(EPOCH)
    assert pitch.exchange.view("leftOf", offer.words()) == (0, 0)
    assert refusal(lambda: pitch.take(offer, 1_000))[0] == "UnknownOffer"
    assert pitch.ledger.view("accountOf", pitch.exchange.address)["previous"] == 0
    pitch.send(pitch.exchange, "cancel", offer.words(), sender=pitch.maker)
    assert refusal(lambda: pitch.send(pitch.exchange, "cancel", offer.words(), sender=pitch.maker))[0] == "UnknownOffer"


def test_coins_that_pay_keep_their_age_and_the_fee_takes_the_older(pitch: Pitch) -> None:
    pitch.wait(EPOCH)
    pitch.earn(COINS)
    pitch.send(pitch.ledger, "transfer", pitch.taker, 2 * COINS, sender=member_address(ANN))
    # the taker's: its own of the epoch before and Ann's; Ann's older first
    current, previous = pitch.coins(pitch.taker)
    assert (current, previous) == (COINS, 2 * COINS)
    offer = pitch.make(pitch.money, pitch.coin, (1_000, 25_000_000 * 10))
    pitch.take(offer, 1_000)
    fee = 250_000_000 * 5 // 10_000
    assert pitch.exchange.view("feesOf", pitch.coin) == fee
    assert pitch.coins(pitch.taker) == (COINS - 50_000_000, 0)
    assert pitch.coins(pitch.exchange.address) == (0, fee)
    # its own hundred millions of before, and what it was paid
    assert pitch.coins(pitch.maker) == (50_000_000, COINS + 2 * COINS - fee)
    pitch.wait(EPOCH)
    assert pitch.exchange.view("feesOf", pitch.coin) == 0
    assert refusal(lambda: pitch.send(pitch.exchange, "takeFees", pitch.coin, pitch.ann))[0] == "NothingToClaim"


def test_offer_for_one_is_taken_by_nobody_else(pitch: Pitch) -> None:
    offer = pitch.make(pitch.bitcoin, pitch.coin, (10**6, 1_000), partner=pitch.taker)
    found = refusal(lambda: pitch.take(offer, 5, sender=pitch.maker))
    assert found == ("NotCounterparty", (offer.id, pitch.maker))
    pitch.take(offer, 10**6)
    assert pitch.held(pitch.bazaar.bitcoin, pitch.taker) == 2**120 + 10**6


def test_expired_offer_is_not_taken_and_anybody_may_give_it_back(pitch: Pitch) -> None:
    offer = pitch.make(pitch.bitcoin, pitch.coin, (10**6, 1_000), life=60)
    thief = pitch.bazaar.thief
    assert refusal(lambda: pitch.send(pitch.exchange, "cancel", offer.words(), sender=thief))[0] == "NotMaker"
    pitch.wait(61)
    assert refusal(lambda: pitch.take(offer, 5))[0] == "OfferExpired"
    pitch.send(pitch.exchange, "cancel", offer.words(), sender=thief)
    assert pitch.held(pitch.bazaar.bitcoin, pitch.maker) == 2**120


def test_changed_offer_is_unknown(pitch: Pitch) -> None:
    offer = pitch.make(pitch.bitcoin, pitch.money, (10**6, 1_000))
    cheap = Offer(**{**vars(offer), "buy_amount": 1})
    more = Offer(**{**vars(offer), "sell_amount": 10**9})
    mine = Offer(**{**vars(offer), "maker": pitch.taker})
    for changed in (cheap, more, mine):
        assert refusal(lambda c=changed: pitch.take(c, 5))[0] == "UnknownOffer"  # type: ignore[misc]
    assert refusal(lambda: pitch.send(pitch.exchange, "cancel", mine.words(), sender=pitch.taker))[0] == "UnknownOffer"


def test_offer_that_cannot_be_is_refused_with_all_that_it_says(pitch: Pitch) -> None:
    error, values = refusal(lambda: pitch.make(pitch.coin, pitch.money, (2**56, 5), life=77))
    assert (error, values[:4]) == ("BadOffer", (pitch.coin, pitch.money, 2**56, 5))
    assert values[4] > pitch.twin.now - 77


@pytest.mark.parametrize(
    ("error", "call"),
    [
        ("BadOffer", lambda p: p.make(p.coin, p.money, (0, 5))),
        ("BadOffer", lambda p: p.make(p.coin, p.money, (5, 0))),
        ("BadOffer", lambda p: p.make(p.money, p.money, (5, 5))),
        ("BadOffer", lambda p: p.make(p.coin, p.money, (2**56, 5))),
        ("BadOffer", lambda p: p.make(p.money, p.coin, (5, 2**56))),
        ("BadOffer", lambda p: p.make(p.coin, p.money, (5, 5), life=0)),
        ("NotListed", lambda p: p.make(p.exchange.address, p.money, (5, 5))),
        ("ERC20InsufficientBalance", lambda p: p.make(p.coin, p.money, (COINS + 1, 5))),
        ("ERC20InsufficientBalance", lambda p: p.make(p.money, p.coin, (10**6 + 1, 5))),
        ("AlwaysListed", lambda p: p.send(p.exchange, "setToken", p.coin, False)),
        ("AlwaysListed", lambda p: p.send(p.exchange, "setToken", p.money, False)),
        ("NotListed", lambda p: p.send(p.exchange, "setToken", p.taker, True)),
        ("FeeTooHigh", lambda p: p.send(p.exchange, "setFee", 11)),
        ("NothingToClaim", lambda p: p.send(p.exchange, "claim", p.money, p.taker, sender=p.taker)),
        ("NothingToClaim", lambda p: p.send(p.exchange, "takeFees", p.money, p.taker)),
        ("AccessManagedUnauthorized", lambda p: p.send(p.exchange, "setFee", 1, sender=p.taker)),
        ("AccessManagedUnauthorized", lambda p: p.send(p.exchange, "setToken", p.dollar, False, sender=p.taker)),
        ("AccessManagedUnauthorized", lambda p: p.send(p.exchange, "takeFees", p.money, p.taker, sender=p.taker)),
    ],
)  # fmt: skip
def test_exchange_refuses_by_name(pitch: Pitch, error: str, call: Callable[[Pitch], object]) -> None:
    assert refusal(lambda: call(pitch))[0] == error


def test_take_is_refused_by_name(pitch: Pitch) -> None:
    offer = pitch.make(pitch.bitcoin, pitch.money, (10**6, 1_000))
    for amount in (0, 10**6 + 1):
        assert refusal(lambda a=amount: pitch.take(offer, a)) == ("BadAmount", (offer.id, amount, 10**6))  # type: ignore[misc]
    to_nobody = ("take", offer.words(), 5, 0, NOBODY)
    assert refusal(lambda: pitch.send(pitch.exchange, *to_nobody, sender=pitch.taker)) == ("BadReceiver", (NOBODY,))
    found = refusal(lambda: pitch.send(pitch.exchange, "takeForMember", ANN, offer.words(), 5, 0, b""))
    assert found == ("NotForCoins", (offer.id,))
    pitch.send(pitch.ledger, "pause")
    assert refusal(lambda: pitch.take(offer, 5))[0] == "NetworkPaused"
    pitch.send(pitch.exchange, "cancel", offer.words(), sender=pitch.maker)


def test_fee_is_a_thousandth_at_most(pitch: Pitch) -> None:
    pitch.send(pitch.exchange, "setFee", 10)
    offer = pitch.make(pitch.bitcoin, pitch.money, (10_000, 10_000))
    for amount, fee in ((999, 0), (1, 0), (1_000, 1), (7_999, 7)):
        before = pitch.exchange.view("feesOf", pitch.money)
        pitch.take(offer, amount)
        assert pitch.exchange.view("feesOf", pitch.money) - before == fee


def test_unlisted_token_is_not_traded_but_given_back(pitch: Pitch) -> None:
    offer = pitch.make(pitch.dollar, pitch.money, (10_000, 10_000))
    pitch.send(pitch.exchange, "setToken", pitch.dollar, False)
    assert refusal(lambda: pitch.take(offer, 5)) == ("NotListed", (pitch.dollar,))
    pitch.send(pitch.exchange, "cancel", offer.words(), sender=pitch.maker)
    assert pitch.held(pitch.bazaar.dollar, pitch.maker) == 2**120


# --- members ---


def test_member_s_coins_are_offered_by_its_signature(pitch: Pitch) -> None:
    deadline, end = pitch.twin.now + 600, pitch.twin.now + WEEK
    words = (ANN, pitch.money, COINS, 9_000, end, NOBODY)
    fields = (
        ("member", "uint64", ANN),
        ("buy", "address", pitch.money),
        ("sellAmount", "uint128", COINS),
        ("buyAmount", "uint128", 9_000),
        ("expiry", "uint32", end),
        ("counterparty", "address", NOBODY),
        ("nonce", "uint256", 0),
        ("deadline", "uint256", deadline),
    )
    signature = pitch.signed("MakeOffer", *fields)
    elsewhere = pitch.signed("MakeOffer", *fields, chain_id=1)
    assert refusal(lambda: pitch.exchange.view("makeForMember", *words, deadline, elsewhere))[0] == "NotMember"
    assert refusal(lambda: pitch.exchange.view("makeForMember", *words, 5, signature))[0] == "SignatureExpired"
    assert refusal(lambda: pitch.exchange.view("makeForMember", *words, 0, b"", sender=pitch.taker))[0] == "NotMember"
    offer = pitch.offer(pitch.send(pitch.exchange, "makeForMember", *words, deadline, signature))
    assert refusal(lambda: pitch.send(pitch.exchange, "makeForMember", *words, deadline, signature))[0] == "NotMember"
    assert pitch.ledger.view("account", ANN)["current"] == 0
    pitch.take(offer, COINS // 2)
    assert pitch.held(pitch.cash, pitch.ann) == 4_500 - 2
    # what is left goes back to the account, with no coin of gas
    key = pitch.exchange.view("hashOf", offer.words())
    fields = (("member", "uint64", ANN), ("offer", "bytes32", key), ("nonce", "uint256", 1))
    signature = pitch.signed("CancelOffer", *fields, ("deadline", "uint256", deadline))
    pitch.send(pitch.exchange, "cancelForMember", offer.words(), deadline, signature)
    assert pitch.ledger.view("account", ANN)["current"] == COINS // 2


def test_member_pays_with_coins_of_its_account(pitch: Pitch) -> None:
    deadline = pitch.twin.now + 600
    offer = pitch.make(pitch.bitcoin, pitch.coin, (1_000, 2_000_000))
    fields = (
        ("member", "uint64", ANN),
        ("offer", "bytes32", pitch.exchange.view("hashOf", offer.words())),
        ("amount", "uint128", 500),
        ("nonce", "uint256", 0),
        ("deadline", "uint256", deadline),
    )
    signature = pitch.signed("TakeOffer", *fields)
    taking = ("takeForMember", ANN, offer.words(), 500, deadline, signature)
    pitch.send(pitch.twin.world.registry, "setMemberState", ANN, True, False)
    assert refusal(lambda: pitch.send(pitch.exchange, *taking))[0] == "AccountLocked"
    pitch.send(pitch.twin.world.registry, "setMemberState", ANN, False, False)
    pitch.send(pitch.exchange, *taking)
    assert pitch.held(pitch.bazaar.bitcoin, pitch.ann) == 500
    assert pitch.ledger.view("account", ANN)["current"] == COINS - 1_000_000


# --- hostile tokens ---


@pytest.mark.parametrize(
    ("habit", "error"), [(FEE, "NotReceived"), (FALSE, "SafeERC20FailedOperation"), (PRETENDS, "NotReceived")]
)
def test_token_with_a_bad_habit_comes_neither_into_an_offer_nor_pays_for_one(
    pitch: Pitch, habit: int, error: str
) -> None:
    offer = pitch.make(pitch.bitcoin, pitch.dollar, (1_000, 1_000))
    pitch.bazaar.behave(habit)
    assert refusal(lambda: pitch.make(pitch.dollar, pitch.money, (1_000, 1_000)))[0] == error
    assert refusal(lambda: pitch.take(offer, 1_000))[0] == error
    assert pitch.exchange.view("leftOf", offer.words())[0] == 1_000


def test_receiver_that_is_refused_blocks_nobody(pitch: Pitch) -> None:
    offer = pitch.make(pitch.bitcoin, pitch.dollar, (1_000, 10_000))
    pitch.bazaar.behave(REFUSES, refused=pitch.maker)
    pitch.take(offer, 1_000)
    assert pitch.held(pitch.bazaar.bitcoin, pitch.taker) == 2**120 + 1_000
    assert pitch.exchange.view("claimable", pitch.dollar, pitch.maker) == 9_995
    pitch.send(pitch.exchange, "claim", pitch.dollar, pitch.ann, sender=pitch.maker)
    assert pitch.held(pitch.bazaar.dollar, pitch.ann) == 9_995
    assert refusal(lambda: pitch.send(pitch.exchange, "claim", pitch.dollar, pitch.ann, sender=pitch.maker))[0] == (
        "NothingToClaim"
    )


@pytest.mark.parametrize("sold", [True, False])
@pytest.mark.parametrize("name", ["take", "cancel", "claim", "make"])
def test_token_that_calls_back_finds_the_door_shut(pitch: Pitch, name: str, sold: bool) -> None:
    sides = (pitch.dollar, pitch.money) if sold else (pitch.money, pitch.dollar)
    offer = pitch.make(*sides, (1_000, 1_000))
    arguments: dict[str, tuple[Any, ...]] = {
        "take": (offer.words(), 1, 0, pitch.taker),
        "cancel": (offer.words(),),
        "claim": (pitch.dollar, pitch.taker),
        "make": (pitch.dollar, pitch.money, 1, 1, 2**32 - 1, NOBODY),
    }
    pitch.bazaar.behave(RE_ENTERS)
    data = pitch.exchange.interface.encode(name, *arguments[name])
    pitch.send(pitch.bazaar.dollar, "setCall", pitch.exchange.address, bytes.fromhex(data[2:]))
    pitch.take(offer, 1_000)
    assert pitch.bazaar.dollar.view("worked") is False
    answer = "0x" + pitch.bazaar.dollar.view("answer").hex()
    assert pitch.exchange.interface.errors[answer[:10]]["name"] == "ReentrancyGuardReentrantCall"


@pytest.mark.parametrize("sold", [True, False])
def test_token_that_calls_back_finds_what_is_taken_gone_already(pitch: Pitch, sold: bool) -> None:
    # views are not shut: whoever asks in the middle of a transfer sees the offer after it
    sides = (pitch.dollar, pitch.bitcoin) if sold else (pitch.bitcoin, pitch.dollar)
    offer = pitch.make(*sides, (1_000, 1_000))
    pitch.bazaar.behave(RE_ENTERS)
    data = pitch.exchange.interface.encode("leftOf", offer.words())
    pitch.send(pitch.bazaar.dollar, "setCall", pitch.exchange.address, bytes.fromhex(data[2:]))
    pitch.take(offer, 400)
    assert pitch.bazaar.dollar.view("worked") is True
    assert int.from_bytes(pitch.bazaar.dollar.view("answer")[:32]) == 600
    data = pitch.exchange.interface.encode("assetOwed", sides[0])
    pitch.send(pitch.bazaar.dollar, "setCall", pitch.exchange.address, bytes.fromhex(data[2:]))
    pitch.take(offer, 100)
    assert int.from_bytes(pitch.bazaar.dollar.view("answer")) == 500


def test_exchange_is_not_deployed_when_its_fee_is_too_high(pitch: Pitch) -> None:
    world = pitch.twin.world
    at = [world.access.address, pitch.coin, world.registry.address]
    assert refusal(lambda: deploy(pitch.twin.chain, "PeerExchange", *at, 11, sender=pitch.maker))[0] == "FeeTooHigh"


# --- properties of the arithmetic, which the machine holds against the contract ---


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    sell=st.integers(1, 2**100),
    buy=st.integers(1, 2**100),
    fee=st.integers(0, 10),
    cuts=st.lists(st.integers(1, 999), max_size=8),
)
def test_maker_never_gets_less_for_parts_than_for_the_whole_but_the_fee(
    sell: int, buy: int, fee: int, cuts: list[int]
) -> None:
    from node.domain.ledger import Block, Ledger
    from node.domain.words import Supply
    from tests.contracts.doors_model import DoorsModel

    network = Terms().network()
    ledger = DoorsModel(book=Ledger(terms=network, supply=Supply()), block=Block(number=0, time=1))
    model = ExchangeModel(ledger=ledger, address="0x1", coin="c", cash="m", fee_bps=fee, listed={"a", "b"})
    offer = model.make("0x2", 0, "a", "b", (sell, buy), 10)
    marks = sorted({sell * cut // 1_000 for cut in cuts} | {sell})
    paid, fees, before = 0, 0, 0
    for mark in marks:
        if mark > before:
            cost, of_it = model.take(offer, "0x3", 0, mark - before, 0)
            paid, fees, before = paid + cost, fees + of_it, mark
    assert model.left(offer) == 0
    assert buy <= paid < buy + len(marks)
    assert fees * 1_000 <= paid
