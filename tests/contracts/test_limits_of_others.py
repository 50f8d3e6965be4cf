"""Nobody raises a limit that is not theirs: every function that sets one, called by everybody who is somebody."""

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from benchmarks.devchain import Contract, Reverted
from benchmarks.suite import Suite
from benchmarks.world import terminal_id
from node.domain.roles import ADMIN, AUDITOR, BRIDGE, FINANCE, KEEPER, OPERATOR, REPORTER
from tests.contracts.twin import Twin

pytestmark = [pytest.mark.anvil, pytest.mark.filterwarnings("ignore:A private pytest class")]
PROPERTY = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
DAY = 86_400
SHOP, OTHER = 1, 2
OFFERS = 2
GROUPS = [1 << bit for bit in range(8)]
ROLES = {"admin": ADMIN, "operator": OPERATOR, "finance": FINANCE, "auditor": AUDITOR, "reporter": REPORTER,
         "bridge": BRIDGE, "keeper": KEEPER}  # fmt: skip
PEOPLE = (*ROLES, "nobody", "member", "owner", "other owner", *(f"group {group}" for group in GROUPS))
MAY = {
    "operator": {"operator"},
    "finance": {"finance"},
    # who has all groups, and who has that of offers alone
    "offers": {"owner", f"group {OFFERS}"},
    "contracts": set(),
}
SETTERS: dict[tuple[str, str], tuple[str, Any]] = {  # contract, function: whose it is, its arguments for an amount
    ("StoredValue", "setLimit"): ("operator", lambda n, _: (SHOP, 0, 0, n, n)),
    ("StoredValue", "raiseLimit"): ("operator", lambda n, _: (SHOP, 0, 0, n)),
    ("StoredValue", "removeLimit"): ("operator", lambda n, _: (SHOP, 0, 0)),
    ("StoredValue", "bindAccount"): ("operator", lambda n, me: (SHOP, me, n, True)),
    ("StoredValue", "setCounterLimit"): ("finance", lambda n, _: (n,)),
    ("PointSale", "setLimit"): ("operator", lambda n, _: (SHOP, 0, 0, n, n)),
    ("PointSale", "raiseLimit"): ("operator", lambda n, _: (SHOP, 0, 0, n)),
    ("PointSale", "removeLimit"): ("operator", lambda n, _: (SHOP, 0, 0)),
    ("PointSale", "bindAccount"): ("operator", lambda n, me: (SHOP, me, n, True)),
    ("PointSale", "setLine"): ("operator", lambda n, _: (SHOP, n, 30 * DAY, 0)),
    ("Corrections", "setDayLimit"): ("finance", lambda n, _: (SHOP, 1, n)),
    ("CoinDiscount", "setAllowance"): ("operator", lambda n, _: (SHOP, n)),
    ("Registry", "setFloorLimit"): ("operator", lambda n, _: (terminal_id(SHOP, 0), n)),
    ("RewardToken", "setStream"): ("operator", lambda n, _: (1, "0x" + "00" * 20, n, n)),
    ("RewardToken", "raiseBudget"): ("contracts", lambda n, _: (SHOP, 2, n)),
    ("RewardRules", "raiseBudget"): ("offers", lambda n, _: (SHOP, 2, n)),
    ("PendingRewards", "raiseBudget"): ("offers", lambda n, _: (SHOP, 1, n)),
    ("Referrals", "raiseBudget"): ("offers", lambda n, _: (1, n)),
}
NAMES = re.compile(r"(set|raise|remove)\w*Limit|raise\w+|bindAccount|setAllowance|setFloorLimit|setStream")
OF_LIMITS = {("PointSale", "setLine")}
REFUSALS = {"AccessManagedUnauthorized", "NotInGroup", "NotInOffersGroup"}


class Counter:
    """A suite in which everything that is bounded has a bound, with one account for each role and each group."""

    def __init__(self, twin: Twin) -> None:
        assert isinstance(twin.world, Suite)
        self.twin, self.world = twin, twin.world
        names = ("ledger", "registry", "rules")
        core = dict(
            zip(("RewardToken", "Registry", "RewardRules"), (getattr(twin.world, n) for n in names), strict=True)
        )
        self.contracts: dict[str, Contract] = core | twin.world.parts
        twin.base(twin.onboard())
        twin.base(twin.onboard())
        twin.offer(SHOP, budget=10**6)  # type: ignore[arg-type]
        self.people = {name: twin.chain.impersonate(f"0x{0xABC00 + place:040x}") for place, name in enumerate(PEOPLE)}
        for name, role in ROLES.items():
            self.send(twin.world.access, "grantRole", role, self.people[name], 0)
        for name, account in self.people.items():
            if name.startswith("group"):
                self.grant(SHOP, account, int(name.split()[1]))
        self.grant(SHOP, self.people["owner"], 255)
        self.grant(OTHER, self.people["other owner"], 255)
        twin.enrol(7)  # type: ignore[arg-type]
        twin.give_key(7, self.people["member"])
        for part in ("StoredValue", "PointSale"):
            self.send(self.world[part], "setLimit", SHOP, 0, 0, 5, 5)
        today = twin.ledger.view("currentDay")
        terms = (10_000, today, 0, 1, 10**6)
        self.send(self.world["PendingRewards"], "set", SHOP, terms, sender=twin.world.merchant)
        programme = (SHOP, 10_000, today, 0, 1, False, 10**6, 0, 0)
        self.send(self.world["Referrals"], "open", programme, sender=twin.world.merchant)

    def grant(self, merchant: int, account: str, groups: int) -> None:
        self.send(self.world.registry, "setGroups", merchant, account, groups, sender=self.world.merchant)

    def send(self, contract: Contract, name: str, *arguments: Any, sender: str | None = None) -> None:
        self.twin.tick()
        contract.send(name, *arguments, sender=sender or self.world.operator)


def test_every_function_that_sets_a_limit_is_asked(counter: Counter) -> None:
    found = {
        (name, function)
        for name, contract in counter.contracts.items()
        for function, entry in contract.interface.functions.items()
        if NAMES.fullmatch(function) and entry["stateMutability"] not in ("view", "pure")
    }
    assert found | OF_LIMITS == set(SETTERS)


@pytest.mark.parametrize("setter", SETTERS, ids="-".join)
def test_limit_is_raised_by_those_whose_it_is(counter: Counter, setter: tuple[str, str]) -> None:
    owner, arguments = SETTERS[setter]
    for person in MAY[owner]:
        account = counter.people[person]
        counter.contracts[setter[0]].view(setter[1], *arguments(1, account), sender=account)


@PROPERTY
@given(
    setter=st.sampled_from(sorted(SETTERS)),
    person=st.sampled_from(PEOPLE),
    amount=st.one_of(st.integers(1, 2**31), st.sampled_from([1, 2**32 - 1])),
)
@example(setter=("StoredValue", "raiseLimit"), person="owner", amount=1)
def test_nobody_raises_a_limit_that_is_not_theirs(
    counter: Counter, setter: tuple[str, str], person: str, amount: int
) -> None:
    name, function = setter
    owner, arguments = SETTERS[setter]
    if person in MAY[owner]:
        return
    account = counter.people[person]
    with pytest.raises(Reverted) as caught:
        counter.contracts[name].view(function, *arguments(amount, account), sender=account)
    assert caught.value.error in REFUSALS, (setter, person)


@settings(PROPERTY, max_examples=40)
@given(person=st.sampled_from(PEOPLE), amount=st.integers(0, 2**64 - 1))
def test_line_of_a_funder_is_its_own(counter: Counter, person: str, amount: int) -> None:
    """Anybody says what it funds itself; nobody what another does."""
    plans, account = counter.world["InstalmentPlans"], counter.people[person]
    others = [each for name, each in counter.people.items() if name != person]
    with counter.twin.forgotten():
        counter.send(plans, "setLine", SHOP, amount, sender=account)
        assert plans.view("lineOf", account, SHOP) == amount
        assert all(plans.view("lineOf", each, SHOP) == 0 for each in others[:3])
