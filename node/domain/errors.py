"""The one tree of expected failures.

A class's docstring is the operator's message. `response_code` is ISO 8583 DE39, `rpc_code` the JSON-RPC error code;
docs/iso8583.md and docs/bridge.md list both. A broken invariant is not in this tree: it stops the process.
"""

from typing import ClassVar


class TillnetError(Exception):
    """Something that Tillnet expects can go wrong went wrong."""

    response_code: ClassVar[str] = "96"
    rpc_code: ClassVar[int] = -32000

    def __init__(self, detail: str = "") -> None:
        self.detail = detail
        message = (type(self).__doc__ or "").strip().splitlines()[0].rstrip(".")
        super().__init__(f"{message}: {detail}" if detail else f"{message}.")


class Retryable(TillnetError):
    """It may work when tried again."""


class Declined(TillnetError):
    """The payment is not accepted, and trying again will not help."""

    response_code = "05"


class MalformedMessage(Declined):
    """The message cannot be read."""

    response_code = "30"
    rpc_code = -32602


class UnknownMerchant(Declined):
    """No such merchant."""

    response_code = "03"
    rpc_code = -32003


class UnknownTerminal(Declined):
    """No such terminal, or it is not active on this bridge."""

    response_code = "58"
    rpc_code = -32058


class NotSignedOn(Declined):
    """The terminal has not signed on."""

    response_code = "58"
    rpc_code = -32060


class WrongCertificate(Declined):
    """The certificate of this connection is not for this terminal."""

    response_code = "58"
    rpc_code = -32057


class UnknownMember(Declined):
    """No member has this card or loyalty id."""

    response_code = "14"
    rpc_code = -32014


class InvalidTransaction(Declined):
    """This kind of transaction is not offered."""

    response_code = "12"
    rpc_code = -32012


class InvalidAmount(Declined):
    """The amount is zero, above the limit, not in the network's currency or not the sum of its items."""

    response_code = "13"
    rpc_code = -32013


class InsufficientFunds(Declined):
    """The member has not enough stored value or coins."""

    response_code = "51"
    rpc_code = -32051


class MemberLocked(Declined):
    """The member's card is locked or frozen."""

    response_code = "62"
    rpc_code = -32062


class LimitExceeded(Declined):
    """A limit of the day or of the terminal is reached."""

    response_code = "61"
    rpc_code = -32061


class WrongPin(Declined):
    """The PIN is missing or wrong."""

    response_code = "55"
    rpc_code = -32055


class PinLocked(Declined):
    """The PIN was wrong too often; the operator unlocks the card."""

    response_code = "75"
    rpc_code = -32075


class CodeExpired(Declined):
    """The QR code has expired, or is not good yet."""

    response_code = "54"
    rpc_code = -32054


class CodeUsed(Declined):
    """The QR code was used before."""

    response_code = "63"
    rpc_code = -32064


class WrongMac(Declined):
    """The message authentication code is wrong."""

    response_code = "97"
    rpc_code = -32097


class WrongSignature(Declined):
    """The terminal's signature is missing, wrong or too old."""

    response_code = "63"
    rpc_code = -32063


class NotTheMerchants(Declined):
    """The account has no right to this merchant's line items."""

    response_code = "58"
    rpc_code = -32065


class DuplicateOtherBody(Declined):
    """The same message key came before with another content."""

    response_code = "94"
    rpc_code = -32094


class IdempotencyConflict(Declined):
    """The idempotency key came before with another request."""

    response_code = "94"
    rpc_code = -32093


class ReversedBefore(Declined):
    """A reversal of this payment came before it."""

    response_code = "94"
    rpc_code = -32095


class OriginalNotFound(Declined):
    """The payment that this one refers to is not known."""

    response_code = "25"
    rpc_code = -32025


class UnknownItem(Declined):
    """No such coupon, certificate, gift or authorisation."""

    response_code = "25"
    rpc_code = -32026


class NotForThisSale(Declined):
    """The coupon, certificate or discount is not for this sale."""

    response_code = "58"
    rpc_code = -32059


class ChainUnreachable(Retryable):
    """The chain did not answer, or did not finalise the payment in time."""

    response_code = "91"
    rpc_code = -32091


class Overloaded(Retryable):
    """The bridge's queue is full."""

    response_code = "96"
    rpc_code = -32096


class JournalUnwritable(Retryable):
    """The journal cannot be written; the disk may be full."""

    response_code = "96"
    rpc_code = -32098


class KeysUnwritable(Retryable):
    """The file of the terminals' keys cannot be written."""

    response_code = "96"
    rpc_code = -32099


class Unusable(TillnetError):
    """The program cannot start or go on as it was asked to.

    With a detail, that is the whole message: it gets a capital letter and a full stop. Subclasses say theirs first.
    """

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        if detail and type(self) is Unusable:
            self.args = (_as_sentence(detail),)


class LeaseLost(Unusable):
    """Another bridge has taken the stream over."""


class BrokenInvariant(Exception):
    """Something that can never be is: the process stops before it does harm. Not of the tree above, on purpose."""


def _as_sentence(text: str) -> str:
    # a path, a quoted name, a setting (`stream.id`) or a program (`fund_points`) is written as it is
    first = text.split(maxsplit=1)[0] if text.strip() else ""
    if first.rstrip(",:;").isalpha():
        text = text[0].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."
