"""From an ISO 8583 message to a payment, a reversal or an inquiry that its terminal really sent (docs/iso8583.md).

Stage before: intake_iso8583. Stage after: journal. The checks come in the order of the response codes' table.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from node.bridge.verify.acts import SaleAsks, sale_act
from node.bridge.verify.digests import Proof, body_digest
from node.bridge.verify.key_change import KeyEncryptingKeys
from node.bridge.verify.local_time import unix_time
from node.bridge.verify.lookup import (
    Credentials,
    MemberOf,
    Purchase,
    Randomness,
    Verified,
    build_payment,
    check_active,
    check_amount,
    find_member,
    find_merchant,
    find_sender,
    split_of,
)
from node.bridge.verify.mac_keys import MacKeys
from node.bridge.verify.partial import wants_partial
from node.domain.directory import Directory, Merchant, Terminal
from node.domain.errors import InvalidTransaction, MalformedMessage, UnknownMerchant, WrongMac
from node.domain.ids import Hash32, MemberId, MinorUnits, StreamId, TerminalId
from node.domain.payment import OriginalKey, PaymentKey, Reversal
from node.iso8583.basket import read_basket
from node.iso8583.mac import MacAlgorithm, MacKey
from node.iso8583.packager import MAC_ELEMENT, MAC_ELEMENT_2, Message

# what may differ between a message and its repeat (DE7, PIN block, security), or names a person (cards, tracks)
_NOT_IN_BODY: Final = frozenset({2, 7, 14, 34, 35, 36, 45, 52, 53, MAC_ELEMENT, MAC_ELEMENT_2})
_REVERSIBLE: Final = ("0100", "0101", "0200", "0201", "0220", "0221")


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What verify goes by. Without `mac_required`, a message without MAC is taken unless it debits.

    With `mac` a MAC of another algorithm is wrong. With `sign_on` a terminal's requests are taken only while it is
    signed on. Without `key_encrypting` keys no terminal's MAC key is changed by a message.
    """

    stream: StreamId
    utc_offset: int
    mac_required: bool
    keys: MacKeys
    directory: Callable[[], Directory]
    member_of: MemberOf
    randomness: Randomness
    mac: MacAlgorithm | None = None
    sign_on: bool = False
    key_encrypting: KeyEncryptingKeys | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Parties:
    """Who sent a message, and the directory in which they were found."""

    terminal: Terminal
    merchant: Merchant
    directory: Directory


def sender_of(message: Message, needs: Iterable[int], rules: Rules) -> Terminal:
    """The terminal, active or not, once all elements that the message needs are there.

    Raises MalformedMessage, UnknownTerminal, UnknownMerchant.
    """
    fields = message.fields
    for number in needs:
        if number not in fields:
            raise MalformedMessage(f"DE{number} is missing")
    terminal = find_sender(rules.directory(), terminal_id(fields), rules.stream)
    said = fields[42].strip(" ")
    if not (said.isdecimal() and int(said) == terminal.merchant):
        raise UnknownMerchant("DE42 is not the terminal's merchant")
    return terminal


def find_parties(terminal: Terminal, rules: Rules) -> Parties:
    """The terminal and its merchant, if both are active. Raises UnknownTerminal, UnknownMerchant."""
    directory = rules.directory()
    check_active(terminal)
    return Parties(terminal=terminal, merchant=find_merchant(directory, terminal), directory=directory)


def check_mac(message: Message, covered: bytes, rules: Rules, *, required: bool) -> MacKey | None:
    """The key under which the message's MAC is right, None if it has none and needs none. Raises WrongMac.

    The MAC is the last element; `covered` is every byte from the message type to just before it.
    """
    fields = message.fields
    number = MAC_ELEMENT_2 if MAC_ELEMENT_2 in fields else MAC_ELEMENT
    if number not in fields:
        if required:
            raise WrongMac("there is none")
        return None
    if max(fields) != number or (number == MAC_ELEMENT_2 and MAC_ELEMENT in fields):
        raise WrongMac("it is not the last element")
    mac = bytes.fromhex(fields[number])
    key = rules.keys.find(terminal_id(fields), covered, mac, only=rules.mac)
    if key is None:
        raise WrongMac()
    return key


def terminal_id(fields: Mapping[int, str]) -> TerminalId:
    """DE41 without its padding; empty where there is none."""
    return TerminalId(fields.get(41, "").rstrip(" "))


def verify_purchase(message: Message, parties: Parties, key: MacKey | None, rules: Rules, received: int) -> Verified:
    """A purchase (0200, processing code 00). `received` is Unix seconds. Raises errors of the tree."""
    fields, directory, terminal = message.fields, parties.directory, parties.terminal
    amount = MinorUnits(int(fields[4]))
    check_amount(directory, amount, fields[49])
    member = find_member(rules.member_of, card_of(fields))
    basket = read_basket(fields)
    code = fields[3]
    split = split_of(amount, code[2:4], basket.split)
    if split is None:
        raise InvalidTransaction(f"processing code {code} with tenders of its own")
    split, act = sale_act(
        asks_of(basket.objects),
        amount=amount,
        split=split,
        items=basket.items,
        sale=sale_number(fields),
        directory=directory,
    )
    if key is None and (act is not None or split.coin or split.stored_value):
        raise WrongMac("what takes from a member, and an act, need one")
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
        act=act,
    )
    verified = build_payment(
        purchase,
        directory=directory,
        merchant=parties.merchant,
        terminal=terminal,
        credentials=credentials_of(fields, key),
        randomness=rules.randomness,
    )
    return replace(verified, partial=wants_partial(basket.objects.get("PA", "")))


def verify_reversal(message: Message, terminal: Terminal, key: MacKey | None, rules: Rules, received: int) -> Verified:
    """A reversal (0400, 0420 and their repeats) of all of the message that DE90 names. Raises errors of the tree.

    The terminal and its merchant need not be active any more: what they sold before can be undone.
    Without MAC it may undo what only earned, of a terminal that has no key: what that one sends takes from nobody.
    """
    fields = message.fields
    if key is None and rules.keys.of(terminal.id):
        raise WrongMac("a terminal that has a key reverses with one")
    if fields.get(95, "").strip(" 0CD"):
        raise InvalidTransaction("a reversal undoes all of its original")
    original = fields[90]
    if original[:4] not in _REVERSIBLE:
        raise InvalidTransaction(f"a message of type {original[:4]} cannot be reversed")
    reversal = Reversal(
        key=key_of(message, terminal, MinorUnits(int(fields[4]))),
        body=body_of(message, None),
        original=OriginalKey(
            terminal=terminal.id,
            mti_class=original[:3],
            stan=original[4:10],
            transmission_time=original[10:20],
            exact=False,
        ),
        merchant=terminal.merchant,
        terminal=terminal.number,
        time=time_of(fields, rules, received),
        proved=key is not None,
    )
    return Verified(entry=reversal)


def verify_inquiry(message: Message, rules: Rules, received: int) -> MemberId:
    """Whose balance a balance inquiry asks for. Raises errors of the tree."""
    time_of(message.fields, rules, received)
    return find_member(rules.member_of, card_of(message.fields))


def asks_of(objects: Mapping[str, str]) -> SaleAsks:
    """What a purchase's private elements ask for beside it."""
    return SaleAsks(
        coupon=objects.get("CP"),
        coupon_discount=objects.get("CD", ""),
        certificate=objects.get("CE"),
        certificate_amount=objects.get("CA", ""),
        certificate_signature=objects.get("CS", ""),
        discount=objects.get("DI"),
    )


def sale_number(fields: Mapping[int, str]) -> int:
    """A number for the sale that a message is about: its local date, time and trace number."""
    return int(fields[13] + fields[12] + fields[11])


def card_of(fields: Mapping[int, str]) -> str:
    """The card or loyalty id: DE2, else what stands before the separator of track 2, else the code in QR; empty where
    there is none. Raises MalformedMessage.
    """
    card = fields.get(2, "") or fields.get(35, "").replace("D", "=").partition("=")[0]
    return card or read_basket(fields).objects.get("QR", "")


def key_of(message: Message, terminal: Terminal, amount: MinorUnits) -> PaymentKey:
    """What makes this message the same message."""
    fields = message.fields
    return PaymentKey(
        terminal=terminal.id,
        stan=fields[11],
        local_time=fields[13] + fields[12],
        amount=amount,
        mti_class=message.mti[:3],
    )


def time_of(fields: Mapping[int, str], rules: Rules, received: int) -> int:
    """The terminal's clock in Unix seconds. Raises MalformedMessage."""
    return unix_time(fields[13], fields[12], received=received, utc_offset=rules.utc_offset)


def body_of(message: Message, member: MemberId | None) -> Hash32:
    """The digest of all that a repeat of this message has to say again."""
    whose = [] if member is None else [("member", str(member))]
    said = [(str(number), value) for number, value in message.fields.items() if number not in _NOT_IN_BODY]
    return body_digest([("type", message.mti[:3]), *whose, *said])


def credentials_of(fields: Mapping[int, str], key: MacKey | None) -> Credentials | None:
    """How the message was proved: its MAC, None if it came without one."""
    if key is None:
        return None
    mac = fields[MAC_ELEMENT_2] if MAC_ELEMENT_2 in fields else fields[MAC_ELEMENT]
    return Credentials(proof=Proof.MAC, evidence=bytes.fromhex(mac))
