"""PIN blocks, the file of their keys, and how a PIN is kept."""

from pathlib import Path

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from hypothesis import given
from hypothesis import strategies as st
from psec import pinblock

from node.bridge.keys.key import Algorithm, Key, Purpose
from node.bridge.security.pin_block import PinKey, PinKeys
from node.bridge.security.pin_hash import is_pin, is_right, keep, pepper_of
from node.domain.errors import Unusable
from node.domain.ids import TerminalId
from tests.offchain.bridge_in.conftest import CARD
from tests.offchain.bridge_in.pins import AES_KEY, CARD_KEY, PIN, PIN_KEY, WRONG, block


def pin_key(algorithm: Algorithm, value: bytes) -> PinKey:
    return PinKey(Key(purpose=Purpose.PIN, algorithm=algorithm, value=value))


@pytest.fixture
def pin_key_file(tmp_path: Path) -> Path:
    path = tmp_path / "pin.keys"
    path.touch(mode=0o600)
    path.write_text(f"TILL0001 {PIN_KEY.hex()}\n")
    return path


def test_pin_block_opens_as_x9_8_says() -> None:
    key = pin_key(Algorithm.TDES, PIN_KEY)
    sealed = Cipher(TripleDES(PIN_KEY), modes.ECB()).encryptor().update(bytes.fromhex("0412AC89ABCDEF67"))
    assert key.open(sealed, "43219876543210987") == "1234"
    assert key.open(sealed, "43219876543210977") != "1234"
    assert key.open(sealed + sealed, "43219876543210987") == "" and repr(key) == "PinKey(...)"


PINS = st.text("0123456789", min_size=4, max_size=12)
CARDS = st.text("0123456789", min_size=1, max_size=19)


@given(PINS, CARDS)
def test_pin_block_gives_back_every_pin_for_its_card(pin: str, card: str) -> None:
    keys, aes = pin_key(Algorithm.TDES, PIN_KEY), pin_key(Algorithm.AES, AES_KEY)
    assert keys.open(bytes.fromhex(block(pin, card)), card) == pin
    assert aes.open(pinblock.encipher_pinblock_iso_4(AES_KEY, pin, card), card) == pin


@given(st.one_of(st.binary(min_size=8, max_size=8), st.binary(min_size=16, max_size=16), st.binary()), CARDS)
def test_pin_block_of_any_bytes_is_a_pin_or_nothing(data: bytes, card: str) -> None:
    for key in (pin_key(Algorithm.TDES, PIN_KEY), pin_key(Algorithm.AES, AES_KEY)):
        pin = key.open(data, card)
        assert pin == "" or is_pin(pin)


@pytest.mark.parametrize(
    "line",
    [
        "TILL0001",
        f"TILL0001 {'ab' * 8}",
        f"TILL0001 {'ab' * 16}",
        f"TILL0001 {'ab' * 8}{'aa' * 8}",
        f"TILL0001 aes:{'ab' * 15}",
        f"TILL0001 {PIN_KEY.hex()} {PIN_KEY.hex()} {PIN_KEY.hex()}",
        f"TILL0001 {PIN_KEY.hex()}\nTILL0001 {PIN_KEY.hex()}",
    ],
)
def test_file_of_pin_keys_is_refused_without_quoting_it_when_a_line_is_wrong(tmp_path: Path, line: str) -> None:
    path = tmp_path / "keys"
    path.touch(mode=0o600)
    path.write_text(line + "\n")
    with pytest.raises(Unusable) as refused:
        PinKeys(path)
    assert "ine " in str(refused.value) and "abab" not in str(refused.value) and PIN_KEY.hex() not in str(refused.value)


def test_file_of_pin_keys_is_refused_when_others_can_read_it(pin_key_file: Path) -> None:
    keys = PinKeys(pin_key_file)
    pin_key_file.write_text("TILL9 nonsense\n")
    keys.refresh()
    assert keys.open(TerminalId("TILL0001"), bytes.fromhex(block(PIN)), CARD) == PIN, "what was good stays"
    pin_key_file.write_text(f"TILL9 {PIN_KEY.hex()}\n")
    keys.refresh()
    assert keys.open(TerminalId("TILL9"), bytes.fromhex(block(PIN)), CARD) == PIN
    pin_key_file.chmod(0o640)
    with pytest.raises(Unusable, match="open to others"):
        PinKeys(pin_key_file)


def test_kept_pin_differs_from_card_to_card_and_without_the_key_cannot_be_tried() -> None:
    pepper = pepper_of(CARD_KEY)
    first, second = keep(pepper, b"card", PIN), keep(pepper, b"card", PIN)
    assert first.hash != second.hash and first.salt != second.salt
    assert is_right(pepper, b"card", PIN, first) and not is_right(pepper, b"card", WRONG, first)
    assert not is_right(pepper, b"another", PIN, first) and not is_right(pepper_of(bytes(32)), b"card", PIN, first)
    with pytest.raises(ValueError, match="4 to 12 digits"):
        keep(pepper, b"card", "123")
