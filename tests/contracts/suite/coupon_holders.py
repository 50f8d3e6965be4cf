"""What holders of coupons sign when a clerk writes them off (interfaces/ICoupons.sol)."""

from typing import Any

from eth_account.signers.local import LocalAccount

from benchmarks.devchain import Contract
from tests.contracts.suite.codes import signed

FAR = 2**40
"""A deadline that is never over."""
FIELDS = (
    ("coupon", "uint64"), ("merchant", "uint32"), ("sale", "uint64"), ("amount", "uint64"), ("discount", "uint64"),
    ("nonce", "uint256"), ("deadline", "uint256"),
)  # fmt: skip


def sign_write_off(
    coupons: Contract,
    key: LocalAccount,
    holder: int,
    merchant: int,
    coupon: int,
    sale: int,
    amount: int,
    discount: int,
    *,
    deadline: int = FAR,
    **changed: Any,
) -> bytes:
    """The holder's consent to this write-off, once; `changed` is another nonce, or another domain."""
    nonce = changed.pop("nonce", None)
    values = (coupon, merchant, sale, amount, discount, coupons.view("nonceOf", holder) if nonce is None else nonce)
    fields = [(name, kind, value) for (name, kind), value in zip(FIELDS, (*values, deadline), strict=True)]
    return signed(coupons, key, "WriteOff", fields, **({"name": "Till Coupon"} | changed))
