"""Permits accounts to send on a network of Tillnet, where that is a rule of consensus (docs/governance.md).

Used by whatever gives an account coin for gas, and by permit_accounts. Before it session.py; after it the
AccountRegistry, a contract of block 0. Where there is none (anvil, another chain), everybody may send.
"""

from collections.abc import Sequence
from typing import Any, Final

from web3 import Web3

from node.consensus.registry import ACCOUNT_REGISTRY, SEND
from scripts.pipeline import Pipeline
from scripts.session import Session, attach
from scripts.trouble import Trouble

NAME: Final = "AccountRegistry"
ACCOUNTS_A_CALL: Final = 100
BASE_GAS: Final = 60_000
ACCOUNT_GAS: Final = 80_000  # a new entry, its place in the list, an event


def accounts_registry(session: Session) -> Any | None:
    """The AccountRegistry, None where everybody may send."""
    address = Web3.to_checksum_address(ACCOUNT_REGISTRY)
    return attach(session.project, NAME, address) if session.web3.eth.get_code(address) else None


def permit(pipeline: Pipeline, session: Session, account: str) -> None:
    """Lets an account send, unless it may already. Raises Trouble when who runs this may not say so."""
    registry = accounts_registry(session)
    if registry is not None and not int(registry.permissionsOf(account)) & SEND:
        set_permissions(pipeline, registry, [account], SEND, "permit")


def set_permissions(pipeline: Pipeline, registry: Any, accounts: Sequence[str], permissions: int, verb: str) -> None:
    """Sets the permissions of accounts, many in one transaction. Raises Trouble when it is not the admin's key."""
    admin = str(registry.admin())
    if admin != pipeline.account.address:
        named = f"only {admin} says who may send on this network" if int(admin, 16) else "nobody gives permissions here"
        raise Trouble(f"could not {verb} {accounts[0]}: {named}")
    for place in range(0, len(accounts), ACCOUNTS_A_CALL):
        chunk = accounts[place : place + ACCOUNTS_A_CALL]
        what = f"{verb} {chunk[0]}" + (f" and {len(chunk) - 1} more" if len(chunk) > 1 else "")
        gas = BASE_GAS + ACCOUNT_GAS * len(chunk)
        pipeline.call(what, registry.setPermissions, (chunk, permissions), gas=gas)
