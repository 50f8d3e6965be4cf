"""What a terminal took and gave back on a business day, as the terminal and the bridge each count it; pure.

Used by the bridge's reconciliation (docs/iso8583.md, "Reconciliation").
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Totals:
    """Numbers of messages and amounts in minor units. Debits are sales and completions, credits refunds and recharges.

    A reversal counts beside what it undid, which stays counted.
    """

    credits: int = 0
    credit_reversals: int = 0
    debits: int = 0
    debit_reversals: int = 0
    credit_amount: int = 0
    credit_reversal_amount: int = 0
    debit_amount: int = 0
    debit_reversal_amount: int = 0

    @property
    def net(self) -> int:
        """Credits less debits, minor units; negative where debits are more."""
        return self.credit_amount - self.credit_reversal_amount - self.debit_amount + self.debit_reversal_amount

    def agrees_with(self, other: "Totals") -> bool:
        """Whether both sides count the same, reversals set off against what they undid.

        A sale whose answer got lost and which was then reversed, one side may never have counted.
        """
        return self._set_off() == other._set_off()

    def _set_off(self) -> tuple[int, int, int, int]:
        return (
            self.credits - self.credit_reversals,
            self.debits - self.debit_reversals,
            self.credit_amount - self.credit_reversal_amount,
            self.debit_amount - self.debit_reversal_amount,
        )
