"""Purchased goods sold on: what each call does, and the typed error of what is refused."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.devchain import Chain, Contract, deploy
from benchmarks.suite import Suite
from benchmarks.world import Terms
from node.domain.assignment import Item
from node.domain.ids import MemberId, MerchantId, MinorUnits, StreamId
from node.domain.ids import Sequence as SequenceNumber
from node.domain.merkle import item_leaf, items_root, keccak, receipt_token
from tests.contracts.model import Refund, Undo
from tests.contracts.suite.market_world import Bazaar, proven, refusal
from tests.contracts.suite.resale_model import Purchase
from tests.contracts.twin import Twin, coins, external, stored

pytestmark = pytest.mark.anvil
ANN, BEN = MemberId(1), MemberId(2)
SHOP, OTHER = MerchantId(1), MerchantId(2)
KEY = keccak(b"the seller's key")
WINDOW = 604_800
PRICE = 900
SALT = bytes(range(16))
BASKET = (
    Item(product="4006381333931", quantity=1, amount=1_299),
    Item(product="5449000000996", quantity=2, amount=450),
    Item(product="0000000000017", quantity=1, amount=3_251),
)


class Fair:
    """Ann bought three things for 50.00, and earned 5 % of it; Ben's key buys."""

    def __init__(self, twin: Twin) -> None:
        self.twin, self.bazaar, self.ledger = twin, Bazaar(twin), twin.ledger
        self.market, self.cash = self.bazaar.receipts, twin.world.cash
        self.buyer, self.other = self.bazaar.payers
        self.ann = Account.from_key(KEY).address.lower()
        for _ in range(2):
            twin.base(twin.onboard(prepaid=10**6), coefficient=500)
        twin.enrol(ANN, BEN)
        twin.give_key(ANN, self.ann)
        twin.give_key(BEN, self.buyer)
        self.bazaar.give(self.market, self.buyer, self.other, cash=10_000)
        root = items_root(BASKET, SALT)
        (leaf,) = twin.pay(SHOP, ANN, external(5_000), items_root=root)
        self.goods = [Purchase(leaf=leaf, items=BASKET, salt=SALT, index=i) for i in range(3)]
        self.pen = self.goods[0]

    def send(self, contract: Contract, name: str, *arguments: Any, sender: str | None = None) -> Any:
        return self.bazaar.send(contract, name, *arguments, sender=sender)

    def words(self, goods: Purchase | None = None, *, price: int = PRICE, days: int = 30, member: int = ANN) -> Any:
        goods = goods or self.pen
        until = self.twin.now + 1 + days * 86_400
        return (member, proven(self.twin, goods.leaf), goods.words(), price, until, 0, b"")

    def offer(self, goods: Purchase | None = None, **terms: Any) -> int:
        self.send(self.market, "offer", *self.words(goods, **terms), sender=self.ann)
        return (goods or self.pen).token

    def buy(self, token: int) -> None:
        self.send(self.market, "buy", token, PRICE, sender=self.buyer)

    def hand_over(self, token: int, sender: str = "", goods: Purchase | None = None) -> Any:
        leaf = proven(self.twin, (goods or self.pen).leaf)
        return self.send(self.market, "handOver", token, leaf, sender=sender or self.buyer)

    def refund(self, amount: int) -> None:
        undo = Undo(leaf=self.pen.leaf, amount=amount)
        self.twin.refund(Refund(sequence=self.twin.next_sequence(), kind=1, lines=(undo,)))

    def mark(self, sender: str = "") -> None:
        words = (proven(self.twin, self.pen.leaf), self.pen.words())
        self.send(self.market, "markReturned", *words, sender=sender or self.twin.world.merchant)

    def coins(self) -> int:
        return int(self.ledger.view("account", ANN)["current"])

    def money(self, owner: str) -> int:
        return int(self.cash.view("balanceOf", owner))

    def status(self) -> int:
        return int(self.market.view("listing", self.pen.token)["status"])

    def wait(self, seconds: int) -> None:
        self.twin.tick(seconds)
        self.cash.send("withdraw", 0, bytes(32), sender=self.twin.world.operator)


@pytest.fixture(scope="module")
def opened(chain: Chain, terms: Terms) -> Iterator[Fair]:
    mark = chain.snapshot()
    yield Fair(Twin(chain, terms, Suite))
    chain.revert(mark)


@pytest.fixture
def fair(opened: Fair) -> Iterator[Fair]:
    with opened.twin.forgotten():
        yield opened


def test_hand_over_pays_the_seller_takes_its_points_back_and_gives_the_token(fair: Fair) -> None:
    assert fair.coins() == 2_500_000
    token = fair.offer()
    assert fair.market.view("ownerOf", token) == fair.ann
    fair.buy(token)
    assert (fair.money(fair.market.address), fair.money(fair.buyer)) == (PRICE, 10_000 - PRICE)
    assert fair.coins() == 2_500_000  # nothing is settled before the goods are handed over
    fair.hand_over(token)
    assert (fair.money(fair.market.address), fair.money(fair.ann)) == (0, PRICE)
    assert fair.market.view("ownerOf", token) == fair.buyer
    # 37.01 of the line is left, which keeps 1.8505 coins
    assert fair.coins() == 1_850_500
    assert fair.ledger.view("refunded", fair.pen.leaf.hash) == (1_299, 649_500)
    assert fair.status() == 4


def test_sold_item_is_refunded_no_more_and_the_rest_of_the_line_is(fair: Fair) -> None:
    token = fair.offer()
    fair.buy(token)
    fair.hand_over(token)
    fair.twin.model.settle_line(fair.pen.leaf, 1_299)
    fair.refund(3_702)  # one cent more than is left: skipped, as the model says
    fair.refund(3_701)
    assert fair.ledger.view("refunded", fair.pen.leaf.hash)[0] == 5_000
    assert fair.coins() == 0


def test_item_is_sold_once(fair: Fair) -> None:
    token = fair.offer()
    fair.buy(token)
    fair.hand_over(token)
    assert refusal(lambda: fair.offer()) == ("WrongStatus", (token, 4))
    assert refusal(lambda: fair.hand_over(token)) == ("WrongStatus", (token, 4))
    # the buyer owns the token, and may give it away
    fair.send(fair.market, "transferFrom", fair.buyer, fair.other, token, sender=fair.buyer)
    assert fair.market.view("ownerOf", token) == fair.other
    assert refusal(lambda: fair.send(fair.market, "withdraw", token, sender=fair.ann))[0] == "WrongStatus"
    fair.offer(fair.goods[1])  # another item of the same line


def test_spent_points_become_arrears_of_the_seller(fair: Fair) -> None:
    fair.twin.buy_points(SHOP, 10)
    fair.twin.pay(OTHER, ANN, coins(250))
    token = fair.offer()
    fair.buy(token)
    fair.hand_over(token)
    assert fair.ledger.view("arrears", SHOP, ANN) == 649_500


def test_anybody_completes_a_sale_when_the_window_has_passed_in_silence(fair: Fair) -> None:
    token = fair.offer()
    fair.buy(token)
    until = fair.market.view("listing", token)["until"]
    assert refusal(lambda: fair.hand_over(token, fair.other)) == ("WindowOpen", (token, until))
    assert refusal(lambda: fair.hand_over(token, fair.ann)) == ("WindowOpen", (token, until))
    fair.wait(WINDOW + 1)
    dispute = ("dispute", token, "late")
    assert refusal(lambda: fair.send(fair.market, *dispute, sender=fair.buyer)) == ("WindowOver", (token, until))
    fair.hand_over(token, fair.other)
    assert fair.money(fair.ann) == PRICE


@pytest.mark.parametrize("sold", [True, False])
def test_dispute_is_decided_by_the_operator(fair: Fair, sold: bool) -> None:
    token = fair.offer()
    fair.buy(token)
    assert refusal(lambda: fair.send(fair.market, "dispute", token, "x", sender=fair.other))[0] == "NotBuyer"
    assert refusal(lambda: fair.send(fair.market, "dispute", token, "", sender=fair.buyer))[0] == "NoReason"
    fair.send(fair.market, "dispute", token, "an empty box", sender=fair.buyer)
    fair.wait(WINDOW + 1)
    assert refusal(lambda: fair.hand_over(token))[0] == "WrongStatus"
    decision = (token, sold, proven(fair.twin, fair.pen.leaf))
    refused = refusal(lambda: fair.send(fair.market, "resolve", *decision, "why", sender=fair.buyer))
    assert refused[0] == "AccessManagedUnauthorized"
    assert refusal(lambda: fair.send(fair.market, "resolve", *decision, ""))[0] == "NoReason"
    fair.send(fair.market, "resolve", *decision, "saw the photographs")
    assert (fair.money(fair.ann), fair.money(fair.buyer)) == ((PRICE, 10_000 - PRICE) if sold else (0, 10_000))
    assert fair.coins() == (1_850_500 if sold else 2_500_000)
    assert fair.status() == (4 if sold else 0)


@pytest.mark.parametrize("way", ["buyer", "window", "dispute"])
def test_seller_without_a_key_holds_no_sale_up_and_is_paid_into_its_stored_value(fair: Fair, way: str) -> None:
    token = fair.offer()
    fair.buy(token)
    if way == "dispute":
        fair.send(fair.market, "dispute", token, "an empty box", sender=fair.buyer)
    fair.send(fair.twin.world.registry, "setMemberKey", ANN, "0x" + "00" * 20)
    if way == "dispute":
        fair.send(fair.market, "resolve", token, True, proven(fair.twin, fair.pen.leaf), "saw the photographs")
    elif way == "window":
        fair.wait(WINDOW + 1)
        fair.hand_over(token, fair.other)
    else:
        fair.hand_over(token)
    assert fair.ledger.view("account", ANN)["value"] == PRICE
    assert (fair.money(fair.market.address), fair.market.view("cashOwed"), fair.money(fair.ann)) == (0, 0, 0)
    assert fair.market.view("ownerOf", token) == fair.buyer


def test_seller_gives_the_money_back_and_may_offer_again(fair: Fair) -> None:
    token = fair.offer()
    fair.buy(token)
    assert refusal(lambda: fair.send(fair.market, "unwind", token, sender=fair.buyer)) == ("StillGood", (token,))
    fair.send(fair.market, "unwind", token, sender=fair.ann)
    assert (fair.money(fair.buyer), fair.coins()) == (10_000, 2_500_000)
    assert refusal(lambda: fair.market.view("ownerOf", token))[0] == "ERC721NonexistentToken"
    fair.offer()


def test_goods_that_went_back_are_neither_offered_nor_handed_over(fair: Fair) -> None:
    token = fair.offer()
    fair.buy(token)
    fair.mark()
    assert refusal(lambda: fair.hand_over(token)) == ("Returned", (token,))
    fair.send(fair.market, "unwind", token, sender=fair.other)
    assert fair.money(fair.buyer) == 10_000
    assert refusal(lambda: fair.offer()) == ("Returned", (token,))


def test_nobody_blocks_a_resale_by_a_payment_with_the_same_items(fair: Fair) -> None:
    """An items root is in the open: another merchant's payment may have it, but that is another purchase."""
    registry, rival = fair.twin.world.registry, fair.other
    fair.send(registry, "setGroups", OTHER, rival, 255, sender=fair.twin.world.merchant)
    (leaf,) = fair.twin.pay(OTHER, BEN, external(5_000), items_root=items_root(BASKET, SALT))
    copy = Purchase(leaf=leaf, items=BASKET, salt=SALT, index=0)
    fair.send(fair.market, "markReturned", proven(fair.twin, leaf), copy.words(), sender=rival)
    fair.send(fair.market, "offer", *fair.words(fair.goods[1]), sender=fair.ann)
    words = (BEN, proven(fair.twin, leaf), Purchase(leaf=leaf, items=BASKET, salt=SALT, index=2).words())
    fair.send(fair.market, "offer", *words, PRICE, fair.twin.now + 99, 0, b"", sender=fair.buyer)
    fair.offer(fair.goods[2])
    token = fair.offer()
    fair.buy(token)
    fair.hand_over(token)
    assert fair.status() == 4


def test_sale_is_unwound_when_too_little_of_the_line_is_left(fair: Fair) -> None:
    token = fair.offer()
    fair.buy(token)
    fair.refund(3_702)
    found = refusal(lambda: fair.hand_over(token))
    assert found == ("LineUndone", (fair.pen.leaf.hash, 1_298, 1_299))
    fair.send(fair.market, "unwind", token, sender=fair.other)
    assert fair.money(fair.buyer) == 10_000
    assert refusal(lambda: fair.offer())[0] == "LineUndone"
    fair.offer(fair.goods[1])  # 4.50 of the 12.98 that are left


def test_token_for_sale_changes_hands_in_no_other_way(fair: Fair) -> None:
    token = fair.offer()
    gift = ("transferFrom", fair.ann, fair.other, token)
    assert refusal(lambda: fair.send(fair.market, *gift, sender=fair.ann)) == ("ForSale", (token,))
    fair.send(fair.market, "approve", fair.other, token, sender=fair.ann)
    assert refusal(lambda: fair.send(fair.market, *gift, sender=fair.other))[0] == "ForSale"
    fair.buy(token)
    fair.hand_over(token)
    # the approval went with the sale
    later = ("transferFrom", fair.buyer, fair.other, token)
    assert refusal(lambda: fair.send(fair.market, *later, sender=fair.other))[0] == "ERC721InsufficientApproval"


def test_offer_is_refused_by_name(fair: Fair) -> None:
    def why(words: Any, sender: str = "") -> tuple[str, tuple[Any, ...]]:
        return refusal(lambda: fair.market.view("offer", *words, sender=sender or fair.ann))

    def offered(words: Any, sender: str = "") -> str:
        return why(words, sender)[0]

    good = fair.words()
    member, leaf, item, price, until, _, _ = good
    assert offered(good, fair.buyer) == "NotMember"
    assert offered((BEN, *good[1:]), fair.buyer) == "NotOfMember"
    assert why((member, leaf, item, 0, until, 0, b"")) == ("BadOffer", (0, 1_299, until))
    now = fair.twin.now
    assert why((member, leaf, item, price, now, 0, b"")) == ("BadOffer", (price, 1_299, now))
    assert why((member, leaf, item, 2**48, until, 0, b"")) == ("AmountTooLarge", (2**48,))
    for place, other in ((0, bytes(16)), (1, 1), (2, 1_298), (3, 2), (4, b"4006381333932"), (5, item[5][:1])):
        forged = (*item[:place], other, *item[place + 1 :])
        assert offered((member, leaf, forged, price, until, 0, b"")) == "ItemNotProven"
    for code in (b"", b"x" * 33):
        assert offered((member, leaf, (*item[:4], code, item[5]), price, until, 0, b"")) == "BadItem"
    richer = leaf[1][:8] + (10**6).to_bytes(6, "big") + leaf[1][14:]
    assert offered((member, (leaf[0], richer, *leaf[2:]), item, price, until, 0, b"")) == "NotProven"
    fair.send(fair.ledger, "pause")
    assert offered(good) == "NetworkPaused"


def test_buy_is_refused_by_name(fair: Fair) -> None:
    def bought(token: int, most: int = PRICE, sender: str = "") -> tuple[str, tuple[Any, ...]]:
        return refusal(lambda: fair.send(fair.market, "buy", token, most, sender=sender or fair.buyer))

    token = fair.pen.token
    assert bought(token) == ("WrongStatus", (token, 0))
    fair.offer(days=1)
    assert bought(token, PRICE - 1) == ("PriceAbove", (PRICE, PRICE - 1))
    assert bought(token, sender=fair.ann) == ("OwnReceipt", (token,))
    assert refusal(lambda: fair.send(fair.market, "withdraw", token, sender=fair.buyer))[0] == "NotSeller"
    fair.wait(86_401)
    assert bought(token)[0] == "OfferOver"
    fair.send(fair.market, "withdraw", token, sender=fair.ann)
    fair.offer(price=10_001)
    assert bought(token, 10_001)[0] == "ERC20InsufficientBalance"


def test_hand_over_wants_the_line_that_was_offered(fair: Fair) -> None:
    (leaf,) = fair.twin.pay(SHOP, ANN, stored(500)) if fair.twin.recharge(ANN, 500) is None else ()
    other = Purchase(leaf=leaf, items=BASKET, salt=SALT, index=0)
    token = fair.offer()
    fair.buy(token)
    assert refusal(lambda: fair.hand_over(token, goods=other)) == ("OtherLine", (token, leaf.hash))


def test_goods_are_marked_by_their_merchant_alone_and_not_when_they_are_sold(fair: Fair) -> None:
    assert refusal(lambda: fair.mark(fair.buyer))[0] == "NotInGroup"
    assert refusal(lambda: fair.mark(fair.twin.world.operator))[0] == "NotInGroup"
    token = fair.offer()
    fair.buy(token)
    fair.hand_over(token)
    assert refusal(lambda: fair.mark()) == ("WrongStatus", (token, 4))


def test_anybody_may_carry_a_signed_offer_once(fair: Fair) -> None:
    deadline, until = fair.twin.now + 600, fair.twin.now + WINDOW
    fields = (
        ("member", "uint64", ANN),
        ("token", "uint256", fair.pen.token),
        ("leaf", "bytes32", bytes(fair.pen.leaf.hash)),
        ("price", "uint64", PRICE),
        ("until", "uint32", until),
        ("nonce", "uint256", 0),
        ("deadline", "uint256", deadline),
    )

    def signature(chain_id: int) -> bytes:
        domain = {
            "name": "ReceiptMarket",
            "version": "1",
            "chainId": chain_id,
            "verifyingContract": fair.market.address,
        }
        types = {"OfferReceipt": [{"name": name, "type": kind} for name, kind, _ in fields]}
        message = {name: value for name, _, value in fields}
        signable = encode_typed_data(domain_data=domain, message_types=types, message_data=message)
        return bytes(Account.sign_message(signable, KEY).signature)

    own = int(fair.twin.chain.request("eth_chainId"), 16)
    words = (ANN, proven(fair.twin, fair.pen.leaf), fair.pen.words())
    for sent, found in (
        ((PRICE, until, deadline, signature(1)), "NotMember"),
        ((PRICE + 1, until, deadline, signature(own)), "NotMember"),
        ((PRICE, until, 5, signature(own)), "SignatureExpired"),
    ):
        assert refusal(lambda sent=sent: fair.market.view("offer", *words, *sent))[0] == found  # type: ignore[misc]
    good = (*words, PRICE, until, deadline, signature(own))
    fair.send(fair.market, "offer", *good, sender=fair.other)
    fair.send(fair.market, "withdraw", fair.pen.token, sender=fair.ann)
    assert refusal(lambda: fair.send(fair.market, "offer", *good, sender=fair.other))[0] == "NotMember"


@pytest.mark.parametrize("window", [3_599, 90 * 86_400 + 1])
def test_market_is_not_deployed_when_its_window_cannot_be(fair: Fair, window: int) -> None:
    world = fair.twin.world
    at = [world.access.address, fair.ledger.address, world.registry.address]
    found: Callable[[], Any] = lambda: deploy(fair.twin.chain, "ReceiptMarket", *at, window, sender=fair.other)  # noqa: E731
    assert refusal(found) == ("BadWindow", (window,))


def test_token_names_every_field_of_its_item_and_the_payment(fair: Fair) -> None:
    fields = st.tuples(
        st.integers(0, 2**32 - 1),
        st.integers(0, 2**64 - 1),
        st.binary(min_size=16, max_size=16),
        st.integers(0, 2**16 - 1),
        st.integers(0, 2**48 - 1),
        st.integers(0, 2**32 - 1),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=32),
    )

    @settings(max_examples=60, deadline=None)
    @given(fields=fields)
    def compare(fields: tuple[int, int, bytes, int, int, int, str]) -> None:
        stream, sequence, salt, index, amount, quantity, product = fields
        item = Item(product=product, quantity=quantity, amount=MinorUnits(amount))
        words = (salt, index, amount, quantity, product.encode(), ())
        token = receipt_token(item_leaf(item, index, salt), StreamId(stream), SequenceNumber(sequence))
        assert fair.market.view("tokenOf", words, stream, sequence) == token

    compare()
