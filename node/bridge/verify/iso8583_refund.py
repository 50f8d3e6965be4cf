"""From an ISO 8583 message to a refund of a part of a payment (docs/iso8583.md, "Refunds").

Part of verify, beside iso8583.py. What is left of the original the chain knows, not verify.
"""

from collections.abc import Mapping
from typing import Final

from node.bridge.verify.iso8583 import Parties, Rules, body_of, card_of, key_of, time_of
from node.bridge.verify.lookup import Verified, check_amount, find_member, original_number
from node.domain.errors import MalformedMessage, OriginalNotFound, WrongMac
from node.domain.ids import MinorUnits, StreamId, TerminalId
from node.domain.payment import OriginalKey, OriginalNumber, Refund
from node.iso8583.basket import read_basket
from node.iso8583.mac import MacKey
from node.iso8583.packager import Message
from node.iso8583.profile import APPROVAL_DIGITS, APPROVAL_LENGTH

_REFUNDABLE: Final = ("0200", "0201")


def verify_refund(message: Message, parties: Parties, key: MacKey | None, rules: Rules, received: int) -> Verified:
    """A refund (0200, processing code 20) of a payment of the terminal's merchant. Raises errors of the tree."""
    fields, terminal = message.fields, parties.terminal
    amount = MinorUnits(int(fields[4]))
    check_amount(parties.directory, amount, fields[49])
    card = card_of(fields)
    member = find_member(rules.member_of, card) if card else None
    if key is None:
        raise WrongMac("what gives money back needs one")
    refund = Refund(
        key=key_of(message, terminal, amount),
        transmission_time=fields[7],
        body=body_of(message, member),
        original=original_of(fields, terminal.id, rules.stream, _REFUNDABLE),
        amount=amount,
        merchant=parties.merchant.id,
        terminal=terminal.number,
        member=member,
        time=time_of(fields, rules, received),
    )
    return Verified(entry=refund)


def original_of(
    fields: Mapping[int, str], terminal: TerminalId, stream: StreamId, types: tuple[str, ...]
) -> OriginalKey | OriginalNumber:
    """Which earlier message is meant: by DE90 (of the same terminal), by PI, or by DE38, the first that is there.

    Raises MalformedMessage, OriginalNotFound.
    """
    named = fields.get(90, "")
    if named.strip(" 0"):
        if named[:4] not in types:
            raise OriginalNotFound(f"a message of type {named[:4]} cannot be meant")
        return OriginalKey(
            terminal=terminal, mti_class=named[:3], stan=named[4:10], transmission_time=named[10:20], exact=False
        )
    payment = read_basket(fields).objects.get("PI")
    if payment is not None:
        return original_number(payment, stream)
    code = fields.get(38, "").strip(" ")
    if not code:
        raise MalformedMessage("DE90, PI or DE38 names the original")
    if len(code) != APPROVAL_LENGTH or any(digit not in APPROVAL_DIGITS for digit in code):
        raise OriginalNotFound("DE38 is no approval code of this bridge")
    return OriginalNumber(number=int(code, len(APPROVAL_DIGITS)), whole=False)
