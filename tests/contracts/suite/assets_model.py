"""PriceOracle and AssetGateway in plain Python (interfaces/IPriceOracle.sol, IAssetGateway.sol).

Money in minor units, assets in base units, prices in millionths of a minor unit for a whole unit. What the contract
refuses raises Refused with the typed error's name before anything has changed.
"""

from dataclasses import dataclass, field, replace
from typing import Final

from node.domain.ids import MerchantId
from node.domain.words import ACTIVE, PAUSED
from tests.contracts.doors_model import DoorsModel
from tests.contracts.model import Refused

DAY: Final = 86_400
SCALE: Final = 10**6
SALE_RATE, CURRENT_RATE = 1, 2
LOCKED, PAID, LAPSED = 1, 2, 3


@dataclass(frozen=True, kw_only=True)
class Feed:
    """A feed's terms and its accepted price."""

    anchor: int
    anchor_since: int
    minimum: int
    max_age: int
    bound_bps: int
    price: int = 0
    fresh_until: int = 0
    halted: bool = False


@dataclass(frozen=True, kw_only=True)
class Sale:
    """IAssetGateway.Sale."""

    id: int
    payer: str
    asset: str
    merchant: int
    amount: int
    asset_amount: int
    deposit: int
    price: int
    time: int
    refunds: int
    reference: bytes = bytes(32)

    def words(self) -> tuple[object, ...]:
        """As the contract takes it."""
        return (
            self.id,
            self.payer,
            self.asset,
            self.merchant,
            self.amount,
            self.asset_amount,
            self.deposit,
            self.price,
            self.time,
            self.refunds,
            self.reference,
        )


@dataclass
class OracleModel:
    """Feeds and what reporters said, newest last: asset -> reporter -> (price, time)."""

    feeds: dict[str, Feed] = field(default_factory=dict)
    said: dict[str, dict[str, tuple[int, int]]] = field(default_factory=dict)

    def set_feed(self, asset: str, anchor: int, minimum: int, max_age: int, bound_bps: int, now: int) -> None:
        if not (3 <= minimum <= 16 and 60 <= max_age <= DAY and 1 <= bound_bps <= 5_000):
            raise Refused("BadFeed")
        self._open(
            asset,
            Feed(anchor=anchor, anchor_since=now, minimum=minimum, max_age=max_age, bound_bps=bound_bps),
            now,
        )

    def reset(self, asset: str, anchor: int, reason: str, now: int) -> None:
        if not reason:
            raise Refused("NoReason")
        feed = self._known(asset)
        self._open(asset, replace(feed, anchor=anchor, anchor_since=now, halted=False, price=0, fresh_until=0), now)

    def report(self, asset: str, reporter: str, price: int, now: int) -> None:
        if not price:
            raise Refused("ZeroPrice")
        feed = self._known(asset)
        self.said.setdefault(asset, {})[reporter] = (price, now)
        self.feeds[asset] = self._accepted(asset, feed, now)

    def drop(self, asset: str, reporter: str, now: int) -> None:
        if not self.said.get(asset, {}).pop(reporter, None):
            raise Refused("NoReport")
        self.feeds[asset] = self._accepted(asset, replace(self.feeds[asset], fresh_until=0), now)

    def price(self, asset: str, now: int) -> int:
        """The accepted price."""
        feed = self._known(asset)
        if feed.halted:
            raise Refused("FeedIsHalted")
        if now > feed.fresh_until:
            raise Refused("StalePrice")
        return feed.price

    def _open(self, asset: str, feed: Feed, now: int) -> None:
        if not feed.anchor:
            raise Refused("ZeroPrice")
        opened = self._accepted(asset, feed, now)
        if opened.halted:
            raise Refused("MovedTooFar")
        self.feeds[asset] = opened

    def _accepted(self, asset: str, feed: Feed, now: int) -> Feed:
        fresh = sorted((p, t) for p, t in self.said.get(asset, {}).values() if t + feed.max_age >= now)
        if feed.halted or len(fresh) < feed.minimum:
            return feed
        prices = [price for price, _ in fresh]
        middle = len(prices) // 2
        median = prices[middle] if len(prices) % 2 else (prices[middle] + prices[middle - 1]) // 2
        if abs(median - feed.anchor) * 10_000 > feed.anchor * feed.bound_bps:
            return replace(feed, halted=True)
        newest = sorted((time for _, time in fresh), reverse=True)
        feed = replace(feed, price=median, fresh_until=newest[feed.minimum - 1] + feed.max_age)
        over = now >= feed.anchor_since + feed.max_age
        return replace(feed, anchor=median, anchor_since=now) if over else feed

    def _known(self, asset: str) -> Feed:
        if asset not in self.feeds:
            raise Refused("UnknownFeed")
        return self.feeds[asset]


@dataclass
class Asset:
    """A listed asset and its vault."""

    decimals: int
    payment_limit: int
    day_limit: int
    day: int = 0
    used: int = 0
    free: int = 0
    held: int = 0
    of_day: dict[int, int] = field(default_factory=dict)


@dataclass
class GatewayModel:
    """The gateway on a ledger's model."""

    ledger: DoorsModel
    oracle: OracleModel
    lock_time: int
    refund_window: int
    deposit_bps: int
    max_locks: int
    free: int = 0
    reserved: int = 0
    sales: int = 0
    assets: dict[str, Asset] = field(default_factory=dict)
    terms: dict[tuple[int, str], int] = field(default_factory=dict)
    locks: dict[str, int] = field(default_factory=dict)
    states: dict[int, int] = field(default_factory=dict)
    refunded: dict[int, int] = field(default_factory=dict)
    claims: dict[tuple[str, str], int] = field(default_factory=dict)

    @property
    def now(self) -> int:
        return self.ledger.block.time

    # --- the operator ---

    def fund(self, amount: int) -> None:
        if not amount:
            raise Refused("NothingToDo")
        self.free += amount

    def take_inventory(self, amount: int) -> None:
        if not amount:
            raise Refused("NothingToDo")
        if amount > self.free:
            raise Refused("InventoryShort")
        self.free -= amount

    def take_asset(self, asset: str, amount: int) -> None:
        if not amount:
            raise Refused("NothingToDo")
        if amount > self.assets[asset].free:
            raise Refused("VaultShort")
        self.assets[asset].free -= amount

    def release_day(self, asset: str, day: int) -> None:
        if self.now < (day + 1) * DAY + self.refund_window:
            raise Refused("RefundWindowOpen")
        its = self.assets[asset]
        amount = its.of_day.pop(day, 0)
        if not amount:
            raise Refused("NothingToDo")
        its.held -= amount
        its.free += amount

    # --- payers ---

    def lock(self, payer: str, asset: str, merchant: int, amount: int, most: int) -> Sale:
        """The sale that a lock is for; the deposit is to be pulled."""
        self._running()
        if self.locks.get(payer, 0) >= self.max_locks:
            raise Refused("TooManyLocks")
        sale = self._sell(payer, asset, merchant, amount, most)
        sale = replace(sale, deposit=-(-sale.asset_amount * self.deposit_bps // 10_000))
        self.locks[payer] = self.locks.get(payer, 0) + 1
        self.reserved += amount
        self.assets[asset].held += sale.deposit
        self.states[sale.id] = LOCKED
        return sale

    def pay(self, payer: str, asset: str, merchant: int, amount: int, most: int) -> Sale:
        self._running()
        sale = self._sell(payer, asset, merchant, amount, most)
        self._receive(sale)
        return sale

    def pay_locked(self, sale: Sale) -> None:
        if self.states.get(sale.id) != LOCKED:
            raise Refused("WrongStatus")
        if self.now > sale.time + self.lock_time:
            raise Refused("LockOver")
        self.locks[sale.payer] -= 1
        self.reserved -= sale.amount
        self._receive(sale)

    def lapse(self, sale: Sale) -> None:
        if self.states.get(sale.id) != LOCKED:
            raise Refused("WrongStatus")
        if self.now <= sale.time + self.lock_time:
            raise Refused("LockOpen")
        self.states[sale.id] = LAPSED
        self.locks[sale.payer] -= 1
        self.reserved -= sale.amount
        self.free += sale.amount
        self.assets[sale.asset].held -= sale.deposit
        self.assets[sale.asset].free += sale.deposit

    # --- refunds ---

    def refund(self, sale: Sale, amount: int) -> int:
        """Base units that go back."""
        if self.states.get(sale.id) != PAID:
            raise Refused("WrongStatus")
        if self.now > sale.time + self.refund_window:
            raise Refused("RefundWindowOver")
        before = self.refunded.get(sale.id, 0)
        if not amount:
            raise Refused("NothingToDo")
        if amount > sale.amount - before:
            raise Refused("OverSale")
        merchant = MerchantId(sale.merchant)
        if amount > self.ledger.free_funds(merchant):
            raise Refused("MerchantShort")
        its = self.assets[sale.asset]
        held = sale.asset_amount * (before + amount) // sale.amount - sale.asset_amount * before // sale.amount
        back = held
        if sale.refunds == CURRENT_RATE:
            price = self.oracle.price(sale.asset, self.now)
            back = amount * SCALE * 10**its.decimals // price
        if back > its.free + held:
            raise Refused("VaultShort")
        self.ledger.draw_on(merchant, amount)
        its.of_day[sale.time // DAY] -= held
        its.held -= held
        its.free += held - back
        self.free += amount
        self.refunded[sale.id] = before + amount
        return back

    # --- inside ---

    def _running(self) -> None:
        if self.ledger.book.supply.flags & PAUSED:
            raise Refused("NetworkPaused")

    def _sell(self, payer: str, asset: str, merchant: int, amount: int, most: int) -> Sale:
        if asset not in self.assets:
            raise Refused("NotListed")
        if not amount:
            raise Refused("NothingToDo")
        if amount >= 2**48:
            raise Refused("AmountTooLarge")
        refunds = self.terms.get((merchant, asset), 0)
        if not refunds:
            raise Refused("NotAccepted")
        if not self.ledger.book.merchants[MerchantId(merchant)].flags & ACTIVE:
            raise Refused("MerchantClosed")
        price = self.oracle.price(asset, self.now)
        its = self.assets[asset]
        needed = -(-amount * SCALE * 10**its.decimals // price)
        if needed > most:
            raise Refused("Slippage")
        used = its.used if its.day == self.now // DAY else 0
        if amount > its.payment_limit:
            raise Refused("OverPaymentLimit")
        if amount > its.day_limit - used:
            raise Refused("OverDayLimit")
        if amount > self.free:
            raise Refused("InventoryShort")
        its.day, its.used = self.now // DAY, used + amount
        self.free -= amount
        self.sales += 1
        return Sale(
            id=self.sales,
            payer=payer,
            asset=asset,
            merchant=merchant,
            amount=amount,
            asset_amount=needed,
            deposit=0,
            price=price,
            time=self.now,
            refunds=refunds,
        )

    def _receive(self, sale: Sale) -> None:
        self.states[sale.id] = PAID
        its = self.assets[sale.asset]
        its.held += sale.asset_amount - sale.deposit
        day = sale.time // DAY
        its.of_day[day] = its.of_day.get(day, 0) + sale.asset_amount
        self.ledger.credit_payable(MerchantId(sale.merchant), sale.amount)
