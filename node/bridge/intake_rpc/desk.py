"""The methods that terminals sign and that put nothing on the chain: balances, sign-on, business days and their totals.

Beside methods.py, for the exchange, which has proved who signed. What an answer says is durable before it goes out.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any, Final, Generic, TypeVar

from node.bridge.acknowledge import holdings_result
from node.bridge.holdings import holdings_of
from node.bridge.intake_ports import Desk, Ports
from node.bridge.security.shown import Shown
from node.bridge.verify.lookup import find_member, find_merchant
from node.bridge.verify.rpc_sender import Proved
from node.domain.desk_terms import DayCloseTerms, DeskTerms, InquiryTerms, SignOffTerms, SignOnTerms, TotalsTerms
from node.domain.errors import InvalidAmount, InvalidTransaction, MalformedMessage, OriginalNotFound, WrongSignature
from node.domain.totals import Totals

Signed = TypeVar("Signed", bound=DeskTerms)
Result = dict[str, Any]
INQUIRY_SECONDS: Final = 300
"""How far an inquiry's time may be from now: who copies one learns no balance of later."""
FARTHEST_DAY: Final = 31
"""Days that a business day may be from today."""
_EPOCH: Final = date(1970, 1, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class DeskMethod(Generic[Signed]):
    """A method: what it is for, the type that is signed, who answers, and the schema of the answer.

    With `once` a signature is good for one request. What tells of the `past` is taken of terminals that are not signed
    on.
    """

    summary: str
    terms: type[Signed]
    answer: Callable[[Proved[Signed], Ports, int], Awaitable[Result]]
    result: str
    once: bool = False
    past: bool = True


async def _balance(proved: Proved[InquiryTerms], ports: Ports, now: int) -> Result:
    terms = proved.terms
    if abs(now - terms.time) > INQUIRY_SECONDS:
        raise WrongSignature("its time is too far from now")
    find_merchant(proved.directory, proved.terminal)
    member = find_member(proved.rules.member_of, terms.card)
    if ports.gate is not None:
        ports.gate.look(Shown(terminal=proved.terminal.id, card=terms.card))
    return holdings_result(await holdings_of(member, ports))


async def _sign_on(proved: Proved[SignOnTerms], ports: Ports, now: int) -> Result:
    await _desk(ports).sign(proved.terminal.id, True)
    return {"signedOn": True}


async def _sign_off(proved: Proved[SignOffTerms], ports: Ports, now: int) -> Result:
    await _desk(ports).sign(proved.terminal.id, False)
    return {"signedOn": False}


async def _close(proved: Proved[DayCloseTerms], ports: Ports, now: int) -> Result:
    day = _day(proved.terms.day, now + proved.rules.utc_offset)
    await _desk(ports).cut_over(proved.terminal.id, day)
    return {"day": proved.terms.day}


async def _reconcile(proved: Proved[TotalsTerms], ports: Ports, now: int) -> Result:
    terms, terminal, desk = proved.terms, proved.terminal.id, _desk(ports)
    find_merchant(proved.directory, proved.terminal)
    if terms.currency != proved.directory.currency:
        raise InvalidAmount(f"the currency is not {proved.directory.currency}")
    day = _day(terms.day, now + proved.rules.utc_offset) if terms.day else None
    claimed = Totals(**{name: getattr(terms, name) for name in asdict(Totals())})
    ours = await desk.totals(terminal, day)
    if ours is None:
        raise OriginalNotFound("that business day was not closed")
    balanced = ours.agrees_with(claimed)
    if day is not None:
        await desk.reconciled(terminal, day, claimed, balanced)
    return {"balanced": balanced, "day": terms.day, "totals": totals_result(ours)}


def totals_result(totals: Totals) -> Result:
    """Totals as JSON: the numbers by the names under which terminals sign them, and what is left of all."""
    return {_camel(name): number for name, number in asdict(totals).items()} | {"net": totals.net}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join([each.capitalize() for each in rest])


def _day(text: str, now: int) -> int:
    """Days since 1970 of a date near today. Raises MalformedMessage."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise MalformedMessage("day is a date as YYYY-MM-DD") from None
    if abs(day - (_EPOCH + timedelta(seconds=now))) > timedelta(days=FARTHEST_DAY):
        raise MalformedMessage(f"day is more than {FARTHEST_DAY} days from today")
    return (day - _EPOCH).days


def _desk(ports: Ports) -> Desk:
    if ports.desk is None:
        raise InvalidTransaction("it is not offered here")
    return ports.desk


DESK: Final[Mapping[str, DeskMethod[Any]]] = {
    "member_balance": DeskMethod(
        summary="What a member has; the signature is good for five minutes.",
        terms=InquiryTerms,
        answer=_balance,
        result="Holdings",
        past=False,
    ),
    "terminal_sign_on": DeskMethod(
        summary="Takes the terminal's messages from now on, where sign-on is demanded; a signature is good for once.",
        terms=SignOnTerms,
        answer=_sign_on,
        result="SignedOn",
        once=True,
    ),
    "terminal_sign_off": DeskMethod(
        summary="Takes no more of the terminal's requests until it signs on; a signature is good for once.",
        terms=SignOffTerms,
        answer=_sign_off,
        result="SignedOn",
        once=True,
    ),
    "day_close": DeskMethod(
        summary="Closes the terminal's business day; what comes next belongs to the next one.",
        terms=DayCloseTerms,
        answer=_close,
        result="ClosedDay",
    ),
    "day_reconcile": DeskMethod(
        summary="Compares the terminal's totals of a closed business day, or of the open one, with the bridge's.",
        terms=TotalsTerms,
        answer=_reconcile,
        result="Reconciliation",
    ),
}
