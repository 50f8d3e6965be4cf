"""What can happen to plans of instalments."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from benchmarks.escrow import HOUR, NOBODY, payer_of
from tests.contracts.suite.instalments_model import Plan, Plans
from tests.contracts.twin import Twin
from tests.contracts.worlds import LOCKED, MEMBERS, RICH, TIERED

PURSE = 30_000
DAY = 86_400
WHO = ("carl", "fund")


class InstalmentsRules:
    """Plans of one purse and of members, with and without a funder."""

    twin: Twin

    def setup_instalments(self) -> None:
        """A payer and a funder with cash, and a line."""
        twin, world = self.twin, self.twin.world
        self.plans_: Any = world["InstalmentPlans"]  # type: ignore[index]
        self.planned = Plans(ledger=twin.model)
        for name in WHO:
            address = payer_of(name).address
            self.planned.cash[address] = PURSE
            self._plan_set_up(world.cash, "transfer", address, PURSE)
            self._plan_set_up(world.cash, "approve", self.plans_.address, 2**256 - 1, sender=address)
        self._plan_set_up(self.plans_, "setLine", RICH, 20_000, sender=payer_of("fund").address)
        self.planned.lines[RICH] = 20_000
        for member in (*MEMBERS, LOCKED):
            self.twin.give_key(member, payer_of(f"member {member}").address)

    def cash_owed_instalments(self) -> dict[str, int]:
        """Plans hold nothing."""
        return {"InstalmentPlans": 0}

    @rule(data=st.data())
    def open_plan(self, data: st.DataObject) -> None:
        member = data.draw(st.sampled_from([0, *MEMBERS, LOCKED]))
        funded = data.draw(st.booleans())
        plan = Plan(
            payer=NOBODY if member else payer_of("carl").address,
            member=member,
            merchant=data.draw(st.sampled_from([RICH, RICH, RICH, TIERED])),
            funder=payer_of("fund").address if funded else NOBODY,
            price=data.draw(st.integers(1_000, 12_000)),
            interest=data.draw(st.sampled_from([0, 1, 77, 999])),
            merchant_pays=funded and data.draw(st.booleans()),
            count=data.draw(st.integers(1, 6)),
            months=data.draw(st.sampled_from([1, 1, 3])),
            first_day=self.twin.model.day + data.draw(st.sampled_from([1, 1, 20])),
            open_by=self.twin.now + HOUR,
            salt=len(self.planned.plans),
        )
        id_ = bytes(self.plans_.view("idOf", plan.words()))
        signature = bytes(payer_of(f"member {member}" if member else "carl").unsafe_sign_hash(id_).signature)
        self._plan_act("open", plan, signature, model=lambda: self.planned.open(id_, plan))

    @precondition(lambda self: self.planned.plans)
    @rule(data=st.data(), days=st.sampled_from([0, 1, 31, 31, 62]))
    def collect_instalments(self, data: st.DataObject, days: int) -> None:
        id_, plan = self._any_plan(data)
        if days:
            self.twin.tick(days * DAY)
            self.twin.world.cash.send("withdraw", 0, bytes(32), sender=self.twin.world.operator)
        self._plan_act("collect", plan, model=lambda: self.planned.collect(id_))

    @precondition(lambda self: self.planned.plans)
    @rule(data=st.data())
    def pay_off_plan(self, data: st.DataObject) -> None:
        id_, plan = self._any_plan(data)
        if plan.member:
            return
        carl = payer_of("carl").address
        sender = data.draw(st.sampled_from([carl, carl, carl, self.twin.world.merchant]))
        self._plan_act("payOff", plan, 0, b"", sender=sender, model=lambda: self.planned.pay_off(id_, sender))

    @precondition(lambda self: self.planned.plans)
    @rule(data=st.data(), share=st.sampled_from([1, 2, 3]))
    def give_goods_back(self, data: st.DataObject, share: int) -> None:
        id_, plan = self._any_plan(data)
        left = plan.price - self.planned.plans[id_][1].refunded
        amount = data.draw(st.sampled_from([left // share, left // share, left + 1]))
        self._plan_act("refund", plan, amount, model=lambda: self.planned.refund(id_, amount))

    @precondition(lambda self: self.planned.plans)
    @rule(data=st.data(), by_funder=st.booleans())
    def write_plan_off(self, data: st.DataObject, by_funder: bool) -> None:
        id_, plan = self._any_plan(data)
        merchant = self.twin.world.merchant
        sender = payer_of("fund").address if by_funder else merchant
        self._plan_act(
            "writeOff", plan, sender=sender,
            model=lambda: self.planned.write_off(id_, sender, finance=merchant),
        )  # fmt: skip

    @invariant()
    def plans_stand_where_the_model_says(self) -> None:
        """The newest of them, and the cash of payer and funder."""
        for id_, (plan, standing) in list(self.planned.plans.items())[-4:]:
            found = self.plans_.view("standing", id_)
            assert found == standing.__dict__
            assert standing.paid + standing.credited <= plan.total
        for name in WHO:
            address = payer_of(name).address
            assert self.twin.world.cash.view("balanceOf", address) == self.planned.cash[address]
        assert self.planned.cash[payer_of("carl").address] <= PURSE

    def _any_plan(self, data: Any) -> tuple[bytes, Plan]:
        id_ = data.draw(st.sampled_from(sorted(self.planned.plans)[-5:]))
        return id_, self.planned.plans[id_][0]

    def _plan_act(self, name: str, plan: Plan, *more: Any, model: Any, sender: str | None = None) -> None:
        who = self.twin.chain.impersonate(sender) if sender else self.twin.world.merchant
        self.twin.act(self.plans_, name, plan.words(), *more, model=model, sender=who)

    def _plan_set_up(self, contract: Any, name: str, *arguments: Any, sender: str | None = None) -> None:
        self.twin.tick()
        who = self.twin.chain.impersonate(sender) if sender else self.twin.world.operator
        contract.send(name, *arguments, sender=who)
