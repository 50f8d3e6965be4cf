"""Acknowledge: the one reply to a message, from its answer or from the reason why there is none.

Stage before: finality, or journal for what only earns. It encodes for both intakes; it decides nothing.
"""

from collections.abc import Mapping
from typing import Any, Final

from node.bridge.intake_ports import Holdings
from node.domain.answer import Answer
from node.domain.currency import coins
from node.domain.errors import TillnetError
from node.domain.ids import PaymentId, parse_payment_id
from node.iso8583.basket import write_objects
from node.iso8583.mac import MacKey
from node.iso8583.packager import Message, response_mti
from node.iso8583.profile import APPROVAL_DIGITS, APPROVAL_LENGTH
from node.iso8583.wire import Fields

APPROVED: Final = "00"
MALFUNCTION: Final = "96"
INTERNAL_ERROR: Final = -32603
_ECHOED: Final = (3, 4, 7, 11, 12, 13, 24, 32, 33, 37, 41, 42, 49, 70, 90)
_RECEIPT: Final = 200


def approve(request: Message, extra: Mapping[int, str] | None = None) -> Message:
    """The reply 00 to a message that has no payment (network management, balance inquiry)."""
    return _reply(request, APPROVED, extra or {})


def answer_reply(request: Message, answer: Answer) -> Message:
    """The reply to a payment or a reversal: DE39, DE38 if approved, DE48 with ids and points, DE63 for the receipt."""
    objects: list[tuple[str, str]] = []
    extra: dict[int, str] = {}
    if answer.payment_id is not None:
        objects.append(("PI", answer.payment_id))
        if answer.approved:
            extra[38] = approval_code(answer.payment_id)
    if answer.points is not None:
        objects.append(("PT", str(answer.points)))
    if answer.balance is not None:
        objects.append(("BL", str(answer.balance)))
    objects += [(fact.tag, value) for fact, value in answer.facts]
    if answer.duplicate:
        objects.append(("DU", "1"))
    if objects:
        extra[48] = write_objects(objects)
    if answer.amount is not None:
        extra[4] = f"{answer.amount:012d}"
    text = receipt(answer)
    if text:
        extra[63] = _printable(text)
    return _reply(request, answer.response_code, extra)


def receipt(answer: Answer) -> str:
    """What is printed: what the clerk does next, the points that it gave, and all that the member has."""
    parts = [answer.text] if answer.text else []
    if answer.approved and answer.points:
        parts.append(f"{coins(answer.points)} POINTS EARNED")
    if answer.approved and answer.balance is not None:
        parts.append(f"{coins(answer.balance)} POINTS IN ALL")
    return ", ".join(parts)


def answer_with(request: Message, response_code: str, extra: Mapping[int, str]) -> Message:
    """A reply with this DE39 and these elements."""
    return _reply(request, response_code, extra)


def refusal(request: Message, failure: TillnetError | None) -> Message:
    """The reply to a message that was refused; `failure` None says no more than "malfunction"."""
    if failure is None:
        return _reply(request, MALFUNCTION, {63: "System malfunction"})
    return _reply(request, failure.response_code, {63: _printable(str(failure))})


def encode(reply: Message, key: MacKey | None, fields: Fields) -> bytes:
    """The bytes of a reply, with a MAC under the request's key if it had one."""
    return fields.pack(reply) if key is None else fields.pack_with_mac(reply, key)


def balance_amounts(currency: str, holdings: Holdings) -> str:
    """DE54 of a balance inquiry: stored value (account 60) and coins at par (account 90), amount type 02 (available).

    Each is account 2, amount type 2, currency 3, C, amount 12 in minor units.
    """
    amounts = (("60", holdings.stored_value), ("90", holdings.coins_at_par))
    return "".join([f"{account}02{currency}C{amount:012d}" for account, amount in amounts])


def approval_code(payment: PaymentId) -> str:
    """DE38: six characters of the payment's sequence, base 36; the same payment has always the same."""
    _, sequence = parse_payment_id(payment)
    rest, digits = int(sequence), ""
    for _ in range(APPROVAL_LENGTH):
        rest, digit = divmod(rest, len(APPROVAL_DIGITS))
        digits = APPROVAL_DIGITS[digit] + digits
    return digits


def rpc_result(answer: Answer, holdings: Holdings | None = None) -> dict[str, Any]:
    """The JSON-RPC result for an answer; points and balance are decimal strings, for they pass 2^53."""
    return {
        "approved": answer.approved,
        "responseCode": answer.response_code,
        "paymentId": answer.payment_id,
        "status": answer.status.value,
        "amount": answer.amount,
        "points": None if answer.points is None else str(answer.points),
        "balance": None if answer.balance is None else str(answer.balance),
        "holdings": None if holdings is None else holdings_result(holdings),
        "duplicate": answer.duplicate,
        "text": _printable(receipt(answer)),
        "facts": {fact.member: value for fact, value in answer.facts},
    }


def holdings_result(holdings: Holdings) -> dict[str, Any]:
    """What a member has, as JSON-RPC says it: minor units, and coins in units as a decimal string."""
    return {
        "storedValue": holdings.stored_value,
        "coinsAtPar": holdings.coins_at_par,
        "coins": str(holdings.coins),
        "text": holdings_text(holdings),
    }


def holdings_text(holdings: Holdings) -> str:
    """The line for an inquiry's receipt."""
    return f"{coins(holdings.coins)} POINTS IN ALL"


def rpc_error(failure: TillnetError | None) -> dict[str, Any]:
    """The JSON-RPC error object for a failure of the tree; None says no more than "malfunction"."""
    if failure is None:
        return {"code": INTERNAL_ERROR, "message": "System malfunction", "data": {"responseCode": MALFUNCTION}}
    data = {"responseCode": failure.response_code}
    return {"code": failure.rpc_code, "message": _printable(str(failure)), "data": data}


def _reply(request: Message, response_code: str, extra: Mapping[int, str]) -> Message:
    mti = response_mti(request.mti)
    if mti is None:
        raise ValueError(f"a message of type {request.mti} has no reply")
    fields = {number: request.fields[number] for number in _ECHOED if number in request.fields}
    fields[39] = response_code
    fields.update(extra)
    return Message(mti=mti, fields=fields)


def _printable(text: str) -> str:
    return "".join([sign if " " <= sign <= "~" else "?" for sign in text[:_RECEIPT]])
