"""The methods that terminals sign: what each is called, its terms, and what verify makes of them.

Between the exchange and verify; a new act is a row.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from node.bridge.verify.lookup import Verified
from node.bridge.verify.rpc import SignedRules, verify_payment, verify_refund, verify_reversal
from node.bridge.verify.rpc_acts import (
    verify_authorization,
    verify_capture,
    verify_gift,
    verify_recharge,
    verify_void,
    verify_write_off,
)
from node.domain.terminal_terms import (
    AuthorizationTerms,
    CaptureTerms,
    CertificateTerms,
    CouponTerms,
    DiscountTerms,
    GiftTerms,
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
    """A method: the type that is signed, and what verifies it."""

    terms: type[Signed]
    verify: Callable[[Signed, bytes, SignedRules, int], Verified]


METHODS: Final[Mapping[str, SignedMethod[Any]]] = {
    "payment_submit": SignedMethod(PaymentTerms, verify_payment),
    "payment_reverse": SignedMethod(ReversalTerms, verify_reversal),
    "payment_refund": SignedMethod(RefundTerms, verify_refund),
    "payment_discounted": SignedMethod(DiscountTerms, verify_payment),
    "coupon_redeem": SignedMethod(CouponTerms, verify_payment),
    "coupon_write_off": SignedMethod(WriteOffTerms, verify_write_off),
    "certificate_redeem": SignedMethod(CertificateTerms, verify_payment),
    "value_recharge": SignedMethod(RechargeTerms, verify_recharge),
    "gift_redeem": SignedMethod(GiftTerms, verify_gift),
    "authorization_create": SignedMethod(AuthorizationTerms, verify_authorization),
    "authorization_capture": SignedMethod(CaptureTerms, verify_capture),
    "authorization_void": SignedMethod(VoidTerms, verify_void),
}
