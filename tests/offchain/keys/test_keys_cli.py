"""`till bridge keys`: what is typed and printed; components come by the standard input only, and no key comes out."""

import json
import os
import pty
import re
import subprocess
import sys
import time

import pytest

from node.bridge.keys.key import Algorithm, Purpose
from tests.offchain.bridge_out.needles import forms_of_bytes, found_in, found_in_files
from tests.offchain.keys.custodian import AES_KEK, KEK, MAC, OTHER, PIN, TILL, Custodian, a_key

PARTS = [bytes.fromhex(text) for text in ("11223344556677889900AABBCCDDEEFF", "FEDCBA98765432100123456789ABCDEF")]
WHOLE = bytes(one ^ other for one, other in zip(*PARTS, strict=True))


def needles() -> dict[str, bytes]:
    keys = {"MAC": MAC, "KEK": KEK, "PIN": PIN, "AES": AES_KEK, "part 1": PARTS[0], "part 2": PARTS[1], "key": WHOLE}
    return {f"{name} as {form}": needle for name, key in keys.items() for form, needle in forms_of_bytes(key).items()}


def assert_nothing_came_out(custodian: Custodian) -> None:
    files = [path for path in custodian.folder.iterdir() if path.name != "master.key" and path.is_file()]
    assert len(files) >= 4 and not found_in_files(files, needles())
    assert custodian.said and not found_in(custodian.said.encode(), needles())
    for line in (custodian.folder / "master.key").read_text().split():
        assert not found_in(custodian.said.encode(), forms_of_bytes(bytes.fromhex(line)))


def test_a_terminals_keys_from_components_to_removal(custodian: Custodian) -> None:
    till = custodian.till
    assert "IN CLEAR" in till("list")
    assert "mac.keys: 1 key wrapped\n" in till("rewrap")
    said = "".join([part.hex() + "\n" for part in PARTS])
    check_value = a_key(WHOLE).check_value
    refused = till("import", OTHER, "--check-value", "ABCDEF", said=said, fails=True)
    assert f"key's check value is {check_value}; nothing was changed" in refused
    first, second, done = till("import", OTHER, "--check-value", check_value.lower(), said=said).splitlines()
    assert (first[-6:], second[-6:]) == tuple(a_key(part).check_value for part in PARTS)
    assert done == f"{OTHER:9}mac tdes {check_value}" and "TILL2    mac tdes" in till("list")
    till("import", OTHER, "--use", "kek", "--algorithm", "aes", "--components", "1", said=AES_KEK.hex() + "\n")
    handed = till("generate", OTHER, "--use", "pin", "--algorithm", "aes")
    assert re.fullmatch(r"TILL2    pin aes  [0-9A-F]{6}  D\d{4}P0AE00N0000[0-9A-F]+\n", handed)
    again = till("block", OTHER, "--use", "pin")
    assert again[:27] == handed[:27] and again != handed, "another block, the same key"
    assert "has a key for pin" in till("generate", OTHER, "--use", "pin", fails=True)
    assert till("remove", OTHER, "--use", "pin") == "1 key removed\n"
    rotated = till("rotate", "--all", fails=False).splitlines()
    assert [line.split()[:3] for line in rotated] == [[TILL, "mac", "tdes"], [OTHER, "mac", "tdes"]]
    both = till("rotate", "--all", fails=True)
    assert both.count("may still use the key") == 2 and "2 terminals keep their keys" in both
    listed = [json.loads(line) for line in till("list", "--json").splitlines()]
    assert [(each["terminal"], each["newest"], each["until"] is None) for each in listed if each["use"] == "mac"] == [
        (TILL, True, True),
        (TILL, False, False),
        (OTHER, True, True),
        (OTHER, False, False),
    ]
    assert_nothing_came_out(custodian)


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ("xyz\n", "omponent 1 is not hexadecimal digits"),
        (PARTS[0].hex()[:-2] + "\n", "has 32 hexadecimal digits"),
        (PARTS[0].hex() + "\n", "has 32 hexadecimal digits"),
        (f"{PARTS[0].hex()}\n{PARTS[0].hex()}\n", "hat key is weak"),
    ],
)
def test_import_refuses_components_that_make_no_key(custodian: Custodian, said: str, says: str) -> None:
    before = (custodian.folder / "mac.keys").read_text()
    assert says in custodian.till("import", OTHER, said=said, fails=True)
    assert (custodian.folder / "mac.keys").read_text() == before
    assert PARTS[0].hex()[:20] not in custodian.said.lower()


def test_import_refuses_components_of_two_lengths(custodian: Custodian) -> None:
    said = f"{PARTS[0].hex()}\n{AES_KEK.hex()}\n"
    refused = custodian.till("import", TILL, "--use", "kek", "--algorithm", "aes", said=said, fails=True)
    assert "have not the same length" in refused


def test_import_block_takes_a_block_by_the_standard_input(custodian: Custodian) -> None:
    from node.bridge.keys.block import write_block

    key = a_key(PIN, Purpose.PIN)
    custodian.till("rewrap")
    done = custodian.till("import-block", TILL, said=write_block(a_key(KEK, Purpose.KEK), key) + "\n")
    assert done == f"{TILL:9}pin tdes {key.check_value}\n"
    assert "/" in custodian.words("pin.keys")[0]
    assert_nothing_came_out(custodian)


def test_commands_say_what_is_missing(custodian: Custodian) -> None:
    assert "ame the terminals, or say --all" in custodian.till("rotate", fails=True)
    custodian.write("")
    for command in (("master", "new"), ("master", "list"), ("rewrap",)):
        assert "name no master key: keys.master_key_file or [keys.token]" in custodian.till(*command, fails=True)
    assert "has a key" not in custodian.till("list") and Algorithm.AES.value not in custodian.till("list")


def test_components_are_asked_for_on_a_terminal_without_being_shown(custodian: Custodian) -> None:
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "node.cli.main", "bridge", "keys", "import", OTHER]
    process = subprocess.Popen(
        [*command, "--config", str(custodian.config)],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    seen, everything, deadline = b"", b"", time.monotonic() + 60
    for number, part in enumerate(PARTS, start=1):
        prompt = b"Component %d of 2: " % number
        while prompt not in seen:
            assert time.monotonic() < deadline, seen
            seen += os.read(master, 1_000)
        everything, seen = everything + seen, seen.partition(prompt)[2]
        os.write(master, part.hex().encode() + b"\n")
    while a_key(WHOLE).check_value.encode() not in seen:
        assert time.monotonic() < deadline, seen
        seen += os.read(master, 1_000)
    assert process.wait(60) == 0
    os.close(master)
    assert not found_in(everything + seen, needles()) and len(custodian.words("mac.keys", OTHER)) == 1
