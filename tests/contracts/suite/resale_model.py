"""ReceiptMarket in plain Python (interfaces/IReceiptMarket.sol). Money in minor units."""

from dataclasses import dataclass, field, replace

from node.domain.assignment import Item
from node.domain.ids import MemberId
from node.domain.leaf import Leaf
from node.domain.merkle import item_leaf, item_leaves, proof_of, receipt_token
from node.domain.words import FROZEN, LOCKED, PAUSED
from tests.contracts.doors_model import DoorsModel
from tests.contracts.model import Refused

OFFERED, PAID, DISPUTED, SOLD = 1, 2, 3, 4


@dataclass(frozen=True, kw_only=True)
class Purchase:
    """An item of a payment's line, and the receipt that it stands on."""

    leaf: Leaf
    items: tuple[Item, ...]
    salt: bytes
    index: int

    @property
    def token(self) -> int:
        item = item_leaf(self.items[self.index], self.index, self.salt)
        return receipt_token(item, self.leaf.stream, self.leaf.sequence)

    @property
    def amount(self) -> int:
        return self.items[self.index].amount

    def words(self) -> tuple[object, ...]:
        """IReceiptMarket.Item."""
        item = self.items[self.index]
        proof = proof_of(item_leaves(self.items, self.salt), self.index)
        return (self.salt, self.index, item.amount, item.quantity, item.product.encode(), proof)


@dataclass(frozen=True, kw_only=True)
class Listing:
    """An item that is offered, paid for, disputed or sold."""

    purchase: Purchase
    price: int
    until: int
    status: int = OFFERED
    buyer: str = ""


@dataclass
class ResaleModel:
    """The market on a ledger's model. `cash` of the traders is theirs to have."""

    ledger: DoorsModel
    window: int
    keys: dict[int, str] = field(default_factory=dict)
    listings: dict[int, Listing] = field(default_factory=dict)
    returned: set[int] = field(default_factory=set)
    owners: dict[int, str] = field(default_factory=dict)

    @property
    def now(self) -> int:
        return self.ledger.block.time

    def offer(self, sender: str, member: int, purchase: Purchase, price: int, until: int) -> None:
        self._running()
        if purchase.leaf.member != member:
            raise Refused("NotOfMember")
        if self.keys.get(member) != sender:
            raise Refused("NotMember")
        self._free(member)
        if price >= 2**48:
            raise Refused("AmountTooLarge")
        if not price or until <= self.now:
            raise Refused("BadOffer")
        token = purchase.token
        if token in self.listings:
            raise Refused("WrongStatus")
        if token in self.returned:
            raise Refused("Returned")
        if self.left(purchase) < purchase.amount:
            raise Refused("LineUndone")
        self.listings[token] = Listing(purchase=purchase, price=price, until=until)
        self.owners[token] = sender

    def withdraw(self, sender: str, token: int) -> None:
        its = self._of_status(token, OFFERED)
        if sender != self._seller(its):
            raise Refused("NotSeller")
        self._forget(token)

    def buy(self, sender: str, token: int, most: int) -> None:
        self._running()
        its = self._of_status(token, OFFERED)
        if self.now >= its.until:
            raise Refused("OfferOver")
        if its.price > most:
            raise Refused("PriceAbove")
        if sender == self._seller(its):
            raise Refused("OwnReceipt")
        self._free(its.purchase.leaf.member)
        if token in self.returned:
            raise Refused("Returned")
        self.listings[token] = replace(its, status=PAID, buyer=sender, until=self.now + self.window)

    def hand_over(self, sender: str, token: int) -> int:
        """What the seller gets."""
        its = self._of_status(token, PAID)
        if self.now <= its.until and sender != its.buyer:
            raise Refused("WindowOpen")
        return self._complete(token, its)

    def dispute(self, sender: str, token: int, reason: str) -> None:
        its = self._of_status(token, PAID)
        if sender != its.buyer:
            raise Refused("NotBuyer")
        if self.now > its.until:
            raise Refused("WindowOver")
        if not reason:
            raise Refused("NoReason")
        self.listings[token] = replace(its, status=DISPUTED)

    def unwind(self, sender: str, token: int) -> None:
        its = self.listings.get(token)
        if its is None or its.status not in (PAID, DISPUTED):
            raise Refused("WrongStatus")
        good = token not in self.returned and self.left(its.purchase) >= its.purchase.amount
        if good and sender != self._seller(its):
            raise Refused("StillGood")
        self._forget(token)

    def resolve(self, token: int, sold: bool, reason: str) -> None:
        its = self._of_status(token, DISPUTED)
        if not reason:
            raise Refused("NoReason")
        if sold:
            self._complete(token, its)
        else:
            self._forget(token)

    def mark_returned(self, purchase: Purchase) -> None:
        if purchase.token in self.listings and self.listings[purchase.token].status == SOLD:
            raise Refused("WrongStatus")
        self.returned.add(purchase.token)

    def left(self, purchase: Purchase) -> int:
        """What is left of the line."""
        return int(purchase.leaf.amount) - self.ledger.refunded.get(purchase.leaf.hash, (0, 0))[0]

    def held(self) -> int:
        """Cash of buyers that waits."""
        return sum(its.price for its in self.listings.values() if its.status in (PAID, DISPUTED))

    # --- inside ---

    def _complete(self, token: int, its: Listing) -> int:
        if token in self.returned:
            raise Refused("Returned")
        if self.left(its.purchase) < its.purchase.amount:
            raise Refused("LineUndone")
        self.ledger.settle_line(its.purchase.leaf, its.purchase.amount)
        self.listings[token] = replace(its, status=SOLD)
        self.owners[token] = its.buyer
        return its.price

    def _forget(self, token: int) -> None:
        del self.listings[token], self.owners[token]

    def _of_status(self, token: int, status: int) -> Listing:
        its = self.listings.get(token)
        if its is None or its.status != status:
            raise Refused("WrongStatus")
        return its

    def _seller(self, its: Listing) -> str:
        return self.keys[its.purchase.leaf.member]

    def _free(self, member: int) -> None:
        if self.ledger.touch(MemberId(member)).flags & (LOCKED | FROZEN):
            raise Refused("MemberLocked")

    def _running(self) -> None:
        if self.ledger.book.supply.flags & PAUSED:
            raise Refused("NetworkPaused")
