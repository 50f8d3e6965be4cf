"""What an approved message is answered with beside its code: facts for the till, one line for the receipt; pure.

Part of answer: everything is read out of what the journal keeps, so a repeated message is told the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from node.bridge.entry import Kind, act_in, lines_in
from node.bridge.journal.reading import Stored
from node.domain.act import ActKind
from node.domain.acts import gift
from node.domain.acts.authorization import Authorize, Capture, Void
from node.domain.acts.certificate import RedeemCertificate
from node.domain.acts.coupon import WriteOff
from node.domain.acts.discount import Discount
from node.domain.acts.recharge import Recharge
from node.domain.answer import Fact, Facts
from node.domain.currency import written
from node.domain.ids import Sequence, StreamId, payment_id
from node.domain.payment import Tender
from node.domain.refund_split import RefundParts


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """Facts, and one line of printable ASCII."""

    facts: Facts
    text: str


NOTHING: Final = Told(facts=(), text="")


@dataclass(frozen=True, slots=True)
class _Money:
    currency: str

    def __call__(self, amount: int) -> str:
        return written(amount, self.currency)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sale:
    """What a payment with an act took in each tender, and how it is named."""

    payment: str
    coin: int
    stored_value: int
    external: int

    def facts(self) -> Facts:
        named = (
            (Fact.COIN, self.coin),
            (Fact.STORED_VALUE, self.stored_value),
            (Fact.EXTERNAL, self.external),
        )
        return tuple((fact, str(amount)) for fact, amount in named if amount)

    def to_pay(self, money: _Money) -> str:
        return f", TO PAY {money(self.external)}" if self.external else ", NOTHING TO PAY"


def tell(stream: StreamId, stored: Stored, currency: str) -> Told:
    """What an approved payment or refund is answered with."""
    money = _Money(currency)
    if stored.kind is Kind.REFUND:
        return _refund(RefundParts.unpack(stored.packed), money)
    if stored.approved is not None:
        return _part(stored, payment_id(stream, Sequence(stored.sequence)), money)
    act = act_in(stored.packed) if stored.kind is Kind.PAYMENT else None
    told = None if act is None else _TOLD.get(act[0])
    if act is None or told is None:
        return NOTHING
    sums = dict.fromkeys(Tender, 0)
    for amount, tender in lines_in(stored.packed):
        sums[tender] += amount
    sale = _Sale(
        payment=payment_id(stream, Sequence(stored.sequence)),
        coin=sums[Tender.COIN],
        stored_value=sums[Tender.STORED_VALUE],
        external=sums[Tender.EXTERNAL],
    )
    return told(act, sale, money)


def _part(stored: Stored, payment: str, money: _Money) -> Told:
    """A partial approval; of an authorisation it names that for its completions."""
    part = stored.approved or 0
    facts: Facts = ()
    if act_in(stored.packed) is not None:
        facts = ((Fact.AUTHORISED, str(part)), (Fact.AUTHORISATION, payment))
    return Told(facts=facts, text=f"ONLY {money(part)} APPROVED, TAKE THE REST OTHERWISE")


def _refund(parts: RefundParts, money: _Money) -> Told:
    named = (
        (Fact.COIN, parts.coin, "IN COINS"),
        (Fact.STORED_VALUE, parts.stored_value, "TO THE CARD"),
        (Fact.EXTERNAL, parts.external, "BY THE CLERK"),
    )
    there = [(fact, amount, words) for fact, amount, words in named if amount]
    text = ", ".join([f"{money(amount)} {words}" for _, amount, words in there])
    return Told(facts=tuple((fact, str(amount)) for fact, amount, _ in there), text=f"RETURNED {text}")


def _coupon(data: bytes, sale: _Sale, money: _Money) -> Told:
    it = WriteOff.read(data)
    facts = ((Fact.COUPON, str(it.coupon)), (Fact.DISCOUNT, str(it.discount)), *sale.facts())
    off = f"COUPON {money(it.discount)} OFF"
    if it.sale:
        return Told(facts=facts, text=f"{off}, {money(it.amount)} TO PAY AT THE TILL" if it.amount else off)
    return Told(facts=facts, text=off + sale.to_pay(money))


def _certificate(data: bytes, sale: _Sale, money: _Money) -> Told:
    it = RedeemCertificate.read(data)
    facts = ((Fact.CERTIFICATE, str(it.amount)), *sale.facts())
    return Told(facts=facts, text=f"CERTIFICATE PAID {money(it.amount)}{sale.to_pay(money)}")


def _discount(data: bytes, sale: _Sale, money: _Money) -> Told:
    off = Discount.read(data).amount
    facts = ((Fact.DISCOUNT, str(off)), *sale.facts())
    return Told(facts=facts, text=f"{money(sale.coin)} PAID IN COINS, {money(off)} OFF{sale.to_pay(money)}")


def _recharge(data: bytes, sale: _Sale, money: _Money) -> Told:
    amount = Recharge.read(data).amount
    return Told(facts=((Fact.RECHARGED, str(amount)),), text=f"RECHARGED {money(amount)}")


def _authorize(data: bytes, sale: _Sale, money: _Money) -> Told:
    amount = Authorize.read(data).amount
    facts = ((Fact.AUTHORISED, str(amount)), (Fact.AUTHORISATION, sale.payment))
    return Told(facts=facts, text=f"AUTHORISED {money(amount)}")


def _capture(data: bytes, sale: _Sale, money: _Money) -> Told:
    it = Capture.read(data)
    facts = ((Fact.CAPTURED, str(it.amount)), (Fact.AUTHORISATION, payment_id(it.stream, it.sequence)))
    return Told(facts=facts, text=f"CAPTURED {money(it.amount)}")


def _void(data: bytes, sale: _Sale, money: _Money) -> Told:
    it = Void.read(data)
    facts = ((Fact.AUTHORISATION, payment_id(it.stream, it.sequence)),)
    return Told(facts=facts, text="AUTHORISATION VOIDED")


def _gift(data: bytes, sale: _Sale, money: _Money) -> Told:
    it = gift.read(data)
    if isinstance(it, gift.TakeGift):
        merchant, number = it.gift >> 32, it.gift & 0xFFFFFFFF
        return Told(facts=((Fact.GIFT, str(it.gift)),), text=f"GIFT {number} OF MERCHANT {merchant}: HAND IT OVER")
    facts = ((Fact.RESERVATION, str(it.reservation)),)
    return Told(facts=facts, text=f"RESERVATION {it.reservation}: HAND IT OVER")


_TOLD: Final[Mapping[int, Callable[[bytes, _Sale, _Money], Told]]] = {
    ActKind.COUPON: _coupon,
    ActKind.RECHARGE: _recharge,
    ActKind.AUTHORIZE: _authorize,
    ActKind.CAPTURE: _capture,
    ActKind.VOID: _void,
    ActKind.GIFT: _gift,
    ActKind.CERTIFICATE: _certificate,
    ActKind.DISCOUNT: _discount,
}
