"""What a message asks for beside or instead of a sale, whichever way it came, as the act that the chain is asked for.

Part of verify; pure, reads a frozen directory. Numbers come as text, for ids pass what JSON holds exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from node.domain.act import Act
from node.domain.acts.authorization import Authorize
from node.domain.acts.certificate import SIGNATURE_SIZE, RedeemCertificate
from node.domain.acts.coupon import WriteOff, campaign_of, discount_due_down
from node.domain.acts.discount import Discount, discount_down
from node.domain.acts.gift import HandOverGift, TakeGift
from node.domain.assignment import Item, TenderSplit
from node.domain.directory import Campaign, Directory
from node.domain.errors import InvalidAmount, InvalidTransaction, MalformedMessage, NotForThisSale, UnknownItem
from node.domain.ids import Hash32, MinorUnits, Units
from node.domain.merkle import product_leaves, proof_of
from node.domain.payment import Tender

_AMOUNT_BITS: Final = 48
_ID_BITS: Final = 64
_UNIT_BITS: Final = 56
_DAY: Final = 86_400
CAPTURE_DAYS: Final = 7
"""How long an authorisation of a till may be captured."""
REFUND_DAYS: Final = 97
"""Until when what was captured of it may be refunded."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SaleAsks:
    """What a purchase asks for beside itself, as texts; None where it does not. At most one of them.

    An empty `discount` or `coupon_discount` leaves the amount to the bridge; so does an empty `certificate_amount`,
    which is all that the tenders leave then.
    """

    coupon: str | None = None
    coupon_discount: str = ""
    certificate: str | None = None
    certificate_amount: str = ""
    certificate_signature: str = ""
    discount: str | None = None


def sale_act(
    asks: SaleAsks,
    *,
    amount: MinorUnits,
    split: TenderSplit,
    items: Sequence[Item],
    sale: int,
    directory: Directory,
) -> tuple[TenderSplit, Act | None]:
    """The tenders with what the act takes off, and the act. `sale` is the till's number for the sale.

    Raises MalformedMessage, InvalidTransaction, InvalidAmount, UnknownItem, NotForThisSale.
    """
    if sum(each is not None for each in (asks.coupon, asks.certificate, asks.discount)) > 1:
        raise InvalidTransaction("a sale takes one coupon, one certificate or the coin's discount")
    if asks.coupon is not None:
        return _coupon(asks, amount, split, items, sale, directory)
    if asks.certificate is not None:
        return _certificate(asks, amount, split)
    if asks.discount is not None:
        return _discount(asks.discount, split, directory.discount_bps)
    return split, None


def write_off(
    coupon: str, discount: str, *, basket: int, sale: int, items: Sequence[Item], directory: Directory
) -> WriteOff:
    """A coupon's write-off for a sale of `basket` (before the discount) that is posted elsewhere, or not at all.

    Raises MalformedMessage, InvalidAmount, UnknownItem, NotForThisSale.
    """
    number = number_of(coupon, _ID_BITS, "a coupon's number")
    campaign = directory.campaigns.get(campaign_of(number))
    if campaign is None and not discount:
        raise UnknownItem("this bridge knows no such coupon, so its message has to say the discount")
    if discount:
        off = MinorUnits(number_of(discount, _AMOUNT_BITS, "a discount"))
    else:
        assert campaign is not None
        off = discount_due_down(campaign.face, campaign.value, basket)
    if off > basket:
        raise InvalidAmount("the discount is more than the amount")
    product, proof = _proved(campaign, items, directory)
    return WriteOff(
        coupon=number, discount=off, sale=sale, amount=MinorUnits(basket - off), product=product, proof=proof
    )


def gift_act(gift: str, reservation: str) -> Act:
    """Takes a gift, or hands over one that is reserved. Raises MalformedMessage."""
    if bool(gift) == bool(reservation):
        raise MalformedMessage("either a gift is named, or a reservation")
    if gift:
        return TakeGift(gift=number_of(gift, _ID_BITS, "a gift's number")).act()
    return HandOverGift(reservation=number_of(reservation, 128, "a reservation's number")).act()


def authorize_act(amount: MinorUnits, tender: Tender, *, time: int) -> Act:
    """Puts money aside, to be captured within CAPTURE_DAYS of the terminal's time."""
    return Authorize(
        tender=tender, amount=amount, capture_by=time + CAPTURE_DAYS * _DAY, refund_by=time + REFUND_DAYS * _DAY
    ).act()


def reward_of(text: str) -> Units:
    """The points for a captured part, none where nothing is said. Raises MalformedMessage."""
    return Units(number_of(text, _UNIT_BITS, "a reward")) if text else Units(0)


def number_of(text: str, bits: int, what: str) -> int:
    """A decimal number. Raises MalformedMessage."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 40) or int(text) >= 1 << bits:
        raise MalformedMessage(f"{what} is a decimal number of up to {bits} bits")
    return int(text)


def _coupon(
    asks: SaleAsks,
    amount: MinorUnits,
    split: TenderSplit,
    items: Sequence[Item],
    sale: int,
    directory: Directory,
) -> tuple[TenderSplit, Act]:
    told = write_off(
        asks.coupon or "", asks.coupon_discount, basket=amount, sale=sale, items=items, directory=directory
    )
    if told.discount < amount:
        # the payment's own lines are the sale
        told = replace(told, sale=0, amount=MinorUnits(0))
    return replace(split, off=told.discount), told.act()


def _certificate(asks: SaleAsks, amount: MinorUnits, split: TenderSplit) -> tuple[TenderSplit, Act]:
    number = number_of(asks.certificate or "", _ID_BITS, "a certificate's number")
    paid = amount - split.coin - split.stored_value
    if asks.certificate_amount:
        paid = number_of(asks.certificate_amount, _AMOUNT_BITS, "what a certificate pays")
    if not 0 < paid <= amount:
        raise InvalidAmount("a certificate pays something, and not more than the amount")
    signature = b""
    if asks.certificate_signature:
        signature = _signature(asks.certificate_signature)
    act = RedeemCertificate(certificate=number, amount=MinorUnits(paid), signature=signature).act()
    return replace(split, off=MinorUnits(paid)), act


def _discount(said: str, split: TenderSplit, bps: int) -> tuple[TenderSplit, Act]:
    if not split.coin:
        raise NotForThisSale("a discount is for what is paid in coins")
    off = number_of(said, _AMOUNT_BITS, "a discount") if said else discount_down(split.coin, bps)
    if not 0 < off < split.coin:
        raise NotForThisSale("there is no discount on this amount" if not said else "the discount is out of range")
    coin = MinorUnits(split.coin - off)
    return replace(split, coin=coin, off=MinorUnits(off)), Discount(amount=MinorUnits(off)).act()


def _proved(campaign: Campaign | None, items: Sequence[Item], directory: Directory) -> tuple[str, tuple[Hash32, ...]]:
    """A product of the sale with the proof that the campaign is for it; nothing where it is for all products."""
    if campaign is None or campaign.product_set is None:
        return "", ()
    products = directory.product_sets.get(campaign.product_set)
    if products is None:
        raise NotForThisSale("the list of the coupon's products is not published to this bridge")
    found = next((item.product for item in items if item.product in products), None)
    if found is None:
        raise NotForThisSale("it is for none of these products")
    return found, proof_of(product_leaves(products), sorted(products).index(found))


def _signature(text: str) -> bytes:
    try:
        signature = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        signature = b""
    if len(signature) != SIGNATURE_SIZE:
        raise MalformedMessage("a certificate's signature is 130 hexadecimal digits")
    return signature
