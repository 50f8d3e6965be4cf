"""From JSON parameters to typed terms, strictly: every member once, of its type, and no other.

Between the exchange and verify; pure.
"""

from typing import Any, Final, TypeVar

from node.domain.errors import MalformedMessage
from node.domain.ids import PaymentId, parse_payment_id
from node.domain.terminal_terms import Terms, members_of

Signed = TypeVar("Signed", bound=Terms)
_MAX_NUMBER: Final = 2**48
_MAX_TEXT: Final = {
    "terminal": 8,
    "stan": 6,
    "originalStan": 6,
    "card": 120,
    "currency": 3,
    "items": 65_536,
    "pinResult": 1,
    "paymentId": 31,
    "authorization": 31,
    "coupon": 20,
    "couponDiscount": 15,
    "certificate": 20,
    "certificateAmount": 15,
    "codeSignature": 132,
    "discount": 15,
    "sale": 20,
    "gift": 20,
    "reservation": 39,
    "tender": 11,
    "reward": 17,
}
_MAX_PIN_BLOCK: Final = 32
_OPTIONAL: Final[dict[str, Any]] = {
    "coin": 0,
    "storedValue": 0,
    "pinResult": "0",
    "pinBlock": "",
    "items": "",
    "atLeast": 0,
    **dict.fromkeys(
        ("couponDiscount", "certificateAmount", "codeSignature", "discount", "sale", "gift", "reservation", "reward"),
        "",
    ),
}


def terms_of(kind: type[Signed], params: object) -> tuple[Signed, bytes]:
    """The terms of a method that is signed, and the signature. Raises MalformedMessage."""
    members = members_of(kind)
    given = _members(params, (*(member.name for member in members), "signature", "pinBlock"))
    values: dict[str, Any] = {
        member.attribute: _text(given, member.name) if member.is_text else _number(given, member.name)
        for member in members
    }
    return kind(**values), _signature(given)


def pin_block_of(params: object) -> bytes:
    """The encrypted PIN block beside the signed terms, empty without one. Raises MalformedMessage."""
    text = params.get("pinBlock", "") if isinstance(params, dict) else ""
    try:
        if isinstance(text, str) and len(text) <= _MAX_PIN_BLOCK:
            return bytes.fromhex(text)
    except ValueError:
        pass
    raise MalformedMessage("pinBlock is a PIN block as hexadecimal digits")


def payment_named(params: object) -> PaymentId:
    """The payment id of `payment_status`. Raises MalformedMessage."""
    text = _members(params, ("paymentId",))["paymentId"]
    try:
        parse_payment_id(text if isinstance(text, str) else "")
    except ValueError:
        raise MalformedMessage("paymentId looks like 1-42") from None
    return PaymentId(text)


def _members(params: object, names: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(params, dict):
        raise MalformedMessage("the parameters are an object")
    unknown = sorted(str(name) for name in params if name not in names)
    if unknown:
        # what has digits in it may be anybody's card
        name = unknown[0] if unknown[0].isascii() and unknown[0].isalpha() else ""
        raise MalformedMessage(f"there is no parameter {name[:32]}".rstrip())
    given = {**{name: value for name, value in _OPTIONAL.items() if name in names}, **params}
    for name in names:
        if name not in given:
            raise MalformedMessage(f"the parameter {name} is missing")
    return given


def _text(given: dict[str, Any], name: str) -> str:
    value = given[name]
    longest = _MAX_TEXT[name]
    if not isinstance(value, str) or len(value) > longest or not value.isascii():
        raise MalformedMessage(f"{name} is an ASCII text of at most {longest} characters")
    return value


def _number(given: dict[str, Any], name: str) -> int:
    value = given[name]
    # bool is an int to Python
    if type(value) is not int or not 0 <= value < _MAX_NUMBER:
        raise MalformedMessage(f"{name} is a whole number from 0 on")
    return value


def _signature(given: dict[str, Any]) -> bytes:
    value = given["signature"]
    try:
        if isinstance(value, str) and value.startswith("0x") and len(value) == 132 and value.isascii():
            return bytes.fromhex(value[2:])
    except ValueError:
        pass
    raise MalformedMessage("the signature is 0x and 130 hexadecimal digits")
