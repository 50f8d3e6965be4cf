"""Purchases in instalments: days and amounts by formula, with and without a funder, and each refusal by name."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.devchain import Chain, Reverted
from benchmarks.escrow import HOUR, NOBODY, payer_of
from benchmarks.suite import Suite
from benchmarks.world import Terms
from tests.contracts.suite.guarantee import make_indebted, owed
from tests.contracts.suite.instalments_model import EPOCH_DAY, Plan, months_later
from tests.contracts.suite.people import merge
from tests.contracts.twin import Twin

pytestmark = pytest.mark.anvil
SHOP, ANN, BOB = 1, 1, 2
DAY = 86_400
SOMEBODY = "0x" + "11" * 20
QUICK = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))


class Desk:
    """A shop, a funder with a line, a payer with cash and Ann with value and a key."""

    def __init__(self, twin: Twin) -> None:
        self.twin = twin
        self.world: Suite = twin.world  # type: ignore[assignment]
        self.plans = self.world["InstalmentPlans"]
        self.payer, self.ann = payer_of("payer"), payer_of("ann")
        world, operator = self.world, self.world.operator
        twin.onboard()
        twin.enrol(ANN)  # type: ignore[arg-type]
        twin.recharge(ANN, 60_000)  # type: ignore[arg-type]
        world.give_key(ANN, self.ann.address)
        self.funder = world.holder
        for address in (self.payer.address, self.funder):
            sender = twin.chain.impersonate(address)
            world.cash.send("transfer", address, 10**6, sender=operator)
            world.cash.send("approve", self.plans.address, 2**256 - 1, sender=sender)
        self.plans.send("setLine", SHOP, 500_000, sender=self.funder)

    @property
    def today(self) -> int:
        return int(self.world.ledger.view("currentDay"))

    def plan(self, **fields: Any) -> Plan:
        usual = {"first_day": self.today, "open_by": self.world.chain.now() + HOUR}
        who = {} if "member" in fields or "payer" in fields else {"payer": self.payer.address}
        return Plan(**(usual | who | fields))

    def signature(self, plan: Plan) -> bytes:
        signer = self.ann if plan.payer == NOBODY else self.payer
        return bytes(signer.unsafe_sign_hash(self.plans.view("idOf", plan.words())).signature)

    def open(self, **fields: Any) -> Plan:
        plan = self.plan(**fields)
        self.plans.send("open", plan.words(), self.signature(plan), sender=self.world.merchant)
        return plan

    def standing(self, plan: Plan) -> dict[str, int]:
        found: dict[str, int] = self.plans.view("standing", self.plans.view("idOf", plan.words()))
        return found

    def wait_until(self, day: int) -> None:
        """The first second of a day of the network, if it is not there yet."""
        if day == self.today:
            return
        offset = self.world.terms.utc_offset
        self.world.chain.set_next_time(day * DAY - offset)
        self.world.cash.send("withdraw", 0, bytes(32), sender=self.world.operator)
        assert self.today == day

    def collect(self, plan: Plan) -> list[str]:
        receipt = self.plans.send("collect", plan.words(), sender=self.world.stranger)
        return [event.name for event in self.plans.events(receipt)]

    def balance(self, address: str) -> int:
        return int(self.world.cash.view("balanceOf", address))

    def payable(self) -> int:
        return int(self.world.ledger.view("merchant", SHOP)["payable_"])

    def refused(self, name: str, plan: Plan, *arguments: Any, sender: str | None = None) -> tuple[Any, ...]:
        with pytest.raises(Reverted) as caught:
            self.plans.view(name, plan.words(), *arguments, sender=sender or self.world.merchant)
        return (caught.value.error, *caught.value.values)


@pytest.fixture(scope="module")
def desk(chain: Chain, terms: Terms) -> Desk:
    return Desk(Twin(chain, terms, Suite))


@pytest.fixture(autouse=True)
def forgotten(desk: Desk) -> Any:
    mark = desk.world.chain.snapshot()
    yield
    desk.world.chain.revert(mark)


@QUICK
@given(
    price=st.integers(1, 2**47),
    interest=st.integers(0, 2**47 - 1),
    count=st.integers(1, 60),
    months=st.integers(1, 12),
    first=st.integers(19_000, 30_000),
)
def test_schedule_sums_up_and_clamps_to_short_months(
    desk: Desk, price: int, interest: int, count: int, months: int, first: int
) -> None:
    plan = Plan(price=price, interest=interest, count=count, months=months, first_day=first)
    days, amounts = desk.plans.view("schedule", plan.words())
    assert sum(amounts) == price + interest
    assert max(amounts) - min(amounts) <= 1
    assert amounts[-1] == min(amounts)
    assert list(days) == [months_later(first, i * months) for i in range(count)]


def test_january_s_last_day_becomes_february_s(desk: Desk) -> None:
    first = (date(2027, 1, 31) - EPOCH_DAY).days
    days, _ = desk.plans.view("schedule", Plan(count=3, first_day=first).words())
    assert [(EPOCH_DAY + timedelta(days=day)).isoformat() for day in days] == ["2027-01-31", "2027-02-28", "2027-03-31"]


def test_merchant_is_paid_as_instalments_arrive_when_nobody_funds(desk: Desk) -> None:
    plan = desk.open(interest=1_001, count=3, price=10_000)
    assert desk.payable() == 0
    days, amounts = desk.plans.view("schedule", plan.words())
    paid = 0
    for day, amount in zip(days, amounts, strict=True):
        desk.wait_until(day)
        assert desk.plans.view("dueNow", plan.words())[0] == amount
        names = desk.collect(plan)
        paid += amount
        assert desk.payable() == paid
        assert names == (["InstalmentPaid"] if paid < 11_001 else ["PlanClosed", "InstalmentPaid"])
    assert desk.balance(desk.payer.address) == 10**6 - 11_001
    assert desk.refused("collect", plan)[0] == "NotOpen"
    assert desk.balance(desk.plans.address) == 0


@pytest.mark.parametrize("merchant_pays", [False, True])
def test_funder_pays_the_merchant_at_first_and_bears_the_default(desk: Desk, merchant_pays: bool) -> None:
    plan = desk.open(funder=desk.funder, interest=4_000, merchant_pays=merchant_pays)
    advanced = 96_000 if merchant_pays else 100_000
    assert (desk.payable(), desk.balance(desk.funder)) == (advanced, 10**6 - advanced)
    assert desk.plans.view("lineOf", desk.funder, SHOP) == 500_000 - advanced
    desk.collect(plan)
    first = plan.total // 4
    assert desk.balance(desk.funder) == 10**6 - advanced + first
    # the payer takes the allowance back
    desk.world.cash.send("approve", desk.plans.address, 0, sender=desk.world.chain.impersonate(desk.payer.address))
    for number in (1, 2, 3):
        desk.wait_until(months_later(plan.first_day, number))
        assert desk.refused("writeOff", plan, sender=desk.funder)[::2] == ("NotDefaultable", number - 1)
        assert desk.collect(plan) == ["InstalmentMissed"]
        assert desk.refused("collect", plan)[0] == "StillMissed"
    assert desk.refused("writeOff", plan)[0] == "NotPayer"
    desk.plans.send("writeOff", plan.words(), sender=desk.funder)
    assert desk.payable() == advanced  # the merchant keeps it
    assert desk.refused("collect", plan)[0] == "NotOpen"


def test_instalments_that_were_paid_are_not_counted_as_missed(desk: Desk) -> None:
    plan = desk.open(price=10_000, count=4, funder=desk.funder)
    payer = desk.world.chain.impersonate(desk.payer.address)
    for number in (0, 1, 2):
        desk.wait_until(months_later(plan.first_day, number))
        assert desk.collect(plan) == ["InstalmentPaid"]
    desk.world.cash.send("approve", desk.plans.address, 0, sender=payer)
    # the last one is late: that counts month by month, as of any other
    for number in (3, 4, 5):
        desk.wait_until(months_later(plan.first_day, number))
        assert desk.refused("writeOff", plan, sender=desk.funder)[0] == "NotDefaultable"
        assert desk.collect(plan) == ["InstalmentMissed"]
    desk.plans.send("writeOff", plan.words(), sender=desk.funder)


def test_goods_are_given_back_after_a_default_too(desk: Desk) -> None:
    plan = desk.open(price=10_000, count=4, funder=desk.funder)
    desk.collect(plan)
    desk.world.cash.send("approve", desk.plans.address, 0, sender=desk.world.chain.impersonate(desk.payer.address))
    desk.wait_until(months_later(plan.first_day, 3))
    assert desk.collect(plan) == ["InstalmentMissed"]
    desk.plans.send("writeOff", plan.words(), sender=desk.funder)
    before = desk.balance(desk.funder)
    desk.plans.send("refund", plan.words(), 10_000, sender=desk.world.merchant)
    # what the funder gave up is its again; the payer has back what it paid
    assert (desk.balance(desk.funder) - before, desk.payable()) == (7_500, 0)
    assert desk.balance(desk.payer.address) == 10**6
    assert desk.refused("refund", plan, 1) == ("ExceedsPrice", 0, 1)


def test_missed_instalment_is_taken_with_the_next_when_there_is_value_again(desk: Desk) -> None:
    plan = desk.open(member=ANN, price=120_000, count=4)
    desk.collect(plan)
    desk.wait_until(months_later(plan.first_day, 1))
    desk.collect(plan)
    desk.wait_until(months_later(plan.first_day, 2))
    assert desk.collect(plan) == ["InstalmentMissed"]
    assert desk.standing(plan)["missed"] == 3
    desk.world.ledger.send("recharge", ANN, 100_000, sender=desk.world.operator)
    desk.wait_until(months_later(plan.first_day, 3))
    assert desk.collect(plan) == ["PlanClosed", "InstalmentPaid"]
    assert desk.payable() == 120_000


def test_locked_member_misses_an_instalment(desk: Desk) -> None:
    plan = desk.open(member=ANN)
    desk.world.registry.send("setMemberState", ANN, True, False, sender=desk.world.operator)
    assert desk.collect(plan) == ["InstalmentMissed"]


def test_early_pay_off_saves_the_interest_of_what_is_not_due(desk: Desk) -> None:
    plan = desk.open(interest=1_003, count=4)
    desk.collect(plan)
    # a quarter of price and interest, rounded up, is paid; three quarters of the interest, rounded down, are saved
    assert desk.plans.view("dueNow", plan.words()) == (0, 101_003 - 25_251 - 752)
    assert desk.refused("payOff", plan, 0, b"", sender=desk.world.stranger)[0] == "NotPayer"
    desk.plans.send("payOff", plan.words(), 0, b"", sender=desk.world.chain.impersonate(desk.payer.address))
    assert desk.payable() == 101_003 - 752
    assert desk.standing(plan)["flags"] == 3


def test_member_pays_off_by_a_signature_that_somebody_carries(desk: Desk) -> None:
    plan = desk.open(member=ANN, price=50_000)
    id_, deadline = desk.plans.view("idOf", plan.words()), desk.world.chain.now() + HOUR
    domain = {
        "name": "InstalmentPlans",
        "version": "1",
        "chainId": int(desk.world.chain.request("eth_chainId"), 16),
        "verifyingContract": desk.plans.address,
    }
    names = {"id": "bytes32", "nonce": "uint256", "deadline": "uint256"}
    types = {"PayOff": [{"name": name, "type": kind} for name, kind in names.items()]}
    signature = desk.ann.sign_typed_data(domain, types, {"id": id_, "nonce": 0, "deadline": deadline}).signature
    words = (plan.words(), deadline, bytes(signature))
    desk.plans.send("payOff", *words, sender=desk.world.stranger)
    assert desk.payable() == 50_000
    assert desk.world.ledger.view("account", ANN)["value"] == 10_000
    assert desk.refused("payOff", plan, deadline, bytes(signature), sender=desk.world.stranger)[0] == "NotOpen"


def test_who_a_merged_member_is_now_pays_off_its_plan(desk: Desk) -> None:
    plan = desk.open(member=ANN, price=50_000)
    bob = payer_of("bob").address
    desk.world.registry.send("enrolMembers", [BOB], sender=desk.world.operator)
    desk.world.give_key(BOB, bob)
    merge(desk.twin, ANN, BOB)
    ann = desk.world.chain.impersonate(desk.ann.address)
    assert desk.refused("payOff", plan, 0, b"", sender=ann) == ("NotMember", BOB, bob.lower())
    desk.plans.send("payOff", plan.words(), 0, b"", sender=desk.world.chain.impersonate(bob))
    assert desk.payable() == 50_000
    assert desk.world.ledger.view("account", BOB)["value"] == 10_000
    assert desk.standing(plan)["flags"] == 3


def test_closed_merchant_opens_no_plan_and_those_that_are_open_go_on(desk: Desk) -> None:
    plan = desk.open(price=40_000)
    desk.world.registry.send("setMerchantActive", SHOP, False, sender=desk.world.operator)
    other = desk.plan(salt=1)
    assert desk.refused("open", other, desk.signature(other)) == ("MerchantClosed", SHOP)
    assert "InstalmentPaid" in desk.collect(plan)
    desk.plans.send("refund", plan.words(), 40_000, sender=desk.world.merchant)
    assert desk.standing(plan)["flags"] == 3


@pytest.mark.parametrize("funded", [False, True])
@pytest.mark.parametrize("parts", [[100_000], [30_000, 70_000]])
def test_goods_that_all_came_back_bear_no_interest_that_is_not_due(desk: Desk, parts: list[int], funded: bool) -> None:
    """As if it were paid off first: of 20.00 interest a quarter is due with the first instalment."""
    desk.world.ledger.send("addDeposit", SHOP, 100_000, sender=desk.world.operator)
    before = desk.balance(desk.payer.address)
    plan = desk.open(interest=2_000, **({"funder": desk.funder} if funded else {}))
    desk.collect(plan)
    saved = 0
    for part in parts:
        receipt = desk.plans.send("refund", plan.words(), part, sender=desk.world.merchant)
        saved += next(it for it in desk.plans.events(receipt) if it.name == "PlanRefunded").args["saved"]
    assert saved == 1_500
    assert desk.standing(plan)["flags"] == 3
    assert before - desk.balance(desk.payer.address) == 500


def test_goods_that_come_back_before_anything_was_due_cost_nothing(desk: Desk) -> None:
    plan = desk.open(interest=2_000, first_day=desk.today + 9)
    desk.plans.send("refund", plan.words(), 100_000, sender=desk.world.merchant)
    assert desk.standing(plan)["flags"] == 3
    assert desk.refused("collect", plan, sender=desk.world.stranger)[0] == "NotOpen"


PLAN = (
    "address payer,uint64 member,uint32 merchant,address funder,uint64 price,uint64 interest,bool merchantPaysInterest,"
    "uint8 count,uint8 months,uint16 firstDay,uint40 openBy,uint256 salt"
)


def test_plan_is_not_opened_by_a_signature_for_another_chain(desk: Desk) -> None:
    plan = desk.plan()
    here = int(desk.world.chain.request("eth_chainId"), 16)
    domain = {"name": "InstalmentPlans", "version": "1", "verifyingContract": desk.plans.address}
    kinds, names = zip(*(field.split() for field in PLAN.split(",")), strict=True)
    types = {"Plan": [{"name": name, "type": kind} for kind, name in zip(kinds, names, strict=True)]}
    message = dict(zip(names, plan.words(), strict=True))
    good, elsewhere = (
        bytes(desk.payer.sign_typed_data({**domain, "chainId": chain}, types, message).signature)
        for chain in (here, here + 1)
    )
    id_ = desk.plans.view("idOf", plan.words())
    assert desk.refused("open", plan, elsewhere) == ("NotSigned", id_, desk.payer.address.lower())
    assert desk.plans.view("open", plan.words(), good, sender=desk.world.merchant) == id_


def test_goods_given_back_reduce_what_is_owed_first(desk: Desk) -> None:
    plan = desk.open(funder=desk.funder, interest=4_000)
    desk.collect(plan)  # 26,000 of 104,000
    desk.plans.send("refund", plan.words(), 30_000, sender=desk.world.merchant)
    assert (desk.payable(), desk.balance(desk.funder)) == (70_000, 10**6 - 100_000 + 26_000 + 30_000)
    desk.plans.send("refund", plan.words(), 70_000, sender=desk.world.merchant)
    # 48,000 were still owed, of which 3,000 is interest that is not due; 25,000 go back to the payer
    assert desk.payable() == 0
    assert desk.balance(desk.payer.address) == 10**6 - 26_000 + 25_000
    assert desk.balance(desk.funder) == 10**6 + 1_000
    assert desk.refused("refund", plan, 1) == ("ExceedsPrice", 0, 1)
    assert desk.standing(plan)["flags"] == 3


def test_goods_are_not_given_back_with_the_guarantee_fund_s_money(desk: Desk) -> None:
    plan = desk.open(funder=desk.funder)
    desk.world["MerchantPayouts"].send("setPayout", SHOP, desk.world.stranger, sender=desk.world.merchant)
    desk.world["MerchantPayouts"].send("payOut", SHOP, 99_000, sender=desk.world.merchant)
    desk.world.ledger.send("addDeposit", 0, 100_000, sender=desk.world.operator)
    assert desk.refused("refund", plan, 1_001) == ("InsufficientFunds", SHOP, 1_001)
    desk.plans.send("refund", plan.words(), 1_000, sender=desk.world.merchant)


def test_goods_are_not_given_back_with_what_the_merchant_owes_the_guarantee_fund(desk: Desk) -> None:
    make_indebted(desk.world, SHOP, 40_000)
    plan = desk.open(funder=desk.funder)
    assert owed(desk.world, SHOP) == (100_000, 40_000)
    assert desk.refused("refund", plan, 60_001) == ("InsufficientFunds", SHOP, 60_001)
    desk.plans.send("refund", plan.words(), 60_000, sender=desk.world.merchant)
    assert owed(desk.world, SHOP) == (40_000, 40_000)


@QUICK
@given(parts=st.lists(st.integers(1, 2_500), min_size=1, max_size=4), funded=st.booleans(), collected=st.booleans())
def test_goods_given_back_in_parts_end_where_at_once_does(
    desk: Desk, parts: list[int], funded: bool, collected: bool
) -> None:
    ends = []
    for amounts in (parts, [sum(parts)]):
        mark = desk.world.chain.snapshot()
        plan = desk.open(member=ANN, price=10_000, interest=77, funder=desk.funder if funded else NOBODY)
        desk.world.ledger.send("addDeposit", SHOP, 10_000, sender=desk.world.operator)
        if collected:
            desk.collect(plan)
            desk.wait_until(months_later(plan.first_day, 2))
            desk.collect(plan)
        for amount in amounts:
            desk.plans.send("refund", plan.words(), amount, sender=desk.world.merchant)
        value = desk.world.ledger.view("account", ANN)["value"]
        assert value <= 60_000
        ends.append((value, desk.payable(), desk.balance(desk.funder), desk.standing(plan)))
        desk.world.chain.revert(mark)
    assert ends[0] == ends[1]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"price": 0}, ("BadPrice", 0, 0, NOBODY)),
        ({"count": 0}, ("BadInstalments", 0, 1)),
        ({"count": 61}, ("BadInstalments", 61, 1)),
        ({"months": 0}, ("BadInstalments", 4, 0)),
        ({"months": 13}, ("BadInstalments", 4, 13)),
        ({"first_day": 5}, ("FirstDayOver", 5)),
        ({"payer": NOBODY}, ("BadPayer", NOBODY, 0)),
        ({"payer": SOMEBODY, "member": ANN}, ("BadPayer", SOMEBODY, ANN)),
        ({"merchant_pays": True, "interest": 5}, ("BadPrice", 100_000, 5, NOBODY)),
        ({"merchant_pays": True, "interest": 100_000, "funder": SOMEBODY}, ("BadPrice", 100_000, 100_000, SOMEBODY)),
    ],
)
def test_plan_that_contradicts_itself_is_not_opened(desk: Desk, fields: dict[str, Any], error: tuple[Any, ...]) -> None:
    error = (*error, desk.today) if error[0] == "FirstDayOver" else error
    assert desk.refused("open", desk.plan(**fields), b"\1" * 65) == error


def test_plan_is_not_opened_when_late_unsigned_too_large_twice_or_not_funded(desk: Desk) -> None:
    plan = desk.plan()
    signature = desk.signature(plan)
    thief = bytes(payer_of("thief").unsafe_sign_hash(desk.plans.view("idOf", plan.words())).signature)
    assert desk.refused("open", plan, thief)[0] == "NotSigned"
    assert desk.refused("open", plan, signature, sender=desk.world.stranger)[0] == "NotInGroup"
    assert desk.refused("open", replace(plan, open_by=5), signature) == ("OpenExpired", 5)
    assert desk.refused("open", replace(plan, price=2**48), signature) == ("AmountTooLarge", 2**48)
    funded = desk.plan(funder=desk.funder, price=500_001)
    assert desk.refused("open", funded, desk.signature(funded)) == (
        "LineTooShort", desk.funder.lower(), SHOP, 500_000, 500_001,
    )  # fmt: skip
    for name in ("collect", "writeOff", "dueNow"):
        assert desk.refused(name, plan)[0] == "NotOpen"
    assert desk.refused("refund", plan, 5)[0] == "NotOpen"
    assert desk.refused("payOff", plan, 0, b"")[0] == "NotOpen"
    desk.plans.send("open", plan.words(), signature, sender=desk.world.merchant)
    assert desk.refused("open", plan, signature)[0] == "AlreadyOpened"
    later = desk.open(first_day=desk.today + 5, salt=1)
    assert desk.refused("collect", later)[0] == "NothingDue"
    with pytest.raises(Reverted) as caught:
        desk.plans.view("setLine", 9, 5, sender=desk.funder)
    assert caught.value.error == "UnknownMerchant"
