"""Shows a member's account as the chain has it.

brownie run show_member main MEMBER --network FOLDER

  MEMBER  the member's number, decimal or 0x-hex
"""

from typing import Final

from scripts.amounts import coins, money, read_whole
from scripts.session import open_session
from scripts.tables import show
from scripts.trouble import Trouble, told

REGISTERED: Final = 1
LOCKED, FROZEN, IN_ARREARS = 2, 4, 8
STATES: Final = {LOCKED: "locked", FROZEN: "frozen", IN_ARREARS: "in arrears"}


@told
def main(member: str) -> None:
    """Prints balance, stored value, tier and state."""
    session = open_session()
    number = read_whole(member, "a member's number", low=1)
    ledger = session["RewardToken"]
    value, current, previous, _, epoch, tier, flags = ledger.account(number)
    if not flags & REGISTERED:
        raise Trouble(f"no member {number} is registered on this chain")
    rows = [
        ("coins", coins(current + previous)),
        ("of these from the epoch before", coins(previous)),
        ("stored value", money(value)),
        ("tier", str(tier)),
        ("epoch", str(epoch)),
        ("state", states_of(flags)),
        ("account", ledger.memberAccount(number)),
    ]
    show(f"Member {number}", ("", "now"), rows)


def states_of(flags: int) -> str:
    """An account's flags in words."""
    return ", ".join(text for bit, text in STATES.items() if flags & bit) or "active"
