"""Who may do what, and the typed error of whoever may not or asks for what cannot be."""

from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.devchain import Chain, Reverted, deploy
from benchmarks.world import STREAM, Terms, World
from node.domain.ids import MemberId, MerchantId
from tests.contracts.conftest import START
from tests.contracts.twin import Twin, external

pytestmark = pytest.mark.anvil
SHOPPER = 61


@pytest.fixture
def shop(twin: Twin) -> World:
    """One merchant with a base and an offer, a shopper."""
    twin.base(twin.onboard(prepaid=10**6))
    twin.offer(MerchantId(1))
    twin.offer(MerchantId(1), budget=5)
    twin.enrol(MemberId(SHOPPER))
    return twin.world


DOORS = [
    ("ledger", "setStream", (STREAM, "0x" + "11" * 20, 1, 1)),
    ("ledger", "setTerminals", (1, STREAM, 0, 1)),
    ("ledger", "setMerchant", (1, 1)),
    ("ledger", "enrol", ([1],)),
    ("ledger", "setMemberFlags", (SHOPPER, 2)),
    ("ledger", "setTier", ([SHOPPER], 1)),
    ("ledger", "setRule", (1, 9, 1, 0)),
    ("ledger", "vetoRule", (1, 2)),
    ("ledger", "raiseBudget", (1, 2, 1)),
    ("ledger", "recharge", (SHOPPER, 1)),
    ("ledger", "forgiveArrears", (1, SHOPPER, 1)),
    ("ledger", "pause", ()),
    ("ledger", "unpause", ()),
    ("cash", "deposit", ("0x" + "11" * 20, 1, bytes(32))),
    ("registry", "onboardMerchant", (bytes(32), "0x" + "11" * 20, [])),
    ("registry", "addStores", (1, [])),
    ("registry", "addTerminals", (1, 0, [])),
    ("registry", "setMerchantActive", (1, False)),
    ("registry", "handOver", ([], 2)),
    ("registry", "setFloorLimit", (b"1T0".ljust(8, b"\0"), 5)),
    ("registry", "enrolMembers", ([1],)),
    ("registry", "setMemberState", (SHOPPER, True, True)),
    ("registry", "setTier", ([SHOPPER], 1)),
    ("registry", "setMemberKey", (SHOPPER, "0x" + "11" * 20)),
    ("registry", "proposeMemberKey", (SHOPPER, "0x" + "11" * 20)),
    ("registry", "approveMemberKey", (SHOPPER, "0x" + "11" * 20)),
    ("registry", "resetGroups", (1, "0x" + "11" * 20, 1)),
    ("registry", "proposeGroups", (1, "0x" + "11" * 20, 1)),
    ("registry", "approveGroups", (1, "0x" + "11" * 20, 1)),
    ("rules", "vetoVersion", (1, 2, "")),
    ("rules", "vetoProductSet", (bytes([1]) * 32, 5, "")),
    ("access", "connect", ("0x" + "11" * 20,) * 4),
]


@pytest.mark.parametrize(("contract", "name", "arguments"), DOORS)
def test_door_is_shut_when_sender_has_no_role(
    shop: World, contract: str, name: str, arguments: tuple[Any, ...]
) -> None:
    for stranger in (shop.stranger, shop.merchant, shop.poster):
        with pytest.raises(Reverted) as caught:
            getattr(shop, contract).view(name, *arguments, sender=stranger)
        assert caught.value.error in ("AccessManagedUnauthorized", "AccessManagerUnauthorizedAccount")


def test_operator_has_no_door_of_the_contracts(shop: World) -> None:
    for contract, name, arguments in DOORS[1:9]:
        with pytest.raises(Reverted) as caught:
            getattr(shop, contract).view(name, *arguments, sender=shop.operator)
        assert caught.value.error == "AccessManagedUnauthorized"


Call = Callable[[World], object]


def _op(contract: str, name: str, *arguments: Any) -> Call:
    return lambda world: getattr(world, contract).view(name, *arguments, sender=world.operator)


def _merchant(name: str, *arguments: Any) -> Call:
    return lambda world: world.rules.view(name, *arguments, sender=world.merchant)


def _offer(**terms: Any) -> tuple[Any, ...]:
    defaults = {
        "bps": 50_000,
        "set": b"\1" * 32,
        "starts": 0,
        "until": 0,
        "budget": 0,
        "cap": 0,
        "tiers": (),
        "uri": "",
    }
    return tuple((defaults | terms).values())


def _as_contract(name: str, *arguments: Any) -> Call:
    def call(world: World) -> object:
        sender = world.rules.address if name in ("setRule", "vetoRule", "raiseBudget") else world.registry.address
        return world.ledger.view(name, *arguments, sender=world.chain.impersonate(sender))

    return call


@pytest.mark.parametrize(
    ("error", "call"),
    [
        ("UnknownMerchant", _op("ledger", "buyPoints", 9, 5)),
        ("ZeroAmount", _op("ledger", "buyPoints", 1, 0)),
        ("TooMuch", _op("ledger", "buyPoints", 1, 2**43)),
        ("UnknownMember", _op("ledger", "recharge", 9, 5)),
        ("ZeroAmount", _op("ledger", "recharge", SHOPPER, 0)),
        ("TooMuch", _op("ledger", "recharge", SHOPPER, 2**56)),
        ("TooMuch", _op("ledger", "addDeposit", 0, 2**64 - 1)),
        ("UnknownMerchant", _op("ledger", "addDeposit", 9, 5)),
        ("NothingDue", _op("ledger", "settleOwed", 1, SHOPPER)),
        ("NothingDue", _op("ledger", "collectArrears", 1, SHOPPER)),
        ("UnknownMerchant", _op("ledger", "collectArrears", 0, SHOPPER)),
        ("NothingDue", _op("ledger", "forgiveArrears", 1, SHOPPER, 1)),
        ("NothingDue", _op("ledger", "forgiveArrears", 1, SHOPPER, 0)),
        ("UnknownMerchant", _op("ledger", "forgiveArrears", 0, SHOPPER, 1)),
        ("NotExpired", _op("ledger", "claimExpired", 1, 65_535)),
        ("UnknownMember", _op("registry", "enrolMembers", [5, 0])),
        ("UnknownMember", _op("registry", "setMemberState", 9, True, True)),
        ("BadTier", _op("registry", "setTier", [SHOPPER], 16)),
        ("UnknownMember", _op("registry", "setTier", [9], 1)),
        ("BadFlags", _as_contract("setMemberFlags", SHOPPER, 1)),
        ("BadFlags", _as_contract("setMerchant", 1, 2)),
        ("UnknownMerchant", _as_contract("setMerchant", 0, 1)),
        ("RuleExists", _as_contract("setRule", 1, 1, 1, 0)),
        ("BadRule", _as_contract("setRule", 1, 9, 0, 0)),
        ("BadRule", _as_contract("setRule", 1, 0, 1, 0)),
        ("BadRule", _as_contract("setRule", 1, 9, 17, 0)),
        ("BadRule", _as_contract("setRule", 1, 9, 9, 0)),
        ("BadRule", _as_contract("setRule", 1, 9, 1, 5)),
        ("UnknownRule", _as_contract("vetoRule", 1, 9)),
        ("BadBudget", _as_contract("raiseBudget", 1, 2, 5)),
        ("BadBudget", _as_contract("raiseBudget", 1, 3, 2**56 - 1)),
        ("BadRate", _merchant("defineBase", 1, 0, ())),
        ("BadRate", _merchant("defineBase", 1, 2**32 - 1, ())),
        ("BadTierTable", _merchant("defineBase", 1, 5, (1,) * 16)),
        ("BadRate", _merchant("defineRule", 1, _offer(bps=0))),
        ("NoProductSet", _merchant("defineRule", 1, _offer(set=bytes(32)))),
        ("BadWindow", _merchant("defineRule", 1, _offer(starts=5, until=5))),
        ("NotInOffersGroup", _merchant("defineRule", 2, _offer())),
        ("NotInOffersGroup", _op("rules", "defineBase", 1, 5, ())),
        ("NotInOffersGroup", _op("rules", "raiseBudget", 1, 3, 5)),
        ("UnknownVersion", _op("rules", "vetoVersion", 1, 9, "")),
        ("BaseVersion", _op("rules", "vetoVersion", 1, 1, "")),
        ("UnknownVersion", _op("rules", "version", 1, 0)),
        ("UnknownMerchant", _op("registry", "addStores", 2, [])),
        ("UnknownMerchant", _op("registry", "merchant", 0)),
        ("UnknownStore", _op("registry", "addTerminals", 1, 1, [])),
        ("UnknownStore", _op("registry", "storeName", 1, 1)),
        ("UnknownTerminal", _op("registry", "handOver", [b"nobody".ljust(8, b"\0")], 2)),
        ("TerminalExists", _op("registry", "addTerminals", 1, 0, [(b"1T0".ljust(8, b"\0"), 1, "0x" + "00" * 20, 0)])),
        ("BadTerminalId", _op("registry", "addTerminals", 1, 0, [(bytes(8), 1, "0x" + "00" * 20, 0)])),
        ("BadTerminalId", _op("registry", "addTerminals", 1, 0, [(b"A      \0", 1, "0x" + "00" * 20, 0)])),
        ("BadTerminalId", _op("registry", "addTerminals", 1, 0, [(b"A\0B".ljust(8, b"\0"), 1, "0x" + "00" * 20, 0)])),
        ("BadTerminalId", _op("registry", "addTerminals", 1, 0, [(b"\x7f".ljust(8, b"\0"), 1, "0x" + "00" * 20, 0)])),
        ("NotInGroup", _op("registry", "setGroups", 1, "0x" + "11" * 20, 1)),
        ("NotInGroup", _op("registry", "rotateTerminalKey", b"1T0".ljust(8, b"\0"), "0x" + "11" * 20)),
        ("NotInGroup", _op("registry", "setTerminalActive", b"1T0".ljust(8, b"\0"), False)),
    ],
)  # fmt: skip
def test_call_is_refused_by_name_when_it_cannot_be(shop: World, error: str, call: Call) -> None:
    with pytest.raises(Reverted) as caught:
        call(shop)
    assert caught.value.error == error


@pytest.mark.parametrize(
    "terms",
    [
        Terms(units_per_minor_unit=0),
        Terms(max_line_amount=0),
        Terms(max_line_amount=100_000_001),
        Terms(epoch_start=START + 10**9),
        Terms(utc_offset=86_401),
        Terms(clock_tolerance=31 * 86_400),
        Terms(epoch_length=86_399),
    ],
)
def test_ledger_is_not_deployed_when_terms_contradict(chain: Chain, terms: Terms) -> None:
    operator = chain.accounts[0]
    for name, error in (("RewardToken", "BadTerms"),):
        with pytest.raises(Reverted) as caught:
            deploy(chain, name, operator, operator, "Coin", "C", terms.words(), operator, sender=operator)
        assert caught.value.error == error


def test_settle_owed_is_refused_when_paused_or_frozen(twin: Twin) -> None:
    shop, member = twin.onboard(), MemberId(SHOPPER)
    twin.base(shop)
    twin.enrol(member)
    twin.pay(shop, member, external(1_000))
    assert twin.ledger.view("owed", shop, member) == 100_000
    twin.buy_points(shop, 5)

    def settle() -> None:
        twin.act(twin.ledger, "settleOwed", shop, member, model=lambda: twin.model.settle_owed(shop, member))

    twin.act(twin.ledger, "pause", model=lambda: twin.model.set_paused(True))
    settle()
    twin.act(twin.ledger, "unpause", model=lambda: twin.model.set_paused(False))
    twin.set_state(member, frozen=True)
    settle()
    twin.set_state(member)
    settle()
    assert twin.ledger.view("owed", shop, member) == 50_000
    assert twin.ledger.view("account", member)["current"] == 50_000
    twin.compare()
    twin.check_invariants()
