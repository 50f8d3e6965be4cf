"""Says who may send transactions on a network of Tillnet, and who may create contracts; shows who may.

brownie run permit_accounts main --network FOLDER              who may what
brownie run permit_accounts permit ACCOUNTS --network FOLDER   they may send
brownie run permit_accounts deployer ACCOUNTS --network FOLDER they may send and create contracts
brownie run permit_accounts forbid ACCOUNTS --network FOLDER   they may neither
brownie run permit_accounts everybody MAY --network FOLDER     what accounts may that were never listed
brownie run permit_accounts admin ACCOUNT --network FOLDER     names another admin; none: nobody, for good

  ACCOUNTS  addresses, or the files of their keys, with commas between them
  MAY       nothing, send, or deploy (send and create contracts)

Only the admin of the AccountRegistry does this: the operator, unless it or the validators named another
(docs/governance.md). Whoever onboard_merchant and open_stream give coin for gas is permitted by them. On anvil or
another chain everybody may send.
"""

from typing import Any, Final

from node.consensus.registry import ALL_PERMISSIONS, DEPLOY, SEND
from scripts.names import ZERO
from scripts.open_stream import read_poster
from scripts.permissions import NAME, accounts_registry, set_permissions
from scripts.session import Session, open_session
from scripts.tables import show
from scripts.trouble import Trouble, told

SHOWN: Final = 1_000
GAS: Final = 150_000
EVERYBODY: Final = {"nothing": 0, "send": SEND, "deploy": ALL_PERMISSIONS}


@told
def main() -> None:
    """Shows who may what."""
    _show(_registry(open_session()))


@told
def permit(accounts: str) -> None:
    """Lets accounts send."""
    _set(accounts, SEND, "permit")


@told
def deployer(accounts: str) -> None:
    """Lets accounts send and create contracts."""
    _set(accounts, ALL_PERMISSIONS, "permit")


@told
def forbid(accounts: str) -> None:
    """Lets accounts neither send nor create contracts."""
    _set(accounts, 0, "forbid")


@told
def everybody(may: str) -> None:
    """Says what accounts may that were never listed."""
    if may not in EVERYBODY:
        raise Trouble(f"{may!r} is none of {', '.join(EVERYBODY)}")
    session = open_session()
    registry, pipeline = _registry(session), session.pipeline()
    what = "say what everybody else may"
    pipeline.checked_call(what, registry.setDefault, (EVERYBODY[may],), gas=GAS)
    pipeline.finish()
    _show(registry)


@told
def admin(account: str) -> None:
    """Names another admin."""
    session = open_session()
    registry, pipeline = _registry(session), session.pipeline()
    next_one = ZERO if account == "none" else read_poster(account)
    pipeline.checked_call("name another admin", registry.setAdmin, (next_one,), gas=GAS)
    pipeline.finish()
    _show(registry)


def _set(text: str, permissions: int, verb: str) -> None:
    session = open_session()
    registry = _registry(session)
    accounts = list(dict.fromkeys(read_poster(part.strip()) for part in text.split(",")))
    pipeline = session.pipeline()
    set_permissions(pipeline, registry, accounts, permissions, verb)
    pipeline.finish()
    rows = [(account, words(int(registry.permissionsOf(account)))) for account in accounts]
    show("Permissions", ("account", "may"), rows)


def _registry(session: Session) -> Any:
    registry = accounts_registry(session)
    if registry is None:
        raise Trouble(f"this chain has no {NAME}: everybody may send here")
    return registry


def _show(registry: Any) -> None:
    count = int(registry.listedCount())
    found = [str(account) for account in registry.listed(max(count - SHOWN, 0), SHOWN)]
    rows = [(account, words(int(registry.permissionsOf(account)))) for account in found]
    rows.append(("everybody else", words(int(registry.defaultPermissions()))))
    show(f"Permissions, given by {registry.admin()}", ("account", "may"), rows)


def words(permissions: int) -> str:
    """Permissions as people read them."""
    if not permissions & SEND:
        return "nothing"
    return "send and create contracts" if permissions & DEPLOY else "send"
