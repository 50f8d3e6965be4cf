"""Says which groups of a merchant an account is in: who may make its offers, sell, void, reconcile.

    brownie run grant_groups main MERCHANT ACCOUNT GROUPS --network FOLDER
    brownie run grant_groups reset MERCHANT ACCOUNT GROUPS --network FOLDER
    brownie run grant_groups propose MERCHANT ACCOUNT GROUPS --network FOLDER

      MERCHANT  the merchant's number
      ACCOUNT   an address, or the file of its key
      GROUPS    by ',', or all, or none:
                owner      says who is in which group
                offers     offers, coupons, gifts: what the merchant gives
                terminals  terminals and their keys
                finance    money: points bought, payouts, credit, fees
                consume    a clerk that sells and writes off
                cancel     a clerk that voids and refunds
                check      a clerk that looks up and checks
                reconcile  a clerk that reconciles and claims what is missing

The first form is the merchant's owner's (name its key's file in TILLNET_OPERATOR_KEY). The operator alone only takes
groups away (reset). For a merchant whose owner's key is lost the operator proposes, and finance, another account,
approves it within seven days (proposals). What is not named is taken away.
"""

from typing import Final

from scripts.amounts import read_whole
from scripts.open_stream import read_poster
from scripts.session import open_session
from scripts.tables import show
from scripts.trouble import Trouble, told

# contracts/libraries/Groups.sol
GROUPS: Final = {
    "owner": 1,
    "offers": 2,
    "terminals": 4,
    "finance": 8,
    "consume": 16,
    "cancel": 32,
    "check": 64,
    "reconcile": 128,
}
ALL: Final = 255
GAS: Final = 150_000


@told
def main(merchant: str, account: str, groups: str) -> None:
    """Sets an account's groups, as the merchant's owner."""
    _set("setGroups", merchant, account, groups)


@told
def reset(merchant: str, account: str, groups: str) -> None:
    """Takes groups from an account, as the operator; GROUPS are those that stay."""
    _set("resetGroups", merchant, account, groups)


@told
def propose(merchant: str, account: str, groups: str) -> None:
    """Proposes an account's groups, as the operator."""
    _set("proposeGroups", merchant, account, groups)
    print("They are in force when finance has approved them: brownie run proposals")


def read_groups(text: str) -> int:
    """`offers,consume` as bits. Raises Trouble for a group that is none."""
    if text in ("all", "none"):
        return ALL if text == "all" else 0
    bits = 0
    for name in text.split(","):
        if name.strip() not in GROUPS:
            raise Trouble(f"{name.strip()!r} is no group; there are {', '.join(GROUPS)}, all and none")
        bits |= GROUPS[name.strip()]
    return bits


def names_of(bits: int) -> str:
    """The groups in words."""
    return ", ".join(name for name, bit in GROUPS.items() if bits & bit) or "none"


def _set(function: str, merchant: str, account: str, groups: str) -> None:
    number = read_whole(merchant, "a merchant's number", low=1, high=2**32 - 1)
    bits = read_groups(groups)
    session, holder = open_session(), read_poster(account)
    registry = session["Registry"]
    pipeline = session.pipeline()
    what = f"set the groups of {holder} in merchant {number}"
    pipeline.call(what, getattr(registry, function), (number, holder, bits), gas=GAS)
    pipeline.finish()
    rows = [(holder, names_of(int(registry.groupsOf(number, holder))))]
    show(f"Merchant {number}", ("account", "groups"), rows)
