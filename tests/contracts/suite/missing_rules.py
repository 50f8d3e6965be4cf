"""What can happen to claims by receipt: attested, approved, rejected, revoked, by whom it may and by whom not."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from benchmarks.suite import Suite
from node.domain.ids import MemberId
from tests.contracts.suite.missing_model import MissingModel, Receipt
from tests.contracts.suite.people import survivor_of
from tests.contracts.twin import Twin
from tests.contracts.worlds import BASE, CLOSED, FROZEN, LOCKED, MEMBERS, POOR, RICH, STRANGER, TIERED

RECONCILE = 128
FINANCE = 8
STATES = ["None", "Attested", "Approved", "Rejected", "Revoked"]
FAULTS: list[dict[str, Any]] = [
    *[{}] * 14,
    {"amount": 0},
    {"amount": 100_000_001},
    {"amount": 2**50},
    {"store": 1},
    {"member": STRANGER},
    {"member": FROZEN},
    {"merchant": CLOSED},
    {"age": -60},
    {"age": 31 * 86_400},
]


class MissingRules:
    """Claims by receipt on a furnished suite."""

    twin: Twin

    def setup_missing(self) -> None:
        """A clerk and a second person at each merchant."""
        world = self.twin.world
        assert isinstance(world, Suite)
        self.missing = world["MissingPoints"]
        longest, per_day = self.missing.view("bounds")
        shops = (RICH, POOR, TIERED, CLOSED)
        self.missing_book = MissingModel(
            ledger=self.twin.model,
            survivor=lambda member: survivor_of(self.twin, member),
            longest=longest,
            per_day=per_day,
            base=dict.fromkeys(shops, BASE),
        )
        self.clerk, self.second = (world.chain.impersonate("0x" + byte * 20) for byte in ("c1", "c2"))
        for shop in shops:
            for account, groups in ((self.clerk, RECONCILE), (self.second, FINANCE | RECONCILE)):
                self.twin.tick()
                world.registry.send("setGroups", shop, account, groups, sender=world.merchant)

    @rule(
        data=st.data(),
        merchant=st.sampled_from([RICH, RICH, TIERED, POOR]),
        member=st.sampled_from([*MEMBERS, LOCKED]),
        amount=st.sampled_from([1, 999, 50_000]),
        fault=st.sampled_from(FAULTS),
        clerk=st.sampled_from([0, 0, 0, 1, 2]),
    )
    def attest_receipt(
        self, data: st.DataObject, merchant: Any, member: MemberId, amount: int, fault: dict[str, Any], clerk: int
    ) -> None:
        number = data.draw(st.integers(0, 3)).to_bytes(32, "big")
        age = fault.get("age", data.draw(st.sampled_from([60, 60, 86_400 * 3])))
        fields = {"merchant": merchant, "member": member, "amount": amount, "number": number}
        fields |= {name: value for name, value in fault.items() if name != "age"}
        receipt = Receipt(time=self.twin.now - age, **fields)
        by = [self.clerk, self.second, self.twin.world.stranger][clerk]
        self.twin.act(
            self.missing, "attest", receipt.words(), sender=by,
            model=lambda: self.missing_book.attest(receipt, by, clerk=clerk != 2),
        )  # fmt: skip

    @rule(data=st.data(), member=st.sampled_from(MEMBERS))
    def attest_and_approve(self, data: st.DataObject, member: MemberId) -> None:
        self.attest_receipt(data, RICH, member, 50_000, {}, 0)
        key = list(self.missing_book.claims)[-1] if self.missing_book.claims else None
        if key:
            self._decide(key, "approve", 1)

    @precondition(lambda self: self.missing_book.claims)
    @rule(
        data=st.data(),
        how=st.sampled_from(["approve", "approve", "reject", "revoke"]),
        by=st.sampled_from([1, 1, 1, 0, 2]),
    )
    def decide_claim(self, data: st.DataObject, how: str, by: int) -> None:
        wanted = "Approved" if how == "revoke" else "Attested"
        good = [key for key, claim in self.missing_book.claims.items() if claim.state == wanted]
        self._decide(data.draw(st.sampled_from([*good * 6, *self.missing_book.claims])), how, by)

    def _decide(self, key: Any, how: str, by: int) -> None:
        book, receipt = self.missing_book, self.missing_book.claims[key].receipt
        sender = [self.clerk, self.second, self.twin.world.stranger][by]
        number = self.missing.view("idOf", receipt.merchant, receipt.store, receipt.number, receipt.time)
        acts = {"approve": book.approve, "reject": book.reject, "revoke": book.revoke}
        self.twin.act(self.missing, how, number, model=lambda: acts[how](key, sender, group=by == 1), sender=sender)

    @invariant()
    def claims_agree(self) -> None:
        """The newest ones in full."""
        for it in list(self.missing_book.claims.values())[-4:]:
            receipt = it.receipt
            number = self.missing.view("idOf", receipt.merchant, receipt.store, receipt.number, receipt.time)
            found = self.missing.view("claimOf", number)
            assert (STATES[found["state"]], found["units"], found["member"]) == (it.state, it.units, receipt.member)
