"""Claims by receipt in plain Python (interfaces/IMissingPoints.sol)."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from node.domain.ids import MemberId, MerchantId, RuleVersion
from node.domain.words import PAUSED, REGISTERED, TIERED, Account
from tests.contracts.doors_model import DoorsModel
from tests.contracts.model import Refused


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """IMissingPoints.Receipt."""

    merchant: MerchantId
    number: bytes
    amount: int
    time: int
    member: MemberId
    store: int = 0

    def words(self) -> tuple[object, ...]:
        """In the order of the struct."""
        return (self.merchant, self.store, self.number, self.amount, self.time, self.member)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A receipt, who attested it, and what it gave in which epoch."""

    receipt: Receipt
    attester: str
    state: str = "Attested"
    units: int = 0
    epoch: int = 0


Key = tuple[int, int, bytes, int]


@dataclass
class MissingModel:
    """All claims. `base`: the merchants' base versions."""

    ledger: DoorsModel
    survivor: Callable[[int], int]
    longest: int
    per_day: int
    base: dict[MerchantId, RuleVersion]
    claims: dict[Key, Claim] = field(default_factory=dict)
    of_day: Counter[tuple[int, int, int]] = field(default_factory=Counter)

    def key_of(self, receipt: Receipt) -> Key:
        day = self.ledger.book.terms.day(receipt.time)
        return (receipt.merchant, receipt.store, receipt.number, day)

    def attest(self, receipt: Receipt, by: str, *, clerk: bool = True) -> None:
        self._running()
        if not clerk:
            raise Refused("NotInGroup")
        now = self.ledger.block.time
        for refused, error in (
            (not 0 < receipt.amount <= self.ledger.book.terms.max_line_amount, "BadAmount"),
            (not now - self.longest <= receipt.time <= now, "BadTime"),
            (receipt.store != 0, "NoStore"),
            (not self._account(receipt.member).flags & REGISTERED, "NoSuchMember"),
            (self.key_of(receipt) in self.claims, "ReceiptUsed"),
        ):
            if refused:
                raise Refused(error)
        place = (receipt.merchant, receipt.member, self.ledger.day)
        if self.of_day[place] >= self.per_day:
            raise Refused("TooManyClaims")
        self.of_day[place] += 1
        self.claims[self.key_of(receipt)] = Claim(receipt=receipt, attester=by)

    def approve(self, key: Key, by: str, *, group: bool = True) -> None:
        self._running()
        it = self._in_state(key, "Attested")
        if not group:
            raise Refused("NotInGroup")
        if by == it.attester:
            raise Refused("SamePerson")
        member = MemberId(self.survivor(it.receipt.member))
        units = self._earned(replace(it.receipt, member=member))
        if not units:
            raise Refused("NothingEarned")
        if self.ledger.book.merchants[it.receipt.merchant].prepaid < units:
            raise Refused("PrepaidTooLow")
        assert self.ledger.issue(it.receipt.merchant, member, units) == units
        self.claims[key] = replace(it, state="Approved", units=units, epoch=self.ledger.epoch)

    def reject(self, key: Key, by: str, *, group: bool = True) -> None:
        it = self._in_state(key, "Attested")
        if not group and by != it.attester:
            raise Refused("NotInGroup")
        self.claims[key] = replace(it, state="Rejected")

    def revoke(self, key: Key, by: str, *, group: bool = True) -> None:
        it = self._in_state(key, "Approved")
        if not group:
            raise Refused("NotInGroup")
        if self.ledger.epoch <= it.epoch + 1:
            self.ledger.claw_back(it.receipt.merchant, MemberId(self.survivor(it.receipt.member)), it.units)
        self.claims[key] = replace(it, state="Revoked")

    def _earned(self, receipt: Receipt) -> int:
        rule = self.ledger.book.rules[receipt.merchant, self.base[receipt.merchant]]
        tier = self._account(receipt.member).tier
        tier_bps = rule.tiers[tier] if rule.flags & TIERED and tier else 10_000
        return receipt.amount * rule.base_rate * tier_bps // 10**8

    def _account(self, member: MemberId) -> Account:
        return self.ledger.book.accounts.get(member, Account())

    def _running(self) -> None:
        if self.ledger.book.supply.flags & PAUSED:
            raise Refused("NetworkPaused")

    def _in_state(self, key: Key, state: str) -> Claim:
        it = self.claims.get(key)
        if it is None or it.state != state:
            raise Refused("WrongState")
        return it
