# ruff: noqa: RUF009  (setting() only describes a field, it holds no state)
"""The only reader of configuration files and of the environment: frozen settings, each with its default and limits.

Before every stage; used by cli/bridge and by whoever writes a configuration. How tables become settings is toml.py's.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from node.anchor_settings import AnchorSettings
from node.domain.errors import Unusable
from node.rpc_settings import RpcSettings as RpcSettings  # part of the bridge's, for whoever imports them here
from node.security_settings import KeySettings, PinSettings, QrSettings, TlsSettings
from node.toml import read_table, setting
from node.webhook_settings import WebhooksSettings

FAIL_POINT_VARIABLE: Final = "TILL_FAIL_POINT"
"""Names the point at which the bridge kills itself; for crash tests only (node/bridge/failpoint.py)."""
RPC_KEY_VARIABLE: Final = "TILL_RPC_KEY"
"""A key (or token) for the gateways that are asked; docs/access.md."""
RPC_CA_VARIABLE: Final = "TILL_RPC_CA"
"""A file of certificates (PEM) that gateways' certificates are checked against, in place of the system's."""
MAX_KEY_CHARACTERS: Final = 4096
ANY_MAC: Final = "any"
"""A listener takes MACs of every algorithm that a terminal has a key for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChainSettings:
    """Where the chain is. `finality` is "instant" where a block is final when it appears, else "finalized".

    `product_sets` is the folder of published product lists, else `product-sets` beside the deployment; `currency` the
    ISO 4217 number of the network's. While earning is paused, payments are posted again every `pause_ms`. After
    `away_ms` without an answer from any gateway nobody is made to wait for the chain.
    `rpc_key_file` holds the key for the gateways, `rpc_ca_file` the certificates to check theirs against.
    """

    rpc: tuple[str, ...] = setting(low=1, high=16)
    websocket: str = setting("", high=200)
    rpc_key_file: Path | None = setting(None)
    rpc_ca_file: Path | None = setting(None)
    deployment: Path = setting()
    product_sets: Path | None = setting(None)
    currency: str = setting("840", low=3, high=3)
    finality: str = setting("instant", choices=("instant", "finalized"))
    call_timeout_ms: int = setting(10_000, low=100, high=120_000)
    poll_ms: int = setting(250, low=20, high=60_000)
    attempts: int = setting(5, low=1, high=100)
    stale_ms: int = setting(5_000, low=1_000, high=600_000)
    pause_ms: int = setting(10_000, low=100, high=3_600_000)
    away_ms: int = setting(15_000, low=1_000, high=600_000)


@dataclass(frozen=True, kw_only=True, slots=True)
class SignerSettings:
    """A signer elsewhere that holds the posting key (web3signer's JSON-RPC), and the certificates of its TLS."""

    url: str = setting(low=1, high=500)
    address: str = setting("", low=42, high=42)
    ca_file: Path | None = setting(None)
    certificate: Path | None = setting(None)
    certificate_key: Path | None = setting(None)
    timeout_ms: int = setting(5_000, low=100, high=60_000)


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamSettings:
    """Which stream this bridge posts, and who signs: the key in `key_file` (mode 0600), or the signer.

    `key_file` holds 32 bytes as hex, or a keystore, which `password_file` (mode 0600) opens.
    """

    id: int = setting(low=1, high=2**32 - 1)
    key_file: Path | None = setting(None)
    password_file: Path | None = setting(None)
    signer: SignerSettings | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class JournalSettings:
    """The journal's file, or its database, and limits; the cards' key is what tokens of cards are made with, the lines'
    key the operator's for line items of merchants that have none (docs/lines.md), the people's master key what personal
    data hang on (docs/people.md).

    With a `url` the journal is on PostgreSQL (docs/bridges.md), and whoever runs the stream holds it for `lease_ms`.
    """

    path: Path = setting(Path("journal.sqlite"))
    url: str = setting("", high=500)
    lease_ms: int = setting(10_000, low=1_000, high=60_000)
    card_key_file: Path | None = setting(None)
    lines_key_file: Path = setting(Path("lines.key"))
    people_master_key_file: Path = setting(Path("people-master.key"))
    queue: int = setting(20_000, low=10, high=1_000_000)
    group: int = setting(500, low=1, high=1_000)
    busy_timeout_ms: int = setting(5_000, low=0, high=60_000)
    write_attempts: int = setting(30, low=1, high=10_000)
    sealed_bytes: int = setting(32_768, low=64, high=262_144)


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchSettings:
    """How payments are put together. `waiting` bounds how many of those that are in no batch yet are held in memory,
    `backlog` how many there are.

    A batch waits `max_wait_ms` once more for each transaction that is not final, three times at most: under load
    batches grow by themselves.
    """

    max_payments: int = setting(500, low=1, high=2_000)
    max_refunds: int = setting(20, low=1, high=200)
    max_wait_ms: int = setting(50, low=1, high=60_000)
    in_flight: int = setting(16, low=1, high=64)
    waiting: int = setting(20_000, low=10, high=1_000_000)
    backlog: int = setting(1_000_000, low=10, high=100_000_000)
    max_bytes: int = setting(120_000, low=2_000, high=130_000)
    max_gas: int = setting(16_700_000, low=200_000, high=2**40)
    gas_base: int = setting(1_000_000, low=21_000, high=10_000_000)
    gas_payment: int = setting(22_000, low=5_000, high=1_000_000)
    gas_line: int = setting(7_000, low=1_000, high=1_000_000)
    gas_act: int = setting(300_000, low=50_000, high=1_060_000)
    gas_refund: int = setting(400_000, low=20_000, high=2_000_000)
    enrol: bool = setting(False)


@dataclass(frozen=True, kw_only=True, slots=True)
class TransactionSettings:
    """What is paid for gas (wei), and when a transaction that no block takes is sent again, or bumped."""

    priority_fee: int = setting(10, low=1, high=10**12)
    fee_headroom: int = setting(1_000, low=1, high=10**12)
    resend_ms: int = setting(2_000, low=100, high=600_000)
    sign_again_ms: int = setting(1_000, low=10, high=600_000)
    bump_ms: int = setting(30_000, low=1_000, high=3_600_000)
    bump_percent: int = setting(25, low=10, high=200)
    max_bumps: int = setting(10, low=0, high=100)


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerSettings:
    """How long a payment that debits may wait for finality before it is answered 91 and undone."""

    deadline_ms: int = setting(15_000, low=100, high=120_000)


@dataclass(frozen=True, kw_only=True, slots=True)
class Iso8583Settings:
    """An ISO 8583 listener (docs/iso8583.md); `name` is what bridge.json calls it. Port 0 lets the system choose;
    `utc_offset` is the terminals' zone.

    `mac_key_file` and `key_encrypting_file` have mode 0600. Without `mac_required`, a message without MAC is taken
    unless it debits; a MAC of another algorithm than `mac` is wrong. With `sign_on` a terminal's requests are taken
    only while it is signed on. With `balances` the answer to a payment that is final has what the member has.
    `deadline_ms` is how long its gateway waits for finality, 0 as long as `answers` says.
    """

    name: str = setting("iso8583", low=1, high=32)
    host: str = setting("127.0.0.1", low=1, high=255)
    port: int = setting(0, low=0, high=65_535)
    framing: str = setting("nac", choices=("nac", "post", "ascii"))
    tpdu: str = setting("optional", choices=("optional", "always", "never"))
    fields: str = setting("ascii", choices=("ascii", "bcd"))
    utc_offset: int = setting(0, low=-86_400, high=86_400)
    mac_key_file: Path | None = setting(None)
    mac_required: bool = setting(True)
    mac: str = setting(ANY_MAC, choices=(ANY_MAC, "x9.19", "aes-cmac"))
    key_encrypting_file: Path | None = setting(None)
    sign_on: bool = setting(False)
    balances: bool = setting(False)
    deadline_ms: int = setting(0, low=100, high=120_000)
    max_message: int = setting(8_192, low=256, high=65_535)
    max_connections: int = setting(512, low=1, high=20_000)
    max_in_flight: int = setting(512, low=1, high=10_000)
    idle_seconds: int = setting(600, low=1, high=86_400)
    read_seconds: int = setting(10, low=1, high=600)
    tls: TlsSettings | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class BridgeSettings:
    """All that `till bridge run` is told. The folder `state` gets `bridge.json` with the ports once it listens.

    `iso8583` are listeners, each with its profile: one table, or an array of them.
    """

    state: Path = setting(Path("."))
    log_level: str = setting("info", choices=("debug", "info", "warning", "error"))
    chain: ChainSettings
    stream: StreamSettings
    journal: JournalSettings = JournalSettings()
    batch: BatchSettings = BatchSettings()
    transaction: TransactionSettings = TransactionSettings()
    answers: AnswerSettings = AnswerSettings()
    iso8583: tuple[Iso8583Settings, ...] = ()
    rpc: RpcSettings | None = None
    webhooks: WebhooksSettings | None = None
    keys: KeySettings = KeySettings()
    pins: PinSettings | None = None
    qr: QrSettings | None = None
    metrics_port: int = setting(-1, low=-1, high=65_535)
    fail_point: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class RpcAccess:
    """What is shown to gateways: a key, and what their certificates are checked against. The repr shows no key."""

    key: str | None = field(default=None, repr=False)
    ca_files: tuple[Path, ...] = ()


def rpc_access(chain: ChainSettings | None = None, environment: Mapping[str, str] = os.environ) -> RpcAccess:
    """The key and certificates in the settings, else those that the environment names. Raises Unusable."""
    key, ca_file = environment.get(RPC_KEY_VARIABLE, "").strip(), environment.get(RPC_CA_VARIABLE, "")
    ca_files = [Path(ca_file)] if ca_file else []
    if chain is not None and chain.rpc_ca_file is not None:
        ca_files = [chain.rpc_ca_file]
    if chain is not None and chain.rpc_key_file is not None:
        try:
            key = chain.rpc_key_file.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Unusable(f"the key file {chain.rpc_key_file} cannot be read: {error}") from None
        if not key:
            raise Unusable(f"the key file {chain.rpc_key_file} is empty")
    if len(key) > MAX_KEY_CHARACTERS or not key.isascii() or not key.isprintable() or " " in key:
        raise Unusable("the key for the gateways is no key")
    return RpcAccess(key=key or None, ca_files=tuple(ca_files))


def load_anchor(path: Path) -> AnchorSettings:
    """The settings of `till anchor` from a TOML file. Raises Unusable as `load_bridge` does."""
    return read_table(AnchorSettings, _document(path), path.resolve().parent)


def load_bridge(path: Path, environment: Mapping[str, str] = os.environ) -> BridgeSettings:
    """The bridge's settings from a TOML file.

    Raises Unusable with one sentence for a missing file, bad TOML, an unknown or a missing setting, or a value that is
    of the wrong type or outside its limits.
    """
    document = _document(path)
    document.pop("fail_point", None)
    settings = read_table(BridgeSettings, document, path.resolve().parent)
    point = environment.get(FAIL_POINT_VARIABLE, "")
    return replace_fail_point(settings, point) if point else settings


def _document(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise Unusable(f"there is no configuration file {path}") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Unusable(f"{path} cannot be read: {error}") from None


def replace_fail_point(settings: BridgeSettings, point: str) -> BridgeSettings:
    """The same settings with a fail point armed."""
    values = {each.name: getattr(settings, each.name) for each in fields(settings)}
    return BridgeSettings(**(values | {"fail_point": point}))
