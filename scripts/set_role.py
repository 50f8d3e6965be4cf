"""Gives a role of the network to an account, takes it away, or shows who has which.

    brownie run set_role --network FOLDER                          who has which role
    brownie run set_role give ROLE ACCOUNT --network FOLDER
    brownie run set_role take ROLE ACCOUNT --network FOLDER

      ROLE     operator, finance, auditor, reporter or bridge, which the keeper gives and takes; keeper or admin, which
               the admin does
      ACCOUNT  an address, or the file of its key (FOLDER/keys/bridge.json)

Name the file of the keeper's key in TILLNET_OPERATOR_KEY where it is not the operator's. Where the network has delays
(docs/trust.md), a role begins when its delay is over; taking one away works at once. A key that posts a stream goes on
posting it without the role of bridge: which streams these are is said, for the operator to close.
"""

from typing import Any, Final

from node.domain.roles import PEOPLES_ROLES, ROLE_NAMES
from scripts.open_stream import read_poster
from scripts.past_events import ranges
from scripts.session import Session, open_session
from scripts.tables import show
from scripts.trouble import Trouble, told

PEOPLE: Final = {name: role for role, name in PEOPLES_ROLES.items()}
GAS: Final = 200_000


@told
def main() -> None:
    """Shows who has which role."""
    session = open_session()
    known = {entry.address: name for name, entry in session.contracts.items()}
    rows = [
        (ROLE_NAMES.get(role, str(role)), known.get(holder, holder), _since(session, role, holder))
        for role, holder in holders(session)
    ]
    show("Roles", ("role", "holder", "since"), rows)


@told
def give(role: str, account: str) -> None:
    """Gives a role."""
    session, number, holder = open_session(), read_role(role), read_poster(account)
    pipeline = session.pipeline()
    access = session["NetworkAccess"]
    pipeline.call(f"make {holder} {role}", access.grantRole, (number, holder, 0), gas=GAS)
    pipeline.finish()
    show(f"Role of {role}", ("holder", "since"), [(holder, _since(session, number, holder))])


@told
def take(role: str, account: str) -> None:
    """Takes a role away."""
    session, number, holder = open_session(), read_role(role), read_poster(account)
    access = session["NetworkAccess"]
    if not access.getAccess(number, holder)[0]:
        raise Trouble(f"{holder} has not the role of {role}")
    pipeline = session.pipeline()
    pipeline.call(f"take the role of {role} from {holder}", access.revokeRole, (number, holder), gas=GAS)
    pipeline.finish()
    print(f"{holder} has not the role of {role} any more.")
    for stream in streams_of(session, holder):
        print(f"It still posts stream {stream} until the operator closes that, or gives it another key (open_stream).")


def read_role(text: str) -> int:
    """A person's role by its name. Raises Trouble for any other."""
    if text not in PEOPLE:
        raise Trouble(f"{text!r} is no role; there are {', '.join(PEOPLE)}")
    return PEOPLE[text]


def holders(session: Session) -> list[tuple[int, str]]:
    """Everybody who has a role or will have it, from NetworkAccess's events."""
    access = session["NetworkAccess"]
    found: dict[tuple[int, str], bool] = {}
    for log in logs_of(session, "NetworkAccess", "RoleGranted", "RoleRevoked"):
        key = (int(log["args"]["roleId"]), str(log["args"]["account"]))
        found[key] = bool(access.getAccess(*key)[0])
    return sorted(key for key, has in found.items() if has)


def streams_of(session: Session, poster: str) -> list[int]:
    """The open streams that a key posts, from the ledger's events."""
    posters = {
        int(log["args"]["stream"]): str(log["args"]["poster"]) for log in logs_of(session, "RewardToken", "StreamSet")
    }
    return sorted(stream for stream, key in posters.items() if key == poster)


def logs_of(session: Session, contract: str, *events: str) -> list[Any]:
    """A contract's decoded events of these names, in order."""
    web3, at = session.web3, session[contract]
    reader = web3.eth.contract(address=at.address, abi=at.abi)
    found = [
        log
        for first, last in ranges(session.first_block("NetworkAccess"), int(web3.eth.block_number))
        for name in events
        for log in reader.events[name].get_logs(from_block=first, to_block=last)
    ]
    return sorted(found, key=lambda log: (log["blockNumber"], log["logIndex"]))


def _since(session: Session, role: int, holder: str) -> str:
    since, delay, _, _ = session["NetworkAccess"].getAccess(role, holder)
    now = session.web3.eth.get_block("latest")["timestamp"]
    begins = "now" if since <= now else f"in {since - now:,} s"
    return begins if not delay else f"{begins}, each act waits {delay:,} s"
