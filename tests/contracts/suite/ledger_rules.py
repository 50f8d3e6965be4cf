"""What can happen to the ledger itself: payments, refunds, money, points, time, and the operator's acts."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from node.domain.ids import MemberId, MerchantId, RuleVersion
from node.domain.leaf import Leaf
from tests.contracts.model import Refund, Undo
from tests.contracts.suite.machine import EPOCH
from tests.contracts.twin import STREAM, Twin, external, member_address
from tests.contracts.worlds import (
    CLOSED,
    FROZEN,
    LOCKED,
    MEMBERS,
    POOR,
    RICH,
    STRANGER,
    TIERED,
    made,
    payments,
    veto,
)

Draw = Callable[[st.SearchStrategy[Any]], Any]
merchants = st.sampled_from([RICH, POOR, TIERED, CLOSED])
members = st.sampled_from([*MEMBERS, LOCKED, FROZEN, STRANGER])
some_amounts = st.one_of(st.integers(1, 5_000), st.sampled_from([0, 1, 10**6]))


class LedgerRules:
    """The ledger's rules on a furnished world."""

    twin: Twin

    def setup_ledger(self) -> None:
        """Names for what the rules work on."""
        self.model, self.ledger = self.twin.model, self.twin.ledger

    @property
    def leaves(self) -> list[Leaf]:
        return [leaf for tree in self.twin.trees.values() for leaf in tree]

    @property
    def telling(self) -> list[Leaf]:
        """Leaves of which the refund is not plain: paid in coins or value, or owed in part."""
        return [leaf for leaf in self.leaves if leaf.tender or leaf.last][-12:]

    # --- the posting path ---

    @rule(batch=st.lists(payments(), min_size=1, max_size=8))
    def post(self, batch: list[dict[str, Any]]) -> None:
        self.twin.post(*(made(self.twin, fields) for fields in batch))

    @rule(batch=st.lists(payments(), min_size=3, max_size=12))
    def post_many(self, batch: list[dict[str, Any]]) -> None:
        self.post(batch)

    @rule(data=st.data(), penniless=st.booleans())
    def undo_all_of_a_payment(self, data: st.DataObject, penniless: bool) -> None:
        chosen = data.draw(st.sampled_from([*self.leaves[-20:], *self.telling]))
        if penniless:  # the points are spent already
            self.transfer(chosen.member, STRANGER, 2)
        lines = tuple(Undo(leaf=leaf) for leaf in self.leaves if leaf.sequence == chosen.sequence)
        self.twin.refund(Refund(sequence=self.twin.next_sequence(), kind=3, lines=lines))

    @rule(data=st.data(), kind=st.sampled_from([1, 1, 1, 1, 1, 2, 4]))
    def refund(self, data: st.DataObject, kind: int) -> None:
        # mostly the newest, so that epochs of all ages are met
        chosen = data.draw(st.sampled_from([*self.leaves[-12:], *self.telling]))
        of_payment = [leaf for leaf in self.leaves if leaf.sequence == chosen.sequence]
        wanted = data.draw(st.lists(st.sampled_from(of_payment), min_size=1, max_size=4))
        undone = tuple(self._undo(data, kind, leaf) for leaf in wanted)
        self.twin.refund(Refund(sequence=self.twin.next_sequence(), kind=kind, lines=undone))

    def _undo(self, data: st.DataObject, kind: int, leaf: Leaf) -> Undo:
        left = leaf.amount - self.model.refunded.get(leaf.hash, (0, 0))[0]
        part = data.draw(st.sampled_from([left, left // 2, left // 3, 1, left + 1])) if kind == 1 else 0
        return Undo(leaf=leaf, amount=part, proved=data.draw(st.sampled_from([True] * 9 + [False])))

    # --- time ---

    @rule(seconds=st.sampled_from([60, 86_400, EPOCH // 3, EPOCH, EPOCH, 2 * EPOCH]))
    def wait(self, seconds: int) -> None:
        self.twin.tick(seconds)
        self.twin.world.cash.send("withdraw", 0, bytes(32), sender=self.twin.world.operator)

    # --- money and points ---

    @rule(merchant=merchants, amount=some_amounts)
    def buy_points(self, merchant: MerchantId, amount: int) -> None:
        self.twin.buy_points(merchant, amount)

    @rule(member=members, amount=some_amounts)
    def recharge(self, member: MemberId, amount: int) -> None:
        self.twin.recharge(member, amount)

    @rule(merchant=st.sampled_from([0, RICH, POOR, TIERED, 9]), amount=some_amounts)
    def add_deposit(self, merchant: int, amount: int) -> None:
        self._ledger_act("addDeposit", merchant, amount, model=lambda: self.model.add_deposit(merchant, amount))

    @rule(merchant=merchants, member=members)
    def settle_owed(self, merchant: MerchantId, member: MemberId) -> None:
        self._ledger_act("settleOwed", merchant, member, model=lambda: self.model.settle_owed(merchant, member))

    @precondition(lambda self: any(self.model.book.owed.values()))
    @rule(data=st.data(), amount=st.integers(1, 2_000))
    def settle_something(self, data: st.DataObject, amount: int) -> None:
        merchant, member = data.draw(st.sampled_from([key for key, units in self.model.book.owed.items() if units]))
        self.twin.buy_points(merchant, amount)
        self.settle_owed(merchant, member)

    @precondition(lambda self: any(self.model.arrears.values()))
    @rule(data=st.data())
    def collect_arrears(self, data: st.DataObject) -> None:
        merchant, member = data.draw(st.sampled_from([key for key, units in self.model.arrears.items() if units]))
        self.twin.post(self.twin.payment(RICH, member, external(data.draw(st.integers(1, 9_999)))))
        self._ledger_act("collectArrears", merchant, member, model=lambda: self.model.collect_arrears(merchant, member))

    @precondition(lambda self: any(self.model.arrears.values()))
    @rule(data=st.data(), half=st.booleans())
    def forgive_arrears(self, data: st.DataObject, half: bool) -> None:
        merchant, member = data.draw(st.sampled_from(list(self.model.arrears)))
        units = self.model.arrears[merchant, member] // (2 if half else 1)
        self._ledger_act(
            "forgiveArrears", merchant, member, units,
            model=lambda: self.model.forgive_arrears(MerchantId(merchant), MemberId(member), units),
        )  # fmt: skip

    @rule(merchant=st.sampled_from([MerchantId(0), RICH, POOR, TIERED, CLOSED]), back=st.integers(1, 4))
    def claim_expired(self, merchant: MerchantId, back: int) -> None:
        self.twin.tick()
        epoch = self.model.epoch - back
        self._ledger_act("claimExpired", merchant, epoch, model=lambda: self.model.claim_expired(merchant, epoch))

    @rule(sender=members, receiver=members, share=st.sampled_from([0, 1, 2, 3]))
    def transfer(self, sender: MemberId, receiver: MemberId, share: int) -> None:
        units = self.model.touch(sender).coins * share // 2
        address = self.twin.chain.impersonate(member_address(sender))
        to = member_address(receiver)
        self._ledger_act(
            "transfer", to, units, sender=address, model=lambda: self.model.transfer(sender, receiver, units)
        )

    # --- the operator ---

    @rule(data=st.data(), what=st.sampled_from(["state", "tier", "veto", "budget", "limit", "pause", "open"]))
    def operate(self, data: st.DataObject, what: str) -> None:
        getattr(self, f"_{what}")(data.draw)

    def _state(self, draw: Draw) -> None:
        locked, frozen = draw(st.sampled_from([(False, False)] * 4 + [(True, False), (False, True)]))
        self.twin.set_state(draw(members), locked=locked, frozen=frozen)

    def _tier(self, draw: Draw) -> None:
        self.twin.set_tier(draw(members), draw(st.integers(0, 4)))

    def _veto(self, draw: Draw) -> None:
        veto(self.twin, draw(merchants), RuleVersion(draw(st.integers(2, 7))))

    def _budget(self, draw: Draw) -> None:
        merchant, version = draw(merchants), RuleVersion(draw(st.integers(1, 7)))
        units = draw(st.sampled_from([1, 10**6, 2**56 - 1]))
        self.twin.act(
            self.twin.world.rules, "raiseBudget", merchant, version, units, sender=self.twin.world.merchant,
            model=lambda: self.model.raise_budget(merchant, version, units),
        )  # fmt: skip

    def _limit(self, draw: Draw) -> None:
        limits = st.sampled_from([0, 500, 20_000, 10**6, 10**9])
        self.twin.set_limit(draw(limits), refunds=draw(limits))

    def _pause(self, draw: Draw) -> None:
        paused = draw(st.sampled_from([True, False, False]))
        self._ledger_act("pause" if paused else "unpause", model=lambda: self.model.set_paused(paused))

    def _open(self, draw: Draw) -> None:
        active = draw(st.booleans())
        self.twin.act(
            self.twin.world.registry, "setMerchantActive", CLOSED, active,
            model=lambda: self.model.set_merchant(CLOSED, active),
        )  # fmt: skip

    @invariant()
    def words_and_sums_agree(self) -> None:
        self.twin.compare()
        self.twin.check_invariants()
        stream = self.ledger.view("stream", STREAM)
        assert stream["debited"] <= max(stream["dailyLimit"], self.model.book.streams[STREAM].debited)  # type: ignore[index]

    def _ledger_act(self, name: str, *arguments: Any, model: Any, sender: str | None = None) -> None:
        self.twin.act(self.ledger, name, *arguments, model=model, sender=sender)
