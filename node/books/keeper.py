"""Keeps the books while the ledger is replayed: after each transaction, what has changed becomes an entry.

What the ledger's own events tell is an entry of its own cause; whatever else has changed (an act of a coupon, points
that expired) is one more, so that nothing is ever left out. Stage before: audit/follow. Stage after: journal, rolls.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from node.audit.evidence import ProvenBlock, Transaction
from node.audit.state import Replayed
from node.books import entry as books
from node.books.entry import Commodity, Entry, Place
from node.books.rolls import OPENING, Roll, is_owed
from node.chain.abi_events import EventShape
from node.domain.ids import Address
from node.domain.leaf import Leaf
from node.domain.ledger import Log
from node.domain.payment import Tender

Amounts = Counter[Place]
LEDGER: Final = "RewardToken"
EARNED, SPENT, PAID, REFUNDED, EXPIRED, ACT = "earn", "redeem", "value", "refund", "expire", "act"
REFUNDING: Final = frozenset({"Refunded", "LineSettled"})


@dataclass(kw_only=True, slots=True)
class Keeper:
    """Keeps the books of one deployment; `keep` gets each entry as it is made, in order."""

    keep: Callable[[Entry], None]
    ledger: Address
    cash: Address | None
    cash_shapes: Mapping[bytes, EventShape]
    names: Mapping[int, str]
    escrow: Address | None = None
    escrow_shapes: Mapping[bytes, EventShape] = field(default_factory=dict)
    first: int = 0
    balances: Amounts = field(default_factory=Counter)
    rolls: dict[Place, Roll] = field(default_factory=dict)
    opened: bool = False
    _block: ProvenBlock | None = None
    _debts: Amounts = field(default_factory=Counter)
    _held: Counter[int] = field(default_factory=Counter)
    _fees: int = 0
    """Credited by the escrow and not claimed."""

    def block(self, ledger: Replayed, block: ProvenBlock) -> None:
        """Notes where what follows happened."""
        if not self.opened and block.number >= self.first:
            self._open(block)
        self._block = block

    def transaction(self, ledger: Replayed, found: Sequence[Log], leaves: Sequence[Leaf], done: Transaction) -> None:
        """Books a transaction."""
        self._read_cash(done)
        self._read_fees(done)
        if any(log.name in _CHANGING_DEBTS for log in found):
            self._debts = _debts(ledger)
        self._settle(ledger, found, leaves, "0x" + done.hash.hex())

    def close(self, ledger: Replayed) -> None:
        """Books what time alone has done up to the last block: points that expired and nobody has touched since."""
        ledger.roll_supply(ledger.epoch)
        self._settle(ledger, (), (), "")

    # --- inside ---

    def _settle(self, ledger: Replayed, found: Sequence[Log], leaves: Sequence[Leaf], transaction: str) -> None:
        rest = self._now(ledger)
        rest.subtract(self.balances)
        for cause, amounts in _told(ledger, found, leaves):
            rest.subtract(amounts)
            self._enter(cause, amounts, transaction)
        if rest[books.EXPIRED] < 0:
            units = rest[books.EXPIRED]
            gone = Counter({books.EXPIRED: units, books.MEMBERS: -units})
            rest.subtract(gone)
            self._enter(EXPIRED, gone, transaction)
        self._enter(_cause(found), rest, transaction)

    def _enter(self, cause: str, amounts: Amounts, transaction: str) -> None:
        kept = {place: amount for place, amount in amounts.items() if amount}
        if not kept:
            return
        assert self._block is not None
        made = Entry(
            time=self._block.time, block=self._block.number, transaction=transaction, cause=cause, amounts=kept
        )
        self.balances.update(kept)
        if self.opened:
            for place, amount in kept.items():
                self.rolls.setdefault(place, Roll()).add(cause, -amount if is_owed(place) else amount)
            self.keep(made)

    def _open(self, block: ProvenBlock) -> None:
        """What was there before the first block that is asked for, in one entry."""
        self.opened = True
        kept = {place: amount for place, amount in self.balances.items() if amount}
        for place, amount in kept.items():
            self.rolls[place] = Roll(opening=-amount if is_owed(place) else amount)
        if kept:
            self.keep(Entry(time=block.time, block=block.number, transaction="", cause=OPENING, amounts=kept))

    def _read_cash(self, done: Transaction) -> None:
        for log in done.logs:
            shape = self.cash_shapes.get(log.topics[0]) if log.topics else None
            if log.address == self.cash and shape is not None and shape.name == "Transfer":
                giver, taker, amount = shape.values(log.topics, log.data)
                self._held[giver] -= amount
                self._held[taker] += amount

    def _read_fees(self, done: Transaction) -> None:
        for log in done.logs:
            shape = self.escrow_shapes.get(log.topics[0]) if log.topics else None
            if log.address == self.escrow and shape is not None and shape.name in _FEES:
                self._fees += _FEES[shape.name] * int(shape.fields(log.topics, log.data)["amount"])

    def _now(self, ledger: Replayed) -> Amounts:
        """All balances as the replay has them; debits above 0."""
        now: Amounts = Counter(dict(_of_ledger(ledger)))
        for number, part in self.names.items():
            units = _coins_of(ledger, number)
            if units:
                now[books.points_held_by(part)] -= units
                now[books.MEMBERS] += units
        now.update(self._debts)
        owed = -sum(amount for (_, commodity), amount in now.items() if commodity is Commodity.MONEY and amount < 0)
        owed -= sum(now[books.guaranteed_for(merchant)] for merchant in ledger.guaranteed)
        if self.cash is None:
            now[books.VAULT] = owed
            return now
        for holder, amount in self._held.items():
            if not holder:
                now[books.VAULT] = -amount
            elif holder != int.from_bytes(self.ledger, "big"):
                name = self.names.get(holder)
                now[books.OUTSIDE if name is None else books.held_by(name)] -= amount
        if self._fees and self.escrow is not None:
            now[books.FEES] -= self._fees
            now[books.held_by(self.names[int.from_bytes(self.escrow, "big")])] += self._fees
        now[books.UNASSIGNED] = owed - self._held[int.from_bytes(self.ledger, "big")]
        return now


_FEES: Final[Mapping[str, int]] = {"FeeCredited": 1, "FeesClaimed": -1}
"""Events of the escrow, and what they do to the fees that it holds."""
_CHANGING_DEBTS: Final = frozenset(
    {
        "Owed", "OwedSettled", "Refunded", "LineSettled", "MembersMerged", "ArrearsCollected", "ArrearsForgiven",
        "PointsClawedBack",
    }
)  # fmt: skip


def _of_ledger(ledger: Replayed) -> Iterator[tuple[Place, int]]:
    totals, supply = ledger.totals, ledger.supply
    yield books.STORED_VALUE, -totals.stored_value
    yield books.RESERVE, -totals.reserve
    for merchant, word in ledger.merchants.items():
        yield books.payable(merchant), -word.payable
        yield books.prepaid(merchant), -word.prepaid
    for number, amount in ledger.deposits.items():
        yield books.deposit(number), -amount
    for number, amount in ledger.guaranteed.items():
        yield books.guaranteed_for(number), amount
    yield books.GUARANTEED, -sum(ledger.guaranteed.values())
    yield books.MEMBERS, -(supply.current + supply.previous)
    yield books.EXPIRED, ledger.claimed - sum(units for _, units in ledger.closed_epochs.values())
    yield books.COVER, totals.reserve * ledger.par


def _coins_of(ledger: Replayed, holder: int) -> int:
    """What a contract holds by now; of ages that no log has told yet, as it was touched last."""
    account = ledger.account(holder)
    return account.coins if holder in ledger.vague else account.rolled(ledger.epoch)[0].coins


def _debts(ledger: Replayed) -> Amounts:
    """Points owed by merchants and by members: claims that no money covers, each against an account of its own."""
    found: Amounts = Counter()
    for (merchant, _), units in ledger.owed.items():
        found[books.owed_by(merchant)] += units
        found[books.OWED] -= units
    for (creditor, _), units in ledger.arrears.items():
        if creditor:
            found[books.arrears_to(creditor)] += units
            found[books.ARREARS] -= units
    return found


def _told(ledger: Replayed, found: Sequence[Log], leaves: Sequence[Leaf]) -> Iterator[tuple[str, Amounts]]:
    """What the posting path says that it did, by cause."""
    earned: Amounts = Counter()
    spent: Amounts = Counter()
    paid: Amounts = Counter()
    for leaf in leaves:
        if leaf.tender != Tender.COIN:
            earned[books.prepaid(leaf.merchant)] += leaf.points
            earned[books.MEMBERS] -= leaf.points
    for log in found:
        if log.name == "Debited":
            merchant, value, previous, current = (int(number) for number in log.values[3:7])
            paid[books.STORED_VALUE] += value
            paid[books.payable(merchant)] -= value
            units = previous + current
            spent[books.MEMBERS] += units
            spent[books.COVER] -= units
            spent[books.RESERVE] += units // ledger.par
            spent[books.payable(merchant)] -= units // ledger.par
    yield EARNED, earned
    yield SPENT, spent
    yield PAID, paid


def _cause(found: Sequence[Log]) -> str:
    """What the rest of a transaction is booked under: the last event that tells."""
    names = [log.name for log in found]
    if any(name in REFUNDING for name in names):
        return REFUNDED
    if "BatchPosted" in names:
        return ACT
    telling = [name for name in names if name not in ("Transfer", "Guaranteed", "FundRepaid")]
    return telling[-1] if telling else ("Transfer" if names else "cash")
