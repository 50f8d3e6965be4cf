"""One person is one person: not two through the AccessManager, nor by a key that is set in between."""

from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.devchain import Chain, Contract, Reverted
from benchmarks.suite import Suite
from benchmarks.world import Terms
from node.domain.ids import MemberId
from tests.contracts.suite.market_world import REPORTER_ROLE
from tests.contracts.twin import Twin

pytestmark = pytest.mark.anvil
ANN, BEN = MemberId(1), MemberId(2)
CONSENT = b"\1" * 32
KEY, OTHER_KEY = ("0x" + digit * 40 for digit in "ab")
GIVE_VALUE = 3
PRICE = 100 * 10**6


class Office:
    """Two members; the operator, who has finance's role too, and somebody else of finance."""

    def __init__(self, twin: Twin) -> None:
        assert isinstance(twin.world, Suite)
        self.twin, self.world = twin, twin.world
        self.operator, self.finance = self.world.operator, self.world.finance
        self.registry, self.merges = self.world.registry, self.world["MemberMerge"]
        twin.enrol(ANN, BEN)
        twin.recharge(ANN, 1_000)

    def encoded(self, contract: Contract, name: str, *arguments: Any) -> bytes:
        return bytes.fromhex(contract.interface.encode(name, *arguments)[2:])

    def refused(self, contract: Contract, name: str, *arguments: Any, sender: str = "") -> tuple[str, tuple[Any, ...]]:
        with pytest.raises(Reverted) as caught:
            contract.view(name, *arguments, sender=sender or self.operator)
        return caught.value.error, caught.value.values

    def through_manager(self, contract: Contract, name: str, *arguments: Any) -> tuple[str, tuple[Any, ...]]:
        """How the manager's `execute` of this call is refused."""
        data = self.encoded(contract, name, *arguments)
        return self.refused(self.world.access, "execute", contract.address, data)


@pytest.fixture(scope="module")
def opened_office(chain: Chain, terms: Terms) -> Office:
    return Office(Twin(chain, terms, Suite))


@pytest.fixture
def office(opened_office: Office) -> Iterator[Office]:
    with opened_office.twin.forgotten():
        yield opened_office


def test_propose_is_refused_when_it_comes_through_the_manager(office: Office) -> None:
    """Else an account with both roles proposes as the manager, and approves as itself."""
    manager = (office.world.access.address,)
    corrections = office.world["Corrections"]
    for contract, name, arguments in (
        (office.registry, "proposeMemberKey", (ANN, KEY)),
        (office.registry, "proposeGroups", (office.twin.onboard(prepaid=1), KEY, 255)),
        (office.merges, "proposeMerge", (ANN, BEN, CONSENT)),
        (corrections, "proposeFor", (GIVE_VALUE, 0, ANN, 5, CONSENT)),
    ):
        assert office.through_manager(contract, name, *arguments) == ("NotInPerson", manager)


def test_approve_is_refused_when_it_comes_through_the_manager(office: Office) -> None:
    manager = (office.world.access.address,)
    corrections = office.world["Corrections"]
    for contract, propose, approve in (
        (office.registry, ("proposeMemberKey", ANN, KEY), ("approveMemberKey", ANN, KEY)),
        (office.merges, ("proposeMerge", ANN, BEN, CONSENT), ("approveMerge", ANN, BEN, [])),
        (corrections, ("proposeFor", GIVE_VALUE, 0, ANN, 5, CONSENT), ("approveFor", 1, bytes(32))),
    ):
        contract.send(*propose, sender=office.operator)
        assert office.through_manager(contract, *approve) == ("NotInPerson", manager)


def test_report_is_refused_when_it_comes_through_the_manager(office: Office) -> None:
    oracle, reporter = office.world["PriceOracle"], office.world.stranger
    asset = office.world.cash.address
    office.world.access.send("grantRole", REPORTER_ROLE, reporter, 0, sender=office.operator)
    oracle.send("setFeed", asset, PRICE, 3, 900, 1_000, sender=office.operator)
    oracle.send("report", [asset], [PRICE], sender=reporter)
    data = office.encoded(oracle, "report", [asset], [PRICE])
    found = office.refused(office.world.access, "execute", oracle.address, data, sender=reporter)
    assert found == ("NotInPerson", (office.world.access.address,))


def test_approve_merge_is_refused_when_the_second_members_key_is_another_by_now(office: Office) -> None:
    """Whoever has the second member's key has all of the first's, so finance sees it in the proposal."""
    receipt = office.merges.send("proposeMerge", ANN, BEN, CONSENT, sender=office.operator)
    assert int(office.merges.events(receipt)[-1].args["key"], 16) == 0
    # the member has nothing yet, so the operator gives it a key alone
    office.registry.send("setMemberKey", BEN, OTHER_KEY, sender=office.operator)
    found = office.refused(office.merges, "approveMerge", ANN, BEN, [], sender=office.finance)
    assert found == ("OtherKey", (BEN, "0x" + "00" * 20, OTHER_KEY))
    receipt = office.merges.send("proposeMerge", ANN, BEN, CONSENT, sender=office.operator)
    assert office.merges.events(receipt)[-1].args["key"] == OTHER_KEY
    office.merges.send("approveMerge", ANN, BEN, [], sender=office.finance)
    assert office.world.ledger.view("account", BEN)["value"] == 1_000
