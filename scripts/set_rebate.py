"""Defines a rebate programme: what comes back of a recharge, in how many months, paid from a fund of its own.

    brownie run set_rebate main SHARE MONTHS FUND [MINIMUM] [MERCHANT] --network FOLDER

      SHARE     20%: of 1,000.00 paid in, 200.00 comes back
      MONTHS    1 to 120: 200.00 in 5 months is 40.00 a month
      FUND      money that is there for it, for instance 10,000.00; a rebate is promised only as far as it reaches
      MINIMUM   the smallest recharge that earns (0 = any)
      MERCHANT  a merchant whose recharges follow it (0 = all that follow no other)

    brownie run set_rebate choose MERCHANT PROGRAMME --network FOLDER     recharges there follow another; 0 = none
    brownie run set_rebate stop PROGRAMME --network FOLDER                promises no more; what was promised stays
    brownie run set_rebate show PROGRAMME --network FOLDER

Terms never change: another share is another programme. The operator does this.
"""

from typing import Final

from scripts.amounts import money, read_money, read_whole
from scripts.parties import bring_cash, percent, read_merchant, read_percent
from scripts.session import Session, open_session
from scripts.tables import show as table
from scripts.trouble import Trouble, told

GAS: Final = 300_000
LARGEST: Final = 2**48 - 1


@told
def main(share: str, months: str, fund: str, minimum: str = "0", merchant: str = "0") -> None:
    """Defines, funds and chooses a programme, and prints it."""
    session = open_session()
    shop = _shop(session, merchant)
    points, count = read_percent(share), read_whole(months, "a number of months", low=1, high=120)
    paid = read_money(fund, high=LARGEST)
    least = 0 if minimum == "0" else read_money(minimum, high=LARGEST)
    contract = session["Rebates"]
    number = int(contract.programmeCount()) + 1
    pipeline = session.pipeline()
    pipeline.checked_call("define the programme", contract.defineProgramme, (points, count, least), gas=GAS)
    pipeline.call("choose the programme", contract.chooseProgramme, (shop, number), gas=GAS)
    bring_cash(pipeline, session, contract, paid)
    pipeline.call("fund the programme", contract.fundProgramme, (number, paid), gas=GAS)
    pipeline.finish()
    _show(session, number)


@told
def choose(merchant: str, programme: str) -> None:
    """Says which programme recharges at a merchant follow."""
    session = open_session()
    shop, number = _shop(session, merchant), read_whole(programme, "a programme's number", high=2**16 - 1)
    pipeline = session.pipeline()
    pipeline.checked_call("choose the programme", session["Rebates"].chooseProgramme, (shop, number), gas=GAS)
    pipeline.finish()
    where = f"at merchant {shop}" if shop else "where no other is chosen"
    print(f"Recharges {where} follow {f'programme {number}' if number else 'no programme of their own'}.")


@told
def stop(programme: str) -> None:
    """Ends a programme for new recharges and prints it."""
    session = open_session()
    number = _programme(session, programme)
    pipeline = session.pipeline()
    pipeline.call("stop the programme", session["Rebates"].openProgramme, (number, False), gas=GAS)
    pipeline.finish()
    _show(session, number)


@told
def show(programme: str) -> None:
    """Prints a programme."""
    session = open_session()
    _show(session, _programme(session, programme))


def _show(session: Session, number: int) -> None:
    fund, promised, least, points, months, is_open = session["Rebates"].programmeOf(number)
    rows = [
        ("comes back", f"{percent(points)} in {months} months"),
        ("smallest recharge", money(least)),
        ("fund, free", money(fund)),
        ("promised, set aside", money(promised)),
        ("promises", "yes" if is_open else "no more"),
    ]
    table(f"Programme {number}", ("", "now"), rows)


def _programme(session: Session, text: str) -> int:
    number = read_whole(text, "a programme's number", low=1, high=2**16 - 1)
    if number > session["Rebates"].programmeCount():
        raise Trouble(f"there is no programme {number}")
    return number


def _shop(session: Session, text: str) -> int:
    return 0 if text == "0" else read_merchant(session, text)
