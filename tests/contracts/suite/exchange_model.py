"""PeerExchange in plain Python (interfaces/IPeerExchange.sol).

Coins are units by age, everything else base units. What the contract refuses raises Refused with its error's name.
"""

from dataclasses import dataclass, field
from typing import Final

from node.domain.ids import MemberId
from node.domain.words import FROZEN, LOCKED, PAUSED
from tests.contracts.doors_model import DoorsModel, holder_of
from tests.contracts.model import Refused

MAX_56: Final = 2**56 - 1
MOST_BPS: Final = 10
NOBODY: Final = "0x" + "00" * 20


@dataclass(frozen=True, kw_only=True)
class Coins:
    """Coins by age, in the epoch that they were looked at."""

    current: int = 0
    previous: int = 0
    epoch: int = 0

    @property
    def total(self) -> int:
        return self.current + self.previous

    def rolled(self, epoch: int) -> "Coins":
        if epoch == self.epoch:
            return self
        return Coins(previous=self.current if epoch == self.epoch + 1 else 0, epoch=epoch)

    def without(self, units: int) -> tuple["Coins", "Coins"]:
        """What stays and what was taken: those that expire first."""
        old = min(units, self.previous)
        taken = Coins(current=units - old, previous=old, epoch=self.epoch)
        return self.less(taken), taken

    def less(self, other: "Coins") -> "Coins":
        return Coins(current=self.current - other.current, previous=self.previous - other.previous, epoch=self.epoch)

    def plus(self, other: "Coins") -> "Coins":
        return Coins(current=self.current + other.current, previous=self.previous + other.previous, epoch=self.epoch)


@dataclass(frozen=True, kw_only=True)
class Offer:
    """IPeerExchange.Offer."""

    id: int
    maker: str
    member: int
    sell: str
    buy: str
    sell_amount: int
    buy_amount: int
    expiry: int
    counterparty: str = NOBODY

    def words(self) -> tuple[object, ...]:
        """As the contract takes it."""
        return tuple(vars(self).values())


@dataclass
class ExchangeModel:
    """The exchange on a ledger's model. `books`: what each token's offers, fees and claims hold."""

    ledger: DoorsModel
    address: str
    coin: str
    cash: str
    fee_bps: int
    listed: set[str] = field(default_factory=set)
    keys: dict[int, str] = field(default_factory=dict)
    offers: int = 0
    tokens_left: dict[int, int] = field(default_factory=dict)
    coins_left: dict[int, Coins] = field(default_factory=dict)
    token_fees: dict[str, int] = field(default_factory=dict)
    coin_fees: Coins = field(default_factory=Coins)
    claims: dict[tuple[str, str], int] = field(default_factory=dict)

    @property
    def now(self) -> int:
        return self.ledger.block.time

    # --- offers ---

    def make(self, maker: str, member: int, sell: str, buy: str, amounts: tuple[int, int], expiry: int,
             counterparty: str = NOBODY) -> Offer:  # fmt: skip
        """An offer of `maker`'s tokens, or of coins in a member's account. Tokens are to be pulled."""
        self._running()
        self._key(member, maker)
        sell_amount, buy_amount = amounts
        for token in (sell, buy):
            if token not in self.listed:
                raise Refused("NotListed")
        too_much = any(
            token == self.coin and amount > MAX_56 for token, amount in ((sell, sell_amount), (buy, buy_amount))
        )
        if not sell_amount or not buy_amount or sell == buy or expiry <= self.now or too_much:
            raise Refused("BadOffer")
        if sell == self.coin:
            coins = self._coins_from(maker, member, sell_amount)
            self.coins_left[self.offers + 1] = coins
        else:
            self.tokens_left[self.offers + 1] = sell_amount
        self.offers += 1
        return Offer(
            id=self.offers,
            maker=maker,
            member=member,
            sell=sell,
            buy=buy,
            sell_amount=sell_amount,
            buy_amount=buy_amount,
            expiry=expiry,
            counterparty=counterparty,
        )

    def take(self, offer: Offer, taker: str, member: int, amount: int, least: int) -> tuple[int, int]:
        """What the taker pays, and the fee in it. Tokens are to be pulled and sent."""
        self._running()
        self._key(member, taker)
        if self.now >= offer.expiry:
            raise Refused("OfferExpired")
        if offer.counterparty not in (NOBODY, taker):
            raise Refused("NotCounterparty")
        self._standing(offer)
        if offer.sell not in self.listed or offer.buy not in self.listed:
            raise Refused("NotListed")
        left = self.left(offer)
        if not left:
            raise Refused("UnknownOffer")
        if not 0 < amount <= left:
            raise Refused("BadAmount")
        paid = -(-amount * offer.buy_amount // offer.sell_amount)
        fee = paid * self.fee_bps // 10_000
        taken = Coins()
        if offer.sell == self.coin:
            stays, taken = self.coins_left[offer.id].rolled(self.ledger.epoch).without(amount)
            if taken.current < least:
                raise Refused("CoinsTooOld")
            self.coins_left[offer.id] = stays
        else:
            self.tokens_left[offer.id] -= amount
        if offer.buy == self.coin:
            coins = self._coins_from(taker, member, paid)
            rest, kept = coins.without(fee)
            self.coin_fees = self.coin_fees.rolled(coins.epoch).plus(kept)
            self._send_coins(offer.maker, rest)
        elif fee:
            self.token_fees[offer.buy] = self.token_fees.get(offer.buy, 0) + fee
        self._send_coins(taker, taken)
        return paid, fee

    def cancel(self, offer: Offer, sender: str) -> int:
        """Tokens that are to go back to the maker."""
        if self.now < offer.expiry and self.of_its_key(offer) and sender != offer.maker:
            raise Refused("NotMaker")
        if offer.sell != self.coin:
            if not self.tokens_left.get(offer.id):
                raise Refused("UnknownOffer")
            return self.tokens_left.pop(offer.id)
        coins = self.coins_left.get(offer.id, Coins())
        if not coins.total:
            raise Refused("UnknownOffer")
        del self.coins_left[offer.id]
        self._send_coins(offer.member or offer.maker, coins.rolled(self.ledger.epoch))
        return 0

    def take_fees(self, token: str, to: str) -> int:
        """Tokens that are to be sent."""
        if token == self.coin:
            coins = self.coin_fees.rolled(self.ledger.epoch)
            if not coins.total:
                raise Refused("NothingToClaim")
            self.coin_fees = Coins(epoch=self.ledger.epoch)
            self._send_coins(to, coins)
            return 0
        if not self.token_fees.get(token):
            raise Refused("NothingToClaim")
        return self.token_fees.pop(token)

    def set_fee(self, bps: int) -> None:
        if bps > MOST_BPS:
            raise Refused("FeeTooHigh")
        self.fee_bps = bps

    # --- what there is ---

    def left(self, offer: Offer) -> int:
        if offer.sell != self.coin:
            return self.tokens_left.get(offer.id, 0)
        return self.coins_left.get(offer.id, Coins()).rolled(self.ledger.epoch).total

    def of_its_key(self, offer: Offer) -> bool:
        return not offer.member or self.keys.get(offer.member) == offer.maker

    def holds(self, token: str, offers: list[Offer]) -> int:
        """Tokens that the exchange owes to anybody."""
        of_offers = sum(self.tokens_left.get(offer.id, 0) for offer in offers if offer.sell == token)
        claims = sum(amount for (of_token, _), amount in self.claims.items() if of_token == token)
        return of_offers + claims + self.token_fees.get(token, 0)

    def coins(self) -> Coins:
        """Coins of all offers and fees."""
        epoch = self.ledger.epoch
        found = self.coin_fees.rolled(epoch)
        for coins in self.coins_left.values():
            found = found.plus(coins.rolled(epoch))
        return found

    # --- inside ---

    def _running(self) -> None:
        if self.ledger.book.supply.flags & PAUSED:
            raise Refused("NetworkPaused")

    def _standing(self, offer: Offer) -> None:
        if not self.of_its_key(offer):
            raise Refused("OfferVoid")
        if offer.member and self.ledger.touch(MemberId(offer.member)).flags & (LOCKED | FROZEN):
            raise Refused("MemberLocked")

    def _key(self, member: int, sender: str) -> None:
        if member and self.keys.get(member) != sender:
            raise Refused("NotMember")

    def _coins_from(self, owner: str, member: int, units: int) -> Coins:
        if units > MAX_56 and member:
            raise Refused("TooMuch")
        if member:
            current, previous = self.ledger.take_coins(MemberId(member), units, holder_of(self.address))
        else:
            before = self.ledger.touch(holder_of(self.address))
            self.ledger.transfer(holder_of(owner), holder_of(self.address), units)
            then = self.ledger.touch(holder_of(self.address))
            current, previous = then.current - before.current, then.previous - before.previous
        return Coins(current=current, previous=previous, epoch=self.ledger.epoch)

    def _send_coins(self, to: str | int, coins: Coins) -> None:
        if coins.total:
            holder = holder_of(to) if isinstance(to, str) else MemberId(to)
            self.ledger.move_coins(holder_of(self.address), holder, coins.current, coins.previous)
