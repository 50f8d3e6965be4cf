"""The network's roles: who gives them, what they open, and what waits behind a delay."""

import pytest

from benchmarks.devchain import Reverted
from benchmarks.world import STREAM, World
from node.domain.roles import ADMIN, AUDITOR, BRIDGE, FINANCE, KEEPER, MEMBERS, OPERATOR, REPORTER
from tests.contracts.twin import Twin

pytestmark = pytest.mark.anvil
DELAY = 2 * 86_400
FOR_EVER = 2**32 - 1
OF_REGISTRY, OF_RULES = 3, 4
SETBACK = 5 * 86_400
PEOPLE = (OPERATOR, FINANCE, AUDITOR, REPORTER, BRIDGE)


@pytest.fixture
def world(twin: Twin) -> World:
    return twin.world


def _refused(error: str, world: World, contract: str, name: str, *arguments: object, sender: str) -> None:
    with pytest.raises(Reverted) as caught:
        getattr(world, contract).send(name, *arguments, sender=sender)
    assert caught.value.error == error


def test_stream_is_refused_to_a_key_that_is_no_bridge(world: World) -> None:
    with pytest.raises(Reverted) as caught:
        world.as_operator(world.ledger, "setStream", 2, world.stranger, 1, 1)
    assert (caught.value.error, caught.value.values) == ("NotBridge", (world.stranger,))
    world.open_stream(2, world.stranger, 1, 1)
    world.access.send("revokeRole", BRIDGE, world.stranger, sender=world.operator)
    # a role that was taken opens no stream any more; what is open the operator closes
    _refused("NotBridge", world, "ledger", "setStream", 2, world.stranger, 2, 2, sender=world.operator)
    world.as_operator(world.ledger, "setStream", 2, "0x" + "00" * 20, 0, 0)


def test_roles_have_the_numbers_that_the_scripts_use(world: World) -> None:
    names = {"OPERATOR": OPERATOR, "FINANCE": FINANCE, "AUDITOR": AUDITOR, "REPORTER": REPORTER, "BRIDGE": BRIDGE}
    assert {name: world.access.view(name) for name in (*names, "KEEPER")} == names | {"KEEPER": KEEPER}


def test_keeper_gives_and_takes_the_roles_of_people_and_no_others(world: World) -> None:
    keeper = world.stranger
    world.access.send("grantRole", KEEPER, keeper, 0, sender=world.operator)
    for role in PEOPLE:
        world.access.send("grantRole", role, world.holder, 0, sender=keeper)
        assert world.access.view("hasRole", role, world.holder) == (True, 0)
        world.access.send("revokeRole", role, world.holder, sender=keeper)
        assert not world.access.view("hasRole", role, world.holder)[0]
    for role in (ADMIN, 3, 4, MEMBERS, KEEPER):
        error = "AccessManagerUnauthorizedAccount"
        _refused(error, world, "access", "grantRole", role, world.holder, 0, sender=keeper)
    error = "AccessManagerUnauthorizedAccount"
    _refused(error, world, "access", "setTargetFunctionRole", world.ledger.address, [], 1, sender=keeper)


def test_members_role_is_the_registry_s_and_no_person_s(world: World) -> None:
    assert world.access.view("hasRole", MEMBERS, world.registry.address) == (True, 0)
    assert not world.access.view("hasRole", MEMBERS, world.operator)[0]


@pytest.mark.parametrize(
    ("contract", "role", "names"),
    [
        ("ledger", OPERATOR, "setStream pause unpause forgiveArrears"),
        ("ledger", FINANCE, "recharge"),
        ("ledger", OF_REGISTRY, "setTerminals setMerchant"),
        ("ledger", MEMBERS, "enrol setMemberFlags setTier"),
        ("ledger", OF_RULES, "setRule vetoRule raiseBudget"),
        ("ledger", ADMIN, "setDoors setActTarget setSuccessor setPredecessor"),
        ("cash", FINANCE, "deposit"),
        ("registry", OPERATOR, "onboardMerchant addStores addTerminals setMerchantActive handOver setFloorLimit"),
        ("registry", OPERATOR, "enrolMembers setMemberState setTier setMemberKey proposeMemberKey"),
        ("registry", OPERATOR, "resetGroups proposeGroups"),
        ("registry", FINANCE, "approveMemberKey approveGroups"),
        ("rules", OPERATOR, "vetoVersion vetoProductSet"),
    ],
)
def test_each_guarded_function_is_open_to_one_role(world: World, contract: str, role: int, names: str) -> None:
    target = getattr(world, contract)
    for name in names.split():
        selector = bytes.fromhex(target.interface.selector(name)[2:])
        assert world.access.view("getTargetFunctionRole", target.address, selector) == role, name


def test_doors_and_successors_are_the_admins(world: World) -> None:
    world.access.send("grantRole", OPERATOR, world.stranger, 0, sender=world.operator)
    at = world.registry.address
    for name, arguments in (
        ("setDoors", (at, 1)),
        ("setActTarget", (1, at)),
        ("setSuccessor", (at,)),
        ("setPredecessor", (at,)),
    ):
        _refused("AccessManagedUnauthorized", world, "ledger", name, *arguments, sender=world.stranger)


def test_admin_waits_and_the_guardian_cancels(world: World) -> None:
    guardian, admin = world.holder, world.operator
    world.access.send("grantRole", ADMIN, guardian, FOR_EVER, sender=admin)
    world.access.send("grantRole", ADMIN, admin, DELAY, sender=admin)
    act = (world.ledger.address, bytes.fromhex(world.ledger.interface.encode("setDoors", world.stranger, 4)[2:]))
    _refused("AccessManagerNotScheduled", world, "ledger", "setDoors", world.stranger, 4, sender=admin)
    _refused("AccessManagerNotScheduled", world, "access", "grantRole", ADMIN, world.stranger, 0, sender=admin)

    world.access.send("schedule", *act, 0, sender=admin)
    _refused("AccessManagerNotReady", world, "ledger", "setDoors", world.stranger, 4, sender=admin)
    world.access.send("cancel", admin, *act, sender=guardian)
    world.chain.set_next_time(world.chain.now() + DELAY)
    _refused("AccessManagerNotScheduled", world, "ledger", "setDoors", world.stranger, 4, sender=admin)

    world.access.send("schedule", *act, 0, sender=admin)
    world.chain.set_next_time(world.chain.now() + DELAY)
    world.ledger.send("setDoors", world.stranger, 4, sender=admin)
    assert world.ledger.view("doorsOf", world.stranger) == 4
    _refused("AccessManagerNotScheduled", world, "ledger", "setDoors", world.stranger, 4, sender=admin)


def test_guardian_can_do_nothing_but_cancel(world: World) -> None:
    guardian = world.holder
    world.access.send("grantRole", ADMIN, guardian, FOR_EVER, sender=world.operator)
    _refused("AccessManagerNotScheduled", world, "ledger", "setDoors", world.stranger, 4, sender=guardian)
    _refused("AccessManagerNotScheduled", world, "access", "grantRole", ADMIN, guardian, 0, sender=guardian)
    _refused("AccessManagedUnauthorized", world, "ledger", "pause", sender=guardian)


def test_role_that_is_given_begins_later_and_is_taken_at_once_when_there_is_a_delay(world: World) -> None:
    keeper = world.operator
    world.access.send("setGrantDelay", FINANCE, DELAY, sender=world.operator)
    world.chain.set_next_time(world.chain.now() + SETBACK)
    world.access.send("grantRole", FINANCE, world.stranger, 0, sender=keeper)
    _refused("AccessManagedUnauthorized", world, "cash", "deposit", world.stranger, 1, bytes(32), sender=world.stranger)
    world.chain.set_next_time(world.chain.now() + DELAY)
    world.cash.send("deposit", world.stranger, 1, bytes(32), sender=world.stranger)
    world.access.send("revokeRole", FINANCE, world.stranger, sender=keeper)
    _refused("AccessManagedUnauthorized", world, "cash", "deposit", world.stranger, 1, bytes(32), sender=world.stranger)


def test_auditor_cancels_what_finance_has_scheduled(world: World) -> None:
    finance, auditor = world.stranger, world.holder
    world.access.send("grantRole", FINANCE, finance, DELAY, sender=world.operator)
    world.access.send("grantRole", AUDITOR, auditor, 0, sender=world.operator)
    call = world.cash.interface.encode("deposit", finance, 10**9, bytes(32))
    act = (world.cash.address, bytes.fromhex(call[2:]))
    world.access.send("schedule", *act, 0, sender=finance)
    _refused("AccessManagerUnauthorizedCancel", world, "access", "cancel", finance, *act, sender=world.merchant)
    world.access.send("cancel", finance, *act, sender=auditor)
    world.chain.set_next_time(world.chain.now() + DELAY)
    error = "AccessManagerNotScheduled"
    _refused(error, world, "cash", "deposit", finance, 10**9, bytes(32), sender=finance)


def test_operator_and_finance_wait_when_their_roles_have_delays_and_the_auditor_cancels(world: World) -> None:
    operator, finance, auditor = world.stranger, world.holder, world.merchant
    for role, holder, delay in ((OPERATOR, operator, DELAY), (FINANCE, finance, DELAY // 2), (AUDITOR, auditor, 0)):
        world.access.send("grantRole", role, holder, delay, sender=world.operator)
    merchant = world.onboard()
    acts = (
        (operator, DELAY, "registry", "setMerchantActive", (merchant, False)),
        (finance, DELAY // 2, "cash", "deposit", (finance, 10**9, bytes(32))),
    )
    for sender, delay, contract, name, arguments in acts:
        at = getattr(world, contract)
        act = (at.address, bytes.fromhex(at.interface.encode(name, *arguments)[2:]))
        _refused("AccessManagerNotScheduled", world, contract, name, *arguments, sender=sender)
        world.access.send("schedule", *act, 0, sender=sender)
        _refused("AccessManagerNotReady", world, contract, name, *arguments, sender=sender)
        world.access.send("cancel", sender, *act, sender=auditor)
        world.chain.set_next_time(world.chain.now() + delay)
        _refused("AccessManagerNotScheduled", world, contract, name, *arguments, sender=sender)
        world.access.send("schedule", *act, 0, sender=sender)
        world.chain.set_next_time(world.chain.now() + delay)
        at.send(name, *arguments, sender=sender)
    assert not world.registry.view("merchant", merchant)["active"]
    assert world.cash.view("balanceOf", finance) == 10**9


def test_merchants_groups_are_bits_of_the_page(world: World) -> None:
    merchant = world.onboard()
    assert world.registry.view("groupsOf", merchant, world.merchant) == 255
    world.registry.send("setGroups", merchant, world.stranger, 2, sender=world.merchant)
    _refused("NotInGroup", world, "registry", "setGroups", merchant, world.stranger, 255, sender=world.stranger)
    _refused("NotInGroup", world, "registry", "setTerminalActive", b"1T0".ljust(8, b"\0"), False, sender=world.stranger)
    world.rules.send("defineBase", merchant, 5, (), sender=world.stranger)
    assert world.ledger.view("stream", STREAM)["poster"].lower() == world.poster.lower()
