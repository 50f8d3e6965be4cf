"""Puts money onto a member's card, or takes back a recharge that was wrong.

    brownie run recharge_member main MEMBER AMOUNT [ATLEAST] --network FOLDER

      MEMBER   the member's number
      AMOUNT   money that has come in, for instance 1,000.00
      ATLEAST  refuse when less rebate than this would be promised

Finance does this: cash is minted for the money, and goes into the member's stored value.

    brownie run recharge_member at MERCHANT MEMBER AMOUNT [ATLEAST] --network FOLDER

The same over a merchant's counter: the merchant keeps the money it took and pays from its payable and its deposit,
within its limit (set_limits). For the merchant's finance or consume group: name the key file in TILLNET_OPERATOR_KEY.

    brownie run recharge_member undo MERCHANT MEMBER AMOUNT --network FOLDER

Undoes the member's last recharge at this merchant, on the same day: AMOUNT is what was recharged. What the member has
spent of it, it owes the merchant, and its next recharge there pays.
"""

from typing import Final

from scripts.amounts import money, read_money
from scripts.parties import bring_cash, read_member, read_merchant
from scripts.session import Session, open_session
from scripts.tables import show
from scripts.trouble import told

GAS: Final = 900_000
LARGEST: Final = 2**48 - 1


@told
def main(member: str, amount: str, at_least: str = "0") -> None:
    """Recharges by finance and prints what the member has."""
    session = open_session()
    number, paid = read_member(session, member), read_money(amount, high=LARGEST)
    pipeline = session.pipeline()
    contract = session["StoredValue"]
    bring_cash(pipeline, session, contract, paid)
    pipeline.call(f"recharge member {number}", contract.recharge, (number, paid, _least(at_least)), gas=GAS)
    pipeline.finish()
    show_value(session, number, paid)


@told
def at(merchant: str, member: str, amount: str, at_least: str = "0") -> None:
    """Recharges over a merchant's counter and prints what the member has."""
    session = open_session()
    shop, number = read_merchant(session, merchant), read_member(session, member)
    paid = read_money(amount, high=LARGEST)
    pipeline = session.pipeline()
    arguments = (shop, number, paid, _least(at_least))
    contract = session["StoredValue"]
    pipeline.checked_call(f"recharge member {number}", contract.rechargeAt, arguments, gas=GAS)
    pipeline.finish()
    show_value(session, number, paid)


@told
def undo(merchant: str, member: str, amount: str) -> None:
    """Undoes the member's last recharge and prints what the member has and owes."""
    session = open_session()
    shop, number = read_merchant(session, merchant), read_member(session, member)
    paid = read_money(amount, high=LARGEST)
    pipeline = session.pipeline()
    contract = session["StoredValue"]
    pipeline.checked_call(f"undo the recharge of member {number}", contract.undoRecharge, (shop, number, paid), gas=GAS)
    pipeline.finish()
    show_value(session, number, -paid)


def show_value(session: Session, member: int, change: int) -> None:
    """What a member has, may be paid out, was promised and owes."""
    rebates = session["Rebates"]
    promises = int(rebates.balanceOf(member)[3])
    last = rebates.promiseOf(member, promises - 1) if promises else (0, 0, 0, 0, 0)
    rows = [
        ("recharged", money(change)),
        ("stored value", money(int(session["RewardToken"].account(member)[0]))),
        ("of it may be paid out", money(int(rebates.payoutOf(member)))),
        ("newest rebate", f"{money(int(last[0]))} in {last[3]} months" if last[3] else "none"),
        ("owed for recharges undone", money(int(session["StoredValue"].valueArrears(0, member)))),
    ]
    show(f"Member {member}", ("", "now"), rows)


def _least(text: str) -> int:
    return 0 if text == "0" else read_money(text, high=LARGEST)
