"""A validator's sign state: the last height, round and step it has signed, which alone keeps it from voting twice.

CometBFT writes it before each signature and refuses to sign what is not later (v0.40.0, privval/file.go). An older copy
put back lets a validator contradict itself, which is evidence against it and, by many, a fork. So whatever touches the
file here only ever raises it.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from node.domain.errors import Unusable

STATE_PATH: Final = Path("cometbft/data/priv_validator_state.json")
LAST_ROUND: Final = 2**31 - 1
LAST_STEP: Final = 3
"""1 a proposal, 2 a prevote, 3 a precommit."""


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class SignState:
    """The last thing signed; compared in the order in which a validator signs."""

    height: int
    round: int
    step: int

    def __str__(self) -> str:
        return f"height {self.height}, round {self.round}, step {self.step}"


NOTHING_SIGNED: Final = SignState(height=0, round=0, step=0)


def read_sign_state(home: Path) -> SignState | None:
    """The sign state in a validator's folder, None without one. Raises Unusable when it cannot be read."""
    return state_in(home / STATE_PATH)


def state_in(path: Path) -> SignState | None:
    """The sign state in a file, None without it. Raises Unusable when it cannot be read."""
    try:
        text = json.loads(path.read_text())
        return SignState(height=int(text["height"]), round=int(text["round"]), step=int(text["step"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as failure:
        raise Unusable(f"the sign state {path} cannot be read: {failure}") from None


def write_sign_state(home: Path, state: SignState) -> None:
    """Replaces the sign state of a stopped validator by a later one; raises Unusable when it is older."""
    there = read_sign_state(home)
    if there is not None and state < there:
        raise Unusable(f"{home.name} has signed {there}; going back to {state} would let it vote twice")
    put_sign_state(home / STATE_PATH, state)


def put_sign_state(path: Path, state: SignState) -> None:
    """Writes the file, mode 0600, whole or not at all, without any look at what is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(json.dumps({"height": str(state.height), "round": state.round, "step": state.step}, indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def beyond(height: int) -> SignState:
    """The state after which a validator signs nothing up to this height any more."""
    return SignState(height=height, round=LAST_ROUND, step=LAST_STEP)
