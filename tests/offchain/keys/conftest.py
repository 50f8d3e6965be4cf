"""A custodian with a master key in a file."""

from pathlib import Path

import pytest

from tests.offchain.keys.custodian import KEK, MAC, TILL, Custodian, secret


@pytest.fixture
def custodian(tmp_path: Path) -> Custodian:
    """One key for MACs and one key-encrypting key, in clear; there is a master key."""
    made = Custodian(tmp_path)
    secret(tmp_path / "mac.keys", f"# keys\n{TILL} {MAC.hex()}  # drawn in May\n")
    secret(tmp_path / "kek.keys", f"{TILL} {KEK.hex()}\n")
    made.custody().master.draw()
    return made
