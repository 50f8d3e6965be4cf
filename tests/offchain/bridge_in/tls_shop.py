"""A shop's certificates, for the tests of TLS."""

import asyncio
import hashlib
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import trustme
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate

from node.security_settings import TlsSettings

PATIENCE = 10.0
YESTERDAY = datetime.now(UTC) - timedelta(days=1)


def pem(leaf: trustme.LeafCert) -> bytes:
    return b"".join(blob.bytes() for blob in leaf.cert_chain_pems)


def fingerprint(leaf: trustme.LeafCert) -> str:
    der = load_pem_x509_certificate(leaf.cert_chain_pems[0].bytes()).public_bytes(Encoding.DER)
    return hashlib.sha256(der).hexdigest()


def gateway(ca: trustme.CA, leaf: trustme.LeafCert | None) -> ssl.SSLContext:
    """What a gateway connects with; it trusts the bridge's authority."""
    context = ssl.create_default_context()
    ca.configure_trust(context)
    if leaf is not None:
        leaf.configure_cert(context)
    return context


@dataclass(kw_only=True)
class Shop:
    """The bridge's certificates in files, and those of two gateways."""

    folder: Path
    ca: trustme.CA
    first: trustme.LeafCert
    second: trustme.LeafCert
    refusals: list[str]

    def install(self, leaf: trustme.LeafCert) -> None:
        (self.folder / "bridge.key").touch(mode=0o600)
        (self.folder / "bridge.key").write_bytes(leaf.private_key_pem.bytes())
        (self.folder / "bridge.pem").write_bytes(pem(leaf))

    def bind(self, *lines: str) -> None:
        (self.folder / "terminals").write_text("".join(line + "\n" for line in lines))

    def settings(self, **changes: Any) -> TlsSettings:
        return TlsSettings(
            **{
                "certificate": self.folder / "bridge.pem",
                "certificate_key": self.folder / "bridge.key",
                "client_ca_file": self.folder / "clients.pem",
                "terminals_file": self.folder / "terminals",
                **changes,
            }
        )


async def until(happened: Callable[[], Awaitable[bool]], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not await happened():
        assert time.monotonic() < deadline, f"never: {what}"
        await asyncio.sleep(0.05)


def make_shop(folder: Path, refusals: list[str]) -> Shop:
    """The bridge's certificate, and two gateways: one bound by name, one by fingerprint."""
    ca = trustme.CA()
    first = ca.issue_cert("gateway@one.example", common_name="gateway-one")
    second = ca.issue_cert("gateway@two.example", common_name="gateway-two")
    shop = Shop(folder=folder, ca=ca, first=first, second=second, refusals=refusals)
    shop.install(ca.issue_cert("127.0.0.1"))
    ca.cert_pem.write_to_path(folder / "clients.pem")
    shop.bind("cn:gateway-one TILL0001  # the counter", f"sha256:{fingerprint(second)} TILL2")
    return shop
