"""Signs a bridge's transactions (EIP-1559, type 2) and reads signed ones back.

Raw RLP and libsecp256k1 instead of eth_account's general path: 0.3 ms instead of 3 ms for a batch of 60 KB. The key is
read from a file, never logged, never shown.
"""

import json
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import rlp
from coincurve import PrivateKey
from eth_account import Account
from eth_hash.auto import keccak

from node.domain.errors import Unusable
from node.domain.ids import Address, Hash32

DYNAMIC_FEE: Final = b"\x02"


@dataclass(frozen=True, kw_only=True, slots=True)
class Signed:
    """A signed transaction: its bytes as broadcast, and its hash."""

    raw: bytes
    hash: Hash32


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """What is to be signed: fees and `value` in wei, `nonce` always given."""

    chain_id: int
    nonce: int
    to: Address
    data: bytes
    gas: int
    max_fee: int
    priority_fee: int
    value: int = 0


class TransactionSigner(Protocol):
    """Whoever signs for `address`: a key in this process, or a signer elsewhere (node/chain/external_signer.py)."""

    address: Address

    async def signed(self, call: Call) -> Signed:
        """The signed transaction of a call. Raises NotSigned when it is not to be had now."""
        ...

    async def close(self) -> None:
        """Lets go of connections."""
        ...


class Signer:
    """A secp256k1 key and the address it stands for."""

    def __init__(self, key: bytes) -> None:
        self._key = PrivateKey(key)
        public = self._key.public_key.format(compressed=False)
        self.address = Address(keccak(public[1:])[12:])

    def __repr__(self) -> str:
        return f"Signer(0x{self.address.hex()})"

    def sign(self, call: Call) -> Signed:
        """The signed transaction of a call (EIP-1559, EIP-2718)."""
        fields = fields_of(call)
        digest = keccak(DYNAMIC_FEE + rlp.encode(fields))
        signature = self._key.sign_recoverable(digest, hasher=None)
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
        raw = DYNAMIC_FEE + rlp.encode([*fields, signature[64], r, s])
        return Signed(raw=raw, hash=Hash32(keccak(raw)))

    async def signed(self, call: Call) -> Signed:
        """As `sign`, for whoever takes any TransactionSigner."""
        return self.sign(call)

    async def close(self) -> None:
        """There is nothing to close."""


def fields_of(call: Call) -> list[Any]:
    """What is signed, in the order of EIP-1559: the access list, empty, last."""
    return [
        call.chain_id,
        call.nonce,
        call.priority_fee,
        call.max_fee,
        call.gas,
        call.to,
        call.value,
        call.data,
        [],
    ]


def calldata_of(raw: bytes) -> bytes:
    """The calldata of a signed transaction made by `Signer.sign`."""
    data = rlp.decode(raw[1:])[7]
    assert isinstance(data, bytes)
    return data


def load_signer(path: Path, password: str | None = None) -> Signer:
    """The signer whose key stands in a file: 32 bytes as hex, a network's key file
    (`{"address", "private_key"}`), or a keystore (JSON) with its password.

    Raises Unusable when the file is missing, readable by others, or holds no key.
    """
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_text().strip()
    except FileNotFoundError:
        raise Unusable(f"there is no key file {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable(f"the key file {path} cannot be read: {type(error).__name__}") from None
    if mode & 0o077:
        raise Unusable(f"the key file {path} can be read by others; chmod 600 it")
    try:
        signer = Signer(_key(text, password))
        named = json.loads(text).get("address") if text.startswith("{") else None
    except (ValueError, KeyError, TypeError, AttributeError, NotImplementedError, RecursionError):
        # The cause may quote the file's content; it stays out of the message and the traceback.
        raise Unusable(
            f"the key file {path} holds no usable key: it is 64 hexadecimal digits, or a network's keys/bridge.json"
        ) from None
    if named and str(named).lower().removeprefix("0x") != signer.address.hex():
        raise Unusable(f"the address in the key file {path} does not belong to its key")
    return signer


def _key(text: str, password: str | None) -> bytes:
    """The key's 32 bytes in a key file's text. Raises one of many errors when there is none."""
    if not text.startswith("{"):
        return bytes.fromhex(text.removeprefix("0x")).rjust(32, b"\x00")
    document = json.loads(text)
    if "private_key" in document:
        return bytes.fromhex(document["private_key"].removeprefix("0x")).rjust(32, b"\x00")
    return bytes(Account.decrypt(document, password or ""))
