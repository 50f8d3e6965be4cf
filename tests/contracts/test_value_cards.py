"""Cards, tiers, pay-outs and merging: each typed error by name, and what signatures are good for."""

from collections.abc import Iterator
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from benchmarks.devchain import Chain, Contract, Reverted
from benchmarks.suite import Suite
from benchmarks.world import Terms
from node.domain.ids import MemberId
from tests.contracts.conftest import EPOCH
from tests.contracts.twin import Twin, external

pytestmark = pytest.mark.anvil
ADA, BOB, EVE = (MemberId(m) for m in (61, 62, 63))
KEY, OTHER = Account.from_key(b"\x11" * 32), Account.from_key(b"\x22" * 32)
NOBODY = "0x" + "00" * 20
LAST = 2**256 - 1


class Cards:
    """A suite with a merchant, three members, kinds 1 (5.00 to begin with) and 2 (tier 3, 30 days), cards 1 to 6."""

    def __init__(self, twin: Twin) -> None:
        assert isinstance(twin.world, Suite)
        self.twin, self.world = twin, twin.world
        self.cards, self.value, self.rebates = (self.world[n] for n in ("MemberCards", "StoredValue", "Rebates"))
        self.merges = self.world["MemberMerge"]
        self.shop = twin.onboard(prepaid=10**6)
        twin.base(self.shop)
        twin.enrol(ADA, BOB, EVE)
        self.world.give_key(ADA, KEY.address)
        self.world.give_key(BOB, OTHER.address)
        self.operate(self.cards, "setKind", 1, 500, 0, 10_000, 0)
        self.operate(self.cards, "setKind", 2, 0, 30, 20_000, 3)
        self.operate(self.cards, "issueCards", self.shop, 1, [1, 2, 3])
        self.operate(self.cards, "issueCards", 0, 2, [4, 5, 6])
        for contract in (self.value, self.rebates):
            self.operate(self.world.cash, "approve", contract.address, LAST)
        self.operate(self.value, "fundStartingValues", 800)

    def operate(self, contract: Contract, name: str, *arguments: Any) -> Any:
        self.twin.tick()
        return contract.send(name, *arguments, sender=self.world.operator)

    def card(self, number: int, member: MemberId = ADA) -> None:
        self.operate(self.cards, "activate", number, member)

    def locked(self, member: MemberId = ADA) -> bool:
        return bool(self.twin.ledger.view("account", member)["flags"] & 2)

    def tier(self, member: MemberId = ADA) -> int:
        return int(self.twin.ledger.view("account", member)["tier"])

    def signed(
        self, contract: Contract, domain: str, kind: str, terms: dict[str, tuple[str, Any]], **faults: Any
    ) -> bytes:
        """The member's EIP-712 signature; faults: nonce, deadline, chain, key."""
        fields = {
            **terms,
            "nonce": ("uint256", faults.get("nonce", 0)),
            "deadline": ("uint256", faults.get("deadline", LAST)),
        }
        chain = faults.get("chain", int(self.twin.chain.request("eth_chainId"), 16))
        message = encode_typed_data(
            {"name": domain, "version": "1", "chainId": chain, "verifyingContract": contract.address},
            {kind: [{"name": name, "type": its} for name, (its, _) in fields.items()]},
            {name: value for name, (_, value) in fields.items()},
        )
        return bytes(faults.get("key", KEY).sign_message(message).signature)

    def lock_signature(self, card: int, **faults: Any) -> bytes:
        return self.signed(self.cards, "Tillnet cards", "LockCard", {"card": ("uint64", card)}, **faults)


def refusal(contract: Contract, name: str, *arguments: Any, sender: str) -> tuple[str, tuple[Any, ...]]:
    """The typed error of a call that is refused, and its values."""
    with pytest.raises(Reverted) as caught:
        contract.view(name, *arguments, sender=sender)
    return caught.value.error, caught.value.values


@pytest.fixture(scope="module")
def opened_stand(chain: Chain, terms: Terms) -> Cards:
    return Cards(Twin(chain, terms, Suite))


@pytest.fixture
def stand(opened_stand: Cards) -> Iterator[Cards]:
    with opened_stand.twin.forgotten():
        yield opened_stand


# --- a card's life ---


def test_activate_by_clerk_binds_only_cards_of_its_merchant(stand: Cards) -> None:
    merchant = stand.world.merchant
    assert refusal(stand.cards, "activateAt", stand.shop, 4, ADA, sender=merchant)[0] == "NotMerchantsCard"
    assert refusal(stand.cards, "activateAt", stand.shop, 1, ADA, sender=stand.world.stranger)[0] == "NotInGroup"
    stand.twin.tick()
    stand.cards.send("activateAt", stand.shop, 1, ADA, sender=merchant)
    assert stand.cards.view("usable", 1) == (True, ADA, 1)
    assert refusal(stand.cards, "activateAt", stand.shop, 1, BOB, sender=merchant) == ("BadState", (1, 2))


@pytest.mark.parametrize("by_operator", [False, True])
def test_member_is_locked_by_no_card_that_a_clerk_alone_bound_to_it(stand: Cards, by_operator: bool) -> None:
    """It may not have asked for it: a card of a day, and the day after its value would be shut."""
    stand.operate(stand.cards, "setKind", 3, 0, 1, 10_000, 0)
    stand.operate(stand.cards, "issueCards", stand.shop, 3, [7])
    stand.twin.tick()
    if by_operator:
        stand.card(7)
    else:
        stand.cards.send("activateAt", stand.shop, 7, ADA, sender=stand.world.merchant)
    stand.twin.tick(86_401)
    stand.cards.send("expire", 7, sender=stand.world.stranger)
    assert stand.locked() == by_operator


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        ("setKind", (0, 0, 0, 0, 0), "BadKind"),
        ("setKind", (1, 0, 0, 0, 16), "BadKind"),
        ("issueCards", (0, 9, [7]), "UnknownKind"),
        ("issueCards", (0, 1, [0]), "CardExists"),
        ("issueCards", (0, 1, [7, 7]), "CardExists"),
        ("activate", (9, ADA), "BadState"),
        ("activate", (1, 999), "UnknownMember"),
        ("hold", (1,), "BadState"),
        ("release", (1,), "BadState"),
        ("replace", (1, 2), "BadState"),
        ("expire", (1,), "BadState"),
        ("review", (999,), "UnknownMember"),
        ("setTierTerms", ([5, 5], 1), "BadTierTerms"),
        ("setTierTerms", ([0], 1), "BadTierTerms"),
        ("setTierTerms", (list(range(1, 17)), 1), "BadTierTerms"),
        ("close", (1,), "AccessManagedUnauthorized"),
        ("merge", (ADA, BOB), "AccessManagedUnauthorized"),
    ],
)
def test_cards_refuse_by_name(stand: Cards, name: str, arguments: tuple[Any, ...], error: str) -> None:
    assert refusal(stand.cards, name, *arguments, sender=stand.world.operator)[0] == error


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("setKind", (3, 0, 0, 0, 0)),
        ("issueCards", (0, 1, [7])),
        ("activate", (1, ADA)),
        ("hold", (1,)),
        ("release", (1,)),
        ("replace", (1, 2)),
        ("setTierTerms", ([5], 1)),
    ],
)
def test_cards_are_the_operator_s(stand: Cards, name: str, arguments: tuple[Any, ...]) -> None:
    assert refusal(stand.cards, name, *arguments, sender=stand.world.merchant)[0] == "AccessManagedUnauthorized"


def test_lock_stops_debits_until_no_card_is_locked(stand: Cards) -> None:
    stand.card(1)
    stand.card(4)
    stand.operate(stand.cards, "hold", 1)
    assert stand.locked()
    stand.operate(stand.cards, "replace", 1, 2)
    assert not stand.locked()
    assert stand.cards.view("cardOf", 1)["next"] == 2


def test_lock_by_the_registry_outlives_a_card_s(stand: Cards) -> None:
    stand.card(1)
    stand.operate(stand.world.registry, "setMemberState", ADA, True, True)
    stand.operate(stand.cards, "hold", 1)
    stand.operate(stand.cards, "release", 1)
    assert stand.twin.ledger.view("account", ADA)["flags"] & 6 == 6


def test_expired_card_locks_its_member_until_it_is_replaced(stand: Cards) -> None:
    stand.card(4)
    assert refusal(stand.cards, "expire", 4, sender=stand.world.stranger)[0] == "NotExpiredYet"
    stand.twin.tick(30 * 86_400)
    stand.twin.world.cash.send("withdraw", 0, bytes(32), sender=stand.world.operator)
    assert stand.cards.view("usable", 4)[0] is False
    stand.operate(stand.cards, "expire", 4)
    assert stand.locked()
    stand.operate(stand.cards, "replace", 4, 5)
    assert not stand.locked()


# --- the member's signature ---


def test_member_locks_by_signature_once(stand: Cards) -> None:
    stand.card(1)
    signature = stand.lock_signature(1)
    stand.twin.tick()
    stand.cards.send("lockMine", 1, LAST, signature, sender=stand.world.stranger)
    assert stand.locked()
    stand.operate(stand.cards, "release", 1)
    assert refusal(stand.cards, "lockMine", 1, LAST, signature, sender=stand.world.stranger)[0] == "NotMember"


@pytest.mark.parametrize("fault", [{"chain": 1}, {"key": OTHER}, {"nonce": 1}, {"deadline": 5}])
def test_member_s_signature_is_refused_when_it_says_something_else(stand: Cards, fault: dict[str, Any]) -> None:
    stand.card(1)
    signature = stand.lock_signature(1, **fault)
    assert refusal(stand.cards, "lockMine", 1, LAST, signature, sender=KEY.address)[0] == "NotMember"


def test_member_s_signature_is_refused_after_its_deadline(stand: Cards) -> None:
    stand.card(1)
    error = refusal(stand.cards, "lockMine", 1, 5, stand.lock_signature(1, deadline=5), sender=KEY.address)
    assert error == ("SignatureExpired", (5,))


def test_member_does_not_lift_what_the_operator_holds(stand: Cards) -> None:
    stand.card(1)
    stand.operate(stand.cards, "hold", 1)
    assert refusal(stand.cards, "unlockMine", 1, 0, b"", sender=KEY.address) == ("BadState", (1, 4))
    assert refusal(stand.cards, "replaceMine", 1, 2, 0, b"", sender=KEY.address) == ("BadState", (1, 4))


def test_member_replaces_by_the_same_kind_only(stand: Cards) -> None:
    stand.card(1)
    assert refusal(stand.cards, "replaceMine", 1, 4, 0, b"", sender=KEY.address) == ("OtherKind", (4, 2))
    stand.twin.tick()
    stand.cards.send("replaceMine", 1, 2, 0, b"", sender=stand.twin.chain.impersonate(KEY.address))
    assert stand.cards.view("usable", 2) == (True, ADA, 1)
    # another's card
    assert refusal(stand.cards, "lockMine", 2, 0, b"", sender=OTHER.address)[0] == "NotMember"
    assert refusal(stand.cards, "lockMine", 3, 0, b"", sender=KEY.address)[0] == "BadState"


# --- tiers ---


def test_tier_rises_with_what_is_earned_and_is_held_for_an_epoch_more(stand: Cards) -> None:
    stand.operate(stand.cards, "setTierTerms", [100_000, 1_000_000], 1)
    leaves = stand.twin.pay(stand.shop, ADA, external(2_000))  # 200,000 units
    stand.operate(stand.cards, "review", ADA)
    assert stand.tier() == 1
    stand.twin.pay(stand.shop, ADA, external(9_000))
    stand.operate(stand.cards, "review", ADA)
    assert stand.tier() == 2
    tiers = []
    for _ in range(3):
        stand.twin.tick(EPOCH)
        stand.operate(stand.cards, "review", ADA)
        tiers.append(stand.tier())
    assert tiers == [2, 0, 0]
    assert leaves


def test_tier_falls_at_once_when_what_earned_it_is_taken_back(stand: Cards) -> None:
    stand.operate(stand.cards, "setTierTerms", [100_000], 1)
    stand.twin.pay(stand.shop, ADA, external(2_000))
    stand.operate(stand.cards, "review", ADA)
    assert stand.tier() == 1
    part = stand.world["Corrections"]
    ledger = stand.twin.ledger
    stand.twin.tick()
    ledger.send("clawBack", stand.shop, ADA, 150_000, sender=stand.twin.chain.impersonate(part.address))
    stand.operate(stand.cards, "review", ADA)
    assert stand.tier() == 0


def test_kind_of_card_gives_its_tier_and_hand_set_tiers_stay_without_terms(stand: Cards) -> None:
    stand.card(4)
    assert stand.tier() == 3
    stand.twin.set_tier(BOB, 5)
    stand.operate(stand.cards, "review", BOB)
    assert stand.tier(BOB) == 5
    stand.operate(stand.cards, "setTierTerms", [100_000], 1)
    stand.operate(stand.cards, "review", BOB)
    assert stand.tier(BOB) == 0


# --- starting values and pay-outs ---


def test_starting_value_is_paid_once_and_cannot_be_cashed(stand: Cards) -> None:
    stand.card(1)
    stand.card(4, BOB)
    stranger = stand.world.stranger
    assert refusal(stand.value, "payStartingValue", 2, sender=stranger)[0] == "BadState"
    assert refusal(stand.value, "payStartingValue", 4, sender=stranger)[0] == "NoStartingValue"
    stand.operate(stand.value, "payStartingValue", 1)
    stand.card(2)
    assert refusal(stand.value, "payStartingValue", 2, sender=stranger)[0] == "NoStartingValue"
    stand.card(3, BOB)
    assert refusal(stand.value, "payStartingValue", 3, sender=stranger) == ("FundTooSmall", (300, 500))
    stand.operate(stand.value, "recharge", ADA, 1_000, 0)
    assert stand.rebates.view("payoutOf", ADA) == 1_000
    assert stand.twin.ledger.view("account", ADA)["value"] == 1_500


def test_close_pays_out_with_the_last_card_only(stand: Cards) -> None:
    stand.card(1)
    stand.card(2)
    stand.operate(stand.value, "recharge", ADA, 1_000, 0)
    key, to = stand.twin.chain.impersonate(KEY.address), "0x" + "77" * 20
    for card, paid in ((1, 0), (2, 1_000)):
        stand.twin.tick()
        stand.value.send("closeCard", card, to, 0, 0, b"", sender=key)
        assert stand.world.cash.view("balanceOf", to) == paid
    assert stand.locked()
    assert refusal(stand.value, "closeCard", 2, to, 0, 0, b"", sender=key) == ("BadState", (2, 7))


def test_close_is_refused_by_name(stand: Cards) -> None:
    stand.card(1)
    key, operator, to = KEY.address, stand.world.operator, "0x" + "77" * 20
    assert refusal(stand.value, "closeCard", 1, to, stand.shop, 0, b"", sender=key)[0] == "BadPayout"
    assert refusal(stand.value, "closeCard", 1, NOBODY, 0, 0, b"", sender=key)[0] == "BadPayout"
    assert refusal(stand.value, "closeCard", 1, to, 0, 0, b"", sender=OTHER.address)[0] == "NotMember"
    assert refusal(stand.value, "closeCardAt", 1, 0, b"\1" * 32, sender=operator)[0] == "BadPayout"
    assert refusal(stand.value, "closeCardAt", 1, stand.shop, bytes(32), sender=operator)[0] == "NoConsent"
    merchant = stand.world.merchant
    assert refusal(stand.value, "closeCardAt", 1, 1, b"\1" * 32, sender=merchant)[0] == "AccessManagedUnauthorized"
    stand.operate(stand.cards, "hold", 1)
    assert refusal(stand.value, "closeCard", 1, to, 0, 0, b"", sender=key)[0] == "BadState"


def test_close_pays_a_merchant_s_counter_for_an_expired_card(stand: Cards) -> None:
    stand.card(4)
    stand.operate(stand.value, "recharge", ADA, 1_000, 0)
    stand.twin.tick(30 * 86_400)
    stand.operate(stand.cards, "expire", 4)
    stand.operate(stand.value, "setCounterLimit", 1_000)
    stand.operate(stand.value, "closeCardAt", 4, stand.shop, b"\1" * 32)
    assert stand.twin.ledger.view("merchant", stand.shop)["payable_"] == 1_000
    assert stand.locked()


def test_operator_alone_pays_out_no_more_than_finance_lets_it_in_a_day(stand: Cards) -> None:
    """Else one account takes what all members paid in, to a friend's counter."""
    for card, member in ((1, ADA), (2, BOB), (3, EVE)):
        stand.card(card, member)
        stand.operate(stand.value, "recharge", member, 1_000, 0)
    operator, closing = stand.world.operator, ("closeCardAt", 1, stand.shop, b"\1" * 32)
    assert refusal(stand.value, *closing, sender=operator) == ("CounterLimitUsedUp", (0, 1_000))
    stand.operate(stand.value, "setCounterLimit", 1_500)
    stand.operate(stand.value, *closing)
    assert stand.value.view("counterLeft") == 500
    second = ("closeCardAt", 2, stand.shop, b"\1" * 32)
    assert refusal(stand.value, *second, sender=operator) == ("CounterLimitUsedUp", (500, 1_000))
    # the member's own key needs no limit
    stand.twin.tick()
    other, to = stand.twin.chain.impersonate(OTHER.address), "0x" + "77" * 20
    stand.value.send("closeCard", 2, to, 0, 0, b"", sender=other)
    stand.twin.tick(86_400)
    stand.operate(stand.value, "closeCardAt", 3, stand.shop, b"\1" * 32)
    assert stand.twin.ledger.view("merchant", stand.shop)["payable_"] == 2_000
    merchant = stand.world.merchant
    assert refusal(stand.value, "setCounterLimit", 5, sender=merchant)[0] == "AccessManagedUnauthorized"


# --- merging ---


def test_merge_by_two_signatures_moves_all(stand: Cards) -> None:
    stand.card(1)
    stand.card(4, BOB)
    stand.operate(stand.value, "recharge", ADA, 1_000, 0)
    stand.operate(stand.value, "recharge", BOB, 300, 0)
    terms = {"from": ("uint64", ADA), "into": ("uint64", BOB)}
    mine = stand.signed(stand.merges, "Tillnet members", "Merge", terms)
    theirs = stand.signed(stand.merges, "Tillnet members", "Merge", terms, key=OTHER)
    operator = stand.world.operator
    wrong = refusal(stand.merges, "merge", ADA, BOB, [], LAST, mine, mine, sender=operator)
    assert wrong[0] == "NotMember"
    assert refusal(stand.merges, "merge", ADA, BOB, [], LAST, mine, theirs, sender=KEY.address)[0] == (
        "AccessManagedUnauthorized"
    )
    stand.operate(stand.merges, "merge", ADA, BOB, [], LAST, mine, theirs)
    assert stand.cards.view("usable", 1) == (True, BOB, 1)
    assert stand.twin.ledger.view("account", BOB)["value"] == 1_300
    assert stand.rebates.view("payoutOf", BOB) == 1_300
    assert refusal(stand.value, "recharge", ADA, 5, 0, sender=operator) == ("MergedAway", (ADA, BOB))
    assert refusal(stand.cards, "activate", 2, ADA, sender=operator) == ("MergedAway", (ADA, BOB))


def test_merge_on_paper_needs_two_people(stand: Cards) -> None:
    operator, finance = stand.world.operator, stand.twin.chain.accounts[6]
    stand.operate(stand.world.access, "grantRole", 2, finance, 0)
    assert refusal(stand.merges, "proposeMerge", ADA, BOB, bytes(32), sender=operator)[0] == "NoConsent"
    assert refusal(stand.merges, "approveMerge", ADA, BOB, [], sender=finance)[0] == "NotProposed"
    stand.operate(stand.merges, "proposeMerge", ADA, BOB, b"\1" * 32)
    assert refusal(stand.merges, "approveMerge", ADA, BOB, [], sender=operator)[0] == "SamePerson"
    assert refusal(stand.merges, "approveMerge", BOB, ADA, [], sender=finance)[0] == "NotProposed"
    stand.twin.tick()
    stand.merges.send("approveMerge", ADA, BOB, [], sender=finance)
    assert stand.twin.ledger.view("account", ADA)["flags"] & 4
    assert stand.cards.view("survivorOf", ADA) == BOB


def test_merge_proposal_ends_with_its_time(stand: Cards) -> None:
    finance = stand.twin.chain.accounts[6]
    stand.operate(stand.world.access, "grantRole", 2, finance, 0)
    stand.operate(stand.merges, "proposeMerge", ADA, BOB, b"\1" * 32)
    stand.twin.tick(259_200)
    stand.operate(stand.world.cash, "withdraw", 0, bytes(32))
    assert refusal(stand.merges, "approveMerge", ADA, BOB, [], sender=finance)[0] == "NotProposed"
