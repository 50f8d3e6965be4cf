"""What operators do with terminals' keys: each leaves files that a bridge opens, and no terminal locked out."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from psec import tr31

from node.bridge.keys.block import read_block, write_block
from node.bridge.keys.key import Algorithm, Key, Purpose
from node.bridge.keys.key_file import MAX_BYTES
from node.bridge.keys.master import MasterKeyMissing
from node.bridge.security.pin_block import PinKeys
from node.bridge.verify.key_change import KeyEncryptingKeys
from node.bridge.verify.mac_keys import MacKeys
from node.domain.errors import KeysUnwritable, Unusable, WrongMac
from node.domain.ids import TerminalId
from node.iso8583.aes_cmac import AesCmac
from node.iso8583.mac import MacKey
from node.iso8583.retail_mac import RetailMac
from tests.offchain.keys.custodian import AES_KEK, KEK, MAC, OTHER, OVERLAP, PIN, TILL, Custodian, a_key, secret

OVER = a_key(KEK, Purpose.KEK)
FRESH = bytes.fromhex("89ABCDEF0123456776543210FEDCBA98")


def probe(*keys: MacKey) -> list[bytes]:
    return [key.compute(b"probe") for key in keys]


def bridges(custodian: Custodian) -> MacKeys:
    """The MAC keys as a bridge has them."""
    vault = custodian.custody()._vault
    return MacKeys(custodian.folder / "mac.keys", vault, overlap_seconds=OVERLAP, clock=custodian.clock)


def test_rewrap_wraps_what_is_in_clear_and_the_bridge_takes_it(custodian: Custodian) -> None:
    with pytest.raises(Unusable, match=r"ine 2 of the key file .* key in clear"):
        bridges(custodian)
    done = custodian.custody().rewrap()
    assert [(path.name, count) for path, count in done] == [("mac.keys", 1), ("kek.keys", 1)]
    text = (custodian.folder / "mac.keys").read_text() + (custodian.folder / "kek.keys").read_text()
    assert MAC.hex() not in text.lower() and KEK.hex() not in text.lower()
    assert text.startswith("# keys\n") and "# drawn in May" in text
    assert probe(*bridges(custodian).of(TILL)) == probe(RetailMac(MAC))
    before = (custodian.folder / "mac.keys").stat()
    assert [count for _, count in custodian.custody().rewrap()] == [0, 0]
    after = (custodian.folder / "mac.keys").stat()
    assert before.st_mtime_ns == after.st_mtime_ns and after.st_mode & 0o777 == 0o600


def test_rewrap_gives_a_key_before_a_time_and_drops_what_has_ended(custodian: Custodian) -> None:
    path, clock = custodian.folder / "mac.keys", custodian.clock
    secret(path, f"{TILL} {MAC.hex()} {PIN.hex()}\n{OTHER} {MAC.hex()} {PIN.hex()}@2020-01-01T00:00:00Z\n")
    custodian.custody().rewrap()
    assert [len(custodian.words("mac.keys", each)) for each in (TILL, OTHER)] == [2, 1]
    keys = bridges(custodian)
    assert len(keys.of(TILL)) == 2 and len(keys.of(OTHER)) == 1
    clock.now += OVERLAP
    assert probe(*keys.of(TILL)) == probe(RetailMac(MAC))


def test_a_new_master_key_wraps_all_and_the_old_one_is_retired_only_then(custodian: Custodian) -> None:
    custody = custodian.custody()
    secret(custodian.folder / "pin.keys", f"{TILL} {PIN.hex()}\n")
    custody.rewrap()
    (old,) = custody.master.check_values()
    keys = bridges(custodian)
    new = custody.master.draw()
    assert custody.users_of(old) == 3 and probe(*bridges(custodian).of(TILL)) == probe(RetailMac(MAC))
    with pytest.raises(Unusable, match="3 keys are under"):
        custody.retire(old)
    assert sum(count for _, count in custody.rewrap()) == 3 and custody.users_of(new) == 3
    custody.retire(old)
    assert custody.master.check_values() == [new]
    # a bridge that has run all the time finds the new one by itself
    keys.refresh()
    assert probe(*keys.of(TILL)) == probe(RetailMac(MAC))
    vault = custodian.custody()._vault
    assert KeyEncryptingKeys(custodian.folder / "kek.keys", vault).wrap(TILL, a_key(FRESH)).check_value
    assert PinKeys(custodian.folder / "pin.keys", vault)
    with pytest.raises(MasterKeyMissing, match=old):
        custody.retire(old)


def test_rotate_hands_over_a_key_and_both_are_taken_until_the_time_is_over(custodian: Custodian) -> None:
    custody, clock = custodian.custody(), custodian.clock
    custody.rewrap()
    keys = bridges(custodian)
    handed = custody.rotate(TILL, Purpose.MAC, None)
    key = read_block(OVER, handed.block)
    assert (key.purpose, key.algorithm, key.check_value) == (Purpose.MAC, Algorithm.TDES, handed.check_value)
    keys.refresh()
    assert probe(*keys.of(TILL)) == probe(RetailMac(key.value), RetailMac(MAC))
    clock.now += OVERLAP - 1
    assert len(keys.of(TILL)) == 2
    with pytest.raises(Unusable, match="may still use the key"):
        custody.rotate(TILL, Purpose.MAC, None)
    clock.now += 1
    assert probe(*keys.of(TILL)) == probe(RetailMac(key.value))
    # and a change that the old key asks for is refused, too
    with pytest.raises(WrongMac):
        keys.change(TILL, RetailMac(MAC), a_key(FRESH))
    assert custody.handed(TILL, Purpose.MAC).check_value == key.check_value
    assert next(each.held.until for each in custody.listed() if each.purpose is Purpose.MAC) is None
    third = read_block(OVER, custody.rotate(TILL, Purpose.MAC, None).block)
    keys.refresh()
    assert probe(*keys.of(TILL)) == probe(RetailMac(third.value), RetailMac(key.value))


def test_rotate_at_once_ends_the_keys_before(custodian: Custodian) -> None:
    custody = custodian.custody()
    custody.rotate(TILL, Purpose.MAC, None)
    key = read_block(OVER, custody.rotate(TILL, Purpose.MAC, None, at_once=True).block)
    assert probe(*bridges(custodian).of(TILL)) == probe(RetailMac(key.value))


def test_rotate_changes_nothing_when_the_key_cannot_be_handed_over(custodian: Custodian) -> None:
    custody = custodian.custody()
    before = (custodian.folder / "mac.keys").read_text()
    with pytest.raises(Unusable, match="an AES key needs an AES key-encrypting key"):
        custody.rotate(TILL, Purpose.MAC, Algorithm.AES)
    with pytest.raises(Unusable, match="TILL2 has no key-encrypting key"):
        custody.generate(OTHER, Purpose.MAC, Algorithm.TDES)
    for refused in (
        lambda: custody.generate(TILL, Purpose.MAC, Algorithm.TDES),
        lambda: custody.rotate(OTHER, Purpose.MAC, None),
        lambda: custody.rotate(TILL, Purpose.PIN, None),
        lambda: custody.handed(OTHER, Purpose.MAC),
    ):
        with pytest.raises(Unusable, match=r"has (a|no) key"):
            refused()
    assert (custodian.folder / "mac.keys").read_text() == before
    assert not (custodian.folder / "pin.keys").exists()


def test_a_terminal_changes_over_from_x9_19_to_aes_cmac(custodian: Custodian) -> None:
    custody = custodian.custody()
    custody.add(TILL, a_key(AES_KEK, Purpose.KEK, Algorithm.AES))
    over = a_key(AES_KEK, Purpose.KEK, Algorithm.AES)
    handed = custody.rotate(TILL, Purpose.MAC, Algorithm.AES)
    assert handed.block.startswith("D") and handed.block[5:9] == "M6AC"
    key = read_block(over, handed.block)
    custody.rewrap()
    assert probe(*bridges(custodian).of(TILL)) == probe(AesCmac(key.value), RetailMac(MAC))
    # a message under the older key gets the newest one, whatever that is
    assert bridges(custodian).change(TILL, RetailMac(MAC), a_key(FRESH)) == key
    assert read_block(over, custody.generate(TILL, Purpose.PIN, Algorithm.AES).block).purpose is Purpose.PIN


def test_keys_come_in_blocks_of_their_use_only(custodian: Custodian) -> None:
    custody = custodian.custody()
    for key in (a_key(FRESH), a_key(PIN, Purpose.PIN)):
        assert custody.add_block(TILL, write_block(OVER, key)) == key
    custody.rewrap()
    assert probe(*bridges(custodian).of(TILL)) == probe(RetailMac(FRESH), RetailMac(MAC))
    header = tr31.Header("B", "K0", "T", "B", "00", "N")
    assert custody.add_block(TILL, tr31.wrap(KEK, header, FRESH)) == a_key(FRESH, Purpose.KEK)
    with pytest.raises(Unusable, match="another key-encrypting key"):
        custody.add_block(TILL, write_block(OVER, a_key(MAC)))
    custody.add(TILL, OVER)
    with pytest.raises(Unusable, match="usage D0 and algorithm T is of no use"):
        custody.add_block(TILL, tr31.wrap(KEK, tr31.Header("B", "D0", "T", "B", "00", "N"), FRESH))
    good = write_block(OVER, a_key(PIN, Purpose.PIN))
    for block, says in (
        (good[:-1] + ("0" if good[-1] != "0" else "1"), "not whole"),
        (good.replace("P0TE", "M3TC"), "not whole"),
        (write_block(a_key(PIN, Purpose.KEK), a_key(FRESH)), "another key-encrypting key"),
        (write_block(a_key(AES_KEK, Purpose.KEK, Algorithm.AES), a_key(FRESH)), "version B"),
        ("B" * 2_000, "no key block"),
        ("", "no key block"),
    ):
        with pytest.raises(Unusable, match=says) as refused:
            custody.add_block(TILL, block)
        assert not block or block not in str(refused.value)


def test_add_refuses_weak_keys_and_names_that_no_line_can_have(custodian: Custodian) -> None:
    custody = custodian.custody()
    with pytest.raises(Unusable, match="weak"):
        custody.add(TILL, a_key(MAC[:8] * 2))
    for name in ("", "TILL 001", "TILL00012", "#TILL", "TÏLL"):
        with pytest.raises(Unusable, match="up to 8 characters"):
            custody.add(TerminalId(name), a_key(MAC))


def test_remove_takes_keys_away(custodian: Custodian) -> None:
    custody = custodian.custody()
    custody.rotate(TILL, Purpose.MAC, None)
    assert custody.remove(TILL, Purpose.MAC, only_before=True) == 1
    assert custody.remove(TILL, Purpose.MAC, only_before=True) == 0
    custody.rewrap()
    keys = bridges(custodian)
    assert len(keys.of(TILL)) == 1 and custody.remove(TILL, Purpose.MAC, only_before=False) == 1
    keys.refresh()
    assert keys.of(TILL) == () and (custodian.folder / "mac.keys").read_text() == "# keys\n"


def test_a_change_by_message_is_wrapped_and_the_key_before_ends(custodian: Custodian) -> None:
    custody, clock = custodian.custody(), custodian.clock
    custody.rewrap()
    keys = bridges(custodian)
    fresh = a_key(FRESH)
    assert keys.change(TILL, RetailMac(MAC), fresh) == fresh
    assert keys.change(TILL, RetailMac(MAC), a_key(PIN)) == fresh, "it had not got the newest one"
    text = (custodian.folder / "mac.keys").read_text()
    assert FRESH.hex() not in text and MAC.hex() not in text and "# drawn in May" in text
    assert all("/" in word for word in custodian.words("mac.keys"))
    clock.now += OVERLAP
    assert probe(*keys.of(TILL)) == probe(*bridges(custodian).of(TILL)) == probe(RetailMac(FRESH))


def test_a_change_by_message_is_refused_when_the_master_key_is_gone(custodian: Custodian) -> None:
    custodian.custody().rewrap()
    keys = bridges(custodian)
    (custodian.folder / "master.key").rename(custodian.folder / "away")
    with pytest.raises(KeysUnwritable, match="till bridge keys master new"):
        keys.change(TILL, RetailMac(MAC), a_key(FRESH))
    assert probe(*keys.of(TILL)) == probe(RetailMac(MAC)), "what was unwrapped stays"
    (custodian.folder / "away").rename(custodian.folder / "master.key")
    assert keys.change(TILL, RetailMac(MAC), a_key(FRESH)).value == FRESH


def test_only_one_writes_a_file_at_a_time(custodian: Custodian, monkeypatch: pytest.MonkeyPatch) -> None:
    from node.bridge.keys import key_file

    custodian.custody().rewrap()
    keys = bridges(custodian)
    monkeypatch.setattr(key_file, "_LOCK_SECONDS", 0.1)
    with key_file.locked(custodian.folder / "mac.keys"):
        with pytest.raises(Unusable, match="nother program is writing"):
            custodian.custody().rotate(TILL, Purpose.MAC, None)
        with pytest.raises(KeysUnwritable, match="nother program is writing"):
            keys.change(TILL, RetailMac(MAC), a_key(FRESH))
    assert keys.change(TILL, RetailMac(MAC), a_key(FRESH)).value == FRESH


def test_listeners_with_files_of_their_own_are_named(custodian: Custodian) -> None:
    text = custodian.config.read_text().replace("[iso8583]", "[[iso8583]]")
    text = text.replace("[pins]", '[[iso8583]]\nname = "old"\nmac_key_file = "old.keys"\n[pins]')
    custodian.config.write_text(text)
    secret(custodian.folder / "old.keys", f"{OTHER} {MAC.hex()}\n")
    custody = custodian.custody()
    with pytest.raises(Unusable, match="--listener"):
        custody.add(TILL, a_key(FRESH))
    assert [(each.path.name, each.terminal) for each in custody.listed()] == [
        ("mac.keys", TILL),
        ("kek.keys", TILL),
        ("old.keys", OTHER),
    ]
    assert [(path.name, count) for path, count in custody.rewrap()] == [
        ("mac.keys", 1),
        ("kek.keys", 1),
        ("old.keys", 1),
    ]


@pytest.mark.parametrize("size", [8, 15, 17, 24, 32])
def test_a_key_for_x9_19_has_16_bytes(size: int) -> None:
    with pytest.raises(ValueError, match="32 hexadecimal digits"):
        Key(purpose=Purpose.MAC, algorithm=Algorithm.TDES, value=bytes(size))


def test_a_key_file_is_refused_when_it_is_too_large(custodian: Custodian) -> None:
    with (custodian.folder / "mac.keys").open("a") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(Unusable, match="larger than 16 MiB"):
        bridges(custodian)


def test_a_key_file_is_refused_when_others_can_read_it(custodian: Custodian) -> None:
    path: Path = custodian.folder / "mac.keys"
    path.chmod(0o640)
    for act in (custodian.custody().rewrap, lambda: custodian.custody().rotate(TILL, Purpose.MAC, None)):
        with pytest.raises(Unusable, match="open to others; chmod 600"):
            act()


def test_nothing_is_lost_when_the_bridge_and_commands_write_at_once(custodian: Custodian) -> None:
    custody, rounds = custodian.custody(), 12
    custody.rewrap()
    keys = bridges(custodian)

    def as_bridge() -> bytes:
        held = MAC
        for number in range(rounds):
            held = keys.change(TILL, a_key(held).for_mac(), a_key(bytes([number + 1]) * 16)).value
        return held

    def as_operator() -> None:
        operator = custodian.custody()
        for number in range(rounds):
            if not number % 4:
                operator.master.draw()
            operator.rewrap()
            operator.add(OTHER, a_key(bytes([number + 1, *MAC[1:]])), at_once=True)

    with ThreadPoolExecutor(2) as threads:
        writing = [threads.submit(as_bridge), threads.submit(as_operator)]
        held = writing[0].result(60)
        writing[1].result(60)
    custody.rewrap()
    for master in custody.master.check_values()[1:]:
        custody.retire(master)
    after = bridges(custodian)
    assert probe(*after.of(TILL))[0] == probe(RetailMac(held))[0] and held == bytes([rounds]) * 16
    assert probe(*after.of(OTHER)) == probe(RetailMac(bytes([rounds, *MAC[1:]])))
