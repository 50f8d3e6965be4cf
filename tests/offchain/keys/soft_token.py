"""A PKCS#11 token of a test's own: SoftHSM, with its configuration and its keys in the test's folder.

Its library reads SOFTHSM2_CONF once for a process, so whatever uses it is a process of its own; the tests' has none.
"""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from os import environ
from pathlib import Path

import pytest

from tests.offchain.keys.custodian import secret

MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so", "/usr/lib/libsofthsm2.so")
PIN, SECURITY_OFFICERS = "739154", "52840617"
LABEL = "till-test"


@dataclass(frozen=True, kw_only=True)
class SoftToken:
    """`environment` is what programs need to find it; `settings` the table for bridge.toml."""

    folder: Path
    module: str
    environment: Mapping[str, str]

    @property
    def settings(self) -> str:
        return (
            f'[keys.token]\nmodule = "{self.module}"\nlabel = "{LABEL}"\nkey = "master"\n'
            f'pin_file = "{self.folder / "token.pin"}"\n'
        )

    def files(self) -> list[Path]:
        """What the token keeps on the disk."""
        return [path for path in (self.folder / "tokens").rglob("*") if path.is_file()]


def soft_token(folder: Path) -> SoftToken:
    """A token that is initialised, in a folder; skips the test where SoftHSM is not installed."""
    tool = shutil.which("softhsm2-util")
    module = next((path for path in MODULES if Path(path).exists()), None)
    if tool is None or module is None:
        pytest.skip("a token is tested where SoftHSM (Debian package softhsm2) is installed; it is not")
    (folder / "tokens").mkdir(parents=True, mode=0o700)
    (folder / "softhsm2.conf").write_text(
        f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    secret(folder / "token.pin", PIN + "\n")
    environment = {"SOFTHSM2_CONF": str(folder / "softhsm2.conf")}
    command = [tool, "--init-token", "--free", "--label", LABEL, "--pin", PIN, "--so-pin", SECURITY_OFFICERS]
    subprocess.run(command, check=True, capture_output=True, timeout=60, env=environ | environment)
    return SoftToken(folder=folder, module=module, environment=environment)
