"""What can happen to gift certificates: bought, sold, given, split, spent by key, by code and at a till, ended."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from benchmarks.suite import Suite
from node.domain.ids import MemberId, MerchantId
from tests.contracts.suite.certificates_model import CertificatesModel, Terms
from tests.contracts.suite.codes import CODES, no_code, sign_claim, sign_redeem
from tests.contracts.suite.people import key_of, survivor_of, wait
from tests.contracts.suite.till import UNDO, Act, at_till
from tests.contracts.twin import Twin
from tests.contracts.worlds import CLOSED, FROZEN, LOCKED, MEMBERS, POOR, RICH, STRANGER

members = st.sampled_from([*MEMBERS * 3, LOCKED, FROZEN, STRANGER])
merchants = st.sampled_from([*[RICH] * 5, POOR, CLOSED])
KINDS = ["None", "Account", "Member", "Merchant"]
FAULTS: list[dict[str, Any]] = [{}, {}, {}, {}, {}, {"debit_left": 5}, {"authorisation": bytes(32)}]
BOUGHT: list[dict[str, Any]] = [
    *[{}] * 24,
    {"amount": 0},
    {"amount": 2**48},
    {"merchant": 99},
    {"days": 0},
    {"days": 5_000},
    {"member": 0, "code": None},
]


class CertificatesRules:
    """Certificates on a furnished suite."""

    twin: Twin

    def setup_certificates(self) -> None:
        """Some to begin with: members' and codes', anywhere's and one merchant's."""
        world = self.twin.world
        assert isinstance(world, Suite)
        self.certificates = world["GiftCertificates"]
        shortest, longest = self.certificates.view("validity")
        self.certificate_book = CertificatesModel(
            ledger=self.twin.model,
            survivor=lambda member: survivor_of(self.twin, member),
            shortest=shortest,
            longest=longest,
        )
        for account in (world.operator, world.merchant):
            self.twin.tick()
            world.cash.send("approve", self.certificates.address, 2**256 - 1, sender=account)
        self.twin.tick()
        world.cash.send("transfer", world.merchant, 10**6, sender=world.operator)
        model = self.twin.model
        for shop in (RICH, POOR):
            self.twin.act(
                self.twin.ledger,
                "creditPayable",
                shop,
                5_000,
                model=lambda shop=shop: model.credit_payable(shop, 5_000),
            )
        for merchant, member in ((0, 1), (RICH, 2), (0, 0), (POOR, 3)):
            self._buy(self._terms(500, 40, merchant, member, None if member else CODES[0].address))

    def cash_owed_certificates(self) -> dict[str, int]:
        """The sum of all certificates."""
        return {"GiftCertificates": self.certificate_book.outstanding}

    def close_certificates(self) -> None:
        """Nobody got more than was paid in."""
        book = self.certificate_book
        assert book.paid_in == book.paid_out + book.outstanding

    def _terms(self, amount: int, days: int, merchant: int, member: int, code: str | None) -> Terms:
        until = self.twin.now + days * 86_400 + 100
        return Terms(amount=amount, until=until, merchant=merchant, member=member, code=code)

    def _buy(self, terms: Terms) -> None:
        buyer = self.twin.world.merchant
        self.twin.act(
            self.certificates, "buy", terms.words(), sender=buyer,
            model=lambda: self.certificate_book.buy(terms, int(buyer, 16)),
        )  # fmt: skip

    @rule(
        data=st.data(),
        how=st.sampled_from(["buy", "buyWithValue", "sell"]),
        member=members,
        buyer=st.sampled_from([0, *MEMBERS, LOCKED, STRANGER]),
        by_code=st.booleans(),
        changed=st.sampled_from(BOUGHT),
    )
    def get_certificate(
        self, data: st.DataObject, how: str, member: MemberId, buyer: int, by_code: bool, changed: dict[str, Any]
    ) -> None:
        fields = {
            "amount": data.draw(st.sampled_from([1, 300, 7_000])),
            "days": data.draw(st.sampled_from([1, 40, 400])),
            "merchant": data.draw(st.sampled_from([0, RICH, CLOSED])),
            "member": 0 if by_code else member,
            "code": data.draw(st.sampled_from(CODES)).address if by_code else None,
        } | changed
        terms, book, world = self._terms(**fields), self.certificate_book, self.twin.world
        if how == "buy":
            self._buy(terms)
        elif how == "sell":
            seller, clerk = data.draw(st.sampled_from([RICH, RICH, POOR])), data.draw(st.sampled_from([1, 1, 1, 0]))
            self.twin.act(
                self.certificates, "sell", seller, buyer, terms.words(),
                model=lambda: book.sell(seller, buyer, terms, clerk=bool(clerk)),
                sender=world.merchant if clerk else world.stranger,
            )  # fmt: skip
        else:
            payer = MemberId(buyer or MEMBERS[0])
            self.twin.act(
                self.certificates, "buyWithValue", payer, terms.words(), 0, b"",
                model=lambda: book.buy_with_value(terms, payer), sender=key_of(self.twin, payer),
            )  # fmt: skip

    def _some(self, data: st.DataObject, *, by_code: bool | None = None) -> int:
        """Mostly one with something left, which a member or a code holds."""
        found = self.certificate_book.all
        good = [number for number, it in found.items() if it.value and by_code in (None, it.code is not None)]
        return int(data.draw(st.sampled_from([*good * 8, *list(found)[:3], 10**6])))

    def _key(self, number: int, allowed: bool) -> str:
        it = self.certificate_book.all.get(number)
        if not (allowed and it and it.member):
            return self.twin.world.stranger
        return key_of(self.twin, MemberId(survivor_of(self.twin, it.member)))

    @rule(data=st.data(), to=members, by_code=st.booleans(), allowed=st.sampled_from([True] * 4 + [False]))
    def give_certificate(self, data: st.DataObject, to: int, by_code: bool, allowed: bool) -> None:
        number, book = self._some(data, by_code=False), self.certificate_book
        code = data.draw(st.sampled_from(CODES)).address if by_code else None
        to = 0 if by_code else to
        self.twin.act(
            self.certificates, "give", number, to, code or no_code(), 0, b"",
            model=lambda: book.give(number, to, code, key=allowed), sender=self._key(number, allowed),
        )  # fmt: skip

    @rule(data=st.data(), amounts=st.lists(st.sampled_from([1, 1, 50, 50, 499, 500, 0]), max_size=3))
    def split_certificate(self, data: st.DataObject, amounts: list[int]) -> None:
        number, book = self._some(data, by_code=False), self.certificate_book
        self.twin.act(
            self.certificates, "split", number, amounts, 0, b"",
            model=lambda: book.split(number, amounts), sender=self._key(number, True),
        )  # fmt: skip

    @rule(data=st.data(), member=members, signed=st.sampled_from([True, True, True, False]))
    def claim_certificate(self, data: st.DataObject, member: MemberId, signed: bool) -> None:
        number, book = self._some(data, by_code=True), self.certificate_book
        signature = sign_claim(self.certificates, self._code(number, signed), number, member, self._uses(number))
        self.twin.act(
            self.certificates, "claim", number, member, signature,
            model=lambda: book.claim(number, member, signed=signed), sender=self.twin.world.stranger,
        )  # fmt: skip

    def _uses(self, number: int) -> int:
        it = self.certificate_book.all.get(number)
        return it.uses if it else 0

    def _code(self, number: int, right: bool) -> Any:
        it = self.certificate_book.all.get(number)
        found = [code for code in CODES if it and code.address == it.code]
        return found[0] if found and right else CODES[-1]

    @rule(
        data=st.data(),
        merchant=merchants,
        share=st.sampled_from([0, 1, 1, 1, 2, 2, 3, 2**46]),
        allowed=st.sampled_from([True] * 4 + [False]),
        by_code=st.booleans(),
    )
    def redeem_certificate(
        self, data: st.DataObject, merchant: MerchantId, share: int, allowed: bool, by_code: bool
    ) -> None:
        number, book = self._some(data, by_code=by_code), self.certificate_book
        it = book.all.get(number)
        value = it.value if it else 5
        amount = value * share // 2
        if by_code:
            code, uses = self._code(number, allowed), self._uses(number)
            signature = sign_redeem(self.certificates, code, number, merchant, amount, uses)
            self.twin.act(
                self.certificates, "redeemByCode", number, merchant, amount, signature,
                model=lambda: book.redeem_by_code(number, merchant, amount, signed=allowed),
                sender=self.twin.world.stranger,
            )  # fmt: skip
            return
        self.twin.act(
            self.certificates, "redeem", number, merchant, amount, 0, b"",
            model=lambda: book.redeem(number, merchant, amount, key=allowed), sender=self._key(number, allowed),
        )  # fmt: skip

    @rule(
        data=st.data(),
        merchant=merchants,
        change=st.sampled_from([0, 0, 0, 1, -(10**9)]),
        clerk=st.sampled_from([1, 1, 1, 0]),
    )
    def give_back(self, data: st.DataObject, merchant: MerchantId, change: int, clerk: int) -> None:
        book, world = self.certificate_book, self.twin.world
        spent = [number for number, it in book.all.items() if it.face > it.value]
        number = data.draw(st.sampled_from([*spent * 8, *list(book.all)[:2], 10**6]))
        it = book.all.get(number)
        amount = max((it.face - it.value if it else 1) + change, 0)
        self.twin.act(
            self.certificates, "giveBack", number, merchant, amount,
            model=lambda: book.give_back(number, merchant, amount, clerk=bool(clerk)),
            sender=world.merchant if clerk else world.stranger,
        )  # fmt: skip

    @rule(data=st.data(), days=st.sampled_from([0, 0, 41]))
    def expire_certificate(self, data: st.DataObject, days: int) -> None:
        number, book = self._some(data), self.certificate_book
        wait(self.twin, days * 86_400 + 1)
        self.twin.act(
            self.certificates, "expire", number, model=lambda: book.expire(number), sender=self.twin.world.stranger
        )

    # --- at a till ---

    @rule(
        data=st.data(),
        merchant=st.sampled_from([RICH, RICH, POOR]),
        share=st.sampled_from([0, 1, 1, 1, 2, 2, 3]),
        right=st.sampled_from([True] * 4 + [False]),
        fault=st.sampled_from(FAULTS),
    )
    def spend_at_till(self, data: st.DataObject, merchant: int, share: int, right: bool, fault: dict[str, Any]) -> None:
        number, book = self._some(data), self.certificate_book
        it = book.all.get(number)
        value, by_code = (it.value, it.code is not None) if it else (5, False)
        amount = value * share // 2
        member = survivor_of(self.twin, it.member) if it and right else STRANGER
        act = Act(merchant=merchant, member=member, sequence=self.twin.next_sequence(), **fault)
        what = bytes([7, by_code]) + number.to_bytes(8, "big") + amount.to_bytes(6, "big")
        if by_code:
            code, uses = self._code(number, right), self._uses(number)
            what += sign_redeem(self.certificates, code, number, merchant, amount, uses)
        at_till(
            self.twin, self.certificates, act, what,
            model=lambda: book.spend_at_till(act, number, amount, code=by_code, signed=right),
        )  # fmt: skip

    @precondition(lambda self: self.certificate_book.at_tills)
    @rule(data=st.data(), merchant=st.sampled_from([None, None, None, POOR]))
    def undo_spending_at_till(self, data: st.DataObject, merchant: int | None) -> None:
        book = self.certificate_book
        stream, sequence = data.draw(st.sampled_from(sorted(book.at_tills)))
        act = Act(merchant=merchant or book.at_tills[stream, sequence][2], member=1, sequence=self.twin.next_sequence())
        what = bytes([7 | UNDO]) + sequence.to_bytes(8, "big")
        at_till(self.twin, self.certificates, act, what, model=lambda: book.undo_at_till(act, sequence))

    @invariant()
    def certificates_agree(self) -> None:
        """The sum, and the newest ones in full."""
        book = self.certificate_book
        assert self.certificates.view("outstanding") == book.outstanding
        assert self.certificates.view("count") == len(book.all)
        for number, it in list(book.all.items())[-6:]:
            found = self.certificates.view("certificate", number)
            assert (found["value"], found["face"], found["until"]) == (it.value, it.face, it.until)
            assert (found["member"], int(found["code"], 16)) == (it.member, int(it.code or "0", 16))
            assert (KINDS[found["buyerKind"]], found["buyer"]) == it.buyer
            assert found["uses"] == it.uses
