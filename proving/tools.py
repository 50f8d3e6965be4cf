"""Tools that cannot live beside brownie's pins: an environment of their own, .till/proof, from a lock with hashes."""

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
LOCK: Final = Path(__file__).with_name("requirements.lock")
HOME: Final = ROOT / ".till" / "proof"
PYTHON: Final = HOME / "bin" / "python"


def provide() -> Path:
    """The Python that has slither; installed at the first call, and again when the lock changes. Takes a minute."""
    stamp, wanted = HOME / "lock.sha256", hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if PYTHON.exists() and stamp.is_file() and stamp.read_text() == wanted:
        return PYTHON
    print(f"Installing slither into {HOME.relative_to(ROOT)} ...", flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", HOME], check=True)
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
    subprocess.run([PYTHON, "-m", "pip", "install", *options, "-r", LOCK], check=True)
    stamp.write_text(wanted)
    return PYTHON
