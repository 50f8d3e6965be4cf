# ruff: noqa: RUF009  (setting() only describes a field, it holds no state)
"""What the bridge is told about keys (docs/keys.md), TLS, PINs and QR codes (docs/security.md); config.py reads it."""

from dataclasses import dataclass
from pathlib import Path

from node.toml import setting


@dataclass(frozen=True, kw_only=True, slots=True)
class TlsSettings:
    """TLS of a listener. With a `client_ca_file` whoever connects needs a certificate of it; `terminals_file` says
    which terminals may speak over which certificate. `certificate_key` is left out where `certificate` holds it too.

    At most `handshakes` are under way at once, each for `handshake_ms`; the next connection waits.
    """

    certificate: Path = setting()
    certificate_key: Path | None = setting(None)
    client_ca_file: Path | None = setting(None)
    terminals_file: Path | None = setting(None)
    handshake_ms: int = setting(5_000, low=100, high=60_000)
    handshakes: int = setting(64, low=1, high=10_000)


@dataclass(frozen=True, kw_only=True, slots=True)
class PinSettings:
    """PINs. A payment that takes more than `above` (minor units) from a member needs the card's PIN.

    `tries` wrong ones in a row lock it. `workers` threads hash, `waiting` messages may wait for them; beyond, 96.
    """

    key_file: Path = setting()
    above: int = setting(0, low=0, high=2**48)
    tries: int = setting(3, low=1, high=15)
    workers: int = setting(2, low=1, high=64)
    waiting: int = setting(64, low=1, high=10_000)


@dataclass(frozen=True, kw_only=True, slots=True)
class QrSettings:
    """QR codes of members, signed by the keys in `key_file`, good for at most `seconds`.

    `skew_seconds` is how far the signer's clock may be off. With `replaces_pin` no PIN is asked of who shows one.
    """

    key_file: Path = setting()
    seconds: int = setting(120, low=5, high=3_600)
    skew_seconds: int = setting(10, low=0, high=300)
    replaces_pin: bool = setting(True)


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenSettings:
    """A PKCS#11 token that holds the master key: its vendor's `module` (a shared library), the token's `label`, the
    label of the `key` in it, and the user PIN, one line of `pin_file` (mode 0600).
    """

    module: Path = setting()
    label: str = setting(low=1, high=32)
    key: str = setting("till-master", low=1, high=64)
    pin_file: Path = setting()


@dataclass(frozen=True, kw_only=True, slots=True)
class KeySettings:
    """What the terminals' keys are wrapped under: the key in `master_key_file` (mode 0600), or a token's. With neither
    they stand in their files in clear. A key that is replaced is taken for `overlap_seconds` more.
    """

    master_key_file: Path | None = setting(None)
    token: TokenSettings | None = None
    overlap_seconds: int = setting(259_200, low=60, high=31_536_000)
