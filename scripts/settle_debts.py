"""What merchants and members owe each other: points not paid yet, points or value spent before they went back.

    brownie run settle_debts show MERCHANT --network FOLDER
    brownie run settle_debts main MERCHANT [MEMBERS] --network FOLDER              pays what the merchant owes
    brownie run settle_debts collect MERCHANT [MEMBERS] --network FOLDER           takes what members owe it
    brownie run settle_debts forgive MERCHANT MEMBER COINS --network FOLDER        lets a member off points
    brownie run settle_debts forgive_value MERCHANT MEMBER AMOUNT --network FOLDER lets it off undone recharges

      MEMBERS  numbers with commas between them (all who are owed something, or owe it)
      COINS    how many, or all

A merchant owes points when its prepaid did not reach (buy_points first); a member owes what it had spent of points, or
of a recharge, that went back. Anybody pays and collects, as far as prepaid points and members' coins reach; the
operator forgives points, the merchant's finance group undone recharges: name the key's file in TILLNET_OPERATOR_KEY.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from scripts.amounts import coins, money, read_coins, read_money
from scripts.moving import debts
from scripts.parties import read_member, read_merchant, read_numbers
from scripts.past_events import past_events
from scripts.session import Session, open_session
from scripts.tables import show as table
from scripts.trouble import Trouble, told

GAS: Final = 250_000
MEMBER: Final = "a member's number"
HEAD: Final = ("member", "is owed, coins", "owes, coins", "owes, money")


@dataclass(frozen=True, kw_only=True)
class Debt:
    """What stands between a merchant and a member: coins owed to it, coins and money that it owes."""

    member: int
    owed: int
    arrears: int
    value: int


@told
def show(merchant: str) -> None:
    """Lists what is owed."""
    session = open_session()
    shop = read_merchant(session, merchant)
    _show(shop, _debts(session, shop))


@told
def main(merchant: str, members: str = "") -> None:
    """Pays points that a merchant owes."""
    session = open_session()
    shop = read_merchant(session, merchant)
    before = _read(session, shop, members)
    prepaid = int(session["RewardToken"].merchant(shop)[0])
    due, left = [], prepaid
    for debt in before:
        part = min(debt.owed, left)
        due.append((debt.member, part))
        left -= part
    if not any(debt.owed for debt in before):
        raise Trouble(f"merchant {shop} owes no points{' to these members' if members else ''}")
    if not prepaid:
        raise Trouble(f"merchant {shop} has no prepaid points to pay with: first brownie run buy_points")
    _settle(session, shop, "settleOwed", due, before)


@told
def collect(merchant: str, members: str = "") -> None:
    """Takes points that members owe a merchant."""
    session = open_session()
    shop = read_merchant(session, merchant)
    before = _read(session, shop, members)
    accounts = {debt.member: session["RewardToken"].account(debt.member) for debt in before}
    due = [(debt.member, min(debt.arrears, sum(accounts[debt.member][1:3]))) for debt in before]
    if not any(debt.arrears for debt in before):
        raise Trouble(f"{'none of these members' if members else 'nobody'} owes merchant {shop} points")
    if not any(units for _, units in due):
        raise Trouble(f"who owes merchant {shop} points has no coins")
    _settle(session, shop, "collectArrears", due, before)


@told
def forgive(merchant: str, member: str, units: str) -> None:
    """Lets a member off points."""
    session = open_session()
    shop, number = read_merchant(session, merchant), read_member(session, member)
    debt = _debt(session, shop, number)
    amount = debt.arrears if units == "all" else read_coins(units)
    if not debt.arrears:
        raise Trouble(f"member {number} owes merchant {shop} no points")
    pipeline = session.pipeline()
    method = session["RewardToken"].forgiveArrears
    pipeline.checked_call(f"let member {number} off {coins(amount)} coins", method, (shop, number, amount), gas=GAS)
    pipeline.finish()
    _show(shop, [_debt(session, shop, number)])


@told
def forgive_value(merchant: str, member: str, amount: str) -> None:
    """Lets a member off undone recharges."""
    session = open_session()
    shop, number = read_merchant(session, merchant), read_member(session, member)
    debt = _debt(session, shop, number)
    minor = debt.value if amount == "all" else read_money(amount)
    if not debt.value:
        raise Trouble(f"member {number} owes merchant {shop} no value")
    pipeline = session.pipeline()
    method = session["StoredValue"].forgiveValueArrears
    pipeline.checked_call(f"let member {number} off {money(minor)}", method, (shop, number, minor), gas=GAS)
    pipeline.finish()
    _show(shop, [_debt(session, shop, number)])


def _settle(session: Session, shop: int, name: str, due: Sequence[tuple[int, int]], before: Sequence[Debt]) -> None:
    """Sends a settlement for each member of whom something can be settled, and prints where all of them stand."""
    pipeline = session.pipeline()
    for member, units in due:
        if units:
            arguments = (shop, member)
            what = f"settle {coins(units)} coins with member {member}"
            pipeline.call(what, getattr(session["RewardToken"], name), arguments, gas=GAS)
    pipeline.finish()
    _show(shop, [_debt(session, shop, debt.member) for debt in before])


def _read(session: Session, shop: int, members: str) -> list[Debt]:
    """What stands between a merchant and these members, or all."""
    if not members:
        return _debts(session, shop)
    return [_debt(session, shop, read_member(session, str(each))) for each in read_numbers(members, MEMBER)]


def _debts(session: Session, shop: int) -> list[Debt]:
    enrolled = [int(event["member"]) for event in past_events(session, "RewardToken", "MemberEnrolled")]
    pairs = [member for merchant, member in debts(session, enrolled) if merchant == shop]
    undone = past_events(session, "StoredValue", "RechargeUndone", merchant=shop)
    members = dict.fromkeys([*pairs, *(int(event["member"]) for event in undone)])
    found = [_debt(session, shop, member) for member in members]
    return [debt for debt in found if debt.owed or debt.arrears or debt.value]


def _debt(session: Session, shop: int, member: int) -> Debt:
    ledger = session["RewardToken"]
    # by the block's number: brownie keeps answers about the newest one
    at = {"block_identifier": session.web3.eth.block_number}
    return Debt(
        member=member,
        owed=int(ledger.owed(shop, member, **at)),
        arrears=int(ledger.arrears(shop, member, **at)),
        value=int(session["StoredValue"].valueArrears(shop, member, **at)),
    )


def _show(shop: int, found: Sequence[Debt]) -> None:
    rows = [(str(debt.member), coins(debt.owed), coins(debt.arrears), money(debt.value)) for debt in found]
    table(f"Merchant {shop} and members", HEAD, rows)
