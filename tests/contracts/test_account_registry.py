"""Who may send and create contracts, as the AccountRegistry says it."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from benchmarks.devchain import Chain, Contract, Reverted
from node.consensus.registry import ALL_PERMISSIONS, DEPLOY, SEND, permissions_call, read_numbers
from tests.contracts.governance import account, governance, place_registries

pytestmark = pytest.mark.anvil
ADMIN, MEMBER, STRANGER, VALIDATOR = 100, 50, 60, 1


def named(number: int) -> str:
    return "0x" + account(number).hex()


@dataclass
class Office:
    accounts: Contract

    def give(self, permissions: int, *numbers: int, by: int = ADMIN) -> None:
        self.accounts.send("setPermissions", [named(number) for number in numbers], permissions, sender=named(by))

    def of(self, *numbers: int) -> list[int]:
        call = permissions_call([account(number) for number in numbers])
        message = {"to": self.accounts.address, "data": "0x" + call.hex()}
        return read_numbers(bytes.fromhex(self.accounts.chain.request("eth_call", message, "latest")[2:]))


@pytest.fixture
def office(chain: Chain) -> Iterator[Office]:
    mark = chain.snapshot()
    _, accounts = place_registries(chain, governance(10, 10, permitted=(account(MEMBER), account(ADMIN), account(50))))
    yield Office(accounts)
    chain.revert(mark)


def test_block_0_permits_the_listed_and_nobody_else(office: Office) -> None:
    assert office.of(MEMBER, ADMIN, STRANGER) == [ALL_PERMISSIONS, ALL_PERMISSIONS, 0]
    assert office.accounts.view("admin") == named(ADMIN)
    assert office.accounts.view("listedCount") == 2
    assert list(office.accounts.view("listed", 0, 10)) == [named(MEMBER), named(ADMIN)]
    assert list(office.accounts.view("listed", 1, 1)) == [named(ADMIN)]
    assert list(office.accounts.view("listed", 2, 10)) == []


def test_block_0_of_an_open_network_permits_everybody(chain: Chain) -> None:
    mark = chain.snapshot()
    try:
        _, accounts = place_registries(chain, governance(10, open_to_all=True))
        assert accounts.view("permissionsOf", named(STRANGER)) == ALL_PERMISSIONS
        accounts.send("setPermissions", [named(STRANGER)], 0, sender=named(ADMIN))
        assert accounts.view("permissionsOf", named(STRANGER)) == 0
    finally:
        chain.revert(mark)


def test_set_permissions_replaces_what_was_there(office: Office) -> None:
    office.give(SEND, STRANGER, MEMBER)
    assert office.of(MEMBER, STRANGER) == [SEND, SEND]
    office.give(0, MEMBER)
    office.give(DEPLOY, STRANGER)
    assert office.of(MEMBER, STRANGER) == [0, DEPLOY]
    assert list(office.accounts.view("listed", 0, 10)) == [named(MEMBER), named(ADMIN), named(STRANGER)]
    assert list(office.accounts.view("listed", 1, 10)) == [named(ADMIN), named(STRANGER)]


def test_set_default_reaches_only_those_that_were_never_listed(office: Office) -> None:
    office.give(0, MEMBER)
    office.accounts.send("setDefault", SEND, sender=named(ADMIN))
    assert office.of(MEMBER, STRANGER, ADMIN) == [0, SEND, ALL_PERMISSIONS]


def test_validators_may_always_send(office: Office) -> None:
    assert office.of(VALIDATOR) == [SEND]
    office.give(0, VALIDATOR)
    assert office.of(VALIDATOR) == [SEND]
    office.give(DEPLOY, VALIDATOR)
    assert office.of(VALIDATOR) == [ALL_PERMISSIONS]


def test_only_the_admin_gives_permissions(office: Office) -> None:
    for name, arguments in (("setPermissions", ([named(STRANGER)], SEND)), ("setDefault", (SEND,))):
        with pytest.raises(Reverted) as reverted:
            office.accounts.send(name, *arguments, sender=named(MEMBER))
        assert (reverted.value.error, reverted.value.values) == ("NotAdmin", (named(MEMBER),))
    with pytest.raises(Reverted) as reverted:
        office.accounts.send("setAdmin", named(MEMBER), sender=named(VALIDATOR))
    assert reverted.value.error == "NotAdminOrValidators"


def test_set_admin_hands_over(office: Office) -> None:
    receipt = office.accounts.send("setAdmin", named(MEMBER), sender=named(ADMIN))
    (event,) = office.accounts.events(receipt)
    assert (event.name, event.args) == ("AdminChanged", {"before": named(ADMIN), "admin": named(MEMBER)})
    office.give(SEND, STRANGER, by=MEMBER)
    with pytest.raises(Reverted):
        office.give(SEND, STRANGER)


@pytest.mark.parametrize(
    ("count", "permissions", "error"),
    [(501, SEND, "TooManyAccounts"), (1, 4, "BadPermissions"), (1, 255, "BadPermissions")],
)
def test_set_permissions_refuses_what_is_too_much(office: Office, count: int, permissions: int, error: str) -> None:
    with pytest.raises(Reverted) as reverted:
        office.accounts.send("setPermissions", [named(STRANGER)] * count, permissions, sender=named(ADMIN))
    assert reverted.value.error == error
    with pytest.raises(Reverted) as reverted:
        office.accounts.send("setDefault", 4, sender=named(ADMIN))
    assert reverted.value.error == "BadPermissions"
