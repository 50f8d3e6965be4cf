"""The ledger as the audit has replayed it so far: every word that any call of it may change.

What the posting path changes is node/domain/ledger.py's; here is the rest, and the helpers that all doors share. No
I/O. A holder is a member's number, or the number of an address. Stage before: follow. Stage after: compare.
"""

from dataclasses import dataclass, field, replace
from typing import Final

from node.domain.ids import MemberId, MerchantId, Sequence, StreamId
from node.domain.ledger import Block, Ledger, Log
from node.domain.words import FROZEN, IN_ARREARS, Account, Supply

COIN: Final = 1
STORED_VALUE: Final = 2
MAX_MERGES: Final = 8
FUND: Final = MerchantId(0)
"""The guarantee fund, among deposits."""


class Posted(set[tuple[StreamId, Sequence]]):
    """The consumed sequences as bitmaps: a year of payments takes some hundred kilobytes."""

    def __init__(self) -> None:
        super().__init__()
        self.words: dict[tuple[int, int], int] = {}

    def add(self, key: tuple[StreamId, Sequence]) -> None:
        place = key[0], key[1] >> 8
        self.words[place] = self.words.get(place, 0) | 1 << (key[1] & 255)

    def __contains__(self, key: object) -> bool:
        assert isinstance(key, tuple)
        return bool(self.words.get((key[0], key[1] >> 8), 0) >> (key[1] & 255) & 1)


@dataclass(kw_only=True, slots=True)
class Replayed(Ledger):
    """The whole ledger. `vague` are holders whose coins' ages no log tells (docs/audit.md, "Ages")."""

    block: Block = field(default_factory=lambda: Block(number=0, time=0))
    arrears: dict[tuple[int, int], int] = field(default_factory=dict)
    deposits: dict[int, int] = field(default_factory=dict)
    guaranteed: dict[int, int] = field(default_factory=dict)
    refunded: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    settled: dict[bytes, int] = field(default_factory=dict)
    roots: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    refund_limits: dict[int, int] = field(default_factory=dict)
    stream_refunds: dict[int, tuple[int, int]] = field(default_factory=dict)
    merged: dict[int, MemberId] = field(default_factory=dict)
    parts: dict[int, int] = field(default_factory=dict)
    claimed: int = 0
    calldata: bytes = b""
    """Of the transaction that is replayed: what calls say that no log repeats stands there."""
    vague: set[int] = field(default_factory=set)
    vague_supply: bool = False
    vague_days: set[tuple[int, int]] = field(default_factory=set)

    @property
    def epoch(self) -> int:
        """The expiry epoch of the block that is being replayed."""
        return self.terms.epoch(self.block.time)

    @property
    def day(self) -> int:
        """The network's day of the block that is being replayed."""
        return self.terms.day(self.block.time)

    @property
    def par(self) -> int:
        """Units of one minor unit."""
        return self.terms.units_per_minor_unit

    def survivor(self, member: int) -> MemberId:
        """Who a member is now, after merges."""
        for _ in range(MAX_MERGES):
            if member not in self.merged or not self.account(member).flags & FROZEN:
                break
            member = self.merged[member]
        return MemberId(member)

    def account(self, holder: int) -> Account:
        """A holder's account as it was stored last."""
        return self.accounts.get(MemberId(holder), Account())

    def expiring(self, holder: int) -> int:
        """What expires when the holder is touched now, by the ages that are known."""
        return self.account(holder).rolled(self.epoch)[1]

    def touch(self, holder: int, logs: list[Log] | None = None) -> Account:
        """The account in this epoch, stored; what expired is noted in `logs` as the ledger logs it."""
        old = self.account(holder)
        if holder in self.vague and old.epoch + 1 == self.epoch:
            # it would have been logged before: what was there is of the epoch that has just ended
            old = replace(old, current=old.coins, previous=0)
        rolled, expired = old.rolled(self.epoch)
        if rolled.epoch != old.epoch:
            self.vague.discard(holder)
        if expired and logs is not None:
            logs.append(Log("Transfer", (holder, 0, expired)))
        self.accounts[MemberId(holder)] = rolled
        return rolled

    def expire(self, holder: int, units: int) -> bool:
        """Rolls a holder who lost `units` by age, as a log says; False if that cannot be."""
        account = self.account(holder)
        vague = holder in self.vague and account.epoch + 1 == self.epoch and units <= account.coins
        if not vague and (not units or self.expiring(holder) != units):
            return False
        if vague:
            self.accounts[MemberId(holder)] = replace(account, current=account.coins - units, previous=units)
            self.vague.discard(holder)
        self.accounts[MemberId(holder)], _ = self.account(holder).rolled(self.epoch)
        self.vague.discard(holder)
        return True

    def store(self, holder: int, account: Account) -> None:
        """Stores an account."""
        self.accounts[MemberId(holder)] = account

    def blur(self, holder: int, account: Account, units: int) -> bool:
        """Whether the ages of coins that somebody takes by age are in no log; then the holder's are not known."""
        unclear = holder in self.vague or bool(account.current and account.previous and units < account.coins)
        if unclear and units:
            self.vague.add(holder)
        return unclear and bool(units)

    def change_supply(self, *, current: int = 0, previous: int = 0, issued: int = 0) -> None:
        """Adds to the supply, rolled into this epoch."""
        self.roll_supply(self.epoch)
        old = self.supply
        self.supply = Supply(
            current=old.current + current,
            previous=old.previous + previous,
            issued=old.issued + issued,
            epoch=old.epoch,
            flags=old.flags,
        )

    def change_totals(self, **changes: int) -> None:
        """Adds to totals by their names."""
        self.totals = replace(self.totals, **{name: getattr(self.totals, name) + by for name, by in changes.items()})

    def add_deposit(self, merchant: int, amount: int) -> None:
        """Adds to a merchant's deposit, of merchant 0 to the guarantee fund."""
        self.deposits[merchant] = self.deposits.get(merchant, 0) + amount

    def add_arrears(self, merchant: int, member: int, units: int) -> None:
        """A member owes a merchant more; the flag is the caller's where it holds the account."""
        for place in ((merchant, member), (0, member)):
            self.arrears[place] = self.arrears.get(place, 0) + units
        account = self.account(member)
        self.store(member, replace(account, flags=account.flags | IN_ARREARS))

    def reduce_arrears(self, merchant: int, member: int, units: int) -> None:
        """A member owes a merchant less."""
        for place in ((merchant, member), (0, member)):
            self.arrears[place] = self.arrears.get(place, 0) - units
        if not self.arrears[0, member]:
            account = self.account(member)
            self.store(member, replace(account, flags=account.flags & ~IN_ARREARS))

    def unissue_now(self, merchant: MerchantId, units: int) -> None:
        """Points that a merchant gave in this epoch, as far as it gave any, were not given after all."""
        word = self.merchants[merchant]
        units = min(units, word.issued)
        if units:
            self.merchants[merchant] = replace(word, issued=word.issued - units)
            self.change_supply(issued=-units)

    def unissue_closed(self, merchant: MerchantId, epoch: int, units: int) -> int:
        """The same of a closed epoch; how many that were."""
        closed = min(units, self.issued.get((merchant, epoch), 0))
        if closed:
            self.roll_supply(self.epoch)
            self.issued[merchant, epoch] -= closed
            issued, expired = self.closed_epochs[epoch]
            self.closed_epochs[epoch] = (issued - closed, expired)
        return closed

    def unissue_newest(self, merchant: MerchantId, units: int) -> None:
        """The same, the newest first: what this epoch did not give was given in the one before."""
        word = self.roll_merchant(merchant, self.epoch)
        if units > word.issued and self.epoch:
            self.unissue_closed(merchant, self.epoch - 1, units - word.issued)
        self.unissue_now(merchant, units)
