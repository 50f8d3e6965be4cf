"""What the rules of payments in two steps draw their terms from, and how they act on contract and model."""

from typing import Any

from hypothesis import strategies as st

from benchmarks.devchain import Contract, Reverted
from benchmarks.escrow import CASH, COINS, HOUR, NOBODY, VALUE, Terms, payer_of
from node.domain.ids import MemberId
from tests.contracts.model import Refused
from tests.contracts.suite.settlement_acts import Escrow
from tests.contracts.suite.settlement_merchants import ActDeclined
from tests.contracts.twin import AUTHORISATION, Twin
from tests.contracts.worlds import FROZEN, LOCKED, MEMBERS, POOR, RICH, STRANGER, TIERED

PURSE = 10**6  # cash of each payer at first
SELLERS = [RICH, TIERED]
EVERYBODY = [*MEMBERS, LOCKED, FROZEN, STRANGER]
DAY = 86_400
TILL_FIELDS = ("amount", "merchant", "tender", "min_reward", "capture_by", "refund_by")
FIELDS_OF = {"tender": 1, "amount": 6, "capture_by": 4, "refund_by": 4, "min_reward": 7}

amounts = st.one_of(st.integers(1, 4_000), st.sampled_from([1, 10**4]))
some_shares = st.lists(st.integers(0, 3_000), max_size=3).map(lambda parts: (*parts, 10_000 - sum(parts)))
# most terms are sound; the others have one fault
FAULTS: list[dict[str, Any]] = [
    {"amount": 0},
    {"amount": 2**48},
    {"amount": 10**7},
    {"min_reward": 2**56},
    {"min_reward": 9},
    {"merchant": POOR},
    {"member": LOCKED},
    {"member": FROZEN},
    {"member": STRANGER},
    {"member": STRANGER, "min_reward": 5},
    {"member": 0},
    {"tender": 3},
    {"authorize_by": 1},
    {"refund_by": 1},
    {"capture_by": 1},
    {"min_fee_bps": 5_000, "max_fee_bps": 4_999},
    {"max_fee_bps": 10_001},
    {"min_fee_bps": 900},
    {"payer": NOBODY},
    {"payer": payer_of("anna").address},
]


class EscrowHand:
    """Draws terms and payments, and does to the escrow what its model follows."""

    twin: Twin
    escrow: Contract
    escrow_book: Escrow
    escrow_keys: dict[MemberId, Any]
    escrow_payers: dict[str, Any]
    escrow_made: list[tuple[bytes, Terms]]

    def _escrow_terms(self, data: Any) -> tuple[Terms, bytes]:
        tender = data.draw(st.sampled_from([CASH, CASH, COINS, VALUE]))
        member = data.draw(st.sampled_from(MEMBERS))
        terms = self._escrow_times(data).but(
            payer=data.draw(st.sampled_from(sorted(self.escrow_payers))) if tender == CASH else NOBODY,
            merchant=data.draw(st.sampled_from(SELLERS)),
            member=data.draw(st.sampled_from([0, member])) if tender == CASH else member,
            tender=tender,
            amount=data.draw(amounts),
            salt=len(self.escrow_made),
        )
        if terms.member and tender != COINS:
            terms = terms.but(min_reward=data.draw(st.sampled_from([0, 777, 40_000])))
        terms = terms.but(**data.draw(st.sampled_from([{}] * 30 + FAULTS)))
        return terms, bytes(self.escrow.view("idOf", terms.words()))

    def _escrow_times(self, data: Any) -> Terms:
        now = self.twin.now
        capture_by = now + 500 + data.draw(st.sampled_from([HOUR, DAY, DAY, 20 * DAY, 45 * DAY]))
        refund_by = capture_by + data.draw(st.sampled_from([5 * DAY, 60 * DAY]))
        return Terms(authorize_by=min(capture_by, now + HOUR), capture_by=capture_by, refund_by=refund_by)

    def _escrow_signs(self, terms: Terms) -> str:
        member = MemberId(terms.member)
        merged = self.twin.model.survivor(member) != member
        key = None if merged else self.escrow_keys.get(member)
        return terms.payer if terms.tender == CASH else key.address if key else NOBODY

    def _escrow_signer(self, terms: Terms) -> Any:
        if terms.tender == CASH and terms.payer != NOBODY:
            return self.escrow_payers[terms.payer]
        return self.escrow_keys.get(MemberId(terms.member), payer_of("thief"))

    def _escrow_chosen(self, data: Any, *, captured: bool = False) -> tuple[bytes, Terms]:
        # mostly one with which something can still be done
        open_ = [one for one in self.escrow_made if self.escrow_book.payments[one[0]].capturable]
        done = [one for one in self.escrow_made if self.escrow_book.payments[one[0]].captured]
        chosen: tuple[bytes, Terms] = data.draw(
            st.sampled_from([*(done if captured else open_)[-6:] * 3, self.escrow_made[0]])
        )
        return chosen

    def _escrow_part(self, data: Any, left: int) -> int:
        part: int = data.draw(st.sampled_from([left, left, left // 2, left // 2, left // 3, 1, left + 1]))
        return part

    def _escrow_reward(self, data: Any, terms: Terms, amount: int) -> int:
        needed = self.escrow_book.needed(terms, amount) if terms.amount else 0
        reward: int = data.draw(st.sampled_from([needed] * 9 + [needed + 1_000, max(needed - 1, 0)]))
        return reward

    def _escrow_agree(self, merchant: int, fee: int, at_once: bool, shares: tuple[tuple[str, int], ...]) -> None:
        self._escrow_act(
            "setMerchantTerms", merchant, fee, at_once, shares, sender=self.twin.world.operator,
            model=lambda: self.escrow_book.set_terms(merchant, fee, at_once, shares),
        )  # fmt: skip

    def _escrow_act(self, name: str, *arguments: Any, model: Any, sender: str | None = None) -> Any:
        return self.twin.act(self.escrow, name, *arguments, model=model, sender=sender or self.twin.world.merchant)

    def _escrow_till(
        self, body: bytes, origin: int, terms: Terms, *, model: Any, authorised: bool = True, debit_left: int = 10**9
    ) -> bool:
        """An act as the ledger hands it over; whether it was done."""
        twin, self_ = self.twin, self.twin.ledger.address
        twin.tick()
        proof = AUTHORISATION if authorised else bytes(32)
        act = (
            origin >> 64, origin & 2**64 - 1, terms.merchant, 0, terms.member, twin.now, 0, 0, debit_left, proof,
        )  # fmt: skip
        try:
            model()
        except Refused as refused:
            try:
                self.escrow.send("applyAct", act, body, sender=twin.chain.impersonate(self_))
            except Reverted as reverted:
                assert reverted.error == refused.error
                assert not isinstance(refused, ActDeclined) or reverted.values == (refused.reason,)
                return False
            raise AssertionError(f"act {body[0]} should have been refused: {refused}") from None
        self.escrow.send("applyAct", act, body, sender=twin.chain.impersonate(self_))
        return True

    def _escrow_set_up(self, contract: Any, name: str, *arguments: Any, sender: str | None = None) -> None:
        self.twin.tick()
        who = self.twin.chain.impersonate(sender) if sender else self.twin.world.operator
        contract.send(name, *arguments, sender=who)
