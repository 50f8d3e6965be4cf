"""What a key still does once its member was merged into another, or has another key: nothing."""

from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.devchain import Chain, Contract, Reverted
from benchmarks.suite import Suite
from benchmarks.world import Terms
from node.domain.assignment import Item
from node.domain.ids import MemberId, MerchantId
from node.domain.merkle import items_root
from tests.contracts.suite.exchange_model import Offer
from tests.contracts.suite.market_world import Bazaar, proven, refusal
from tests.contracts.suite.people import merge
from tests.contracts.suite.resale_model import Purchase
from tests.contracts.twin import Twin, external, member_address

pytestmark = pytest.mark.anvil
ANN, BEN = MemberId(1), MemberId(2)
SHOP = MerchantId(1)
NOBODY = "0x" + "00" * 20
BASKET = (
    Item(product="4006381333931", quantity=1, amount=1_299),
    Item(product="0000000000017", quantity=1, amount=701),
)
SALT = bytes(range(16))
PRICE = 900
COINS = 10_000
DAY = 86_400
WEEK = 7 * DAY


class Street:
    """Ann earned coins with what she bought; she and Ben have keys, and somebody else buys."""

    def __init__(self, twin: Twin) -> None:
        assert isinstance(twin.world, Suite)
        self.twin, self.world, self.ledger = twin, twin.world, twin.ledger
        self.bazaar = Bazaar(twin)
        self.registry, self.cash = self.world.registry, self.world.cash
        self.market, self.exchange = self.bazaar.receipts, self.bazaar.exchange
        (self.ann, self.ben), self.buyer = self.bazaar.payers, self.bazaar.thief
        twin.base(twin.onboard(prepaid=10**6), coefficient=500)
        twin.enrol(ANN, BEN)
        twin.give_key(ANN, self.ann)
        twin.give_key(BEN, self.ben)
        for contract in (self.market, self.exchange):
            self.bazaar.give(contract, self.buyer, cash=PRICE * 2)
        (leaf,) = twin.pay(SHOP, ANN, external(2_000), items_root=items_root(BASKET, SALT))
        self.goods = [Purchase(leaf=leaf, items=BASKET, salt=SALT, index=i) for i in range(2)]

    def send(self, contract: Contract, name: str, *arguments: Any, sender: str | None = None) -> Any:
        return self.bazaar.send(contract, name, *arguments, sender=sender)

    def offer_receipt(self, goods: Purchase, sender: str, member: MemberId = ANN) -> int:
        words = (member, proven(self.twin, goods.leaf), goods.words(), PRICE, self.twin.now + WEEK, 0, b"")
        self.send(self.market, "offer", *words, sender=sender)
        return goods.token

    def buy_receipt(self, token: int) -> None:
        self.send(self.market, "buy", token, PRICE, sender=self.buyer)

    def hand_over(self, goods: Purchase) -> None:
        self.send(self.market, "handOver", goods.token, proven(self.twin, goods.leaf), sender=self.buyer)

    def offer_coins(self) -> Offer:
        words = (ANN, self.cash.address, COINS, PRICE, self.twin.now + WEEK, NOBODY, 0, b"")
        receipt = self.send(self.exchange, "makeForMember", *words, sender=self.ann)
        found = next(e for e in self.exchange.events(receipt) if e.name == "OfferMade").args["offer"]
        return Offer(**dict(zip(Offer.__dataclass_fields__, found.values(), strict=True)))

    def take_coins(self, offer: Offer) -> None:
        self.send(self.exchange, "take", offer.words(), COINS, 0, self.buyer, sender=self.buyer)

    def money(self, owner: str) -> int:
        return int(self.cash.view("balanceOf", owner))

    def coins(self, member: MemberId) -> int:
        return int(self.ledger.view("account", member)["current"])


@pytest.fixture(scope="module")
def opened(chain: Chain, terms: Terms) -> Iterator[Street]:
    mark = chain.snapshot()
    yield Street(Twin(chain, terms, Suite))
    chain.revert(mark)


@pytest.fixture
def street(opened: Street) -> Iterator[Street]:
    with opened.twin.forgotten():
        yield opened


# --- merged ---


def test_merge_takes_the_old_number_s_key(street: Street) -> None:
    assert refusal(lambda: street.send(street.registry, "dropKey", ANN)) == ("NotMerged", (ANN,))
    merge(street.twin, ANN, BEN)
    assert street.registry.view("memberKey", ANN) == NOBODY
    assert street.registry.view("memberKey", BEN) == street.ben
    for name, sender in (("changeMemberKey", street.ann), ("setMemberKey", street.world.operator)):
        with pytest.raises(Reverted):
            street.registry.view(name, ANN, street.buyer, sender=sender)
    street.send(street.registry, "proposeMemberKey", ANN, street.buyer)
    approve = ("approveMemberKey", ANN, street.buyer)
    found = refusal(lambda: street.send(street.registry, *approve, sender=street.world.finance))
    assert found == ("MergedAway", (ANN, BEN))
    # what has no key any more stays without, whoever calls
    street.send(street.registry, "dropKey", ANN, sender=street.buyer)


def test_merged_member_is_neither_unfrozen_nor_merged_into(street: Street) -> None:
    """The ledger follows a number that is frozen only: it would be somebody of its own again."""
    merge(street.twin, ANN, BEN)
    for state in ((False, False), (True, False), (False, True)):
        found = refusal(lambda s=state: street.send(street.registry, "setMemberState", ANN, *s))  # type: ignore[misc]
        assert found == ("MergedAway", (ANN, BEN))
    third = MemberId(3)
    street.twin.enrol(third)
    street.send(street.ledger, "setDoors", street.world.holder, 64)
    for pair in ((third, ANN), (ANN, third)):
        call = ("mergeMembers", *pair, [])
        found = refusal(lambda c=call: street.send(street.ledger, *c, sender=street.world.holder))  # type: ignore[misc]
        assert found == ("CannotMerge", pair)


def test_coins_sent_to_a_merged_member_are_the_survivor_s(street: Street) -> None:
    merge(street.twin, ANN, BEN)
    before, ben = street.coins(BEN), street.twin.chain.impersonate(member_address(BEN))
    street.send(street.ledger, "transfer", street.buyer, COINS, sender=ben)
    receipt = street.send(street.ledger, "transfer", member_address(ANN), COINS, sender=street.buyer)
    assert (street.coins(ANN), street.coins(BEN)) == (0, before)
    (moved,) = street.ledger.events(receipt)
    assert moved.args["to"].lower() == member_address(BEN).lower()
    street.send(street.ledger, "transfer", member_address(ANN), COINS, sender=ben)
    assert (street.coins(ANN), street.coins(BEN)) == (0, before)
    # an epoch later, when both accounts are touched
    street.twin.tick(31 * DAY)
    street.send(street.ledger, "transfer", member_address(ANN), COINS, sender=ben)
    assert street.ledger.view("account", BEN)["previous"] == before
    assert street.ledger.view("account", ANN)["previous"] == 0


def test_receipts_of_a_merged_member_are_the_survivor_s_to_sell(street: Street) -> None:
    token = street.offer_receipt(street.goods[0], street.ann)
    merge(street.twin, ANN, BEN)
    assert refusal(lambda: street.offer_receipt(street.goods[1], street.ann))[0] == "NotOfMember"
    assert refusal(lambda: street.offer_receipt(street.goods[1], street.ann, BEN))[0] == "NotMember"
    assert refusal(lambda: street.buy_receipt(token)) == ("SellerChanged", (token, ANN))
    assert refusal(lambda: street.send(street.market, "withdraw", token, sender=street.ann))[0] == "NotSeller"
    street.send(street.market, "withdraw", token, sender=street.ben)
    before = street.coins(BEN)
    for goods in street.goods:
        street.offer_receipt(goods, street.ben, BEN)
        street.buy_receipt(goods.token)
        street.hand_over(goods)
    assert (street.money(street.ann), street.money(street.ben)) == (0, 2 * PRICE)
    assert street.coins(BEN) == before - 1_000_000


def test_receipt_that_was_paid_before_the_merge_pays_the_survivor(street: Street) -> None:
    street.buy_receipt(street.offer_receipt(street.goods[0], street.ann))
    street.buy_receipt(street.offer_receipt(street.goods[1], street.ann))
    merge(street.twin, ANN, BEN)
    street.hand_over(street.goods[0])
    assert (street.money(street.ann), street.money(street.ben)) == (0, PRICE)
    token = street.goods[1].token
    assert refusal(lambda: street.send(street.market, "unwind", token, sender=street.ann))[0] == "StillGood"
    street.send(street.market, "unwind", token, sender=street.ben)
    assert street.money(street.buyer) == 4 * PRICE - PRICE


def test_offer_of_a_merged_member_is_void_and_its_coins_are_the_survivor_s(street: Street) -> None:
    offer = street.offer_coins()
    before = street.coins(ANN)
    merge(street.twin, ANN, BEN)
    assert refusal(lambda: street.take_coins(offer)) == ("OfferVoid", (offer.id, ANN))
    street.send(street.exchange, "cancel", offer.words(), sender=street.buyer)
    assert (street.coins(BEN), street.money(street.ann)) == (before + COINS, 0)


# --- another key, or none ---


@pytest.mark.parametrize("fresh", [True, False])
def test_offer_is_void_when_its_key_is_not_the_member_s_any_more(street: Street, fresh: bool) -> None:
    """Made by a thief to a friend of his, it would outlive the theft."""
    offer, before = street.offer_coins(), street.coins(ANN)
    if fresh:
        street.twin.give_key(ANN, street.world.stranger)
    else:
        street.send(street.registry, "setMemberKey", ANN, NOBODY)
    assert refusal(lambda: street.take_coins(offer)) == ("OfferVoid", (offer.id, ANN))
    street.send(street.exchange, "cancel", offer.words(), sender=street.buyer)
    assert (street.coins(ANN), street.money(street.ann)) == (before + COINS, 0)


@pytest.mark.parametrize("state", [(True, False), (False, True)])
def test_offer_is_not_taken_while_the_member_is_locked_or_frozen(street: Street, state: tuple[bool, bool]) -> None:
    offer = street.offer_coins()
    street.send(street.registry, "setMemberState", ANN, *state)
    assert refusal(lambda: street.take_coins(offer)) == ("MemberLocked", (offer.id, ANN))
    assert refusal(lambda: street.send(street.exchange, "cancel", offer.words(), sender=street.buyer))[0] == "NotMaker"
    street.send(street.registry, "setMemberState", ANN, False, False)
    street.take_coins(offer)
    assert street.money(street.ann) == PRICE


def test_receipt_is_not_bought_when_the_seller_s_key_is_another(street: Street) -> None:
    token, fresh = street.offer_receipt(street.goods[0], street.ann), street.world.stranger
    street.twin.give_key(ANN, fresh)
    assert refusal(lambda: street.buy_receipt(token)) == ("SellerChanged", (token, ANN))
    street.send(street.market, "withdraw", token, sender=fresh)
    street.offer_receipt(street.goods[0], fresh)
    street.buy_receipt(token)


@pytest.mark.parametrize("state", [(True, False), (False, True)])
def test_receipt_is_neither_offered_nor_bought_while_the_member_is_locked_or_frozen(
    street: Street, state: tuple[bool, bool]
) -> None:
    token = street.offer_receipt(street.goods[0], street.ann)
    street.send(street.registry, "setMemberState", ANN, *state)
    assert refusal(lambda: street.buy_receipt(token)) == ("MemberLocked", (ANN,))
    assert refusal(lambda: street.offer_receipt(street.goods[1], street.ann)) == ("MemberLocked", (ANN,))
    street.send(street.registry, "setMemberState", ANN, False, False)
    street.buy_receipt(token)


def test_proposed_key_is_void_when_the_member_changed_its_key_meanwhile(street: Street) -> None:
    """Somebody at the counter says that it lost its key; the member hears of it, and has it still."""
    street.send(street.registry, "proposeMemberKey", ANN, street.buyer)
    approve = ("approveMemberKey", ANN, street.buyer)
    street.send(street.registry, "changeMemberKey", ANN, street.world.stranger, sender=street.ann)
    found = refusal(lambda: street.send(street.registry, *approve, sender=street.world.finance))
    assert found == ("NotProposed", (0,))
    street.send(street.registry, "proposeMemberKey", ANN, street.buyer)
    street.send(street.registry, *approve, sender=street.world.finance)


def test_proposed_groups_are_void_when_the_owner_changed_them_meanwhile(street: Street) -> None:
    owner, account = street.world.merchant, street.buyer
    street.send(street.registry, "proposeGroups", SHOP, account, 255)
    street.send(street.registry, "setGroups", SHOP, account, 64, sender=owner)
    approve = ("approveGroups", SHOP, account, 255)
    found = refusal(lambda: street.send(street.registry, *approve, sender=street.world.finance))
    assert found == ("NotProposed", (0,))


def test_operator_alone_gives_no_second_key_when_all_is_in_other_contracts(street: Street) -> None:
    """Coins in an offer are not in the account: it looks empty, and is not."""
    account = street.twin.chain.impersonate(member_address(ANN))
    street.offer_coins()
    street.send(street.ledger, "transfer", street.buyer, street.coins(ANN), sender=account)
    street.send(street.registry, "setMemberKey", ANN, NOBODY)
    assert street.registry.view("memberKey", ANN) == NOBODY
    taking = ("setMemberKey", ANN, street.world.operator)
    assert refusal(lambda: street.send(street.registry, *taking))[0] == "NeedsApproval"
    street.twin.give_key(ANN, street.world.stranger)
    assert street.registry.view("memberKey", ANN) == street.world.stranger
