"""What can happen to pending points and referrals: terms, names, claims of lines, refunds before and after them."""

import dataclasses
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from benchmarks.suite import Suite
from node.domain.ids import MemberId, MerchantId
from node.domain.leaf import Leaf
from tests.contracts.model import Refund, Undo
from tests.contracts.suite.claims_model import Days, Pending, PendingModel, Programme, ReferralsModel
from tests.contracts.suite.people import key_of, survivor_of, wait
from tests.contracts.suite.proofs import block_of, proven
from tests.contracts.twin import Twin, coins, external, stored
from tests.contracts.worlds import FROZEN, LOCKED, MEMBERS, POOR, RICH, STRANGER, TIERED

members = st.sampled_from([*MEMBERS * 3, LOCKED, FROZEN, STRANGER])
rates = st.sampled_from([0, 1, 300_000, 1_000_000, 2**40 - 1])
budgets = st.sampled_from([0, 1_000, 10**9, 10**9, 10**9])
windows = st.sampled_from([0, 0, 1, 1, 14, 366])
caps = st.sampled_from([0, 0, 50_000, 10**8])
DAY = 86_400


class ClaimsRules:
    """Pending points and referrals on a furnished suite."""

    twin: Twin

    def setup_claims(self) -> None:
        """Terms of a rich and a poor merchant, a programme of each, and one who was referred."""
        world = self.twin.world
        assert isinstance(world, Suite)
        self.pending, self.referrals = world["PendingRewards"], world["Referrals"]
        self.pending_book = PendingModel(ledger=self.twin.model, survivor=self._survivor)
        self.referrals_book = ReferralsModel(ledger=self.twin.model, survivor=self._survivor)
        self.twin.tick()
        today = self.twin.model.day
        for shop in (RICH, POOR):
            self._set_terms(shop, Pending(rate=500_000, days=Days(first=today), budget=10**9))
            programme = Programme(sponsor=shop, rate=250_000, days=Days(first=today), budget=10**9)
            self._open_programme(dataclasses.replace(programme, everywhere=shop == RICH, per_referred=10**9))
        for member, referrer in ((MEMBERS[1], MEMBERS[0]), (MEMBERS[2], MEMBERS[0])):
            self._name(0, member, referrer, "")

    def _survivor(self, member: int) -> int:
        return survivor_of(self.twin, member)

    # --- terms ---

    def _set_terms(self, shop: MerchantId, terms: Pending) -> None:
        self.twin.act(
            self.pending, "set", shop, terms.words(),
            model=lambda: self.pending_book.set(shop, terms), sender=self.twin.world.merchant,
        )  # fmt: skip

    def _open_programme(self, programme: Programme) -> None:
        self.twin.act(
            self.referrals, "open", programme.words(),
            model=lambda: self.referrals_book.open(programme), sender=self.twin.world.merchant,
        )  # fmt: skip

    def _days(self, data: st.DataObject) -> Days:
        first = self.twin.model.day + data.draw(st.sampled_from([0, 0, 1, 3, -1]))
        until = data.draw(st.sampled_from([0, 0, first, first + 1, first + 40]))
        return Days(first=first, until=until, window=data.draw(windows))

    @rule(data=st.data(), shop=st.sampled_from([RICH, POOR, TIERED]), rate=rates, budget=budgets)
    def set_terms(self, data: st.DataObject, shop: MerchantId, rate: int, budget: int) -> None:
        self._set_terms(shop, Pending(rate=rate, days=self._days(data), budget=budget))

    @rule(shop=st.sampled_from([RICH, POOR, TIERED]), ahead=st.sampled_from([0, 1, 5]))
    def end_terms(self, shop: MerchantId, ahead: int) -> None:
        until = self.twin.model.day + ahead
        self.twin.act(
            self.pending, "end", shop, until,
            model=lambda: self.pending_book.end(shop, until), sender=self.twin.world.merchant,
        )  # fmt: skip

    @rule(
        shop=st.sampled_from([RICH, POOR]),
        version=st.sampled_from([1, 2, 9]),
        units=st.sampled_from([0, 10**6, 2**56 - 1]),
    )
    def raise_pending_budget(self, shop: MerchantId, version: int, units: int) -> None:
        self.twin.act(
            self.pending, "raiseBudget", shop, version, units,
            model=lambda: self.pending_book.raise_budget(shop, version, units), sender=self.twin.world.merchant,
        )  # fmt: skip

    @rule(data=st.data(), rate=rates, budget=budgets, everywhere=st.booleans(), per_referred=caps, per_referrer=caps)
    def open_programme(self, data: st.DataObject, **fields: Any) -> None:
        sponsor = data.draw(st.sampled_from([RICH, POOR]))
        self._open_programme(Programme(sponsor=sponsor, days=self._days(data), **fields))

    # --- who referred whom ---

    def _name(self, scope: int, member: MemberId, referrer: MemberId, fault: str) -> None:
        world, book = self.twin.world, self.referrals_book
        if fault == "NotInGroup":
            calls: tuple[str, tuple[Any, ...], str] = (
                "recordReferrer",
                (scope or RICH, member, referrer),
                world.stranger,
            )
        elif scope:
            calls = ("recordReferrer", (scope, member, referrer), world.merchant)
        elif fault == "NotMember":
            calls = ("nameReferrer", (member, referrer, 0, b""), world.stranger)
        elif member % 2:
            calls = ("nameReferrer", (member, referrer, 0, b""), key_of(self.twin, member))
        else:
            calls = ("enrolReferred", (member, referrer), world.operator)
        name, arguments, sender = calls
        if name == "nameReferrer" and survivor_of(self.twin, member) != member:
            fault = "NotMember"
        self.twin.act(
            self.referrals, name, *arguments,
            model=lambda: book.name(scope, member, referrer, allowed=fault), sender=sender,
        )  # fmt: skip

    @rule(
        scope=st.sampled_from([0, RICH, POOR]),
        member=members,
        referrer=members,
        fault=st.sampled_from(["", "", "", "", "NotInGroup", "NotMember"]),
    )
    def name_referrer(self, scope: int, member: MemberId, referrer: MemberId, fault: str) -> None:
        self._name(0 if fault == "NotMember" else scope, member, referrer, fault)

    @precondition(lambda self: any(debt for _, _, debt in self.referrals_book.gained.values()))
    @rule(data=st.data())
    def carry_debt(self, data: st.DataObject) -> None:
        number, source = data.draw(st.sampled_from(sorted(self.referrals_book.gained)))
        self.twin.act(
            self.referrals, "carryDebt", number, source,
            model=lambda: self.referrals_book.carry_debt(number, source), sender=self.twin.world.stranger,
        )  # fmt: skip

    # --- claims ---

    def _leaves(self, data: st.DataObject) -> list[Leaf]:
        """One to three lines, mostly of one merchant; now and then one that no batch had."""
        found = [leaf for tree in self.twin.trees.values() for leaf in tree][-24:]
        first = data.draw(st.sampled_from(found))
        alike = [leaf for leaf in found if leaf.merchant == first.merchant and leaf.tender != 1] or [first]
        leaves = [*data.draw(st.lists(st.sampled_from(alike), max_size=2)), first]
        if data.draw(st.sampled_from([False] * 9 + [True])):
            leaves.append(dataclasses.replace(first, points=first.points + 1))
        for leaf in leaves:
            self.referrals_book.posted_at[leaf.hash] = block_of(self.twin, leaf)
        return leaves

    @rule(
        data=st.data(),
        shop=st.sampled_from([RICH, POOR]),
        member=st.sampled_from(MEMBERS[:3]),
        lines=st.sampled_from([(external(5_000),), (external(333), coins(2)), (stored(70), external(7))]),
        days=st.sampled_from([0, 1, 2, 15]),
    )
    def spend_and_claim(self, data: st.DataObject, shop: Any, member: MemberId, lines: Any, days: int) -> None:
        """A line, some days, a claim; then part of it is refunded, and the claim comes again."""
        outcome = self.twin.post(self.twin.payment(shop, member, *lines))
        wait(self.twin, days * DAY + 1)
        for leaf in outcome.leaves:
            self._claim(data, [leaf])
        if outcome.leaves and data.draw(st.booleans()):
            part = data.draw(st.sampled_from([1, outcome.leaves[0].amount]))
            lines = (Undo(leaf=outcome.leaves[0], amount=part),)
            self.twin.refund(Refund(sequence=self.twin.next_sequence(), kind=1, lines=lines))
            self._claim(data, [outcome.leaves[0]])

    @rule(data=st.data())
    def claim_lines(self, data: st.DataObject) -> None:
        self._claim(data, self._leaves(data))

    def _claim(self, data: st.DataObject, leaves: list[Leaf]) -> None:
        words = [proven(self.twin, leaf) for leaf in leaves]
        for leaf in leaves:
            self.referrals_book.posted_at[leaf.hash] = block_of(self.twin, leaf)
        shop = leaves[0].merchant
        version = data.draw(st.sampled_from([*range(1, self.pending_book.versions[shop] + 1), 1]))
        self.twin.act(
            self.pending, "claim", shop, version, words,
            model=lambda: self.pending_book.claim(shop, version, leaves), sender=self.twin.world.stranger,
        )  # fmt: skip
        number = data.draw(st.sampled_from([1, 1, *self.referrals_book.programmes, 99]))
        self.twin.act(
            self.referrals, "claim", number, words,
            model=lambda: self.referrals_book.claim(number, leaves), sender=self.twin.world.stranger,
        )  # fmt: skip

    @invariant()
    def later_points_agree(self) -> None:
        """What the newest lines gave, what is left of budgets, and who owes."""
        for leaf, (units, epoch) in list(self.pending_book.given.items())[-4:]:
            assert self.pending.view("givenFor", leaf) == {"units": units, "epoch": epoch}
        for (shop, version), terms in list(self.pending_book.terms.items())[-4:]:
            found = self.pending.view("termsOf", shop, version)
            assert (found["budget"], found["untilDay"]) == (terms.budget, terms.days.until)
        for (number, leaf), (units, referrer) in list(self.referrals_book.given.items())[-4:]:
            assert self.referrals.view("givenFor", number, leaf) == {"units": units, "referrer": referrer}
        for (number, referrer), (epoch, units, debt) in list(self.referrals_book.gained.items())[-4:]:
            found = self.referrals.view("earningsOf", number, referrer)
            assert found == {"epoch": epoch, "units": units, "debt": debt}
        for number, programme in self.referrals_book.programmes.items():
            assert self.referrals.view("programmeOf", number)["budget"] == programme.budget
