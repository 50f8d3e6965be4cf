"""What can happen to payments in two steps: by signature, at a till, and what merchants do and get afterwards."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from benchmarks.escrow import COINS, VALUE, Terms, payer_of, signed
from node.domain.ids import MemberId
from tests.contracts.doors_model import holder_of
from tests.contracts.suite.settlement_acts import Escrow
from tests.contracts.suite.settlement_hand import (
    DAY,
    EVERYBODY,
    FAULTS,
    FIELDS_OF,
    PURSE,
    SELLERS,
    TILL_FIELDS,
    EscrowHand,
    amounts,
    some_shares,
)
from tests.contracts.twin import ONE
from tests.contracts.worlds import MEMBERS, POOR, RICH, STRANGER, TIERED


class SettlementRules(EscrowHand):
    """Payments of two purses and all members, at three merchants."""

    def setup_settlement(self) -> None:
        """Keys, purses with an allowance, and terms for two of the merchants: by batch, and at once."""
        twin, world = self.twin, self.twin.world
        self.escrow: Any = world["SettlementEscrow"]  # type: ignore[index]
        self.escrow_payouts: Any = world["MerchantPayouts"]  # type: ignore[index]
        self.escrow_book = Escrow(ledger=twin.model, key=holder_of(self.escrow.address))
        self.escrow_payers = {payer_of(name).address: payer_of(name) for name in ("anna", "bert")}
        self.escrow_keys = {member: payer_of(f"member {member}") for member in EVERYBODY}
        self.escrow_receivers = [payer_of(f"receiver {i}").address for i in range(4)]
        self.escrow_made: list[tuple[bytes, Terms]] = []
        self.escrow_origins: dict[int, Terms] = {}
        for address in self.escrow_payers:
            self._escrow_set_up(world.cash, "transfer", address, PURSE)
            self._escrow_set_up(world.cash, "approve", self.escrow.address, 2**256 - 1, sender=address)
            self.escrow_book.cash[address] = PURSE
        for member in EVERYBODY:
            self.twin.give_key(member, self.escrow_keys[member].address)
        for merchant, at_once in ((RICH, False), (TIERED, True)):
            self._escrow_agree(
                merchant, 150, at_once, ((self.escrow_receivers[0], 7_000), (self.escrow_receivers[1], 3_000))
            )
        self._escrow_set_up(self.escrow_payouts, "setPayout", TIERED, self.escrow_receivers[3], sender=world.merchant)
        self.escrow_book.payouts[TIERED] = self.escrow_receivers[3]

    def cash_owed_settlement(self) -> dict[str, int]:
        """What the escrow holds for others."""
        return {"SettlementEscrow": self.escrow_book.cash_owed()}

    # --- by signature ---

    @rule(data=st.data(), honest=st.sampled_from([True] * 9 + [False]))
    def authorize_payment(self, data: st.DataObject, honest: bool) -> None:
        terms, id_ = self._escrow_terms(data)
        amount = data.draw(st.sampled_from([terms.amount] * 6 + [terms.amount // 2, terms.amount + 1]))
        signer = self._escrow_signer(terms) if honest else payer_of("thief")
        signature = signed(self.twin.world, signer, terms)  # type: ignore[arg-type]
        signing = signer.address == self._escrow_signs(terms)
        clerk = data.draw(st.sampled_from([True] * 9 + [False]))
        done = self._escrow_act(
            "authorize", terms.words(), amount, signature,
            sender=self.twin.world.merchant if clerk else self.twin.world.stranger,
            model=lambda: self.escrow_book.authorize(id_, terms, amount, signed=signing, clerk=clerk),
        )  # fmt: skip
        if done:
            self.escrow_made.append((id_, terms))

    @rule(data=st.data())
    def charge_payment(self, data: st.DataObject) -> None:
        terms, id_ = self._escrow_terms(data)
        reward = self._escrow_reward(data, terms, terms.amount)
        signer = self._escrow_signer(terms)
        signature = signed(self.twin.world, signer, terms)  # type: ignore[arg-type]
        signing = signer.address == self._escrow_signs(terms)
        done = self._escrow_act(
            "charge", terms.words(), terms.amount, reward, signature,
            model=lambda: self.escrow_book.charge(id_, terms, terms.amount, reward, signed=signing),
        )  # fmt: skip
        if done:
            self.escrow_made.append((id_, terms))

    @precondition(lambda self: any(payment.capturable for payment in self.escrow_book.payments.values()))
    @rule(data=st.data())
    def capture_payment(self, data: st.DataObject) -> None:
        id_, terms = self._escrow_chosen(data)
        amount = self._escrow_part(data, self.escrow_book.payments[id_].capturable)
        reward = self._escrow_reward(data, terms, amount)
        self._escrow_act(
            "capture", terms.words(), amount, reward, model=lambda: self.escrow_book.capture(id_, terms, amount, reward)
        )

    @precondition(lambda self: self.escrow_made)
    @rule(data=st.data(), early=st.booleans())
    def free_payment(self, data: st.DataObject, early: bool) -> None:
        id_, terms = self._escrow_chosen(data)
        if early:
            self._escrow_act("void", terms.words(), model=lambda: self.escrow_book.void(id_, terms))
        else:
            stranger = self.twin.world.stranger
            self._escrow_act(
                "reclaim", terms.words(), model=lambda: self.escrow_book.reclaim(id_, terms), sender=stranger
            )

    @precondition(lambda self: self.escrow_made)
    @rule(data=st.data(), forced=st.booleans())
    def refund_payment(self, data: st.DataObject, forced: bool) -> None:
        id_, terms = self._escrow_chosen(data, captured=True)
        payment = self.escrow_book.payments[id_]
        amount = self._escrow_part(data, payment.captured - payment.refunded)
        if forced:
            self._escrow_act(
                "chargeBack", terms.words(), amount, "not delivered", sender=self.twin.world.operator,
                model=lambda: self.escrow_book.charge_back(id_, terms, amount),
            )  # fmt: skip
        else:
            self._escrow_act("refund", terms.words(), amount, model=lambda: self.escrow_book.refund(id_, terms, amount))

    # --- at a till ---

    @rule(data=st.data(), member=st.sampled_from([*MEMBERS, *EVERYBODY]), tender=st.sampled_from([VALUE, COINS]))
    def authorize_at_till(self, data: st.DataObject, member: MemberId, tender: int) -> None:
        origin = (ONE << 64) | self.twin.next_sequence()
        terms = self._escrow_times(data).but(
            merchant=data.draw(st.sampled_from(SELLERS)),
            member=member,
            tender=tender,
            amount=data.draw(amounts),
            max_fee_bps=10_000,
            min_reward=data.draw(st.sampled_from([0, 5_000])) if tender == VALUE else 0,
        )
        fault = data.draw(st.sampled_from([{}] * 30 + FAULTS))
        terms = terms.but(**{name: value for name, value in fault.items() if name in TILL_FIELDS and value < 2**48})
        terms = terms.but(authorize_by=0, salt=1 << 255 | origin)
        fields = b"".join(getattr(terms, name).to_bytes(size, "big") for name, size in FIELDS_OF.items())
        authorised = data.draw(st.sampled_from([True] * 9 + [False]))
        debit_left = data.draw(st.sampled_from([10**9] * 9 + [500]))
        id_ = bytes(self.escrow.view("idOf", terms.words()))
        done = self._escrow_till(
            bytes([3]) + fields, origin, terms, authorised=authorised, debit_left=debit_left,
            model=lambda: self.escrow_book.act_authorize(
                origin, id_, terms, debit_left=debit_left, authorised=authorised
            ),
        )  # fmt: skip
        if done:
            self.escrow_made.append((id_, terms))
            self.escrow_origins[origin] = terms

    @precondition(lambda self: self.escrow_origins)
    @rule(data=st.data(), wrong=st.sampled_from([""] * 8 + ["member", "merchant", "origin"]))
    def capture_at_till(self, data: st.DataObject, wrong: str) -> None:
        origin = data.draw(st.sampled_from(sorted(self.escrow_origins)[-4:]))
        terms = self.escrow_origins[origin]
        payment = self.escrow_book.payments[self.escrow_book.acts[origin][1]]
        amount = self._escrow_part(data, payment.capturable)
        reward = self._escrow_reward(data, terms, amount)
        key = (ONE << 64) | self.twin.next_sequence()
        named = terms.but(member=STRANGER) if wrong == "member" else terms
        named = named.but(merchant=POOR) if wrong == "merchant" else named
        of = origin + (1 << 40) if wrong == "origin" else origin
        body = of.to_bytes(12, "big") + amount.to_bytes(6, "big") + reward.to_bytes(7, "big")
        self._escrow_till(
            bytes([4]) + body, key, named,
            model=lambda: self.escrow_book.act_capture(key, of, named.member, named.merchant, amount, reward),
        )  # fmt: skip

    @precondition(lambda self: self.escrow_origins)
    @rule(data=st.data(), undo=st.booleans())
    def void_at_till(self, data: st.DataObject, undo: bool) -> None:
        origin = data.draw(st.sampled_from(sorted(self.escrow_origins)[-4:]))
        terms = self.escrow_origins[origin]
        body = bytes([131]) + origin.to_bytes(12, "big")[4:] if undo else bytes([5]) + origin.to_bytes(12, "big")
        key = (ONE << 64) | self.twin.next_sequence()
        self._escrow_till(
            body, key, terms,
            model=lambda: self.escrow_book.act_void(origin, terms.member, terms.merchant, undo=undo),
        )  # fmt: skip

    @precondition(lambda self: self.escrow_origins)
    @rule(data=st.data())
    def undo_capture_at_till(self, data: st.DataObject) -> None:
        captures = [key for key, act in self.escrow_book.acts.items() if act[0] == "capture"]
        key = data.draw(st.sampled_from(sorted(captures) or [5]))
        act = self.escrow_book.acts.get(key)
        terms = self.escrow_book.acts[act[1]][2] if act else next(iter(self.escrow_origins.values()))
        self._escrow_till(
            bytes([132]) + (key & 2**64 - 1).to_bytes(8, "big"), (ONE << 64) | self.twin.next_sequence(), terms,
            model=lambda: self.escrow_book.act_undo_capture(key | ONE << 64, terms.member, terms.merchant),
        )  # fmt: skip

    # --- merchants ---

    @rule(merchant=st.sampled_from([RICH, TIERED, POOR]), late=st.booleans())
    def settle_merchant(self, merchant: int, late: bool) -> None:
        if late:
            self.twin.tick(DAY)
            self.twin.world.cash.send("withdraw", 0, bytes(32), sender=self.twin.world.operator)
        self._escrow_act(
            "settle", merchant, model=lambda: self.escrow_book.settle(merchant), sender=self.twin.world.stranger
        )

    @rule(data=st.data(), merchant=st.sampled_from([RICH, TIERED]))
    def agree_terms(self, data: st.DataObject, merchant: int) -> None:
        parts = data.draw(some_shares)
        fee = data.draw(st.sampled_from([0, 1, 100, 150, 999]))
        fault = data.draw(st.sampled_from([""] * 9 + ["fee", "sum", "none"]))
        fee = 10_001 if fault == "fee" else fee
        parts = {"sum": (1, *parts[1:]), "none": ()}.get(fault, parts)
        shares = tuple(zip(self.escrow_receivers, parts, strict=False))
        self._escrow_agree(merchant, fee, data.draw(st.booleans()), shares)

    @rule(data=st.data())
    def claim_fees(self, data: st.DataObject) -> None:
        owed = [receiver for receiver in self.escrow_receivers if self.escrow_book.claimable.get(receiver)]
        address = data.draw(st.sampled_from([*owed, self.escrow_receivers[3]]))
        self._escrow_act("claimFees", address, model=lambda: self.escrow_book.claim(address, address), sender=address)

    @rule(data=st.data(), merchant=st.sampled_from([RICH, TIERED, TIERED]))
    def pay_out(self, data: st.DataObject, merchant: int) -> None:
        payable = self.twin.model.book.merchants[merchant].payable  # type: ignore[index]
        amount = data.draw(st.sampled_from([payable, payable // 3, 1, payable + 1]))
        self.twin.act(
            self.escrow_payouts, "payOut", merchant, amount, sender=self.twin.world.merchant,
            model=lambda: self.escrow_book.pay_out(merchant, amount),
        )  # fmt: skip

    # --- what must hold ---

    @invariant()
    def payments_stand_where_the_model_says(self) -> None:
        """Of the newest and of those that changed last, word for word."""
        for id_, _ in self.escrow_made[-3:]:
            found, expected = self.escrow.view("payment", id_), self.escrow_book.payments[id_]
            assert (found["capturable"], found["captured"], found["refunded"], found["reward"]) == (
                expected.capturable, expected.captured, expected.refunded, expected.reward,
            )  # fmt: skip
        holdings = self.escrow.view("holdings")
        assert holdings["authorized"] == self.escrow_book.authorized
        assert sum(holdings.values()) == self.escrow_book.cash_owed()

    @invariant()
    def coins_held_are_those_of_all_payments(self) -> None:
        """The escrow's own account is the sum of its positions, by age."""
        epoch = self.twin.model.epoch
        positions = [coins.rolled(epoch).held for coins in self.escrow_book.coins.values()]
        account = self.twin.model.touch(self.escrow_book.key)
        assert (account.current, account.previous) == (sum(c for c, _ in positions), sum(p for _, p in positions))
        assert self.twin.world["SettlementEscrow"].view("coinsOwed") == account.current + account.previous

    @invariant()
    def nobody_ends_with_more_than_was_paid_in(self) -> None:
        """Payers of cash, on the chain; and no statement is negative."""
        for address in self.escrow_payers:
            held = self.twin.world.cash.view("balanceOf", address)
            assert held == self.escrow_book.cash[address] <= PURSE
        for merchant in (RICH, TIERED):
            says = self.escrow.view("statementOf", merchant)
            assert says == self.escrow_book.statement(merchant)
            assert says["gross"] - says["fees"] - (says["refunds"] - says["covered"]) == (
                says["paidAtOnce"] + says["restored"] + says["net"]
            )
