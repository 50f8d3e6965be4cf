"""Coupons and their pools in plain Python (interfaces/ICoupons.sol, IIncentivePools.sol).

Money that ages is a Counter by the epoch of its funding; cash lies under epoch 0 for ever.
"""

from collections import Counter
from dataclasses import dataclass, field, replace

from node.domain.acts.coupon import Face, discount_due_down
from node.domain.coupons import (
    MAX_HOPS,
    Sharing,
    coupon_id,
    lone_use_id,
    member_part,
    members_part,
    parts_down,
    units_down,
    use_id,
)
from node.domain.ids import MemberId, MerchantId
from node.domain.leaf import Leaf
from node.domain.words import ACTIVE, FROZEN, LOCKED, PAUSED
from tests.contracts.doors_model import DoorsModel
from tests.contracts.model import Refused
from tests.contracts.suite.till import Act, ActDeclined

PLATFORM, MERCHANT, MEMBER = 0, 1, 2
TOLERANCE = 259_200
Holder = tuple[int, int]  # kind and number


@dataclass(frozen=True, kw_only=True)
class Terms:
    """ICoupons.Terms."""

    starts: int = 0
    until: int = 0
    minimum: int = 0
    face: Face = Face.PERCENTAGE
    value: int = 1_000
    max_uses: int = 1
    stackable: bool = False
    cash: bool = False
    share: bool = True
    incentive: int = 500
    first: int = 2_000
    distributors: int = 1_500
    member: int = 3_000
    data_owner: int = 0
    data_user_bps: int = 0
    data_user: int = 0
    product_set: bytes = bytes(32)

    def words(self) -> tuple[object, ...]:
        """In the order of the struct."""
        return (
            self.starts, self.until, self.minimum, int(self.face), self.value, self.max_uses, self.stackable, self.cash,
            self.share, self.incentive, self.first, self.distributors, self.member, self.data_owner, self.data_user_bps,
            self.data_user, self.product_set,
        )  # fmt: skip


@dataclass
class Coupon:
    """A coupon that left the platform."""

    trail: list[Holder]
    uses: list[int] = field(default_factory=list)
    live: int = 0
    consented: bool = False

    @property
    def merchants(self) -> int:
        return sum(kind == MERCHANT for kind, _ in self.trail)


@dataclass(frozen=True, kw_only=True)
class Use:
    """A write-off."""

    coupon: int
    merchant: int
    basis: int
    units: int
    day: int
    alone: bool
    funded: bool
    epoch: int
    claimed: frozenset[int] = frozenset()
    given_back: bool = False


@dataclass
class CouponsModel:
    """All of it. `pools` is the contract's account in the ledger, `treasury` the platform's."""

    ledger: DoorsModel
    pools: MemberId
    treasury: MemberId
    cap: int
    campaigns: dict[int, Terms] = field(default_factory=dict)
    lots: Counter[int] = field(default_factory=Counter)
    issued: Counter[tuple[int, int]] = field(default_factory=Counter)
    coupons: dict[int, Coupon] = field(default_factory=dict)
    uses: dict[int, Use] = field(default_factory=dict)
    consents: set[int] = field(default_factory=set)
    sales: dict[tuple[int, int], tuple[bool, int]] = field(default_factory=dict)
    credits: dict[tuple[bool, int, int], Counter[int]] = field(default_factory=dict)
    owing: dict[tuple[int, int, bool], Counter[int]] = field(default_factory=dict)
    undone: Counter[bytes] = field(default_factory=Counter)
    ahead: Counter[int] = field(default_factory=Counter)
    cash: int = 0
    money_in: Counter[bool] = field(default_factory=Counter)
    money_out: Counter[bool] = field(default_factory=Counter)

    # --- circulation ---

    def issue(self, campaign: int, count: int) -> int:
        """The lot."""
        if self.ledger.book.supply.flags & PAUSED:
            raise Refused("NetworkPaused")
        if campaign not in self.campaigns:
            raise Refused("UnknownCampaign")
        if not 1 <= count <= 65_536:
            raise Refused("BadCount")
        if count > self.cap:
            raise Refused("CapExceeded")
        self.cap -= count
        lot = self.lots[campaign]
        self.lots[campaign] += 1
        self.issued[campaign, lot] = count
        return lot

    def hand_lot(self, campaign: int, lot: int, merchant: int) -> None:
        if (campaign, lot) not in self.issued:
            raise Refused("UnknownLot")
        ids = [coupon_id(campaign, lot, serial) for serial in range(self.issued[campaign, lot])]
        if any(each in self.coupons for each in ids):
            raise Refused("LotOpened")
        self._merchant(merchant)
        for each in ids:
            self.coupons[each] = Coupon([(MERCHANT, merchant)])

    def hand_out(self, coupons: list[int], merchant: int) -> None:
        self._merchant(merchant)
        for number, each in enumerate(coupons):
            self._issued(each)
            if each in self.coupons or each in coupons[:number]:
                raise Refused("NotHolder")
        for each in coupons:
            self.coupons[each] = Coupon([(MERCHANT, merchant)])

    def hand_on(self, holder: int, coupons: list[int], merchant: int) -> None:
        self._merchant(merchant)
        for each in coupons:
            self._hand(each, (MERCHANT, holder), (MERCHANT, merchant))

    def give(self, holder: int, coupon: int, member: int) -> None:
        it = self._held(coupon, (MERCHANT, holder))
        self._registered(member)
        self._check_hand(it, (MEMBER, member))
        self._hand(coupon, (MERCHANT, holder), (MEMBER, member))
        it.consented = bool(self._terms(coupon).data_owner) and member in self.consents

    def pass_on(self, coupon: int, sender: int, receiver: int) -> None:
        it = self._held(coupon, (MEMBER, sender))
        if self._locked(sender):
            raise Refused("MemberLocked")
        self._registered(receiver)
        self._check_hand(it, (MEMBER, receiver))
        it.trail.append((MEMBER, receiver))

    def owner(self, coupon: int) -> Holder:
        """Who holds it."""
        self._issued(coupon)
        return self.coupons[coupon].trail[-1] if coupon in self.coupons else (PLATFORM, 0)

    def balance(self, holder: Holder) -> int:
        """How many coupons a holder has."""
        if holder == (PLATFORM, 0):
            return sum(self.issued.values()) - len(self.coupons)
        return sum(it.trail[-1] == holder for it in self.coupons.values())

    # --- writing off ---

    def write_off(
        self,
        merchant: int,
        coupon: int,
        sale: int,
        amount: int,
        discount: int,
        *,
        proved: bool = True,
        signed: bool = True,
    ) -> int:
        """By the merchant's clerk; the use."""
        if self.ledger.book.supply.flags & PAUSED:
            raise Refused("NetworkPaused")
        self._issued(coupon)
        if not signed:
            raise Refused("NotMember")
        now = self.ledger.block.time
        kind, holder = self.owner(coupon)
        error, _ = self._problem(coupon, holder if kind == MEMBER else -1, now, amount, discount, proved)
        error = error or self._stack_problem(merchant, coupon, sale)
        if error:
            raise Refused(error)
        if not self.ledger.book.merchants[MerchantId(merchant)].flags & ACTIVE:
            raise Refused("MerchantClosed")
        use = lone_use_id(coupon, len(self.coupons[coupon].uses))
        self._mark_sale(merchant, coupon, sale, use)
        self._use(use, coupon, merchant, amount, alone=True)
        return use

    def at_till(self, act: Act, coupon: int, discount: int, *, sale: int = 0, amount: int = 0) -> int:
        """By an act; nothing is debited."""
        if not any(act.authorisation):
            raise ActDeclined(12)
        if (coupon >> 32, coupon >> 16 & 0xFFFF) not in self.issued:
            raise ActDeclined(31)
        if coupon & 0xFFFF >= self.issued[coupon >> 32, coupon >> 16 & 0xFFFF]:
            raise ActDeclined(31)
        now = self.ledger.block.time
        time = act.time if abs(act.time - now) <= TOLERANCE else now
        paid = act.amount or amount
        _, reason = self._problem(coupon, act.member, time, paid, discount, True)
        if not act.amount and not reason:
            reason = 34 if self._stack_problem(act.merchant, coupon, sale) else 0
        if reason:
            raise ActDeclined(reason)
        self._use(use_id(act.stream, act.sequence), coupon, act.merchant, paid, alone=not act.amount)
        if not act.amount:
            self._mark_sale(act.merchant, coupon, sale, use_id(act.stream, act.sequence))
        return 0

    def undo_at_till(self, act: Act, sequence: int) -> int:
        """Nothing is debited."""
        it = self.uses.get(use_id(act.stream, sequence))
        if it is None:
            raise ActDeclined(31)
        if it.merchant != act.merchant:
            raise ActDeclined(34)
        if self.owner(it.coupon)[1] != act.member:
            raise ActDeclined(38)
        if it.given_back:
            raise ActDeclined(32)
        if it.day != self.ledger.day:
            raise ActDeclined(33)
        self._leave(use_id(act.stream, sequence), 0)
        return 0

    # --- money ---

    def settle(self, use: int) -> None:
        it = self._known(use)
        if it.funded or not it.units:
            raise Refused("NotOwed")
        cash = self._terms(it.coupon).cash
        if self._funds(it.merchant, cash) < it.units:
            raise Refused("StillUnfunded")
        if self.ledger.book.supply.flags & PAUSED and not cash:
            raise Refused("EarningPaused")
        self.uses[use] = replace(it, funded=True, epoch=self._epoch(cash))
        self._fund(use)

    def claim(self, member: int, coupons: list[int]) -> None:
        found: dict[bool, Counter[int]] = {False: Counter(), True: Counter()}
        marked: list[tuple[int, int]] = []
        for coupon in coupons:
            self._issued(coupon)
            trail = self.coupons[coupon].trail if coupon in self.coupons else []
            if (MEMBER, member) not in trail:
                raise Refused("NotInTrail")
            place = trail.index((MEMBER, member))
            for use in self.coupons[coupon].uses:
                it = self.uses[use]
                cash = self._terms(coupon).cash
                part = self._unclaimed(it, place)
                if part and self._live(it, cash) and (use, place) not in marked:
                    found[cash][it.epoch] += part
                    marked.append((use, place))
        if not marked:
            raise Refused("NothingToClaim")
        for use, place in marked:
            self.uses[use] = replace(self.uses[use], claimed=self.uses[use].claimed | {place})
        for cash in (False, True):
            self._set_off((MEMBER, member, cash), found[cash])
        self._pay_coins(MemberId(member), found[False])
        if money := found[True].total():
            self.cash -= money
            self.money_out[True] += money
            self.ledger.recharge(MemberId(member), money)

    def claim_merchant(self, merchant: int, cash: bool) -> None:
        credit = self._credit(cash, merchant, MERCHANT)
        if not credit.total():
            raise Refused("NothingToClaim")
        taken = Counter(credit)
        credit.clear()
        self._set_off((MERCHANT, merchant, cash), taken)
        self._pay_merchant(merchant, cash, taken)

    def claim_platform(self, merchants: list[int], cash: bool) -> None:
        taken: Counter[int] = Counter()
        for merchant in merchants:
            credit = self._credit(cash, merchant, PLATFORM)
            taken += credit
            credit.clear()
        if not taken.total():
            raise Refused("NothingToClaim")
        self._set_off((PLATFORM, 0, cash), taken)
        if cash:
            self.cash -= taken.total()
            self.money_out[True] += taken.total()
        else:
            self._pay_coins(self.treasury, taken)

    def unwind(self, leaf: Leaf, *, proved: bool = True) -> None:
        if not proved:
            raise Refused("NotProven")
        use = use_id(leaf.stream, leaf.sequence)
        it = self._known(use)
        if it.alone:
            raise Refused("CameAlone")
        refunded = self.ledger.refunded.get(leaf.hash, (0, 0))[0] - self.ledger.settled.get(leaf.hash, 0)
        fresh = refunded - self.undone[leaf.hash]
        if not fresh or it.given_back:
            raise Refused("NothingUndone")
        self.undone[leaf.hash] = refunded
        self._leave(use, it.basis - fresh)

    def annul(self, use: int, reason: str) -> None:
        it = self._known(use)
        if not it.alone:
            raise Refused("NotAlone")
        if it.given_back or self.ledger.day > it.day + 120:
            raise Refused("TooLate")
        if not reason:
            raise Refused("NoReason")
        self._leave(use, 0)

    def cancel(self, use: int) -> None:
        it = self._known(use)
        if not it.alone:
            raise Refused("NotAlone")
        if it.given_back or self.ledger.day > it.day + 1:
            raise Refused("TooLate")
        self._leave(use, 0)

    # --- views ---

    def sharing(self, coupon: int) -> Sharing:
        it, terms = self.coupons[coupon], self._terms(coupon)
        return Sharing(
            hops=len(it.trail), merchants=it.merchants, cash=terms.cash, share=terms.share, incentive=terms.incentive,
            first_bps=terms.first, distributors_bps=terms.distributors, member_bps=terms.member,
            data_owner_bps=terms.data_owner if it.consented else 0, data_user_bps=terms.data_user_bps,
        )  # fmt: skip

    def pool(self, coupon: int) -> dict[str, object]:
        """ICouponStatistics.Pool."""
        cash = self._terms(coupon).cash
        pool = {"generated": 0, "owed": 0, "paid": 0, "balance": 0, "expired": 0}
        for use in self.coupons[coupon].uses if coupon in self.coupons else ():
            it = self.uses[use]
            left = sum(self._unclaimed(it, place) for place in range(len(self.coupons[coupon].trail)))
            pool["generated"] += it.units
            pool["owed"] += 0 if it.funded else it.units
            pool["paid"] += it.units - left if it.funded else 0
            pool["balance" if self._live(it, cash) else "expired"] += left
        return {"cash": cash, **pool}

    def held(self, cash: bool) -> Counter[int]:
        """All money of this kind in the contract, by the epoch of its funding, without what expired."""
        held: Counter[int] = Counter()
        for coupon, it in self.coupons.items():
            if self._terms(coupon).cash == cash:
                for use in (self.uses[each] for each in it.uses):
                    if self._live(use, cash):
                        held[use.epoch] += sum(self._unclaimed(use, place) for place in range(len(it.trail)))
        for kind, merchant, role in list(self.credits):
            if kind == cash:
                held += self._credit(cash, merchant, role)
        return held

    def owes(self, kind: int, number: int, cash: bool) -> int:
        return self.owing.get((kind, number, cash), Counter()).total()

    # --- inside ---

    def _problem(
        self, coupon: int, member: int, time: int, amount: int, discount: int, proved: bool
    ) -> tuple[str, int]:
        terms, basket = self._terms(coupon), amount + discount
        if self.owner(coupon) != (MEMBER, member):
            return "NotHolder", 38
        it = self.coupons[coupon]
        checks = (
            (it.live == terms.max_uses or len(it.uses) == 255, "CouponUsedUp", 32),
            (time < terms.starts, "NotValidYet", 33),
            (terms.until and time >= terms.until, "CouponExpired", 33),
            (self._locked(member), "MemberLocked", 11),
            (basket > 2**40 - 1, "AmountTooLarge", 35),
            (not basket and terms.face is not Face.GIFT, "NothingSold", 35),
            (discount != discount_due_down(terms.face, terms.value, basket), "BadDiscount", 35),
            (basket < terms.minimum, "BasketTooSmall", 34),
            (any(terms.product_set) and not proved, "ProductSetNotProved", 34),
        )
        return next(((error, reason) for refused, error, reason in checks if refused), ("", 0))

    def _stack_problem(self, merchant: int, coupon: int, sale: int) -> str:
        if not sale:
            return "NoSale"
        stackable, use = self.sales.get((merchant, sale), (True, 0))
        if not use or (not stackable and self.uses[use].given_back) or (stackable and self._terms(coupon).stackable):
            return ""
        return "NotStackable"

    def _mark_sale(self, merchant: int, coupon: int, sale: int, use: int) -> None:
        self.sales[merchant, sale] = self._terms(coupon).stackable, use

    def _use(self, use: int, coupon: int, merchant: int, amount: int, *, alone: bool) -> None:
        it, cash = self.coupons[coupon], self._terms(coupon).cash
        units = units_down(self.sharing(coupon), amount, self.ledger.par)
        funded = units <= self._funds(merchant, cash)
        if funded and units and not cash and self.ledger.book.supply.flags & PAUSED:
            raise Refused("EarningPaused")
        it.uses.append(use)
        it.live += 1
        self.uses[use] = Use(
            coupon=coupon, merchant=merchant, basis=amount, units=units, day=self.ledger.day, alone=alone,
            funded=funded, epoch=self._epoch(cash),
        )  # fmt: skip
        if funded:
            self._fund(use)

    def _fund(self, use: int) -> None:
        it = self.uses[use]
        cash = self._terms(it.coupon).cash
        for kind, merchant, units in self._heads(it, it.units):
            self._credit(cash, merchant, kind)[it.epoch] += units
        self.money_in[cash] += it.units
        if not it.units:
            return
        if cash:
            self.ledger.take_payable(MerchantId(it.merchant), it.units)
            self.cash += it.units
        else:
            assert self.ledger.issue(MerchantId(it.merchant), self.pools, it.units) == it.units

    def _heads(self, it: Use, units: int) -> list[tuple[int, int, int]]:
        """Parts of merchants and of the platform: role, the word's merchant, units."""
        sharing, trail = self.sharing(it.coupon), self.coupons[it.coupon].trail
        parts, terms = parts_down(sharing, units), self._terms(it.coupon)
        merchants = [number for kind, number in trail if kind == MERCHANT]
        wanted = [(merchants[0], parts.first), *((each, parts.distributor) for each in merchants[1:])]
        if terms.data_user:
            wanted.append((terms.data_user, parts.data_user))
        theirs = [(MERCHANT, merchant, part) for merchant, part in wanted if merchant != it.merchant]
        rest = units - members_part(sharing, units) - sum(part for _, _, part in theirs)
        return [*theirs, (PLATFORM, merchants[0], rest)]

    def _leave(self, use: int, basis: int) -> None:
        it = self.uses[use]
        terms, coupon = self._terms(it.coupon), self.coupons[it.coupon]
        kept = min(units_down(self.sharing(it.coupon), basis, self.ledger.par), it.units)
        self.uses[use] = replace(it, basis=basis, given_back=not basis)
        if not basis:
            coupon.live -= 1
        if it.funded and not self._live(it, terms.cash):
            return
        self.uses[use] = replace(self.uses[use], units=kept)
        if not it.funded:
            return
        back, sharing = 0, self.sharing(it.coupon)
        for place in range(sharing.merchants, sharing.hops):
            less = member_part(sharing, it.units, place) - member_part(sharing, kept, place)
            if place in it.claimed:
                self._owe((MEMBER, coupon.trail[place][1], terms.cash), it.merchant, less)
            else:
                back += less
        for (kind, merchant, was), (_, _, now) in zip(self._heads(it, it.units), self._heads(it, kept), strict=True):
            credit, less = self._credit(terms.cash, merchant, kind), was - now
            if kind == PLATFORM:  # it has what rounding leaves over, if somebody did not claim it before
                less -= self.ahead[use]
                self.ahead[use] = max(-less - back, 0)
                less = max(less, -back)
            taken = min(less, credit[it.epoch])
            credit[it.epoch] -= taken
            back += taken
            self._owe((kind, merchant if kind else 0, terms.cash), it.merchant, less - taken)
        self._pay_merchant(it.merchant, terms.cash, Counter({it.epoch: back}))

    def _owe(self, subject: tuple[int, int, bool], merchant: int, units: int) -> None:
        if units:
            self.owing.setdefault(subject, Counter())[merchant] += units

    def _set_off(self, subject: tuple[int, int, bool], taken: Counter[int]) -> None:
        """Whom the contract remembered last is paid first."""
        owing = self.owing.get(subject, Counter())
        while owing and taken.total():
            merchant = list(owing)[-1]
            units = min(owing[merchant], taken.total())
            owing[merchant] -= units
            if not owing[merchant]:
                del owing[merchant]
            paid: Counter[int] = Counter()
            for epoch in sorted(taken):
                part = min(units, taken[epoch])
                units -= part
                taken[epoch] -= part
                paid[epoch] += part
            self._pay_merchant(merchant, subject[2], paid)

    def _pay_merchant(self, merchant: int, cash: bool, money: Counter[int]) -> None:
        if not money.total():
            return
        self.money_out[cash] += money.total()
        if cash:
            self.cash -= money.total()
            self.ledger.credit_payable(MerchantId(merchant), money.total())
        else:
            self.ledger.return_points(self.pools, MerchantId(merchant), *self._by_age(money))

    def _pay_coins(self, to: MemberId, money: Counter[int]) -> None:
        if money.total():
            self.money_out[False] += money.total()
            self.ledger.move_coins(self.pools, to, *self._by_age(money))

    def _by_age(self, money: Counter[int]) -> tuple[int, int]:
        return money[self.ledger.epoch], money[self.ledger.epoch - 1]

    def _unclaimed(self, it: Use, place: int) -> int:
        sharing = self.sharing(it.coupon)
        if not it.funded or place in it.claimed or place < sharing.merchants:
            return 0
        return member_part(sharing, it.units, place)

    def _credit(self, cash: bool, merchant: int, role: int) -> Counter[int]:
        credit = self.credits.setdefault((cash, merchant, role), Counter())
        if not cash:
            for epoch in [each for each in credit if each < self.ledger.epoch - 1]:
                del credit[epoch]
        return credit

    def _live(self, it: Use, cash: bool) -> bool:
        return cash or it.epoch >= self.ledger.epoch - 1

    def _epoch(self, cash: bool) -> int:
        return 0 if cash else self.ledger.epoch

    def _funds(self, merchant: int, cash: bool) -> int:
        """What the merchant can pay from; of its payable what it owes the guarantee fund is not its own."""
        word = self.ledger.book.merchants[MerchantId(merchant)]
        return max(word.payable - self.ledger.guaranteed.get(merchant, 0), 0) if cash else word.prepaid

    def _terms(self, coupon: int) -> Terms:
        return self.campaigns[coupon >> 32]

    def _known(self, use: int) -> Use:
        if use not in self.uses:
            raise Refused("UnknownUse")
        return self.uses[use]

    def _issued(self, coupon: int) -> None:
        if coupon & 0xFFFF >= self.issued[coupon >> 32, coupon >> 16 & 0xFFFF]:
            raise Refused("UnknownCoupon")

    def _merchant(self, merchant: int) -> None:
        if merchant not in self.ledger.book.merchants:
            raise Refused("UnknownMerchant")

    def _registered(self, member: int) -> None:
        self.ledger._member(MemberId(member))

    def _locked(self, member: int) -> bool:
        return bool(self.ledger.touch(MemberId(member)).flags & (LOCKED | FROZEN))

    def _held(self, coupon: int, holder: Holder) -> Coupon:
        self._issued(coupon)
        if self.owner(coupon) != holder:
            raise Refused("NotHolder")
        return self.coupons[coupon]

    def _hand(self, coupon: int, holder: Holder, to: Holder) -> None:
        it = self._held(coupon, holder)
        self._check_hand(it, to)
        it.trail.append(to)

    def _check_hand(self, it: Coupon, to: Holder) -> None:
        if it.uses:
            raise Refused("CouponUsed")
        if len(it.trail) == MAX_HOPS:
            raise Refused("TrailFull")
        if to in it.trail:
            raise Refused("AlreadyInTrail")
