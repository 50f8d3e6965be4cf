"""What can happen to points for merchants, corrections and merging (docs/value.md). Needs value_rules beside it."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from benchmarks.world import FINANCE_ROLE
from node.domain.ids import MemberId, MerchantId
from tests.contracts.model import Refused
from tests.contracts.suite.value_model import MERCHANT, STORE, ValueModel
from tests.contracts.suite.value_rules import ADDRESS, SHOPPERS
from tests.contracts.suite.value_sale_model import CLAW_BACK, GIVE, GRANT, TAKE, CorrectionsModel, SaleModel
from tests.contracts.twin import Twin
from tests.contracts.worlds import CLOSED, MEMBERS, POOR, RICH, TIERED

buyers = st.sampled_from([RICH, RICH, POOR])
sums = st.one_of(st.integers(1, 30_000), st.sampled_from([0, 1, 2**48]))
corrected = st.sampled_from([*SHOPPERS, MEMBERS[0]])
REASON = b"\7" * 32


class ValueSaleRules:
    """Rules of PointSale, Corrections and MemberMerge on a furnished suite."""

    twin: Twin
    value_book: ValueModel
    _value_operate: Any
    _value_send: Any
    _value_part: Any
    _value_cash: Any

    def setup_value_sale(self) -> None:
        """Steps, funds, a line for each merchant, limits a day, and somebody of finance beside the operator."""
        world, operate = self.twin.world, self._value_operate
        self.value_approver = self.twin.chain.accounts[6]
        self.sale_book = SaleModel(ledger=self.twin.model)
        self.correction_book = CorrectionsModel(ledger=self.twin.model, value=self.value_book)
        self.twin.tick()
        world.access.send("grantRole", FINANCE_ROLE, self.value_approver, 0, sender=world.operator)
        self.twin.tick()
        world.cash.send("deposit", world.merchant, 10**9, bytes(32), sender=world.operator)
        for part, owner in (
            ("PointSale", world.operator),
            ("PointSale", world.merchant),
            ("Corrections", world.operator),
        ):
            self._value_cash(part, owner)
        operate("PointSale", "setSteps", [(5_000, 200), (20_000, 500)],
                model=lambda: self.sale_book.set_steps([(5_000, 200), (20_000, 500)]))  # fmt: skip
        for credit, amount in ((False, 1_500), (True, 60_000)):
            operate("PointSale", "payFund", credit, amount,
                    model=lambda c=credit, a=amount: self.sale_book.pay_fund(c, a))  # fmt: skip
        self._credit_line(RICH, 50_000, 30 * 86_400, 10_000)
        self._credit_line(POOR, 20_000, 86_400, 0)
        operate("PointSale", "setLimit", RICH, MERCHANT, 0, 10**6, 60_000,
                model=lambda: self.sale_book.limits.set(RICH, MERCHANT, 0, 10**6, 60_000))  # fmt: skip
        operate("Corrections", "payFund", 5_000, model=lambda: self.correction_book.pay_fund(5_000))
        for merchant, kind, per_day in (
            (RICH, GRANT, 10**8),
            (RICH, CLAW_BACK, 10**8),
            (0, GIVE, 4_000),
            (0, TAKE, 9_000),
        ):
            self._day_limit(merchant, kind, per_day)

    def cash_owed_value_sale(self) -> dict[str, int]:
        """The funds."""
        return {
            "PointSale": self.sale_book.bonus_fund + self.sale_book.credit_fund,
            "Corrections": self.correction_book.fund,
            "MemberMerge": 0,
            "CardDiscounts": 0,
        }

    # --- points for merchants ---

    @rule(merchant=buyers, amount=sums, at_least=st.sampled_from([0, 0, 0, 100]), payable=st.booleans())
    def buy_points_ahead(self, merchant: MerchantId, amount: int, at_least: int, payable: bool) -> None:
        book = self.sale_book
        self._value_send("PointSale", "buyAhead", merchant, amount, at_least, payable, sender=self.twin.world.merchant,
                         model=lambda: book.buy_ahead(merchant, amount, at_least, from_payable=payable))  # fmt: skip

    @rule(merchant=buyers, amount=sums)
    def buy_points_on_credit(self, merchant: MerchantId, amount: int) -> None:
        self._value_send("PointSale", "buyOnCredit", merchant, amount, sender=self.twin.world.merchant,
                         model=lambda: self.sale_book.buy_on_credit(merchant, amount))  # fmt: skip

    @rule(merchant=buyers, share=st.sampled_from([0, 1, 2, 3]), payable=st.booleans())
    def settle_points(self, merchant: MerchantId, share: int, payable: bool) -> None:
        amount = self.sale_book.line(merchant).owed * share // 2
        name = "settleFromPayable" if payable else "settle"
        self._value_send("PointSale", name, merchant, amount, sender=self.twin.world.merchant,
                         model=lambda: self.sale_book.settle(merchant, amount, from_payable=payable))  # fmt: skip

    @rule(merchant=buyers)
    def collect_overdue(self, merchant: MerchantId) -> None:
        self._value_send("PointSale", "collect", merchant, sender=self.twin.world.stranger,
                         model=lambda: self.sale_book.collect(merchant))  # fmt: skip

    @rule(credit=st.booleans(), amount=st.sampled_from([0, 500, 10**6]), take=st.booleans())
    def fund_points(self, credit: bool, amount: int, take: bool) -> None:
        if take:
            self._value_operate("PointSale", "takeFund", credit, amount, ADDRESS,
                                model=lambda: self.sale_book.take_fund(credit, amount))  # fmt: skip
        else:
            self._value_operate("PointSale", "payFund", credit, amount,
                                model=lambda: self.sale_book.pay_fund(credit, amount))  # fmt: skip

    @rule(merchant=buyers, limit=st.sampled_from([0, 30_000]), term=st.sampled_from([60, 86_400]),
          cover=st.sampled_from([0, 5_000, 10_001]))  # fmt: skip
    def set_credit_line(self, merchant: MerchantId, limit: int, term: int, cover: int) -> None:
        self._credit_line(merchant, limit, term, cover)

    @rule(store=st.sampled_from([0, 1]), amount=st.integers(1, 9_000), credit=st.booleans())
    def buy_points_for_a_restricted_store(self, store: int, amount: int, credit: bool) -> None:
        merchant, account = RICH, self.twin.world.merchant
        limits = self.sale_book.limits
        self._value_operate("PointSale", "setLimit", merchant, STORE, 0, 50_000, 5_000,
                            model=lambda: limits.set(merchant, STORE, 0, 50_000, 5_000))  # fmt: skip
        self._value_operate("PointSale", "bindAccount", merchant, account, store, True,
                            model=lambda: limits.bound.update({(merchant, account): store}))  # fmt: skip
        name = "buyOnCredit" if credit else "buyAhead"
        arguments = (merchant, amount) if credit else (merchant, amount, 0, False)

        def model() -> None:
            if credit:
                self.sale_book.buy_on_credit(merchant, amount, store=store)
            else:
                self.sale_book.buy_ahead(merchant, amount, 0, from_payable=False, store=store)

        self._value_send("PointSale", name, *arguments, sender=account, model=model)
        self._value_operate("PointSale", "bindAccount", merchant, account, store, False,
                            model=lambda: limits.bound.pop((merchant, account)))  # fmt: skip
        self._value_operate("PointSale", "removeLimit", merchant, STORE, 0,
                            model=lambda: limits.remove(merchant, STORE, 0))  # fmt: skip

    # --- corrections ---

    @rule(kind=st.sampled_from([GRANT, CLAW_BACK, GIVE, TAKE]), merchant=st.sampled_from([0, RICH, RICH]),
          member=corrected, amount=st.sampled_from([0, 1, 900, 50_000, 2**56]))  # fmt: skip
    def propose_correction(self, kind: int, merchant: int, member: MemberId, amount: int) -> None:
        operator, book = self.twin.world.operator, self.correction_book
        self._value_operate("Corrections", "proposeFor", kind, merchant, member, amount, REASON,
                            model=lambda: book.propose(kind, merchant, member, amount, operator))  # fmt: skip

    @rule(kind=st.sampled_from([GRANT, CLAW_BACK]), member=corrected, amount=st.sampled_from([1, 900, 10**7]))
    def propose_as_merchant(self, kind: int, member: MemberId, amount: int) -> None:
        merchant = self.twin.world.merchant
        self._value_send("Corrections", "propose", kind, RICH, member, amount, REASON, sender=merchant,
                         model=lambda: self.correction_book.propose(kind, RICH, member, amount, merchant))  # fmt: skip

    @rule(kind=st.sampled_from([GRANT, CLAW_BACK, GIVE, TAKE]), member=corrected, amount=st.integers(1, 3_000))
    def correct_by_two(self, kind: int, member: MemberId, amount: int) -> None:
        count = len(self.correction_book.proposals)
        merchant = RICH if kind in (GRANT, CLAW_BACK) else 0
        self.propose_correction(kind=kind, merchant=merchant, member=member, amount=amount)
        if len(self.correction_book.proposals) > count:
            self._approve_correction(count + 1, "merchant" if kind == GRANT else "approver")

    @precondition(lambda self: self.correction_book.proposals)
    @rule(data=st.data(), who=st.sampled_from(["merchant", "approver", "approver", "operator"]))
    def approve_correction(self, data: st.DataObject, who: str) -> None:
        self._approve_correction(self._some_proposal(data), who)

    def _approve_correction(self, number: int, who: str) -> None:
        sender = self.value_approver if who == "approver" else getattr(self.twin.world, who)
        terms = self._value_part("Corrections").view("termsOf", number)
        merchant = who == "merchant"
        self._value_send(
            "Corrections", "approve" if merchant else "approveFor", number, terms, sender=sender,
            model=lambda: self.correction_book.approve(number, sender, by_merchant=merchant),
        )  # fmt: skip

    @precondition(lambda self: self.correction_book.proposals)
    @rule(data=st.data(), operator=st.booleans())
    def cancel_correction(self, data: st.DataObject, operator: bool) -> None:
        number = self._some_proposal(data)
        sender = self.twin.world.operator if operator else self.twin.world.merchant
        name = "cancelFor" if operator else "cancel"
        self._value_send("Corrections", name, number, sender=sender,
                         model=lambda: self.correction_book.cancel(number, sender, operator=operator))  # fmt: skip

    @rule(kind=st.sampled_from([GIVE, TAKE, GRANT]), per_day=st.sampled_from([0, 5_000]), thief=st.booleans())
    def set_day_limit(self, kind: int, per_day: int, thief: bool) -> None:
        merchant = RICH if kind == GRANT else 0
        if thief:
            self._value_send("Corrections", "setDayLimit", merchant, kind, 2**60, sender=self.twin.world.merchant,
                             model=_not_allowed)  # fmt: skip
        else:
            self._day_limit(merchant, kind, per_day)

    # --- merging ---

    @rule(source=corrected, into=corrected, consent=st.booleans(), same=st.booleans(), named=st.booleans())
    def merge_two(self, source: MemberId, into: MemberId, consent: bool, same: bool, named: bool) -> None:
        operator, book = self.twin.world.operator, self.correction_book
        key = str(self.twin.world.registry.view("memberKey", into))
        merchants = [int(each) for each in (RICH, POOR, TIERED, CLOSED)] if named else []
        if consent:
            self._value_operate("MemberMerge", "proposeMerge", source, into, REASON,
                                model=lambda: book.propose_merge(source, into, operator, key))  # fmt: skip
        approver = operator if same else self.value_approver
        self._value_send("MemberMerge", "approveMerge", source, into, merchants, sender=approver,
                         model=lambda: book.approve_merge(source, into, merchants, approver, key))  # fmt: skip

    # --- what must hold ---

    @invariant()
    def what_merchants_owe_is_as_in_the_model(self) -> None:
        """And no more than their lines allowed."""
        contract = self._value_part("PointSale")
        assert contract.view("receivables") == self.sale_book.receivables
        for merchant, line in self.sale_book.lines.items():
            found = contract.view("lineOf", merchant)
            assert (found["owed"], found["due"]) == (line.owed, line.due)

    def _some_proposal(self, data: st.DataObject) -> int:
        open_ones = [n + 1 for n, each in enumerate(self.correction_book.proposals) if each.open]
        count = len(self.correction_book.proposals)
        return data.draw(st.sampled_from([*open_ones * 4, *range(1, count + 2)]))

    def _credit_line(self, merchant: int, *terms: int) -> None:
        self._value_operate("PointSale", "setLine", merchant, *terms,
                            model=lambda: self.sale_book.set_line(merchant, *terms))  # fmt: skip

    def _day_limit(self, merchant: int, kind: int, per_day: int) -> None:
        self._value_operate("Corrections", "setDayLimit", merchant, kind, per_day,
                            model=lambda: self.correction_book.per_day.update({(merchant, kind): per_day}))  # fmt: skip


def _not_allowed() -> None:
    raise Refused("AccessManagedUnauthorized")
