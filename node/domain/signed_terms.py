"""All types that a terminal may sign on JSON-RPC; pure. What each is for: terminal_terms.py, desk_terms.py."""

from typing import Final

from node.domain.desk_terms import DayCloseTerms, InquiryTerms, SignOffTerms, SignOnTerms, TotalsTerms
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
    SubscriptionTerms,
    Terms,
    VoidTerms,
    WriteOffTerms,
)

SIGNED: Final[tuple[type[Terms], ...]] = (
    PaymentTerms,
    PartTerms,
    ReversalTerms,
    RefundTerms,
    AdviceTerms,
    AdviceReversalTerms,
    CouponTerms,
    CertificateTerms,
    DiscountTerms,
    WriteOffTerms,
    RechargeTerms,
    GiftTerms,
    AuthorizationTerms,
    AuthorizationPartTerms,
    CaptureTerms,
    VoidTerms,
    InquiryTerms,
    SignOnTerms,
    SignOffTerms,
    DayCloseTerms,
    TotalsTerms,
    SubscriptionTerms,
)
"""In the order of docs/rpc.md."""
