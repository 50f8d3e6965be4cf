"""Which account a validator votes and reports with: a key that came from another machine takes the place of its own.

A rotation to a new machine leaves the account on the chain as it was, so the account's key has to follow. Before it
`till validator take-account`; the application reads the file at its next start.
"""

from pathlib import Path

from node.consensus.account import read_account
from node.domain.errors import Unusable
from node.network.hold import held
from node.network.keys import checksum_address
from node.network.plan import NetworkPlan, changing, with_validator, write_plan
from node.network.rotate import copy_secret


def take_account(plan: NetworkPlan, name: str, source: Path) -> NetworkPlan:
    """Has a validator of this folder vote with the account whose key file (account.json) is at `source`.

    The one that it had stays beside as old-account-ADDRESS.json. Raises Unusable when the file is no key file, or the
    validator has this account already.
    """
    validator, own = plan.validator(name), plan.account_file(name)
    address = checksum_address(read_account(source).address)
    if address == validator.account and own.exists():
        raise Unusable(f"{name} votes with {address} already")
    with held(plan, name):
        if own.exists():
            present = checksum_address(read_account(own).address)
            if present != address:
                copy_secret(own, own.with_name(f"old-account-{present}.json"))
        copy_secret(source, own)
        with changing(plan.folder) as now:
            taken = with_validator(now, name, account=address)
            write_plan(taken)
    return taken
