"""From ISO 8583 messages to acts without a sale: recharge, gift, write-off, authorisation, capture (docs/iso8583.md).

Part of verify, beside iso8583.py. All of them need a MAC, whatever `mac_required` says.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from node.bridge.verify.acts import authorize_act, gift_act, number_of, reward_of, write_off
from node.bridge.verify.iso8583 import Parties, Rules, body_of, card_of, credentials_of, key_of, sale_number, time_of
from node.bridge.verify.iso8583_refund import original_of
from node.bridge.verify.lookup import (
    ActOrder,
    Verified,
    build_act,
    check_amount,
    find_member,
)
from node.bridge.verify.partial import wants_partial
from node.domain.act import Act
from node.domain.acts.authorization import Capture
from node.domain.acts.recharge import Recharge
from node.domain.errors import InvalidAmount, MalformedMessage, WrongMac
from node.domain.ids import MemberId, MinorUnits, Sequence, StreamId, parse_payment_id
from node.domain.payment import OriginalKey, OriginalNumber, Tender
from node.iso8583.basket import Basket, read_basket
from node.iso8583.mac import MacKey
from node.iso8583.packager import Message

_AUTHORISED: Final = ("0100", "0101")
_AMOUNT_BITS: Final = 48
_SALE_BITS: Final = 64


def verify_recharge(message: Message, parties: Parties, key: MacKey | None, rules: Rules, received: int) -> Verified:
    """A recharge (0200, processing code 21). Raises errors of the tree."""
    amount = _amount(message, parties)
    basket = read_basket(message.fields)
    promised = number_of(basket.objects.get("RB", "0"), _AMOUNT_BITS, "RB")
    act = Recharge(amount=amount, at_least=MinorUnits(promised)).act()
    return _order(message, parties, key, rules, received, amount, act, basket)


def verify_gift(message: Message, parties: Parties, key: MacKey | None, rules: Rules, received: int) -> Verified:
    """A gift (0200, processing code 92); the price is the gift's, so DE4 is 0 or left out. Raises errors."""
    if message.fields.get(4, "").strip("0"):
        raise InvalidAmount("a gift costs what it costs")
    basket = read_basket(message.fields)
    act = gift_act(basket.objects.get("GF", ""), basket.objects.get("RS", ""))
    return _order(message, parties, key, rules, received, MinorUnits(0), act, basket)


def verify_write_off(message: Message, parties: Parties, key: MacKey | None, rules: Rules, received: int) -> Verified:
    """A coupon's write-off alone (0200, processing code 91): DE4 is the sale before the discount, 0 for a coupon that
    is good for a gift. Raises errors of the tree.
    """
    fields = message.fields
    amount = MinorUnits(int(fields[4]))
    if amount:
        check_amount(parties.directory, amount, fields[49])
    basket = read_basket(fields)
    coupon = basket.objects.get("CP")
    if coupon is None:
        raise MalformedMessage("CP names the coupon")
    said = basket.objects.get("SR", "")
    told = write_off(
        coupon,
        basket.objects.get("CD", ""),
        basket=amount,
        sale=number_of(said, _SALE_BITS, "SR") if said else sale_number(fields),
        items=basket.items,
        directory=parties.directory,
    )
    return _order(message, parties, key, rules, received, amount, told.act(), basket)


def verify_authorize(message: Message, parties: Parties, key: MacKey | None, rules: Rules, received: int) -> Verified:
    """An authorisation (0100, processing code 00): of stored value (60 or 00), or of coins (90). Raises errors."""
    amount = _amount(message, parties)
    tender = Tender.COIN if message.fields[3][2:4] == "90" else Tender.STORED_VALUE
    act = authorize_act(amount, tender, time=time_of(message.fields, rules, received))
    basket = read_basket(message.fields)
    verified = _order(message, parties, key, rules, received, amount, act, basket)
    return replace(verified, partial=wants_partial(basket.objects.get("PA", "")))


def verify_capture(message: Message, parties: Parties, key: MacKey | None, rules: Rules, received: int) -> Verified:
    """A completion (0220, processing code 00) of an authorisation: all of it or a part. Raises errors of the tree."""
    fields = message.fields
    amount = _amount(message, parties)
    basket = read_basket(fields)
    reward = reward_of(basket.objects.get("RW", ""))
    stream, sequence, about = _authorisation(fields, basket, parties, rules)
    act = Capture(stream=stream, sequence=sequence, amount=amount, reward=reward).act()
    return _order(message, parties, key, rules, received, amount, act, basket, about)


def _authorisation(
    fields: Mapping[int, str], basket: Basket, parties: Parties, rules: Rules
) -> tuple[StreamId, Sequence, OriginalKey | OriginalNumber | None]:
    """What is captured: of another bridge by AU as it is, else for the journal to find."""
    named = basket.objects.get("AU")
    if named is None or fields.get(90, "").strip(" 0"):
        return rules.stream, Sequence(0), original_of(fields, parties.terminal.id, rules.stream, _AUTHORISED)
    stream, sequence = authorisation_named(named)
    if stream != rules.stream:
        return stream, sequence, None
    return stream, Sequence(0), OriginalNumber(number=sequence, whole=True)


def authorisation_named(text: str) -> tuple[StreamId, Sequence]:
    """An authorisation by its payment id. Raises MalformedMessage."""
    try:
        return parse_payment_id(text)
    except ValueError:
        raise MalformedMessage("an authorisation is named by its payment id, such as 1-42") from None


def _amount(message: Message, parties: Parties) -> MinorUnits:
    amount = MinorUnits(int(message.fields[4]))
    check_amount(parties.directory, amount, message.fields[49])
    return amount


def _order(
    message: Message,
    parties: Parties,
    key: MacKey | None,
    rules: Rules,
    received: int,
    amount: MinorUnits,
    act: Act,
    basket: Basket,
    about: OriginalKey | OriginalNumber | None = None,
) -> Verified:
    fields = message.fields
    credentials = credentials_of(fields, key)
    if credentials is None:
        raise WrongMac("an act needs one")
    card = card_of(fields)
    member = MemberId(0) if about is not None and not card else find_member(rules.member_of, card)
    order = ActOrder(
        key=key_of(message, parties.terminal, amount),
        transmission_time=fields[7],
        body=body_of(message, member),
        time=time_of(fields, rules, received),
        member=member,
        act=act,
        pin_result=basket.pin_result,
        about=about,
    )
    return build_act(order, merchant=parties.merchant, terminal=parties.terminal, credentials=credentials)
