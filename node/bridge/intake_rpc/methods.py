"""The payments that terminals sign: what each method is called, its terms, and what verify makes of them.

Between the exchange and verify; a new act is a row. What puts nothing on the chain is in desk.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from node.bridge.verify.lookup import Verified
from node.bridge.verify.rpc import (
    ADVICE_CLASS,
    PURCHASE_CLASS,
    REVERSAL_CLASS,
    verify_payment,
    verify_refund,
    verify_reversal,
)
from node.bridge.verify.rpc_acts import (
    verify_authorization,
    verify_capture,
    verify_gift,
    verify_recharge,
    verify_void,
    verify_write_off,
)
from node.bridge.verify.rpc_advice import verify_advice, verify_part
from node.bridge.verify.rpc_sender import Proved
from node.domain.terminal_terms import (
    AdviceReversalTerms,
    AdviceTerms,
    AuthorizationPartTerms,
    AuthorizationTerms,
    CaptureTerms,
    CertificateTerms,
    CouponTerms,
    DiscountTerms,
    GiftTerms,
    PartTerms,
    PaymentTerms,
    RechargeTerms,
    RefundTerms,
    ReversalTerms,
    Terms,
    VoidTerms,
    WriteOffTerms,
)

Signed = TypeVar("Signed", bound=Terms)


@dataclass(frozen=True, slots=True)
class SignedMethod(Generic[Signed]):
    """A method: what it is for, the type that is signed, what verifies it, and which messages share its STANs.

    What tells of the `past` is taken whether the terminal is signed on or not.
    """

    summary: str
    terms: type[Signed]
    verify: Callable[[Proved[Signed]], Verified]
    mti_class: str = PURCHASE_CLASS
    past: bool = False

    @property
    def undoes(self) -> bool:
        """Whether it is a reversal."""
        return self.mti_class == REVERSAL_CLASS

    @property
    def is_advice(self) -> bool:
        """Whether it is repeated until it is accepted: nothing is remembered of its refusals."""
        return self.mti_class == ADVICE_CLASS


METHODS: Final[Mapping[str, SignedMethod[Any]]] = {
    "payment_submit": SignedMethod("A purchase.", PaymentTerms, verify_payment),
    "payment_part": SignedMethod(
        "A purchase all in one tender, of as much as the member has: responseCode 10 and `amount` where that is less.",
        PartTerms,
        verify_part,
    ),
    "payment_reverse": SignedMethod(
        "Undoes all of a message of this terminal, by its STAN and time; of no refund.",
        ReversalTerms,
        verify_reversal,
        REVERSAL_CLASS,
        past=True,
    ),
    "payment_refund": SignedMethod("Gives back a part of a payment.", RefundTerms, verify_refund),
    "advice_submit": SignedMethod(
        "A sale that took place without the bridge, posted as it is.",
        AdviceTerms,
        verify_advice,
        ADVICE_CLASS,
        past=True,
    ),
    "advice_reverse": SignedMethod(
        "Undoes all of an advice of this terminal, by its STAN and time.",
        AdviceReversalTerms,
        verify_reversal,
        REVERSAL_CLASS,
        past=True,
    ),
    "payment_discounted": SignedMethod(
        "A purchase with the discount on what is paid in coins.", DiscountTerms, verify_payment
    ),
    "coupon_redeem": SignedMethod("A purchase with a coupon.", CouponTerms, verify_payment),
    "coupon_write_off": SignedMethod(
        "Writes a coupon off for a sale that is posted elsewhere.", WriteOffTerms, verify_write_off
    ),
    "certificate_redeem": SignedMethod(
        "A purchase that a gift certificate pays a part of.", CertificateTerms, verify_payment
    ),
    "value_recharge": SignedMethod("Money that the clerk took becomes stored value.", RechargeTerms, verify_recharge),
    "gift_redeem": SignedMethod("A gift for coins, or the hand-over of a reservation.", GiftTerms, verify_gift),
    "authorization_create": SignedMethod(
        "Puts money of a member aside for the merchant.", AuthorizationTerms, verify_authorization
    ),
    "authorization_part": SignedMethod(
        "Puts aside as much as the member has: responseCode 10 and `amount` where that is less.",
        AuthorizationPartTerms,
        verify_authorization,
    ),
    "authorization_capture": SignedMethod(
        "Takes a part of what was put aside.", CaptureTerms, verify_capture, past=True
    ),
    "authorization_void": SignedMethod(
        "Gives back what was put aside and not taken.", VoidTerms, verify_void, past=True
    ),
}
