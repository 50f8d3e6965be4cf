"""Whose key a validator signs with: its own file, another one after a rotation, or a remote signer's.

The old key and the new one never sign at the same time: the validator is stopped, the files are swapped, and it starts
again; and it swaps only once the chain's validator set has the new key and not the old one. A remote signer is a
program that dials CometBFT and speaks its socket protocol (docs/runbook.md).
"""

import base64
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.request import ProxyHandler, build_opener

from node.domain.errors import Retryable, Unusable
from node.network.hold import held
from node.network.keys import make_signing_key
from node.network.plan import NetworkPlan, write_plan
from node.network.rpc import CALL_SECONDS
from node.network.settings import SIGNER_FILE, comet_config
from node.network.signstate import NOTHING_SIGNED, STATE_PATH, put_sign_state

KEY_FILE: Final = Path("cometbft/config/priv_validator_key.json")
NEXT_KEY_FILE: Final = KEY_FILE.with_name("priv_validator_key.next.json")
CONFIG_FILE: Final = Path("cometbft/config/config.toml")
SIGNER_ADDRESS: Final = re.compile(r"tcp://[A-Za-z0-9.-]+:[0-9]{1,5}")
PER_PAGE: Final = 100
OPENER: Final = build_opener(ProxyHandler({}))


class NotInTheSet(Retryable):
    """The chain's validators are not yet those that this key change waits for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PublicKey:
    """A validator's ed25519 key as others see it: 32 bytes in hex, and CometBFT's address of it."""

    public_key: str
    address: str


def current_validators(plan: NetworkPlan) -> set[str]:
    """Public keys (hex) of the chain's validators, as the first of this folder's CometBFTs says. Raises NotInTheSet."""
    for validator in plan.validators:
        url = f"http://{plan.host}:{validator.ports.comet_rpc}/validators?per_page={PER_PAGE}"
        try:
            with OPENER.open(url, timeout=CALL_SECONDS) as response:
                entries = json.loads(response.read())["result"]["validators"]
            return {base64.b64decode(entry["pub_key"]["value"]).hex() for entry in entries}
        except (OSError, ValueError, KeyError, TypeError):
            continue
    raise NotInTheSet("no validator of this folder answers; start the network")


def make_next_key(plan: NetworkPlan, name: str) -> PublicKey:
    """Makes the key that a validator will sign with next, beside its own; the same again if it is there already."""
    plan.validator(name)
    path = plan.home(name) / NEXT_KEY_FILE
    if not path.exists():
        make_signing_key(path)
    return read_public_key(path)


def swap_key(
    plan: NetworkPlan, name: str, *, validators: Callable[[NetworkPlan], set[str]] = current_validators
) -> NetworkPlan:
    """Has a validator sign with its next key. Its old key and sign state stay beside, named after its address.

    Raises NotInTheSet while the chain's set has the old key or lacks the new one, Unusable without a next key.
    """
    validator, home = plan.validator(name), plan.home(name)
    if not (home / NEXT_KEY_FILE).exists():
        raise Unusable(f"{name} has no next key; make one with: till net rotate-key {plan.folder} {name}")
    if (home / SIGNER_FILE).exists():
        raise Unusable(f"the key of {name} is with a remote signer; rotate it there")
    fresh = read_public_key(home / NEXT_KEY_FILE)
    if fresh.public_key == validator.public_key:
        raise Unusable(f"the next key of {name} is the one it has")
    with held(plan, name):
        # asked when it is stopped already, so that nothing is signed in between
        known = validators(_without(plan, name))
        if fresh.public_key not in known or validator.public_key in known:
            raise NotInTheSet(f"{fresh.address} has to be in it and {validator.address} not; vote first")
        kept = f"{validator.address}.json"
        for path, name_kept in ((KEY_FILE, f"old-key-{kept}"), (STATE_PATH, f"old-state-{kept}")):
            # a key that was lost is out of the set for good
            if (home / path).exists():
                _move(home / path, (home / path).with_name(name_kept))
        # a key that never signed anything begins at nothing; one that comes back goes on where it was
        before = home / STATE_PATH.with_name(f"old-state-{fresh.address}.json")
        if before.exists():
            _move(before, home / STATE_PATH)
        else:
            put_sign_state(home / STATE_PATH, NOTHING_SIGNED)
        _move(home / NEXT_KEY_FILE, home / KEY_FILE)
        changed = replace(validator, public_key=fresh.public_key, address=fresh.address)
        swapped = replace(plan, validators=tuple(changed if each == validator else each for each in plan.validators))
        write_plan(swapped)
    return swapped


def take_back_old_key(plan: NetworkPlan, name: str, address: str) -> None:
    """Makes an old key of a validator its next one, with the sign state that it had. Raises Unusable without it."""
    home = plan.home(name)
    old = home / KEY_FILE.with_name(f"old-key-{address}.json")
    if not old.exists() or (home / NEXT_KEY_FILE).exists():
        raise Unusable(f"{name} has no old key {address}, or has a next one already")
    _move(old, home / NEXT_KEY_FILE)


def use_signer(plan: NetworkPlan, name: str, address: str, safe: Path) -> None:
    """Has a validator wait for a remote signer at `address` (tcp://HOST:PORT); its key and sign state move to `safe`.

    Raises Unusable when `safe` is not empty, or the key is not there.
    """
    validator, home = plan.validator(name), plan.home(name)
    if not SIGNER_ADDRESS.fullmatch(address):
        raise Unusable(f"{address} is not of the form tcp://HOST:PORT")
    if safe.exists() and (not safe.is_dir() or any(safe.iterdir())):
        raise Unusable(f"{safe} is not an empty folder")
    with held(plan, name):
        if read_public_key(home / KEY_FILE).public_key != validator.public_key:
            raise Unusable(f"the key in {home / KEY_FILE} is not that of {name}")
        safe.mkdir(mode=0o700, parents=True, exist_ok=True)
        (home / SIGNER_FILE).write_text(address + "\n")
        (home / CONFIG_FILE).write_text(comet_config(plan, validator))
        # moved, not copied, and while nothing runs: there is never a second one that could sign
        for path in (STATE_PATH, KEY_FILE):
            _move(home / path, safe / path.name)


def sign_here(plan: NetworkPlan, name: str, safe: Path) -> None:
    """Has a validator sign with its own file again; key and sign state come back from `safe`. The signer has to be
    stopped by then, for good. Raises Unusable when they are not there, or not the validator's.
    """
    validator, home = plan.validator(name), plan.home(name)
    if read_public_key(safe / KEY_FILE.name).public_key != validator.public_key:
        raise Unusable(f"the key in {safe} is not that of {name}")
    if not (safe / STATE_PATH.name).exists():
        raise Unusable(f"there is no sign state in {safe}, and without it {name} could vote twice")
    with held(plan, name):
        if (home / KEY_FILE).exists() and read_public_key(home / KEY_FILE).public_key == validator.public_key:
            raise Unusable(f"{name} has its key already")
        for path in (STATE_PATH, KEY_FILE):
            # CometBFT makes a key that counts for nothing where it finds none
            (home / path).unlink(missing_ok=True)
            _move(safe / path.name, home / path)
        (home / SIGNER_FILE).unlink(missing_ok=True)
        (home / CONFIG_FILE).write_text(comet_config(plan, validator))


def read_public_key(path: Path) -> PublicKey:
    """The public part of a priv_validator_key.json. Raises Unusable."""
    try:
        text: dict[str, Any] = json.loads(path.read_text())
        return PublicKey(public_key=base64.b64decode(text["pub_key"]["value"]).hex(), address=str(text["address"]))
    except (OSError, ValueError, KeyError, TypeError) as failure:
        raise Unusable(f"the key file {path} cannot be read: {failure}") from None


def _without(plan: NetworkPlan, name: str) -> NetworkPlan:
    others = tuple(each for each in plan.validators if each.name != name)
    return replace(plan, validators=others) if others else plan


def _move(source: Path, target: Path) -> None:
    if target.exists():
        raise Unusable(f"{target} is there already, and keys are never overwritten")
    shutil.move(source, target)
