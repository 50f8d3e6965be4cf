"""From an ISO 8583 advice of a sale that happened without the bridge (offline, stand-in) to a payment.

Part of verify, beside iso8583.py; what is true of advices of both intakes is in offline.py.
"""

from collections.abc import Mapping
from typing import Final

from node.bridge.verify.iso8583 import Parties, Rules, body_of, card_of, credentials_of, key_of, time_of
from node.bridge.verify.iso8583_acts import verify_capture
from node.bridge.verify.lookup import Purchase, Verified, build_payment, split_of
from node.bridge.verify.offline import APPROVED_OFFLINE, advised, check_told, member_or_nobody
from node.domain.errors import InvalidTransaction, WrongMac
from node.domain.ids import MinorUnits
from node.iso8583.basket import read_basket
from node.iso8583.mac import MacKey
from node.iso8583.packager import Message

_NOT_OFFLINE: Final = ("CP", "CE", "DI")


def tells_a_sale(fields: Mapping[int, str]) -> bool:
    """Whether a 0220 tells of a sale, whose outcome the terminal says in DE39, and completes no authorisation."""
    return 39 in fields and not fields.get(90, "").strip(" 0")


def took_place(fields: Mapping[int, str]) -> bool:
    """Whether the sale that an advice tells of was approved by whoever decided."""
    return fields[39] in APPROVED_OFFLINE


def verify_advice(message: Message, parties: Parties, key: MacKey | None, rules: Rules, received: int) -> Verified:
    """A sale that took place (0220, processing code 00). Raises errors of the tree, for technical reasons only."""
    fields, directory, terminal = message.fields, parties.directory, parties.terminal
    basket = read_basket(fields)
    if "AU" in basket.objects:
        return verify_capture(message, parties, key, rules, received)
    amount = MinorUnits(int(fields[4]))
    check_told(directory, amount, fields[49])
    if any(tag in basket.objects for tag in _NOT_OFFLINE):
        raise InvalidTransaction("an advice carries no coupon, certificate or discount")
    split = split_of(amount, fields[3][2:4], basket.split)
    if split is None:
        raise InvalidTransaction(f"processing code {fields[3]} with tenders of its own")
    if key is None and (split.coin or split.stored_value):
        raise WrongMac("what takes from a member needs one")
    member = member_or_nobody(rules.member_of, card_of(fields))
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
    return advised(
        build_payment(
            purchase,
            directory=directory,
            merchant=parties.merchant,
            terminal=terminal,
            credentials=credentials_of(fields, key),
            randomness=rules.randomness,
        )
    )
