"""A receiver of webhooks: where it is, its secrets, which announcements it gets, and how a message to it is signed.

Source: Standard Webhooks 1.0.0 (standardwebhooks.com), symmetric signatures (v1, HMAC-SHA256). Two secrets may be live.
"""

import base64
import binascii
import ipaddress
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from standardwebhooks import Webhook
from yarl import URL

from node.domain.announcement import Announcement, Happening
from node.domain.errors import Unusable
from node.webhook_settings import EndpointSettings

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = range(24, 65)
LIVE: Final = 2
"""Secrets of one endpoint at once: the new one first, the one before it below."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """One receiver; its secrets are in no repr. `merchant` 0 stands for all, `types` are those that it gets."""

    name: str
    url: URL
    merchant: int
    types: frozenset[Happening]
    signers: tuple[Webhook, ...] = field(repr=False)
    tls: ssl.SSLContext | None = field(repr=False)

    def wants(self, announcement: Announcement) -> bool:
        """Whether it gets this one."""
        return announcement.type in self.types and self.merchant in (0, announcement.merchant)

    def headers(self, event: str, body: str, now: int) -> dict[str, str]:
        """The three headers for a message sent now (Unix seconds), signed with every live secret."""
        # the library reads a moment's fields as UTC
        moment = datetime.fromtimestamp(now, UTC)
        return {
            "webhook-id": event,
            "webhook-timestamp": str(now),
            "webhook-signature": " ".join([each.sign(event, moment, body) for each in self.signers]),
        }


def load_endpoint(name: str, settings: EndpointSettings) -> Endpoint:
    """An endpoint from its settings. Raises Unusable in one sentence that holds no secret."""
    unknown = sorted(set(settings.types) - {each.value for each in Happening})
    if unknown:
        raise Unusable(
            f"webhooks.endpoints.{name}.types knows no {unknown[0]}; there are"
            f" {', '.join(each.value for each in Happening)}"
        )
    url = _url(name, settings.url)
    return Endpoint(
        name=name,
        url=url,
        merchant=settings.merchant,
        types=frozenset(each for each in Happening if not settings.types or each.value in settings.types),
        signers=tuple(Webhook(secret) for secret in _secrets(settings.secret_file)),
        tls=_tls(settings.ca_file) if url.scheme == "https" else None,
    )


def _url(name: str, text: str) -> URL:
    where = f"webhooks.endpoints.{name}.url"
    try:
        url = URL(text)
    except ValueError:
        raise Unusable(f"{where} is no URL") from None
    if not url.host or url.user or url.password or url.fragment:
        raise Unusable(f"{where} is https://HOST/PATH without user, password or fragment")
    if url.scheme != "https" and not (url.scheme == "http" and _is_this_machine(url.host)):
        raise Unusable(f"{where} is https; http is for this machine only")
    return url


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _secrets(path: Path) -> list[bytes]:
    try:
        if path.stat().st_mode & 0o077:
            raise Unusable(f"the webhook's secret file {path} can be read by others; chmod 600 it")
        lines = path.read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError):
        raise Unusable(f"the webhook's secret file {path} cannot be read") from None
    if not 1 <= len(lines) <= LIVE:
        raise Unusable(f"the webhook's secret file {path} has {len(lines)} secrets, not 1 or {LIVE}")
    return [_secret(path, line) for line in lines]


def _secret(path: Path, line: str) -> bytes:
    try:
        found = base64.b64decode(line.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        found = b""
    if not line.startswith(PREFIX) or len(found) not in SECRET_BYTES:
        raise Unusable(
            f"a line of the webhook's secret file {path} is not {PREFIX} and {SECRET_BYTES[0]} to"
            f" {SECRET_BYTES[-1]} bytes in base64"
        )
    return found


def _tls(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError):
        raise Unusable(f"the certificates in {ca_file} cannot be read") from None
