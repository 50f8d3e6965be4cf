"""Sells in instalments: opens a plan that who pays has signed, takes what is due, and pays the rest early.

    brownie run plan_instalments main MERCHANT PRICE COUNT [INTEREST] [MONTHS] [FIRST] [FUNDER] [WHOSE] --network FOLDER

      PRICE     for instance 1,200.00, paid in cash tokens of who pays (an allowance is given)
      COUNT     instalments, 1 to 60
      INTEREST  money for the whole plan, for instance 36.00 (0)
      MONTHS    from one to the next (1); a plan that begins on the 31st is due on the 28th of February
      FIRST     days from today to the first (0)
      FUNDER    an address that pays the merchant the price now and bears a default; it must have given the merchant a
                line. none (the default): the merchant is paid as instalments arrive
      WHOSE     payer (the default) or merchant: who pays the interest

    brownie run plan_instalments member MERCHANT MEMBER PRICE COUNT [INTEREST] [MONTHS] [FIRST] [FUNDER] [WHOSE] ..

      the same, paid from the stored value of MEMBER, whose registered key signs

    brownie run plan_instalments line MERCHANT AMOUNT --network FOLDER    a funder: funds plans of a merchant up to this
    brownie run plan_instalments collect ID --network FOLDER              takes what is due; anybody
    brownie run plan_instalments pay_off ID --network FOLDER              pays the rest now, less interest not yet due
    brownie run plan_instalments refund ID AMOUNT --network FOLDER        goods given back (CANCEL group)
    brownie run plan_instalments write_off ID --network FOLDER            gives up the rest after three missed in a row
    brownie run plan_instalments show ID --network FOLDER

Who pays signs with the key file named in TILLNET_PAYER_KEY (else the operator's). Opening needs the CONSUME group.
"""

import secrets
from dataclasses import astuple, dataclass
from datetime import date, timedelta
from typing import Any, Final

from scripts.amounts import money, read_money, read_whole
from scripts.escrow_terms import event_of, known_merchant, payer_key, read_id
from scripts.names import ZERO, read_address
from scripts.session import Session, open_session
from scripts.tables import show as show_table
from scripts.trouble import Trouble, told

GAS: Final = 900_000
HOUR: Final = 3_600
MAX_48: Final = 2**48 - 1
STATES: Final = {1: "open", 3: "closed", 7: "in default"}
FIRST_DATE: Final = date(1970, 1, 1)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """IInstalmentPlans.Plan."""

    payer: str
    member: int
    merchant: int
    funder: str
    price: int
    interest: int
    merchant_pays: bool
    count: int
    months: int
    first_day: int
    open_by: int
    salt: int


@told
def main(
    merchant: str,
    price: str,
    count: str,
    interest: str = "0",
    months: str = "1",
    first: str = "0",
    funder: str = "none",
    whose: str = "payer",
) -> None:
    """Opens a plan of who pays in cash tokens."""
    session = open_session()
    payer = payer_key(session)
    plan = _plan(session, merchant, price, count, interest, months, first, funder, whose, payer=payer.address)
    cash, plans = session["CashToken"], session["InstalmentPlans"]
    total = plan.price + (0 if plan.merchant_pays else plan.interest)
    if cash.allowance(payer.address, plans.address) < total:
        own = session.pipeline(payer)
        own.call("let the plan take instalments", cash.approve, (plans.address, total), gas=GAS)
        own.finish()
    _open(session, plan)


@told
def member(
    merchant: str,
    member: str,
    price: str,
    count: str,
    interest: str = "0",
    months: str = "1",
    first: str = "0",
    funder: str = "none",
    whose: str = "payer",
) -> None:
    """Opens a plan of a member who pays from stored value."""
    session = open_session()
    number = read_whole(member, "a member's number", low=1)
    _open(session, _plan(session, merchant, price, count, interest, months, first, funder, whose, member=number))


@told
def line(merchant: str, amount: str) -> None:
    """Sets up to what sum whoever runs this funds plans of a merchant."""
    session = open_session()
    number = known_merchant(session, merchant)
    minor = 0 if amount == "0" else read_money(amount)
    plans, cash = session["InstalmentPlans"], session["CashToken"]
    pipeline = session.pipeline()
    pipeline.call("let plans take the price", cash.approve, (plans.address, minor), gas=GAS)
    pipeline.call("set the line", plans.setLine, (number, minor), gas=GAS)
    pipeline.finish()
    rows = [(f"merchant {number}", money(minor))]
    show_table(f"Plans that {session.operator.address} funds", ("", "up to"), rows)


@told
def collect(id: str) -> None:
    """Takes what is due."""
    _do(id, "collect", "collect")


@told
def pay_off(id: str) -> None:
    """Pays the rest; who pays sends it."""
    _do(id, "pay off", "payOff", 0, b"", by_payer=True)


@told
def refund(id: str, amount: str) -> None:
    """Gives back a part of the price."""
    _do(id, f"give back {amount}", "refund", read_money(amount, high=MAX_48))


@told
def write_off(id: str) -> None:
    """Gives up the rest."""
    _do(id, "write off", "writeOff")


@told
def show(id: str) -> None:
    """Prints a plan's instalments and where it stands."""
    session = open_session()
    _show(session, read_id(id), _find(session, id))


def _plan(
    session: Session,
    merchant: str,
    price: str,
    count: str,
    interest: str,
    months: str,
    first: str,
    funder: str,
    whose: str,
    **who: Any,
) -> Plan:
    number = known_merchant(session, merchant)
    if whose not in ("payer", "merchant"):
        raise Trouble(f"{whose!r} is not payer or merchant")
    fields = {
        "price": read_money(price, high=MAX_48),
        "interest": 0 if interest == "0" else read_money(interest, high=MAX_48),
        "count": read_whole(count, "a number of instalments", low=1, high=60),
        "months": read_whole(months, "a number of months", low=1, high=12),
        "first_day": session["RewardToken"].currentDay() + read_whole(first, "a number of days", high=365),
        "open_by": session.web3.eth.get_block("latest")["timestamp"] + HOUR,
        "salt": secrets.randbits(256),
        "funder": ZERO if funder == "none" else read_address(funder),
        "merchant_pays": whose == "merchant",
    }
    return Plan(**({"merchant": number, "payer": ZERO, "member": 0} | fields | who))


def _open(session: Session, plan: Plan) -> None:
    plans = session["InstalmentPlans"]
    id_ = bytes(plans.idOf(astuple(plan)))
    words = (astuple(plan), bytes(payer_key(session).unsafe_sign_hash(id_).signature))
    pipeline = session.pipeline()
    pipeline.checked_call("open the plan", plans.open, words, gas=GAS)
    pipeline.finish()
    _show(session, id_, plan)


def _do(text: str, what: str, name: str, *more: Any, by_payer: bool = False) -> None:
    session = open_session()
    plan = _find(session, text)
    method = getattr(session["InstalmentPlans"], name)
    pipeline = session.pipeline(payer_key(session) if by_payer else None)
    pipeline.checked_call(what, method, (astuple(plan), *more), gas=GAS)
    pipeline.finish()
    _show(session, read_id(text), plan)


def _find(session: Session, text: str) -> Plan:
    found = event_of(session, "InstalmentPlans", "PlanOpened", read_id(text))
    if found is None:
        raise Trouble(f"no plan {text} was opened on this chain")
    return Plan(**dict(zip(Plan.__dataclass_fields__, found[-1], strict=True)))


def _show(session: Session, id_: bytes, plan: Plan) -> None:
    plans = session["InstalmentPlans"]
    days, amounts = plans.schedule(astuple(plan))
    paid, credited, refunded, missed, flags = plans.standing(id_)
    rows = [((FIRST_DATE + timedelta(days=day)).isoformat(), money(a)) for day, a in zip(days, amounts, strict=True)]
    due, rest = plans.dueNow(astuple(plan)) if flags == 1 else (0, 0)
    rows += [
        ("paid", money(paid)),
        ("owed no more without payment", money(credited)),
        ("of the price given back", money(refunded)),
        ("due now", money(due)),
        ("to pay off now", money(rest)),
        ("last period missed", str(missed)),
        ("state", STATES.get(flags, str(flags))),
    ]
    show_table(f"Plan at merchant {plan.merchant}", ("due", "amount"), rows)
    print(f"plan 0x{id_.hex()}")
