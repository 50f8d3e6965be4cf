"""Merchants, stores, terminals, keys and groups."""

from typing import Any

import pytest

from benchmarks.devchain import Contract, Reverted
from benchmarks.world import PATIENCE, World, terminal_id
from tests.contracts.twin import Twin

pytestmark = pytest.mark.anvil
NOBODY = "0x" + "00" * 20
KEY, NEXT_KEY, LAST_KEY = ("0x" + digit * 40 for digit in "abc")


@pytest.fixture
def world(twin: Twin) -> World:
    return twin.world


def text(value: str) -> bytes:
    return value.encode().ljust(32, b"\0")


def named(value: str) -> bytes:
    return value.encode().ljust(8, b"\0")


def test_onboard_merchant_sets_up_stores_and_terminals_in_one_call(world: World) -> None:
    stores = [
        (text("north"), [(named("N1"), 1, KEY, 500), (named("N2"), 2, NOBODY, 0)]),
        (text("south"), []),
        (text("west"), [(named("W 1"), 1, NOBODY, 0)]),
    ]
    world.as_operator(world.registry, "onboardMerchant", text("shops"), world.merchant, stores)
    assert world.registry.view("merchant", 1) == {"name": text("shops"), "active": True, "stores": 3, "terminals": 3}
    assert world.registry.view("storeName", 1, 2) == text("west")
    assert world.registry.view("groupsOf", 1, world.merchant) == 255
    found = world.registry.view("terminals", 1, 0, 100)
    assert [(t["id"], t["store"], t["number"], t["stream"], t["active"]) for t in found] == [
        (named("N1"), 0, 0, 1, True),
        (named("N2"), 0, 1, 2, True),
        (named("W 1"), 2, 2, 1, True),
    ]
    assert world.registry.view("terminal", named("N1"))["floorLimit"] == 500
    assert [world.ledger.view("terminals", 1, stream, 0) for stream in (1, 2, 3)] == [0b101, 0b010, 0]
    assert world.ledger.view("merchant", 1)["flags"] == 3


def test_terminals_come_in_pages(world: World) -> None:
    world.onboard(terminals=5)
    pages = [
        [t["number"] for t in world.registry.view("terminals", 1, *page)] for page in ((0, 2), (3, 9), (5, 1), (9, 1))
    ]
    assert pages == [[0, 1], [3, 4], [], []]
    assert len(world.registry.view("terminals", 1, 2**256 - 1, 2**256 - 1)) == 0


def test_terminal_300_lies_on_its_own_page(world: World) -> None:
    world.onboard(terminals=200)
    more = [(terminal_id(1, number), 1, NOBODY, 0) for number in range(200, 301)]
    world.as_operator(world.registry, "addTerminals", 1, 0, more)
    assert world.ledger.view("terminals", 1, 1, 0) == 2**256 - 1
    assert world.ledger.view("terminals", 1, 1, 1) == 2**45 - 1
    world.registry.send("setTerminalActive", terminal_id(1, 300), False, sender=world.merchant)
    assert world.ledger.view("terminals", 1, 1, 1) == 2**44 - 1


def test_hand_over_moves_the_bit_and_an_inactive_terminal_stays_off(world: World) -> None:
    world.onboard(terminals=2)
    world.registry.send("setTerminalActive", terminal_id(1, 1), False, sender=world.merchant)
    world.as_operator(world.registry, "handOver", [terminal_id(1, 0), terminal_id(1, 1)], 7)
    assert [world.ledger.view("terminals", 1, stream, 0) for stream in (1, 7)] == [0, 1]
    world.registry.send("setTerminalActive", terminal_id(1, 1), True, sender=world.merchant)
    assert [world.ledger.view("terminals", 1, stream, 0) for stream in (1, 7)] == [0, 3]


def test_two_keys_are_live_while_one_is_rotated(world: World) -> None:
    world.onboard()
    terminal = terminal_id(1, 0)

    def live() -> list[str]:
        keys = (world.merchant.lower(), NEXT_KEY, LAST_KEY, NOBODY)
        return [key for key in keys if world.registry.view("isTerminalSigner", terminal, key)]

    assert live() == [world.merchant.lower()]
    world.registry.send("rotateTerminalKey", terminal, NEXT_KEY, sender=world.merchant)
    assert live() == [world.merchant.lower(), NEXT_KEY]
    world.registry.send("rotateTerminalKey", terminal, LAST_KEY, sender=world.merchant)
    assert live() == [NEXT_KEY, LAST_KEY]
    assert _refusal(world.registry, "rotateTerminalKey", terminal, LAST_KEY, sender=world.merchant) == "SameKey"
    world.registry.send("retireTerminalKey", terminal, sender=world.merchant)
    assert live() == [LAST_KEY]


def test_groups_stay_inside_their_merchant(world: World) -> None:
    world.onboard()
    world.as_operator(world.registry, "onboardMerchant", text("other"), world.holder, [])
    world.registry.send("setGroups", 1, world.stranger, 2 | 4, sender=world.merchant)
    assert world.registry.view("groupsOf", 1, world.stranger) == 6
    world.rules.send("defineBase", 1, 100, (), sender=world.stranger)
    world.registry.send("setTerminalActive", terminal_id(1, 0), False, sender=world.stranger)
    assert _refusal(world.rules, "defineBase", 2, 100, (), sender=world.stranger) == "NotInOffersGroup"
    assert _refusal(world.registry, "setGroups", 1, world.stranger, 255, sender=world.stranger) == "NotInGroup"
    assert _refusal(world.registry, "setGroups", 1, world.holder, 255, sender=world.holder) == "NotInGroup"
    world.registry.send("setGroups", 1, world.stranger, 0, sender=world.merchant)
    assert _refusal(world.rules, "defineBase", 1, 100, (), sender=world.stranger) == "NotInOffersGroup"


def test_operator_alone_takes_groups_away_and_gives_none(world: World) -> None:
    world.onboard()
    world.registry.send("setGroups", 1, world.stranger, 2 | 4, sender=world.merchant)
    for groups in (1, 2 | 8, 255):
        assert _refusal(world.registry, "resetGroups", 1, world.stranger, groups, sender=world.operator) == (
            "NeedsApproval"
        )
    world.as_operator(world.registry, "resetGroups", 1, world.stranger, 4)
    assert world.registry.view("groupsOf", 1, world.stranger) == 4
    world.as_operator(world.registry, "resetGroups", 1, world.merchant, 0)
    assert world.registry.view("groupsOf", 1, world.merchant) == 0


def test_groups_are_given_by_two_when_the_owner_s_key_is_lost(world: World) -> None:
    world.onboard()
    words = (1, world.stranger, 255)
    assert _refusal(world.registry, "approveGroups", *words, sender=world.finance) == "NotProposed"
    world.as_operator(world.registry, "proposeGroups", *words)
    # the operator of this world has the role of finance too
    assert _refusal(world.registry, "approveGroups", *words, sender=world.operator) == "SamePerson"
    assert _refusal(world.registry, "approveGroups", *words, sender=world.stranger) == "AccessManagedUnauthorized"
    assert _refusal(world.registry, "approveGroups", 1, world.holder, 255, sender=world.finance) == "NotProposed"
    assert _refusal(world.registry, "approveGroups", 1, world.stranger, 1, sender=world.finance) == "NotProposed"
    world.registry.send("approveGroups", *words, sender=world.finance)
    assert world.registry.view("groupsOf", 1, world.stranger) == 255
    assert _refusal(world.registry, "approveGroups", *words, sender=world.finance) == "NotProposed"
    world.as_operator(world.registry, "proposeGroups", *words)
    proposed = world.chain.now()
    assert world.registry.view("patience") == PATIENCE
    world.chain.set_next_time(proposed + PATIENCE)
    world.onboard()
    with pytest.raises(Reverted) as late:
        world.registry.view("approveGroups", *words, sender=world.finance)
    assert (late.value.error, late.value.values) == ("NotProposed", (proposed + PATIENCE,))


def test_merchant_that_is_not_there_is_neither_opened_nor_closed(world: World) -> None:
    world.onboard()
    for merchant in (0, 2):
        for active in (True, False):
            refusal = _refusal(world.registry, "setMerchantActive", merchant, active, sender=world.operator)
            assert refusal == "UnknownMerchant"


def test_merchant_that_is_closed_and_opened_keeps_what_it_has(world: World) -> None:
    world.onboard()
    world.fund(1, 500)
    world.as_operator(world.registry, "setMerchantActive", 1, False)
    assert world.ledger.view("merchant", 1)["flags"] == 2
    world.fund(1, 1)
    world.as_operator(world.registry, "setMerchantActive", 1, True)
    assert world.ledger.view("merchant", 1)["flags"] == 3
    assert world.ledger.view("merchant", 1)["prepaid"] == 5_010_000


def test_member_key_and_enrolment(world: World) -> None:
    world.enrol(5, 6, 5)
    assert [world.ledger.view("account", member)["flags"] for member in (5, 6, 7)] == [1, 1, 0]
    world.as_operator(world.registry, "setMemberKey", 5, KEY)
    assert world.registry.view("memberKey", 5) == KEY
    assert _refusal(world.registry, "setMemberKey", 5, NEXT_KEY, sender=world.operator) == "NeedsApproval"
    assert world.ledger.view("memberAccount", 5) == "0x54696c6c6d656d62657200000000000000000005"


def test_member_s_key_is_given_by_two_when_the_member_has_something(world: World) -> None:
    world.enrol(5, 6)
    world.as_operator(world.ledger, "recharge", 5, 100)
    for key in (KEY, world.operator):
        assert _refusal(world.registry, "setMemberKey", 5, key, sender=world.operator) == "NeedsApproval"
    assert _refusal(world.registry, "approveMemberKey", 5, KEY, sender=world.finance) == "NotProposed"
    world.as_operator(world.registry, "proposeMemberKey", 5, KEY)
    assert _refusal(world.registry, "approveMemberKey", 5, KEY, sender=world.operator) == "SamePerson"
    assert _refusal(world.registry, "approveMemberKey", 6, KEY, sender=world.finance) == "NotProposed"
    assert _refusal(world.registry, "approveMemberKey", 5, NEXT_KEY, sender=world.finance) == "NotProposed"
    assert world.registry.view("memberKey", 5) == NOBODY
    world.registry.send("approveMemberKey", 5, KEY, sender=world.finance)
    assert world.registry.view("memberKey", 5) == KEY


def test_member_changes_its_own_key_and_operator_takes_a_lost_one_away(world: World) -> None:
    world.enrol(5)
    key, stranger = world.chain.impersonate(KEY), world.chain.impersonate(LAST_KEY)
    world.as_operator(world.registry, "setMemberKey", 5, key)
    assert _refusal(world.registry, "changeMemberKey", 5, stranger, sender=stranger) == "NotMemberKey"
    world.registry.send("changeMemberKey", 5, NEXT_KEY, sender=key)
    assert _refusal(world.registry, "changeMemberKey", 5, key, sender=key) == "NotMemberKey"
    world.as_operator(world.ledger, "recharge", 5, 100)
    world.as_operator(world.registry, "setMemberKey", 5, NOBODY)
    assert world.registry.view("memberKey", 5) == NOBODY
    assert _refusal(world.registry, "setMemberKey", 5, KEY, sender=world.operator) == "NeedsApproval"


def _refusal(contract: Contract, name: str, *arguments: Any, sender: str) -> str:
    with pytest.raises(Reverted) as caught:
        contract.view(name, *arguments, sender=sender)
    return caught.value.error
