"""PINs as terminals send them, for the tests."""

from datetime import UTC, datetime

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from psec import pinblock

from tests.offchain.bridge_in.conftest import CARD

PIN, WRONG = "1234", "9999"
OTHER_CARD, BARE_CARD = "6011000990139424", "6011000990139432"
CARD_KEY = b"\x05" * 32
PIN_KEY = bytes.fromhex("0123456789ABCDEF1133557799BBDDFF")
OLD_PIN_KEY = bytes.fromhex("88112233445566778899AABBCCDDEEFF")
AES_KEY = bytes(range(16))
ABOVE = 500
LOCAL = datetime(2026, 6, 1, 12, 30, 15, tzinfo=UTC)


def block(pin: str, card: str = CARD, key: bytes = PIN_KEY) -> str:
    """A PIN block as a terminal makes it: format 0 under TDES, hexadecimal digits."""
    clear = pinblock.encode_pinblock_iso_0(pin, card.zfill(13))
    return Cipher(TripleDES(key), modes.ECB()).encryptor().update(clear).hex().upper()
