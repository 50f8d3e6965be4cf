"""Who may ask: the gateway's settings in `access.json` of a validator's folder, and the keys that stand there.

Written by node/network/access.py (`till net key`, `till net cert`) or by hand; read here, and again whenever it changes
(node/consensus/access_watch.py). Only the SHA-256 of a key is kept. Before it comes nothing; after it
node/consensus/gateway_callers.py asks it about every request.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from node.consensus.access_files import ACCESS_FILE
from node.consensus.access_tokens import MAX_ISSUERS, TokenIssuer, looks_like_token, read_issuer, read_token
from node.consensus.errors import NotAdmitted
from node.consensus.rpc_roles import Grant, Role, grant
from node.domain.errors import Unusable

LOCAL_ID: Final = "local"
MAX_FILE_BYTES: Final = 4 * 1024 * 1024
MAX_KEYS: Final = 10_000
MAX_ID: Final = 64
MAX_LISTED: Final = 100
NOBODY: Final = "nobody"
BY_ADDRESS: Final = "by address"
MEMBERS: Final = frozenset({"anonymous", "keys", "tokens", "limits", "origins", "hosts", "tls"})
KEY_MEMBERS: Final = frozenset({"id", "role", "sha256", "expires", "rate"})


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiKey:
    """A key as it is kept: `digest` is the SHA-256 of its text, `expires` Unix seconds or None."""

    id: str
    digest: bytes
    grant: Grant
    expires: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class TlsFiles:
    """The certificate chain and its private key, PEM."""

    certificate: Path
    key: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """Whom a credential belongs to. `expires` in Unix seconds; `digest` is of an API key, `issuer` of a token."""

    name: str
    grant: Grant
    expires: float | None
    digest: bytes | None = None
    issuer: TokenIssuer | None = None


@dataclass(frozen=True, kw_only=True)
class Access:
    """One version of the settings. `anonymous` is a role, NOBODY or BY_ADDRESS (see gateway_callers.py)."""

    anonymous: str = BY_ADDRESS
    keys: Mapping[bytes, ApiKey] = field(default_factory=dict)
    issuers: tuple[TokenIssuer, ...] = ()
    grants: Mapping[Role, Grant] = field(default_factory=lambda: {role: grant(role) for role in Role})
    origins: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()
    tls: TlsFiles | None = None

    def files(self) -> tuple[Path, ...]:
        """The files that these settings name."""
        pair = (self.tls.certificate, self.tls.key) if self.tls is not None else ()
        return (*pair, *(issuer.file for issuer in self.issuers))

    def recognise(self, credential: str, now: float) -> Known:
        """Whose credential (a key or a JWT) it is; raises NotAdmitted."""
        if looks_like_token(credential):
            token = read_token(credential, self.issuers, now)
            return Known(
                name=f"token {token.subject}",
                grant=self.grants[token.role],
                expires=token.expires,
                issuer=token.issuer,
            )
        digest = digest_of(credential)
        key = self.keys.get(digest)
        if key is None:
            raise NotAdmitted("the key is not known here")
        if key.expires is not None and now >= key.expires:
            raise NotAdmitted("the key has expired")
        return Known(name=f"key {key.id}", grant=key.grant, expires=key.expires, digest=digest)


def digest_of(key: str) -> bytes:
    """The SHA-256 of a key's text. Keys are random, so a slow hash would add nothing."""
    return hashlib.sha256(key.encode()).digest()


def with_cookie(access: Access, cookie: str) -> Access:
    """The same settings, and this key for whoever can read the validator's folder: an operator."""
    key = ApiKey(id=LOCAL_ID, digest=digest_of(cookie), grant=access.grants[Role.OPERATOR], expires=None)
    return Access(**{**access.__dict__, "keys": MappingProxyType({**access.keys, key.digest: key})})


def read_access(folder: Path) -> Access:
    """The settings in a validator's folder; without a file those of a development network. Raises Unusable."""
    path = folder / ACCESS_FILE
    try:
        with path.open() as file:
            text = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        return Access()
    except (OSError, ValueError) as failure:
        raise Unusable(f"{path} cannot be read: {failure}") from None
    if len(text) > MAX_FILE_BYTES:
        raise Unusable(f"{path} is larger than {MAX_FILE_BYTES} bytes")
    try:
        return parse_access(json.loads(text), folder)
    except (ValueError, RecursionError, KeyError, TypeError) as failure:
        raise Unusable(f"{path}: {failure}") from None


def parse_access(document: Any, folder: Path) -> Access:
    """The settings in a JSON document; names of files are relative to `folder`. Raises ValueError, or Unusable."""
    _members(document, MEMBERS, "the settings")
    grants = _grants(document.get("limits", {}))
    return Access(
        anonymous=_anonymous(document.get("anonymous", BY_ADDRESS)),
        keys=_keys(document.get("keys", []), grants),
        issuers=_issuers(document.get("tokens", []), folder),
        grants=grants,
        origins=_texts(document, "origins"),
        hosts=frozenset(host.lower() for host in _texts(document, "hosts")),
        tls=_tls(document.get("tls"), folder),
    )


def parse_expiry(text: Any) -> float | None:
    """Unix seconds of a time such as 2026-12-31T00:00:00Z; None stays None. Raises ValueError."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise ValueError(f"{text!r} is no time such as 2026-12-31T00:00:00Z") from None
    if moment.tzinfo is None:
        raise ValueError(f"{text} names no zone; write 2026-12-31T00:00:00Z")
    return moment.timestamp()


def parse_role(text: Any) -> Role:
    """The role of this name; raises ValueError."""
    try:
        return Role(text)
    except ValueError:
        raise ValueError(f"{text!r} is no role; roles are {', '.join(Role)}") from None


def check_id(text: Any) -> str:
    """A key's id: 1 to 64 letters, digits and -_.@, since it stands in logs; raises ValueError."""
    if not isinstance(text, str) or not 1 <= len(text) <= MAX_ID or not text.isascii():
        raise ValueError(f"an id is a text of 1 to {MAX_ID} letters, digits and -_.@")
    if not all(letter.isalnum() or letter in "-_.@" for letter in text) or text == LOCAL_ID:
        raise ValueError(f"{text!r} cannot be an id; use letters, digits and -_.@")
    return text


def _anonymous(text: Any) -> str:
    return text if text in (NOBODY, BY_ADDRESS) else parse_role(text)


def _grants(changes: Any) -> dict[Role, Grant]:
    if not isinstance(changes, dict) or not all(isinstance(each, dict) for each in changes.values()):
        raise ValueError("limits is an object with an object for each role to change")
    chosen = {parse_role(name): each for name, each in changes.items()}
    return {role: grant(role, chosen.get(role, {})) for role in Role}


def _keys(entries: Any, grants: Mapping[Role, Grant]) -> Mapping[bytes, ApiKey]:
    if not isinstance(entries, list) or len(entries) > MAX_KEYS:
        raise ValueError(f"keys is a list of {MAX_KEYS} at most")
    keys: dict[bytes, ApiKey] = {}
    ids: set[str] = set()
    for entry in entries:
        key = _key(entry, grants)
        if key.id in ids or key.digest in keys:
            raise ValueError(f"the key {key.id} stands there twice")
        ids.add(key.id)
        keys[key.digest] = key
    return MappingProxyType(keys)


def _key(entry: Any, grants: Mapping[Role, Grant]) -> ApiKey:
    _members(entry, KEY_MEMBERS, "a key")
    name, role = check_id(entry.get("id")), parse_role(entry.get("role"))
    try:
        digest = bytes.fromhex(entry.get("sha256"))
    except (TypeError, ValueError):
        digest = b""
    if len(digest) != hashlib.sha256().digest_size:
        raise ValueError(f"sha256 of the key {name} is not 64 hexadecimal digits")
    rate = entry.get("rate")
    limits = grants[role].limits
    given = grants[role]
    if rate is not None:
        own = {"rate": rate, "body": limits.body, "batch": limits.batch, "log_blocks": limits.log_blocks}
        given = grant(role, {**own, "sockets": limits.sockets, "subscriptions": limits.subscriptions})
    return ApiKey(id=name, digest=digest, grant=given, expires=parse_expiry(entry.get("expires")))


def _issuers(entries: Any, folder: Path) -> tuple[TokenIssuer, ...]:
    if not isinstance(entries, list) or len(entries) > MAX_ISSUERS:
        raise ValueError(f"tokens is a list of {MAX_ISSUERS} issuers at most")
    return tuple(read_issuer(entry, folder) for entry in entries)


def _texts(document: Mapping[str, Any], name: str) -> frozenset[str]:
    entries = document.get(name, [])
    if not isinstance(entries, list) or len(entries) > MAX_LISTED or not all(isinstance(one, str) for one in entries):
        raise ValueError(f"{name} is a list of {MAX_LISTED} texts at most")
    return frozenset(entries)


def _tls(entry: Any, folder: Path) -> TlsFiles | None:
    if entry is None:
        return None
    _members(entry, frozenset({"certificate", "key"}), "tls")
    if not all(isinstance(entry.get(name), str) and entry[name] for name in ("certificate", "key")):
        raise ValueError("tls names two files, certificate and key")
    return TlsFiles(certificate=folder / entry["certificate"], key=folder / entry["key"])


def _members(entry: Any, known: frozenset[str], what: str) -> None:
    if not isinstance(entry, dict):
        raise ValueError(f"{what} is no JSON object")
    if unknown := sorted(set(entry) - known):
        raise ValueError(f"{what} has no member {unknown[0]!r}")
