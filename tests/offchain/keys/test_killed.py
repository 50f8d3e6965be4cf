"""A change of the master key that is killed at any write leaves every key usable, and is finished by the next one."""

import signal
import subprocess
import sys
from pathlib import Path

from node.bridge.keys.key import Purpose
from node.bridge.verify.key_change import KeyEncryptingKeys
from tests.offchain.keys.custodian import KEK, MAC, PIN, TILL, Custodian, a_key, secret

ROOT = Path(__file__).parents[3]
WRITES = 3 * 5
"""Of one file three; the master key's file is written twice, those of MAC, PIN and key-encrypting keys once."""


def values(custodian: Custodian) -> dict[Purpose, str]:
    """What a bridge that starts now has."""
    found = {each.purpose: each.held.key.check_value for each in custodian.custody().listed()}
    assert KeyEncryptingKeys(custodian.folder / "kek.keys", custodian.custody()._vault)
    return found


def test_a_change_of_the_master_key_that_is_killed_anywhere_is_finished_by_the_next(
    custodian: Custodian, tmp_path: Path
) -> None:
    secret(tmp_path / "pin.keys", f"{TILL} {PIN.hex()}\n")
    custodian.custody().rewrap()
    start = {path.name: path.read_bytes() for path in tmp_path.glob("*.key*") if path.suffix != ".lock"}
    expected = {Purpose.MAC: a_key(MAC), Purpose.PIN: a_key(PIN, Purpose.PIN), Purpose.KEK: a_key(KEK, Purpose.KEK)}
    states = set()
    for last in range(1, WRITES + 2):
        for name, content in start.items():
            secret(tmp_path / name, content.decode())
        (old,) = custodian.custody().master.check_values()
        child = [sys.executable, "-m", "tests.offchain.keys.dying", str(custodian.config), str(last)]
        done = subprocess.run(child, cwd=ROOT, check=False, timeout=60, capture_output=True, text=True)
        assert done.returncode == (-signal.SIGKILL if last <= WRITES else 0), done.stderr
        assert values(custodian) == {purpose: key.check_value for purpose, key in expected.items()}, last
        custody = custodian.custody()
        under = tuple(custody.users_of(each) for each in custody.master.check_values())
        states.add(under)
        # whoever does it again: a new key if there is none yet
        if custody.master.check_values()[0] == old:
            custody.master.draw()
        custody.rewrap()
        if old in custody.master.check_values():
            custody.retire(old)
        (new,) = custodian.custody().master.check_values()
        assert new != old and custodian.custody().users_of(new) == 3
        assert values(custodian)[Purpose.MAC] == a_key(MAC).check_value
    assert {(3,), (0, 3), (1, 2), (2, 1), (3, 0)} <= states, "killed in every state there is"
