"""`till net backup`: a validator's data in one file, taken while the others go on.

The validator is stopped for as long as its files are copied (CometBFT first, geth last: each writes down what it has),
so geth, blocks and consensus state are of one height; it follows again while the copy is compressed. A copy of a
running pair would have to take geth before CometBFT, and still lean on crash recovery; five seconds of one of four
cost nothing. After it node/network/restore.py.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final

from node.domain.errors import Unusable
from node.network.archive import (
    MANIFEST,
    NONCE_BYTES,
    SALT_BYTES,
    SECRETS,
    SUFFIXES,
    check_suffix,
    encrypt,
    list_files,
    pack,
)
from node.network.hold import held
from node.network.launch import find_engine
from node.network.plan import NetworkPlan
from node.network.signstate import STATE_PATH, read_sign_state

FORMAT: Final = 1
LEFT_OUT: Final = ("logs", "fail_points", "geth/geth/LOCK", "geth/geth/nodekey", STATE_PATH.as_posix())
"""The sign state stands in the manifest as numbers only: as a file it would be put back by hand."""
OLD_STATES: Final = "cometbft/config/old-state-*.json"
"""Those of keys that were rotated away, for the same reason."""
DATABASES: Final = ("geth/", "cometbft/data/")
ROOM: Final = 2.2
"""Free space that is asked for, in sizes of the data: the copy, and the file made of it."""


def back_up(
    plan: NetworkPlan,
    name: str,
    target: Path,
    *,
    passphrase: bytes | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    tell: Callable[[str], None] = lambda _: None,
) -> Path:
    """Writes a backup and returns its path: `target`, or VALIDATOR-HEIGHT.tar.gz in it when that is a folder.

    With a passphrase the keys are in it, encrypted; without they are left out. Raises Unusable.
    """
    validator, home = plan.validator(name), plan.home(name)
    if not target.is_dir() and (not target.parent.is_dir() or not target.suffix):
        missing = target.parent if target.suffix else target
        raise Unusable(f"there is no folder {missing}; make it first (mkdir -p {missing})")
    folder = target if target.is_dir() else target.parent
    if not target.is_dir():
        check_suffix(target)
        if target.exists():
            raise Unusable(f"{target} is there already")
    _check_room(home, folder)
    with tempfile.TemporaryDirectory(prefix=".till-backup-", dir=folder) as place:
        copy = Path(place)
        with held(plan, name):
            tell(f"{name} is stopped and copied; the others go on if enough of them are left")
            secrets = _copy(home, copy)
            state = read_sign_state(home)
            block = read_geth_head(home / "geth")
        tell(f"{name} is released; its copy of block {block['number']} is packed")
        if passphrase is not None:
            sealed = encrypt(secrets, passphrase, os.urandom(SALT_BYTES), os.urandom(NONCE_BYTES))
            (copy / SECRETS).write_bytes(sealed)
        manifest = {
            "format": FORMAT,
            "made": now().isoformat(timespec="seconds"),
            "chain_id": plan.chain_id,
            "genesis_hash": "0x" + plan.rules.genesis_hash.hex(),
            "comet_genesis": hashlib.sha256((home / "cometbft/config/genesis.json").read_bytes()).hexdigest(),
            "prague_time": plan.rules.prague_time,
            "validator": name,
            "address": validator.address,
            "height": block["number"],
            "hash": block["hash"],
            "sign_state": asdict(state) if state is not None else None,
            "files": {path: asdict(entry) for path, entry in list_files(copy).items()},
        }
        (copy / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
        final = target / f"{name}-{block['number']:09}.tar.gz" if target.is_dir() else target
        pack(copy, final)
    return final


def keep_newest(folder: Path, name: str, count: int) -> list[Path]:
    """Removes all but the `count` highest backups of a validator from a folder; returns what was removed."""
    pattern = re.compile(rf"{re.escape(name)}-\d{{9,}}({'|'.join(re.escape(suffix) for suffix in SUFFIXES)})")
    found = sorted(path for path in folder.iterdir() if pattern.fullmatch(path.name))
    old = found[: max(len(found) - count, 0)]
    for path in old:
        path.unlink()
    return old


def read_geth_head(datadir: Path) -> dict[str, Any]:
    """Number and hash of the newest block of a geth that does not run. Raises Unusable."""
    answer = subprocess.run(
        [find_engine("geth"), f"--datadir={datadir}", "--cache=64", "db", "metadata"],
        capture_output=True,
        text=True,
        check=False,
    )
    number = re.search(r"headBlock\.Number\s*\|\s*(\d+)", answer.stdout)
    block = re.search(r"headBlock\.Hash\s*\|\s*(0x[0-9a-f]{64})", answer.stdout)
    if number is None or block is None:
        raise Unusable(f"geth's data in {datadir} cannot be read: {answer.stderr.strip()[-200:]}")
    return {"number": int(number[1]), "hash": block[1]}


def _copy(home: Path, copy: Path) -> dict[str, bytes]:
    """Copies a stopped validator's files, and returns those that only their owner may read instead."""
    secrets: dict[str, bytes] = {}
    for path in sorted(home.rglob("*")):
        name = path.relative_to(home).as_posix()
        if not path.is_file() or _is_left_out(name):
            continue
        if not name.startswith(DATABASES) and path.stat().st_mode & 0o077 == 0:
            secrets[name] = path.read_bytes()
            continue
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy / name)
    return secrets


def _is_left_out(name: str) -> bool:
    return fnmatch(name, OLD_STATES) or any(name == left or name.startswith(left + "/") for left in LEFT_OUT)


def _check_room(home: Path, folder: Path) -> None:
    needed = int(ROOM * sum(path.stat().st_size for path in home.rglob("*") if path.is_file()))
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise Unusable(f"{folder} has {free // 10**6} MB free, the backup may need {needed // 10**6} MB")
