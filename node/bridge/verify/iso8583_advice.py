"""From an ISO 8583 advice of a sale that happened without the bridge (offline, stand-in) to a payment.

Part of verify, beside iso8583.py. It is refused for technical reasons only: what the ledger then declines, people
settle (docs/bridge.md, "Exceptions"). A card that nobody has becomes member 0, whom the ledger does not know.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from node.bridge.verify.iso8583 import Parties, Rules, body_of, card_of, credentials_of, key_of, time_of
from node.bridge.verify.iso8583_acts import verify_capture
from node.bridge.verify.lookup import Purchase, Verified, build_payment, split_of
from node.domain.errors import InvalidAmount, InvalidTransaction, WrongMac
from node.domain.ids import MemberId, MinorUnits
from node.domain.payment import Payment
from node.iso8583.basket import read_basket
from node.iso8583.mac import MacKey
from node.iso8583.packager import Message

_APPROVED_OFFLINE: Final = frozenset({"00", "08", "10", "11", "16", "Y1", "Y3"})
"""DE39 of a sale that took place: approved by stand-in or by the terminal (Y1, Y3: EMV, book 4, annex A6)."""
_NOT_OFFLINE: Final = ("CP", "CE", "DI")


def tells_a_sale(fields: Mapping[int, str]) -> bool:
    """Whether a 0220 tells of a sale, whose outcome the terminal says in DE39, and completes no authorisation."""
    return 39 in fields and not fields.get(90, "").strip(" 0")


def took_place(fields: Mapping[int, str]) -> bool:
    """Whether the sale that an advice tells of was approved by whoever decided."""
    return fields[39] in _APPROVED_OFFLINE


def verify_advice(message: Message, parties: Parties, key: MacKey | None, rules: Rules, received: int) -> Verified:
    """A sale that took place (0220, processing code 00). Raises errors of the tree, for technical reasons only."""
    fields, directory, terminal = message.fields, parties.directory, parties.terminal
    basket = read_basket(fields)
    if "AU" in basket.objects:
        return verify_capture(message, parties, key, rules, received)
    amount = MinorUnits(int(fields[4]))
    # a limit that it passes is for the ledger to say: the goods are gone
    if fields[49] != directory.currency or not amount:
        raise InvalidAmount("it is zero, or not in the network's currency")
    if any(tag in basket.objects for tag in _NOT_OFFLINE):
        raise InvalidTransaction("an advice carries no coupon, certificate or discount")
    split = split_of(amount, fields[3][2:4], basket.split)
    if split is None:
        raise InvalidTransaction(f"processing code {fields[3]} with tenders of its own")
    if key is None and (split.coin or split.stored_value):
        raise WrongMac("what takes from a member needs one")
    card = card_of(fields)
    member = (rules.member_of(card) if card else None) or MemberId(0)
    purchase = Purchase(
        key=key_of(message, terminal, amount),
        transmission_time=fields[7],
        body=body_of(message, member),
        time=time_of(fields, rules, received),
        member=member,
        items=basket.items,
        items_text=basket.text,
        split=split,
        pin_result=basket.pin_result,
    )
    verified = build_payment(
        purchase,
        directory=directory,
        merchant=parties.merchant,
        terminal=terminal,
        credentials=credentials_of(fields, key),
        randomness=rules.randomness,
    )
    assert isinstance(verified.entry, Payment)
    return replace(verified, entry=replace(verified.entry, advice=True))
