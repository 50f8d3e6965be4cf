"""A key as a word of a file, and the master key in a file: what is changed is noticed, and nothing is quoted."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.bridge.keys.block import read_block, write_block
from node.bridge.keys.file_master import FileMaster
from node.bridge.keys.key import SIZES, Algorithm, Key, Purpose, master_check_value
from node.bridge.keys.master import MasterKeyMissing, WrappedKeyAltered
from node.bridge.keys.vault import Vault, open_master, open_vault
from node.bridge.keys.word import Word
from node.domain.errors import Unusable
from node.security_settings import KeySettings, TokenSettings
from tests.offchain.keys.custodian import MAC, OTHER, PIN, TILL, a_key, secret

MASTER = bytes(range(32))
KINDS = [(purpose, algorithm, size) for (purpose, algorithm), sizes in SIZES.items() for size in sizes]
TIMES = st.none() | st.integers(0, 4_000_000_000)


@pytest.fixture
def master(tmp_path: Path) -> FileMaster:
    secret(tmp_path / "master.key", f"# drawn in May\n{MASTER.hex()}  # the first\n")
    return FileMaster(tmp_path / "master.key", lambda size: b"\x5a" * size)


def of_memory() -> Vault:
    """A vault whose master key's file is read once for all examples."""

    class Held(FileMaster):
        def __init__(self) -> None:
            super().__init__(Path("/nowhere/master.key"), bytes)
            self._keys = {master_check_value(MASTER): MASTER}

        def _read(self) -> None:
            pass

    return Vault(Held())


@given(st.sampled_from(KINDS), TIMES, st.data())
def test_a_word_gives_its_key_back(
    kind: tuple[Purpose, Algorithm, int], until: int | None, data: st.DataObject
) -> None:
    purpose, algorithm, size = kind
    key = Key(purpose=purpose, algorithm=algorithm, value=data.draw(st.binary(min_size=size, max_size=size)))
    for vault, under in ((Vault(), ""), (of_memory(), master_check_value(MASTER))):
        word = vault.seal(key, TILL, until)
        held = vault.open(word, purpose, TILL, "line 1")
        assert (held.key, held.until, held.master) == (key, until, under)
        assert (key.value.hex() in word) is (not under) and Word.read(word).written() == word


@given(st.sampled_from(KINDS), st.integers(0, 10**9), st.data())
def test_a_wrapped_key_is_refused_when_anything_of_its_word_is_another(
    kind: tuple[Purpose, Algorithm, int], until: int, data: st.DataObject
) -> None:
    purpose, algorithm, size = kind
    vault = of_memory()
    word = Word.read(vault.seal(a_key(bytes(range(size)), purpose, algorithm), TILL, until))
    bit = data.draw(st.integers(0, 8 * len(word.body) - 1))
    flipped = (int.from_bytes(word.body, "big") ^ (1 << bit)).to_bytes(len(word.body), "big")
    other = Algorithm.TDES if algorithm is Algorithm.AES else Algorithm.AES
    purposes = [each for each in Purpose if each is not purpose]
    words = [
        (Word(algorithm=algorithm, body=flipped, master=word.master, until=until), purpose, TILL),
        (Word(algorithm=algorithm, body=word.body[:-8], master=word.master, until=until), purpose, TILL),
        (Word(algorithm=algorithm, body=word.body, master=word.master, until=until + 1), purpose, TILL),
        (Word(algorithm=algorithm, body=word.body, master=word.master), purpose, TILL),
        (Word(algorithm=other, body=word.body, master=word.master, until=until), purpose, TILL),
        (word, purpose, OTHER),
        *[(word, each, TILL) for each in purposes],
    ]
    for changed, wanted, terminal in words:
        with pytest.raises(WrappedKeyAltered, match="line 7"):
            vault.open(changed.written(), wanted, terminal, "line 7 of the key file")
    assert vault.open(word.written(), purpose, TILL, "line 7").key.value == bytes(range(size))


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=80))
def test_any_word_is_a_key_or_one_sentence_that_does_not_quote_it(text: str) -> None:
    try:
        Vault().open(text, Purpose.MAC, TILL, "line 7 of the file")
    except Unusable as failure:
        assert "ine 7 of the file" in str(failure) and (len(text) < 12 or text not in str(failure))


@pytest.mark.parametrize("until", ["2026-02-30T00:00:00Z", "2026-01-01T00:00:00+", "2026-01-01", ""])
def test_a_time_that_is_none_is_no_word(until: str) -> None:
    with pytest.raises(Unusable, match="no key"):
        Vault().open(f"{MAC.hex()}@{until}", Purpose.MAC, TILL, "line 1")


def test_keys_in_clear_are_refused_when_there_is_a_master_key_and_the_other_way_round(master: FileMaster) -> None:
    with pytest.raises(Unusable, match="key in clear; `till bridge keys rewrap`") as refused:
        Vault(master).open(MAC.hex(), Purpose.MAC, TILL, "line 1")
    assert MAC.hex() not in str(refused.value)
    wrapped = Vault(master).seal(a_key(MAC), TILL)
    with pytest.raises(MasterKeyMissing, match=r"name no \[keys\]"):
        Vault().open(wrapped, Purpose.MAC, TILL, "line 1")


def test_master_key_wraps_as_rfc_3394_says(master: FileMaster) -> None:
    # RFC 3394, 4.6: 256 bits of key data with a 256-bit key-encrypting key
    plain = bytes.fromhex("00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F")
    wrapped = "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21"
    assert master.wrap(plain) == (master_check_value(MASTER), bytes.fromhex(wrapped))
    assert master.unwrap(master_check_value(MASTER), bytes.fromhex(wrapped)) == plain
    with pytest.raises(MasterKeyMissing, match="FFFFFF"):
        master.unwrap("FFFFFF", bytes.fromhex(wrapped))


def test_the_newest_master_key_wraps_and_an_older_one_goes_when_it_is_retired(
    master: FileMaster, tmp_path: Path
) -> None:
    first, new = master_check_value(MASTER), master_check_value(b"\x5a" * 32)
    old = Vault(master).seal(a_key(MAC), TILL)
    other = FileMaster(tmp_path / "master.key", bytes)
    assert master.draw() == new and other.check_values() == [new, first]
    assert (tmp_path / "master.key").stat().st_mode & 0o777 == 0o600
    assert Word.read(Vault(other).seal(a_key(MAC), TILL)).master == new
    assert Vault(other).open(old, Purpose.MAC, TILL, "line 1").key.value == MAC
    with pytest.raises(Unusable, match="another one's check value"):
        master.draw()
    with pytest.raises(Unusable, match="draw a new one first"):
        master.retire(new)
    master.retire(first)
    with pytest.raises(MasterKeyMissing, match=f"{first}, which line 1 needs"):
        Vault(FileMaster(tmp_path / "master.key", bytes)).open(old, Purpose.MAC, TILL, "line 1")


@pytest.mark.parametrize(
    ("text", "mode", "says"),
    [
        (MASTER.hex(), 0o640, "open to others; chmod 600"),
        (MASTER.hex()[:-2], 0o600, "ine 1 of the master key file"),
        (f"{MASTER.hex()}\n\nno key", 0o600, "ine 3 of"),
        (f"{MASTER.hex()}\n{MASTER.hex()}", 0o600, "ine 2 of"),
    ],
)
def test_a_master_key_file_that_is_none_is_one_sentence(tmp_path: Path, text: str, mode: int, says: str) -> None:
    path = tmp_path / "master.key"
    secret(path, text)
    path.chmod(mode)
    with pytest.raises(Unusable, match=says) as refused:
        open_master(KeySettings(master_key_file=path))
    assert MASTER.hex()[:16] not in str(refused.value)


def test_open_vault_wants_one_master_key_or_says_that_keys_are_in_clear(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    with pytest.raises(MasterKeyMissing, match="till bridge keys master new"):
        open_vault(KeySettings(master_key_file=path))
    token = TokenSettings(module=path, label="x", pin_file=path)
    with pytest.raises(Unusable, match="leave one out"):
        open_vault(KeySettings(master_key_file=path, token=token))
    assert open_vault(KeySettings()).master is None
    secret(path, MASTER.hex())
    vault = open_vault(KeySettings(master_key_file=path))
    assert vault.master is not None and MASTER.hex() not in repr(vault.master)


def test_a_weak_key_is_known() -> None:
    half = bytes.fromhex("0123456789ABCDEF")
    flipped = bytes(byte ^ 1 for byte in half)
    assert a_key(half + half).is_weak and a_key(half + flipped).is_weak and not a_key(MAC).is_weak
    assert a_key(half + MAC, Purpose.KEK).is_weak and not a_key(MAC + half, Purpose.KEK).is_weak
    assert a_key(bytes(16), Purpose.MAC, Algorithm.AES).is_weak and not a_key(MAC, Purpose.MAC, Algorithm.AES).is_weak


BLOCKS = [
    write_block(OVER, a_key(MAC)) for OVER in (a_key(PIN, Purpose.KEK), a_key(MASTER, Purpose.KEK, Algorithm.AES))
]


@given(st.sampled_from(BLOCKS), st.integers(0, 95), st.text(max_size=6), st.integers(0, 12))
def test_a_key_block_that_was_changed_is_refused_without_quoting_it(
    block: str, place: int, other: str, gone: int
) -> None:
    changed = block[:place] + other + block[place + gone :]
    for over in (a_key(PIN, Purpose.KEK), a_key(MASTER, Purpose.KEK, Algorithm.AES)):
        try:
            key = read_block(over, changed)
        except ValueError as failure:
            assert block[-20:] not in str(failure)
        else:
            # hexadecimal digits may be written small, and what was cut out put in again
            assert key == a_key(MAC) and changed.upper() == block
