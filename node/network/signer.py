"""Whose key a validator signs with: its own file, or a remote signer's.

A remote signer is a program that dials CometBFT and speaks its socket protocol (docs/operate.md). Another key for the
own file is the work of node/network/rotate.py.
"""

import base64
import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from node.domain.errors import Unusable
from node.network.hold import held
from node.network.plan import NetworkPlan
from node.network.settings import SIGNER_FILE, comet_config
from node.network.signstate import STATE_PATH

KEY_FILE: Final = Path("cometbft/config/priv_validator_key.json")
CONFIG_FILE: Final = Path("cometbft/config/config.toml")
SIGNER_ADDRESS: Final = re.compile(r"tcp://[A-Za-z0-9.-]+:[0-9]{1,5}")


@dataclass(frozen=True, kw_only=True, slots=True)
class PublicKey:
    """A validator's ed25519 key as others see it: 32 bytes in hex, and CometBFT's address of it."""

    public_key: str
    address: str


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


def _move(source: Path, target: Path) -> None:
    if target.exists():
        raise Unusable(f"{target} is there already, and keys are never overwritten")
    shutil.move(source, target)
