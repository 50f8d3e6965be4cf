"""The methods that terminals sign: what each is called, its terms, and what verify makes of them.

Between the exchange and verify; a new act is a row.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from node.bridge.verify.lookup import Verified
from node.bridge.verify.rpc import SignedRules, verify_payment, verify_refund, verify_reversal
from node.domain.terminal_terms import PaymentTerms, RefundTerms, ReversalTerms, Terms

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
}
