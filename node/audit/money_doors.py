"""What the events of the ledger's doors for money did to it: stored value, payables, deposits, the guarantee fund.

Part of doors, which has those for points. Pure.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from node.audit.state import FUND, Replayed
from node.domain.ids import MerchantId
from node.domain.ledger import Log


def _recharged(ledger: Replayed, logs: list[Log], member: int, _payer: int, amount: int) -> None:
    holder = ledger.survivor(member)
    account = ledger.touch(holder, logs)
    ledger.store(holder, replace(account, value=account.value + amount))
    ledger.change_totals(stored_value=amount)


def _deposit_added(ledger: Replayed, logs: list[Log], merchant: int, payer: int, amount: int, _: int) -> None:
    back = min(amount, ledger.guaranteed.get(merchant, 0)) if merchant else 0
    if back:
        ledger.guaranteed[merchant] -= back
        ledger.add_deposit(FUND, back)
    ledger.add_deposit(merchant, amount - back)
    ledger.change_totals(deposits=amount)
    logs.append(Log("DepositAdded", (merchant, payer, amount, back)))


def _payable_credited(ledger: Replayed, logs: list[Log], merchant: int, _payer: int, amount: int) -> None:
    _add_payable(ledger, merchant, amount)
    ledger.change_totals(payable=amount)


def _payable_taken(ledger: Replayed, logs: list[Log], merchant: int, _part: int, _to: int, amount: int) -> None:
    _add_payable(ledger, merchant, -amount)
    ledger.change_totals(payable=-amount)


def _fund_repaid(ledger: Replayed, logs: list[Log], merchant: int, _: int) -> None:
    word = ledger.roll_merchant(MerchantId(merchant), ledger.epoch)
    part = min(ledger.guaranteed.get(merchant, 0), word.payable)
    ledger.guaranteed[merchant] = ledger.guaranteed.get(merchant, 0) - part
    ledger.add_deposit(FUND, part)
    _add_payable(ledger, merchant, -part)
    ledger.change_totals(payable=-part, deposits=part)
    logs.append(Log("FundRepaid", (merchant, part)))


def draw_on(ledger: Replayed, merchant: int, amount: int, logs: list[Log]) -> tuple[int, int, int] | None:
    """What payable, deposit and guarantee fund give for an amount; None when they do not reach. Totals are the
    caller's, as is the payable."""
    payable = min(amount, ledger.roll_merchant(MerchantId(merchant), ledger.epoch).payable)
    deposit = min(amount - payable, ledger.deposits.get(merchant, 0))
    fund = amount - payable - deposit
    if fund > ledger.deposits.get(FUND, 0):
        return None
    if amount - payable:
        ledger.add_deposit(merchant, -deposit)
    if fund:
        ledger.add_deposit(FUND, -fund)
        ledger.guaranteed[merchant] = ledger.guaranteed.get(merchant, 0) + fund
        logs.append(Log("Guaranteed", (merchant, fund)))
    return payable, deposit, fund


def _drawn_on(ledger: Replayed, logs: list[Log], merchant: int, part: int, to: int, *said: int) -> None:
    found = draw_on(ledger, merchant, sum(said), logs) or (0, 0, 0)
    payable, deposit, fund = found
    _add_payable(ledger, merchant, -payable)
    ledger.change_totals(payable=-payable, deposits=-deposit - fund)
    logs.append(Log("DrawnOn", (merchant, part, to, *found)))


def _value_taken(ledger: Replayed, logs: list[Log], member: int, _part: int, _to: int, amount: int) -> None:
    account = ledger.touch(member, logs)
    ledger.store(member, replace(account, value=account.value - amount))
    ledger.change_totals(stored_value=-amount)


def _add_payable(ledger: Replayed, merchant: int, amount: int) -> None:
    word = ledger.roll_merchant(MerchantId(merchant), ledger.epoch)
    ledger.merchants[MerchantId(merchant)] = replace(word, payable=word.payable + amount)


MONEY: Final[Mapping[str, Callable[..., None]]] = {
    "Recharged": _recharged,
    "DepositAdded": _deposit_added,
    "PayableCredited": _payable_credited,
    "PayableTaken": _payable_taken,
    "FundRepaid": _fund_repaid,
    "DrawnOn": _drawn_on,
    "ValueTaken": _value_taken,
}
"""The doors for money by their events."""
