"""Checks from the chain alone that every contract of the network holds what it owes.

brownie run check_backing --network FOLDER

All figures are of one block. `free` is what nobody is owed: cash or coins that somebody sent to a contract without a
call. Below 0 it is what is missing; then the script says so and ends with exit code 1. The ledger holds cash for stored
value, payables, deposits, the guarantee fund and the redemption reserve; the reserve must cover, at par, all coins,
merchants' prepaid points, and expired points that no merchant has claimed yet. docs/trust.md tells what this does not
show: whether a bank account backs the cash.
"""

from scripts.amounts import money
from scripts.backing import CASH, books, holdings
from scripts.session import open_session
from scripts.tables import show
from scripts.trouble import Trouble, told


@told
def main() -> None:
    """Prints what each part holds, owes and has free."""
    session = open_session()
    session.contracts  # noqa: B018 - nothing deployed is told before anything is asked
    block = int(session.web3.eth.block_number)
    its = books(session, block)
    found = list(holdings(session, block, its))
    show(f"What the ledger owes, block {block:,}", ("", "amount"), its.rows())
    show("Backing", ("part", "of", "holds", "owes", "free"), [each.shown() for each in found])
    held = sum(each.holds for each in found if each.what == CASH)
    in_all = int(session["CashToken"].totalSupply(block_identifier=block))
    print(
        f"Cash in circulation: {money(in_all)}, of it {money(held)} in contracts and {money(in_all - held)} elsewhere."
    )
    if short := [each for each in found if each.free < 0]:
        names = ", ".join(f"{each.part} lacks {each.shown()[-1].removeprefix('-')} of {each.what}" for each in short)
        raise Trouble(f"the network is not backed: {names}")
    print("Every contract holds what it owes.")
