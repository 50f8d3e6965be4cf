"""What a terminal signs on JSON-RPC beside payments: inquiries, sign-on, and its business days; pure.

EIP-712 types as those in terminal_terms.py, whose words they share.
"""

from dataclasses import dataclass
from typing import ClassVar

from node.domain.terminal_terms import HEAD, Terms


@dataclass(frozen=True, kw_only=True, slots=True)
class DeskTerms(Terms):
    """What puts nothing on the chain."""


@dataclass(frozen=True, kw_only=True, slots=True)
class InquiryTerms(DeskTerms):
    """What the member with this card has."""

    TYPE: ClassVar[str] = f"Inquiry({HEAD},string card)"

    card: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SignOnTerms(DeskTerms):
    """The terminal's messages are taken from now on."""

    TYPE: ClassVar[str] = f"SignOn({HEAD})"


@dataclass(frozen=True, kw_only=True, slots=True)
class SignOffTerms(DeskTerms):
    """No more of the terminal's messages are taken, until it signs on."""

    TYPE: ClassVar[str] = f"SignOff({HEAD})"


@dataclass(frozen=True, kw_only=True, slots=True)
class DayCloseTerms(DeskTerms):
    """Closes the terminal's business day, a date as YYYY-MM-DD."""

    TYPE: ClassVar[str] = f"DayClose({HEAD},string day)"

    day: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TotalsTerms(DeskTerms):
    """The terminal's totals (domain/totals.py) of a closed business day, or of the open one where `day` is empty."""

    TYPE: ClassVar[str] = (
        f"Totals({HEAD},string day,string currency,uint64 credits,uint64 creditReversals,uint64 debits,"
        "uint64 debitReversals,uint64 creditAmount,uint64 creditReversalAmount,uint64 debitAmount,"
        "uint64 debitReversalAmount)"
    )

    day: str
    currency: str
    credits: int
    credit_reversals: int
    debits: int
    debit_reversals: int
    credit_amount: int
    credit_reversal_amount: int
    debit_amount: int
    debit_reversal_amount: int
