"""Names, ids and addresses as people type them, and as the contracts take them."""

import os
from pathlib import Path
from typing import Final

from web3 import Web3

from scripts.trouble import Trouble

ZERO: Final = "0x" + "00" * 20
NAME_BYTES: Final = 32
TERMINAL_BYTES: Final = 8  # ISO 8583 field 41
STANDING: Final = "TILLNET_STANDING"  # where the user stands; the brownie command runs in the project's folder


def typed_path(text: str) -> Path:
    """A file as the user named it, relative to where the user stands."""
    return Path(os.environ.get(STANDING, "")) / text


def text32(text: str) -> bytes:
    """A name as bytes32: 1 to 32 printable ASCII characters, padded with zeros."""
    return _padded(text, NAME_BYTES, "a name")


def terminal_id(text: str) -> bytes:
    """A terminal's id (field 41) as bytes8: 1 to 8 printable ASCII characters, padded with zeros."""
    return _padded(text.strip(), TERMINAL_BYTES, "a terminal's id")


def read_address(text: str) -> str:
    """A checksummed address. Raises Trouble for anything else, and for a checksum that is wrong."""
    if not Web3.is_address(text):
        raise Trouble(f"{text!r} is no address")
    checksummed = str(Web3.to_checksum_address(text))
    # EIP-55: mixed case carries a checksum, one case carries none
    if text[2:] not in (text[2:].lower(), text[2:].upper(), checksummed[2:]):
        raise Trouble(f"{text} is mistyped: its checksum is wrong")
    return checksummed


def read_products(file: Path) -> list[str]:
    """Product codes, one a line; blank lines and those that begin with # do not count."""
    try:
        lines = [line.strip() for line in file.read_text().splitlines()]
    except OSError as failure:
        raise Trouble(f"{file} cannot be read: {failure.strerror}") from None
    except UnicodeDecodeError:
        raise Trouble(f"{file} is no text file") from None
    products = sorted({line for line in lines if line and not line.startswith("#")})
    if not products:
        raise Trouble(f"{file} lists no product")
    return products


def _padded(text: str, size: int, what: str) -> bytes:
    if not text or len(text) > size or not text.isascii() or not text.isprintable():
        raise Trouble(f"{text!r} is not {what} of 1 to {size} printable ASCII characters")
    return text.encode().ljust(size, b"\0")
