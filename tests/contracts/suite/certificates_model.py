"""Gift certificates in plain Python (interfaces/IGiftCertificates.sol)."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from node.domain.ids import MemberId, MerchantId
from node.domain.words import ACTIVE, FROZEN, LOCKED, PAUSED, REGISTERED, Account
from tests.contracts.doors_model import DoorsModel
from tests.contracts.model import Refused
from tests.contracts.suite.till import Act, ActDeclined

MAX_48 = 2**48 - 1


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """`buyer` is ("Account", address), ("Member", number) or ("Merchant", number); `code` an address or None."""

    value: int
    face: int
    merchant: int
    until: int
    member: int
    code: str | None
    buyer: tuple[str, int]
    uses: int = 1


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What is bought."""

    amount: int
    until: int
    merchant: int = 0
    member: int = 0
    code: str | None = None

    def words(self) -> tuple[object, ...]:
        """IGiftCertificates.Terms."""
        return (self.amount, self.merchant, self.until, self.member, self.code or "0x" + "00" * 20)


@dataclass
class CertificatesModel:
    """All certificates. `paid_in` and `paid_out` are the cash that came and went, for the sum at the end."""

    ledger: DoorsModel
    survivor: Callable[[int], int]
    shortest: int
    longest: int
    all: dict[int, Certificate] = field(default_factory=dict)
    at_tills: dict[tuple[int, int], tuple[int, int, int, int, bool]] = field(default_factory=dict)
    paid_in: int = 0
    paid_out: int = 0

    @property
    def now(self) -> int:
        return self.ledger.block.time

    @property
    def outstanding(self) -> int:
        return sum(it.value for it in self.all.values())

    # --- buying ---

    def buy(self, terms: Terms, buyer: int) -> None:
        self._running()
        self._create(terms, ("Account", buyer))

    def buy_with_value(self, terms: Terms, buyer: MemberId) -> None:
        self._running()
        if self.survivor(buyer) != buyer:
            raise Refused("NotMember")
        self._check(terms)
        account = self._account(buyer)
        if not account.flags & REGISTERED:
            raise Refused("UnknownMember")
        if account.flags & (LOCKED | FROZEN):
            raise Refused("AccountLocked")
        self.ledger.take_value(buyer, terms.amount)
        self._create(terms, ("Member", buyer))

    def sell(self, seller: MerchantId, buyer: int, terms: Terms, *, clerk: bool = True) -> None:
        self._running()
        if not clerk:
            raise Refused("NotInGroup")
        if buyer and not self._account(buyer).flags & REGISTERED:
            raise Refused("UnknownMember")
        self._check(terms)
        self.ledger.take_payable(seller, terms.amount)
        self._create(terms, ("Member", buyer) if buyer else ("Merchant", seller))

    # --- giving ---

    def give(self, number: int, to: int, code: str | None, *, key: bool = True) -> None:
        it = self._of_member(number)
        if not key:
            raise Refused("NotMember")
        if self._account(self.survivor(it.member)).flags & (LOCKED | FROZEN):
            raise Refused("MemberLocked")
        self._check_holder(to, code)
        self.all[number] = replace(it, member=to, code=code, uses=it.uses + 1)

    def claim(self, number: int, member: int, *, signed: bool = True) -> None:
        it = self._existing(number)
        if it.code is None or not signed:
            raise Refused("BadCode")
        self._check_holder(member, None)
        self.all[number] = replace(it, member=member, code=None, uses=it.uses + 1)

    def split(self, number: int, amounts: list[int]) -> None:
        left = self._of_member(number).value
        for amount in amounts:
            if not 0 < amount < left:
                raise Refused("BadAmount")
            left -= amount
        for amount in amounts:
            it = self.all[number]
            self.all[number] = replace(it, value=it.value - amount, face=it.face - amount)
            self.all[len(self.all) + 1] = replace(it, value=amount, face=amount)

    # --- spending ---

    def redeem(self, number: int, merchant: int, amount: int, *, key: bool = True) -> None:
        self._running()
        it = self._of_member(number)
        if not key:
            raise Refused("NotMember")
        if self._account(self.survivor(it.member)).flags & (LOCKED | FROZEN):
            raise Refused("MemberLocked")
        self._spend_by_hand(number, it, merchant, amount)

    def redeem_by_code(self, number: int, merchant: int, amount: int, *, signed: bool = True) -> None:
        self._running()
        it = self._existing(number)
        if it.code is None or not signed:
            raise Refused("BadCode")
        self._spend_by_hand(number, it, merchant, amount)

    def give_back(self, number: int, merchant: int, amount: int, *, clerk: bool = True) -> None:
        if not clerk:
            raise Refused("NotInGroup")
        if number not in self.all:
            raise Refused("NoCertificate")
        it = self.all[number]
        if it.merchant not in (0, merchant):
            raise Refused("WrongMerchant")
        if not 0 < amount <= it.face - it.value:
            raise Refused("BadAmount")
        if amount > self.ledger.free_funds(MerchantId(merchant)):
            raise Refused("InsufficientFunds")
        self._give_back(number, merchant, amount)

    def expire(self, number: int) -> None:
        it = self._existing(number)
        if self.now < it.until:
            raise Refused("NotOver")
        kind, buyer = it.buyer
        if kind == "Member":
            self.ledger.recharge(MemberId(self.survivor(buyer)), it.value)
        elif kind == "Merchant":
            self.ledger.credit_payable(MerchantId(buyer), it.value)
        self.paid_out += it.value
        self.all[number] = replace(it, value=0, face=it.face - it.value)

    # --- at a till ---

    def spend_at_till(self, act: Act, number: int, amount: int, *, code: bool, signed: bool = True) -> int:
        """Minor units that count against the stream's limit."""
        it = self.all.get(number)
        if it is None or not it.value:
            raise ActDeclined(31)
        if reason := self._problem(it, act.merchant, amount):
            raise ActDeclined(reason)
        if code:
            if it.code is None or not signed:
                raise ActDeclined(38)
        else:
            for refused, reason in (
                (not it.member or self.survivor(it.member) != act.member, 38),
                (self._account(act.member).flags & (LOCKED | FROZEN), 11),
                (not any(act.authorisation), 12),
                (amount > act.debit_left, 13),
            ):
                if refused:
                    raise ActDeclined(reason)
        self.at_tills[act.stream, act.sequence] = (number, amount, act.merchant, self.ledger.day, False)
        self._spend(number, it, act.merchant, amount)
        return 0 if code else amount

    def undo_at_till(self, act: Act, sequence: int) -> int:
        """Nothing is debited."""
        key = (act.stream, sequence)
        if key not in self.at_tills:
            raise ActDeclined(31)
        number, amount, merchant, day, undone = self.at_tills[key]
        it = self.all[number]
        for refused, reason in (
            (merchant != act.merchant, 34),
            (undone, 32),
            (day != self.ledger.day, 33),
            (amount > it.face - it.value, 35),
            (amount > self.ledger.own_funds(MerchantId(merchant)), 37),
        ):
            if refused:
                raise ActDeclined(reason)
        self._give_back(number, merchant, amount)
        self.at_tills[key] = (number, amount, merchant, day, True)
        return 0

    # --- inside ---

    def _check(self, terms: Terms) -> None:
        if not 0 < terms.amount <= MAX_48:
            raise Refused("BadAmount")
        if not self.now + self.shortest <= terms.until <= self.now + self.longest:
            raise Refused("BadUntil")
        if terms.merchant and MerchantId(terms.merchant) not in self.ledger.book.merchants:
            raise Refused("UnknownMerchant")
        self._check_holder(terms.member, terms.code)

    def _check_holder(self, member: int, code: str | None) -> None:
        taken = code is not None and any(it.code == code for it in self.all.values())
        if bool(member) == (code is not None) or taken:
            raise Refused("BadHolder")
        if member and not self._account(member).flags & REGISTERED:
            raise Refused("UnknownMember")

    def _create(self, terms: Terms, buyer: tuple[str, int]) -> None:
        self._check(terms)
        self.paid_in += terms.amount
        self.all[len(self.all) + 1] = Certificate(
            value=terms.amount,
            face=terms.amount,
            merchant=terms.merchant,
            until=terms.until,
            member=terms.member,
            code=terms.code,
            buyer=buyer,
        )

    def _spend_by_hand(self, number: int, it: Certificate, merchant: int, amount: int) -> None:
        reason = self._problem(it, merchant, amount)
        if reason == 33:
            raise Refused("CertificateOver")
        word = self.ledger.book.merchants.get(MerchantId(merchant))
        if reason == 34 or word is None or not word.flags & ACTIVE:
            raise Refused("WrongMerchant")
        if reason:
            raise Refused("BadAmount")
        self._spend(number, it, merchant, amount)

    def _spend(self, number: int, it: Certificate, merchant: int, amount: int) -> None:
        self.ledger.credit_payable(MerchantId(merchant), amount)
        self.paid_out += amount
        self.all[number] = replace(it, value=it.value - amount, uses=it.uses + 1)

    def _give_back(self, number: int, merchant: int, amount: int) -> None:
        self.ledger.draw_on(MerchantId(merchant), amount)
        it = self.all[number]
        self.paid_in += amount
        self.all[number] = replace(it, value=it.value + amount, uses=it.uses + 1)

    def _problem(self, it: Certificate, merchant: int, amount: int) -> int:
        if self.now >= it.until:
            return 33
        if it.merchant not in (0, merchant):
            return 34
        return 35 if not 0 < amount <= it.value else 0

    def _existing(self, number: int) -> Certificate:
        it = self.all.get(number)
        if it is None or not it.value:
            raise Refused("NoCertificate")
        return it

    def _of_member(self, number: int) -> Certificate:
        it = self._existing(number)
        if not it.member:
            raise Refused("HeldByCode")
        return it

    def _account(self, member: int) -> Account:
        return self.ledger.book.accounts.get(MemberId(member), Account())

    def _running(self) -> None:
        if self.ledger.book.supply.flags & PAUSED:
            raise Refused("NetworkPaused")
