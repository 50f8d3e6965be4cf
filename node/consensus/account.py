"""A validator's own account: signs the few transactions that its application sends by itself (EIP-1559, type 2)."""

import json
from pathlib import Path
from typing import Any, Final

import rlp
from coincurve import PrivateKey
from Crypto.Hash import keccak

from node.domain.errors import Unusable
from node.domain.ids import Address

TIP: Final = 10**6
DYNAMIC_FEE: Final = b"\x02"


class Account:
    """A secp256k1 key and its address. Its repr does not show the key."""

    def __init__(self, key: bytes) -> None:
        self._key = PrivateKey(key)
        public = self._key.public_key.format(compressed=False)[1:]
        self.address = Address(_keccak(public)[12:])

    def __repr__(self) -> str:
        return f"Account(0x{self.address.hex()})"

    def sign(self, *, chain_id: int, nonce: int, to: Address, data: bytes, gas: int, max_fee: int) -> bytes:
        """A raw transaction; fees in wei a gas, with a tip that puts it before payments."""
        fields: list[Any] = [chain_id, nonce, min(TIP, max_fee), max_fee, gas, to, 0, data, []]
        signature = self._key.sign_recoverable(_keccak(DYNAMIC_FEE + rlp.encode(fields)), hasher=None)
        r, s = (int.from_bytes(signature[place : place + 32], "big") for place in (0, 32))
        return DYNAMIC_FEE + bytes(rlp.encode([*fields, signature[64], r, s]))


def read_account(path: Path) -> Account:
    """The account in a key file (`{"address", "private_key"}`). Raises Unusable when it is no such file."""
    try:
        return Account(bytes.fromhex(json.loads(path.read_text())["private_key"].removeprefix("0x")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # the cause may quote the file's content; it stays out of the message
        raise Unusable(f"{path} is no key file") from None


def _keccak(data: bytes) -> bytes:
    return keccak.new(digest_bits=256, data=data).digest()
