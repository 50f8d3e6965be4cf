"""The master key in a real PKCS#11 token (SoftHSM): it never leaves it, and each fault is one sentence."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from node.bridge.keys.key import Purpose, master_check_value
from node.iso8583.retail_mac import RetailMac
from tests.offchain.bridge_out.needles import forms_of_bytes, found_in, found_in_files
from tests.offchain.keys.custodian import FILE, KEK, MAC, TILL, Custodian, secret
from tests.offchain.keys.soft_token import PIN, SoftToken, soft_token

ROOT = Path(__file__).parents[3]
CHECK_VALUE = master_check_value(bytes(range(32)))
OURS = [RetailMac(MAC).compute(b"probe").hex()]


@pytest.fixture
def token(tmp_path: Path) -> SoftToken:
    return soft_token(tmp_path / "token")


@pytest.fixture
def keeper(tmp_path: Path, token: SoftToken) -> Custodian:
    """A custodian whose master key is in the token, once it is made."""
    made = Custodian(tmp_path, token.settings, token.environment)
    secret(tmp_path / "mac.keys", f"{TILL} {MAC.hex()}\n")
    secret(tmp_path / "kek.keys", f"{TILL} {KEK.hex()}\n")
    return made


class Act:
    """A process with the token; `step` says something to it, and gives what it says."""

    def __init__(self, process: "subprocess.Popen[str]", log: Path) -> None:
        self._process, self._log = process, log

    def step(self, said: str = "") -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        if said:
            self._process.stdin.write(said + "\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line.startswith("{"), line + self._log.read_text()
        return dict(json.loads(line))


@contextmanager
def acting(keeper: Custodian, name: str) -> Iterator[Act]:
    log = keeper.folder / "act.log"
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.offchain.keys.token_acts", name, str(keeper.config)],
            cwd=ROOT,
            env=os.environ | dict(keeper.environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    try:
        with process:
            yield Act(process, log)
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(30) == 0
    finally:
        process.kill()


@pytest.mark.slow
def test_keys_are_wrapped_in_the_token_and_the_master_key_changes(keeper: Custodian, token: SoftToken) -> None:
    till = keeper.till
    assert till("master", "list") == "none\n"
    assert "no such master key" in till("rewrap", fails=True).lower()
    first = till("master", "new").split()[-1]
    assert "mac.keys: 1 key wrapped\n" in till("rewrap")
    handed = till("rotate", TILL).split()
    assert handed[:3] == [TILL, "mac", "tdes"] and handed[4].startswith("B0096M3TC00N0000")
    with acting(keeper, "bridge") as bridge:
        assert bridge.step()["macs"][1:] == OURS
        second = till("master", "new").split()[-1]
        assert till("master", "list") == f"{second}       0 keys  wraps\n{first}       3 keys\n"
        assert f"3 keys are under {first}" in till("master", "retire", first, fails=True)
        till("rewrap")
        till("master", "retire", first)
        assert till("master", "list") == f"{second}       3 keys  wraps\n"
        assert bridge.step("refresh")["macs"][1:] == OURS, "a bridge that ran all the time finds the new one"
        listed = [json.loads(line) for line in till("list", "--json").splitlines()]
        assert [(each["use"], each["master"]) for each in listed] == [("mac", second), ("mac", second), ("kek", second)]
        assert listed[0]["check_value"] == handed[3]
    wanted = {
        f"{name} {form}": needle
        for name, key in (("MAC", MAC), ("KEK", KEK))
        for form, needle in forms_of_bytes(key).items()
    }
    kept = [*token.files(), *keeper.folder.glob("*.keys"), *keeper.folder.glob("*.lock")]
    assert len(token.files()) >= 4 and not found_in_files(kept, wanted)
    assert not found_in(keeper.said.encode(), wanted) and PIN not in keeper.said


@pytest.mark.slow
def test_keys_go_from_a_file_to_the_token(keeper: Custodian, token: SoftToken, tmp_path: Path) -> None:
    till = keeper.till
    keeper.write(FILE)
    before = till("master", "new").split()[-1]
    till("rewrap")
    keeper.write(token.settings)
    till("master", "new")
    assert f"has none with check value {before}, which line 1" in till("rewrap", fails=True)
    assert f"has none with check value {before}" in till("list", fails=True)
    till("rewrap", "--former-file", str(tmp_path / "master.key"))
    (tmp_path / "master.key").unlink()
    with acting(keeper, "bridge") as bridge:
        assert bridge.step()["macs"] == OURS


def test_a_drawn_master_key_cannot_be_taken_out(keeper: Custodian) -> None:
    keeper.till("master", "new")
    with acting(keeper, "drawn") as act:
        said = act.step()
    assert said.pop("value") == "AttributeSensitive"
    can = {"SENSITIVE", "ALWAYS_SENSITIVE", "NEVER_EXTRACTABLE", "WRAP", "UNWRAP"}
    assert {name for name, is_so in said.items() if is_so} == can


def test_the_token_wraps_as_rfc_3394_says(keeper: Custodian) -> None:
    with acting(keeper, "known") as act:
        said = act.step()
    # RFC 3394, 4.6; the check value is the first bytes of zeros under the key, as PKCS#11 says
    wrapped = "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21"
    assert said["wrapped"].upper() == wrapped
    assert said["plain"].startswith("00112233445566778899aabbccddeeff0001") and said["check_value"] == CHECK_VALUE
    assert said["shown"] == "TokenMaster('till-test')"
    assert keeper.till("master", "list").startswith(said["check_value"])


def test_a_bridge_goes_on_when_the_token_was_restarted(keeper: Custodian, token: SoftToken) -> None:
    keeper.till("master", "new")
    keeper.till("rewrap")
    with acting(keeper, "bridge") as bridge:
        assert bridge.step()["macs"] == OURS
        bridge.step("lose")
        assert bridge.step("change")["macs"][1:] == OURS, "it logged in again"
        # and while there is no token, it says so and keeps what it has
        (token.folder / "tokens").rename(token.folder / "away")
        (token.folder / "tokens").mkdir()
        bridge.step("lose")
        failed = bridge.step("change")["failure"]
        assert "cannot be written" in failed and "there is no token till-test" in failed
        assert bridge.step()["macs"][1:] == OURS


@pytest.mark.slow
def test_each_fault_is_one_sentence(keeper: Custodian, token: SoftToken, tmp_path: Path) -> None:
    till = keeper.till
    check_value = till("master", "new").split()[-1]
    till("rewrap")
    good, pin_file = token.settings, token.folder / "token.pin"
    for change, says in (
        (("softhsm2.so", "none.so"), "is no PKCS#11 library, or does not start"),
        ((token.module, str(keeper.config)), "is no PKCS#11 library, or does not start"),
        (('label = "till-test"', 'label = "another"'), "there is no token another in"),
        (('key = "master"', 'key = "other"'), f"has none with check value {check_value}, which line 1 of the key file"),
        (("token.pin", "none.pin"), "here is no file of the token's PIN"),
    ):
        keeper.write(good.replace(*change))
        assert says in till("list", fails=True)
    keeper.write(good)
    pin_file.write_text("111111\n")
    said = till("list", fails=True)
    assert f"the PIN in {pin_file} is wrong; it was tried once" in said and "111111" not in said
    secret(pin_file, PIN)
    pin_file.chmod(0o644)
    assert f"is open to others; chmod 600 {pin_file}" in till("list", fails=True)
    secret(pin_file, PIN)
    path = tmp_path / "mac.keys"
    whole = path.read_text()
    for damaged in (whole[:-2] + ("0" if whole[-2] != "0" else "1") + "\n", whole.replace(TILL, "TILL2")):
        path.write_text(damaged)
        assert till("list", fails=True) == (
            f"till: A wrapped key was altered, or is not this terminal's: line 1 of the key file {path}\n"
        )
    path.write_text(whole)
    assert f"{Purpose.MAC.value} tdes" in till("list")


def test_a_key_that_could_be_taken_out_is_no_master_key(keeper: Custodian) -> None:
    with acting(keeper, "loose"):
        pass
    said = keeper.till("rewrap", fails=True)
    assert "key master of token till-test is no AES key that is sensitive and not extractable" in said
