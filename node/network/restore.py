"""`till net restore`: puts a backup's data into a validator's folder, and never lets the validator vote twice.

What the validator has signed since the backup is not in it. Where the folder still has its sign state, that one stays.
Where it is lost, the others are asked how far the chain is (node/network/farthest.py), and the validator signs nothing
up to where it may have signed before it was lost. If too few can be asked, the operator has to say a height.
Before it node/network/backup.py.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from node.domain.errors import Unusable
from node.network.archive import MANIFEST, SECRETS, decrypt, unpack
from node.network.backup import FORMAT
from node.network.farthest import HeightUnknown, farthest_signed
from node.network.fork import tell_validator
from node.network.hold import held
from node.network.keys import write_jwt_secret
from node.network.plan import NetworkPlan, ValidatorPlan
from node.network.signstate import (
    NOTHING_SIGNED,
    STATE_PATH,
    SignState,
    beyond,
    put_sign_state,
    read_sign_state,
    state_in,
)

DATABASES: Final = ("geth", "cometbft/data")
KEY: Final = "cometbft/config/priv_validator_key.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Restored:
    """What was put back: the block's height, and after what the validator signs again."""

    height: int
    hash: str
    sign_state: SignState


def restore(
    plan: NetworkPlan,
    source: Path,
    name: str | None = None,
    *,
    passphrase: bytes | None = None,
    signed_up_to: int | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Restored:
    """Puts a backup into the folder of a validator (None: the one that it was made of).

    `signed_up_to` is the height that the operator answers for when the sign state is lost and too few of the others
    can be asked. Raises Unusable when the file is damaged, of another network, or the sign state cannot be known.
    """
    with tempfile.TemporaryDirectory(prefix=".till-restore-", dir=plan.folder) as place:
        files = Path(place)
        manifest = unpack(source, files)
        tell("the file is unpacked and checked")
        validator = plan.validator(name or str(manifest.get("validator")))
        home = plan.home(validator.name)
        _check_manifest(plan, validator, manifest, files)
        secrets = _secrets(files, passphrase)
        same = manifest["address"] == validator.address
        if not same and not (home / KEY).exists():
            raise Unusable(f"{validator.name} has no key, and the backup's is that of {manifest['validator']}")
        if same and not (home / KEY).exists() and KEY not in secrets:
            raise Unusable(f"the key of {validator.name} is lost and not in the backup; give it a new one")
        with held(plan, validator.name):
            _end_cut_swap(home)
            state = _sign_state(plan, validator, manifest if same else None, signed_up_to)
            _swap(home, files)
            _fill_gaps(home, files, secrets if same else {}, plan)
            if plan.rules.prague_time is not None:
                tell_validator(plan, validator)
            if state != read_sign_state(home):
                put_sign_state(home / STATE_PATH, state)
    tell(f"{validator.name} has block {manifest['height']}, and signs after {state}")
    return Restored(height=manifest["height"], hash=manifest["hash"], sign_state=state)


def _check_manifest(plan: NetworkPlan, validator: ValidatorPlan, manifest: dict[str, Any], files: Path) -> None:
    if manifest.get("format") != FORMAT:
        raise Unusable(f"the backup has format {manifest.get('format')}, this program knows {FORMAT}")
    expected = {
        "genesis_hash": "0x" + plan.rules.genesis_hash.hex(),
        "chain_id": plan.chain_id,
    }
    genesis = plan.home(validator.name) / "cometbft/config/genesis.json"
    if genesis.exists():
        expected["comet_genesis"] = hashlib.sha256(genesis.read_bytes()).hexdigest()
    for field, wanted in expected.items():
        if manifest.get(field) != wanted:
            raise Unusable(f"the backup is of another network: its {field} is {manifest.get(field)}, not {wanted}")
    fork = manifest.get("prague_time")
    # one that was made before the fork was scheduled is told of it
    if fork not in (None, plan.rules.prague_time):
        raise Unusable(f"the backup's chain goes over to Prague at {fork}; first: till net fork DIR prague --at {fork}")
    for database in DATABASES:
        # before the first block there is nothing of CometBFT's
        if not (files / database).is_dir() and (manifest["height"] or database == DATABASES[0]):
            raise Unusable(f"the backup has no {database}")
        (files / database).mkdir(parents=True, exist_ok=True)


def _secrets(files: Path, passphrase: bytes | None) -> dict[str, bytes]:
    sealed = files / SECRETS
    if passphrase is None or not sealed.exists():
        return {}
    return decrypt(sealed.read_bytes(), passphrase)


def _sign_state(
    plan: NetworkPlan, validator: ValidatorPlan, manifest: dict[str, Any] | None, signed_up_to: int | None
) -> SignState:
    """What the validator must be taken to have signed. `manifest` is of its own backup, None of another's."""
    there = read_sign_state(plan.home(validator.name))
    if manifest is None:
        if there is None:
            raise Unusable(f"the sign state of {validator.name} is lost, and this is no backup of it")
        return there
    saved = SignState(**manifest["sign_state"]) if manifest["sign_state"] else NOTHING_SIGNED
    if there is not None and there >= saved:
        return there
    if signed_up_to is not None:
        chosen = beyond(signed_up_to)
        if chosen < saved:
            raise Unusable(f"it had signed {saved} when the backup was made, {signed_up_to} is too low")
        return chosen
    try:
        return max(saved, beyond(farthest_signed(plan, validator)))
    except HeightUnknown as unknown:
        what = "is lost" if there is None else f"({there}) is older than the backup's ({saved})"
        raise Unusable(
            f"the sign state of {validator.name} {what}, and the other validators do not say how far the chain is "
            f"({unknown.detail}); start them first, or name a height that it has certainly not signed beyond: "
            "--signed-up-to HEIGHT"
        ) from None


def _end_cut_swap(home: Path) -> None:
    """Ends what a crash in `_swap` has left: the folder that was put aside may hold the only sign state."""
    for database in DATABASES:
        old = home / f"{database}.old"
        if not old.exists():
            continue
        if not (home / database).exists():
            old.rename(home / database)
            continue
        aside, there = state_in(old / STATE_PATH.name), read_sign_state(home)
        if aside is not None and (there is None or aside > there):
            put_sign_state(home / STATE_PATH, aside)
        shutil.rmtree(old)


def _swap(home: Path, files: Path) -> None:
    """Puts the databases in their places, and keeps the sign state that is there."""
    for database in DATABASES:
        old = home / f"{database}.old"
        if (home / database).exists():
            state = home / database / STATE_PATH.name
            if state.exists():
                # first, so that a crash in between leaves it where it is looked for
                shutil.copy2(state, files / database / state.name)
            (home / database).rename(old)
        (home / database).parent.mkdir(parents=True, exist_ok=True)
        (files / database).rename(home / database)
        shutil.rmtree(old, ignore_errors=True)


def _fill_gaps(home: Path, files: Path, secrets: dict[str, bytes], plan: NetworkPlan) -> None:
    """Writes the settings and keys that are missing; what is there is never written over."""
    home.chmod(0o700)
    (home / "logs").mkdir(exist_ok=True)
    if plan.fail_points:
        (home / "fail_points").mkdir(exist_ok=True)
    for path in sorted(files.rglob("*")):
        name = path.relative_to(files)
        if path.is_file() and name.name not in (MANIFEST, SECRETS) and not (home / name).exists():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, home / name)
    for secret, data in secrets.items():
        target = (home / secret).resolve()
        if not target.is_relative_to(home.resolve()):
            raise Unusable(f"the backup names a file outside of {home}: {secret}")
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(data)
    if not (home / "jwt.hex").exists():
        write_jwt_secret(home / "jwt.hex")
    if not (home / "app.json").exists():
        raise Unusable(f"{home / 'app.json'} is missing, in the backup too")
    json.loads((home / "app.json").read_text())
