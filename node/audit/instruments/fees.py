"""The escrow's fees, its receivers' shares, statements and payouts, recomputed (docs/settlement.md); pure.

Minor units. The fees of a period are the agreed basis points of what was captured in it, rounded down, and a capture's
is what they grow by; of a period's fees each receiver has its basis points, the last one what is left. What a statement
says is paid out must leave the contract.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from node.audit.instruments.said import Said, Wrong
from node.domain.acts.coupon import BASIS_POINTS

PARTS: Final = frozenset({"SettlementEscrow", "MerchantPayouts", "CashToken"})
STATEMENT: Final = ("gross", "refunds", "fees", "covered", "paid_at_once", "restored", "net", "carry_forward")


@dataclass(kw_only=True, slots=True)
class Period:
    """A merchant's terms, and what was captured since its last statement; `undone` when a capture was taken back."""

    fee_bps: int = 0
    shares: tuple[tuple[int, int], ...] = ()
    gross: int = 0
    fees: int = 0
    undone: bool = False


@dataclass(kw_only=True, slots=True)
class Fees:
    """Recomputes one escrow. `escrow` and `ledger` are their addresses as numbers."""

    escrow: int
    ledger: int
    checked: Counter[str] = field(default_factory=Counter)
    periods: dict[int, Period] = field(default_factory=dict)
    claimable: Counter[int] = field(default_factory=Counter)

    @property
    def amounts(self) -> dict[str, int]:
        """Fees that their receivers may claim."""
        return {"fees to be claimed": sum(self.claimable.values())}

    def transaction(self, time: int, said: Sequence[Said]) -> list[Wrong]:
        """What of a transaction's events is not what the terms say."""
        wrong: list[Wrong] = []
        credited: dict[int, list[tuple[int, int]]] = {}
        paid = Counter(
            (int(each.fields["from"]), int(each.fields["to"]), int(each.fields["value"]))
            for each in said
            if each.part == "CashToken" and each.name == "Transfer"
        )
        for each in said:
            match each.name:
                case "PaymentCaptured":
                    wrong += self._captured(each.fields)
                case "CaptureUndone":
                    self._period(each.fields).undone = True
                case "FeeCredited":
                    got = (int(each.fields["receiver"]), int(each.fields["amount"]))
                    credited.setdefault(int(each.fields["merchant"]), []).append(got)
                case "Settled":
                    shares = credited.pop(int(each.fields["merchant"]), [])
                    wrong += self._settled(each.fields, shares, paid)
                case "FeesClaimed":
                    wrong += self._claimed(each.fields, paid)
                case "PaidOut":
                    wrong += self._paid_out(each.fields, paid)
                case "MerchantTermsSet" if each.part == "SettlementEscrow":
                    shares_now = tuple((int(to), int(bps)) for to, bps in each.fields["shares"])
                    merchant, fee_bps = int(each.fields["merchant"]), int(each.fields["feeBps"])
                    self.periods[merchant] = Period(fee_bps=fee_bps, shares=shares_now)
        return wrong

    def _period(self, fields: Mapping[str, int]) -> Period:
        return self.periods.setdefault(int(fields["merchant"]), Period())

    def _captured(self, fields: Mapping[str, int]) -> list[Wrong]:
        period = self._period(fields)
        due = (period.gross + fields["amount"]) * period.fee_bps // BASIS_POINTS
        fee = min(max(due - period.fees, 0), fields["amount"])
        period.gross += fields["amount"]
        period.fees += fee
        # of what was undone in the period no event tells whether it was taken off these sums
        if period.undone:
            return []
        self.checked["fees"] += 1
        if fee == fields["fee"]:
            return []
        text = f"the fee on {fields['amount']} is {fields['fee']} on the chain, {fee} by its terms"
        return [(f"merchant {fields['merchant']}", text)]

    def _settled(
        self, fields: Mapping[str, int], shares: list[tuple[int, int]], paid: Counter[tuple[int, int, int]]
    ) -> list[Wrong]:
        merchant, period = f"merchant {fields['merchant']}", self._period(fields)
        it = dict(zip(STATEMENT, fields["statement"], strict=True))  # type: ignore[call-overload]
        self.checked["statements"] += 1
        wrong: list[Wrong] = []
        outcome = it["gross"] - it["fees"] - (it["refunds"] - it["covered"])
        if outcome != it["paid_at_once"] + it["restored"] + it["net"]:
            wrong.append((merchant, f"a statement does not add up: {it}"))
        if not period.undone and (it["gross"], it["fees"]) != (period.gross, period.fees):
            said, due = (it["gross"], it["fees"]), (period.gross, period.fees)
            wrong.append((merchant, f"gross and fees of a statement are {said} on the chain, {due} by its captures"))
        due_shares = _shares(it["fees"], period.shares)
        if shares != due_shares:
            wrong.append((merchant, f"shares of the fees are {shares} on the chain, {due_shares} by its terms"))
        self.claimable.update(dict(_summed(shares)))
        to = fields["to"] or self.ledger
        if it["net"] and not paid[self.escrow, to, it["net"]]:
            wrong.append((merchant, f"a statement says that {it['net']} were paid out, and no cash went there"))
        self.periods[int(fields["merchant"])] = Period(fee_bps=period.fee_bps, shares=period.shares)
        return wrong

    def _claimed(self, fields: Mapping[str, int], paid: Counter[tuple[int, int, int]]) -> list[Wrong]:
        receiver, amount = fields["receiver"], fields["amount"]
        due, self.claimable[receiver] = self.claimable[receiver], 0
        self.checked["fee claims"] += 1
        if due == amount and paid[self.escrow, fields["to"], amount]:
            return []
        return [(f"0x{receiver:040x}", f"claimed {amount} of fees, {due} were its own")]

    def _paid_out(self, fields: Mapping[str, int], paid: Counter[tuple[int, int, int]]) -> list[Wrong]:
        self.checked["payouts"] += 1
        if paid[self.ledger, fields["to"], fields["amount"]]:
            return []
        text = f"a payout of {fields['amount']} is told, and no cash left the ledger for it"
        return [(f"merchant {fields['merchant']}", text)]


def _shares(fees: int, shares: tuple[tuple[int, int], ...]) -> list[tuple[int, int]]:
    """Each receiver's share of a period's fees, the last one's what is left."""
    if not fees:
        return []
    parts = [(receiver, fees * bps // BASIS_POINTS) for receiver, bps in shares[:-1]]
    left = fees - sum(part for _, part in parts)
    return [*parts, *((receiver, left) for receiver, _ in shares[-1:])]


def _summed(shares: list[tuple[int, int]]) -> Counter[int]:
    found: Counter[int] = Counter()
    for receiver, part in shares:
        found[receiver] += part
    return found
