"""Makes and writes keys: a validator's (ed25519, in CometBFT's files), accounts' (secp256k1), JWT secrets.

Every file is of mode 0600 from its first byte on, and no key is ever logged. Sources: CometBFT v0.40.0,
privval/file.go, p2p/key.go and crypto/ed25519; EIP-55.
"""

import base64
import hashlib
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from coincurve import PrivateKey
from Crypto.Hash import keccak
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.domain.errors import Unusable

PUBLIC_TYPE: Final = "tendermint/PubKeyEd25519"
PRIVATE_TYPE: Final = "tendermint/PrivKeyEd25519"
ADDRESS_BYTES: Final = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """An account that can sign. Its repr does not show the key."""

    address: str
    private_key: bytes

    def __repr__(self) -> str:
        return f"Account({self.address})"


def make_account() -> Account:
    """A new account."""
    return _account(PrivateKey())


def write_account(path: Path, account: Account) -> None:
    """Writes `{"address": "0x…", "private_key": "0x…"}`, mode 0600."""
    text = {"address": account.address, "private_key": "0x" + account.private_key.hex()}
    write_secret(path, json.dumps(text, indent=2) + "\n")


def read_account(path: Path) -> Account:
    """The account in a key file; raises Unusable when the file is missing or no such file."""
    try:
        text = json.loads(path.read_text())
        account = _account(PrivateKey(bytes.fromhex(text["private_key"].removeprefix("0x"))))
    except FileNotFoundError:
        raise Unusable(f"there is no key file {path}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise Unusable(f"{path} is no key file") from None
    if account.address.lower() != str(text.get("address")).lower():
        raise Unusable(f"the address in {path} does not belong to its key")
    return account


@dataclass(frozen=True, kw_only=True, slots=True)
class ValidatorIdentity:
    """The public parts of a validator's two keys."""

    public_key: bytes
    address: str
    node_id: str


def make_validator_keys(config: Path, data: Path) -> ValidatorIdentity:
    """Writes priv_validator_key.json, node_key.json (into `config`) and an empty sign state (into `data`)."""
    node = Ed25519PrivateKey.generate()
    public = make_signing_key(config / "priv_validator_key.json")
    address = _comet_address(public)
    write_secret(config / "node_key.json", _dump({"priv_key": _private_json(node)}))
    write_secret(data / "priv_validator_state.json", _dump({"height": "0", "round": 0, "step": 0}))
    node_id = _comet_address(node.public_key().public_bytes_raw()).hex()
    return ValidatorIdentity(public_key=public, address=address.hex().upper(), node_id=node_id)


def make_signing_key(path: Path) -> bytes:
    """Writes a new consensus key in CometBFT's form, and returns its public part (32 bytes)."""
    signer = Ed25519PrivateKey.generate()
    public = signer.public_key().public_bytes_raw()
    write_secret(
        path,
        _dump(
            {
                "address": _comet_address(public).hex().upper(),
                "pub_key": {"type": PUBLIC_TYPE, "value": base64.b64encode(public).decode()},
                "priv_key": _private_json(signer),
            }
        ),
    )
    return public


def write_jwt_secret(path: Path) -> None:
    """A new secret of 32 bytes for the Engine API, in hex."""
    write_secret(path, secrets.token_hex(32) + "\n")


def write_secret(path: Path, text: str) -> None:
    """Writes a file that only its owner can read; raises Unusable when it is there already."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Unusable(f"{path} is there already, and keys are never overwritten") from None
    with os.fdopen(handle, "w") as file:
        file.write(text)


def checksum_address(address: bytes) -> str:
    """The mixed-case form (EIP-55) of a 20-byte address."""
    digits = address.hex()
    digest = keccak.new(digest_bits=256, data=digits.encode()).hexdigest()
    marked = zip(digits, digest, strict=False)  # the digest is longer
    return "0x" + "".join(digit.upper() if int(mark, 16) >= 8 else digit for digit, mark in marked)


def _account(key: PrivateKey) -> Account:
    public = key.public_key.format(compressed=False)[1:]
    digest = keccak.new(digest_bits=256, data=public).digest()
    return Account(address=checksum_address(digest[-ADDRESS_BYTES:]), private_key=key.secret)


def _comet_address(public: bytes) -> bytes:
    return hashlib.sha256(public).digest()[:ADDRESS_BYTES]


def _private_json(key: Ed25519PrivateKey) -> dict[str, str]:
    both = key.private_bytes_raw() + key.public_key().public_bytes_raw()
    return {"type": PRIVATE_TYPE, "value": base64.b64encode(both).decode()}


def _dump(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2) + "\n"
