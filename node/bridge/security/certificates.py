"""The certificate that a connection came with, and which terminals may speak over it.

The listener notes it for the tasks of its connection; the intake asks before it looks at anything else of a message.
A line of the file is `sha256:FINGERPRINT terminal ...` or `cn:NAME terminal ...`; a certificate that two lines fit has
the terminals of both.
"""

import asyncio
import hashlib
import re
import ssl
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from node.bridge.security.watched import WatchedFile
from node.domain.errors import Unusable, WrongCertificate
from node.domain.ids import TerminalId

_FINGERPRINT: Final = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_NAME: Final = re.compile(r"cn:[^\s]{1,64}", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Presented:
    """A certificate that was checked: SHA-256 of its DER bytes, lower case, its subject's common name, and when it ends
    (Unix seconds): connections may outlive it.
    """

    fingerprint: str
    name: str
    expires: float


PRESENTED: Final[ContextVar[Presented | None]] = ContextVar("presented", default=None)
"""The certificate of the connection that the present task serves. A context variable, for it belongs to connections,
and no stage in between has business with it."""


def presented_by(transport: asyncio.BaseTransport | None) -> Presented | None:
    """The peer's certificate; None without TLS, or where the peer showed none."""
    tls = None if transport is None else transport.get_extra_info("ssl_object")
    if tls is None:
        return None
    der = tls.getpeercert(True)
    if not der:
        return None
    said = tls.getpeercert()
    names = [value for part in said["subject"] for kind, value in part if kind == "commonName"]
    return Presented(
        fingerprint=hashlib.sha256(der).hexdigest(),
        name=names[-1] if names else "",
        expires=ssl.cert_time_to_seconds(said["notAfter"]),
    )


class Bindings:
    """Which certificate is for which terminals. Without a file every terminal may speak over every connection."""

    def __init__(self, path: Path | None) -> None:
        """Raises Unusable."""
        what = "file of terminals' certificates"
        self._file = None if path is None else WatchedFile(path, _bindings, secret=False, what=what)

    def check(self, terminal: TerminalId) -> None:
        """Raises WrongCertificate."""
        if self._file is None:
            return
        shown, known = PRESENTED.get(), self._file.content
        if shown is None:
            raise WrongCertificate("it has none")
        lines = [known.get(f"sha256:{shown.fingerprint}", frozenset())]
        if shown.name:
            lines.append(known.get(f"cn:{shown.name}", frozenset()))
        if not any(terminal in line for line in lines):
            raise WrongCertificate()

    def refresh(self) -> None:
        """Reads the file again if it changed."""
        if self._file is not None:
            self._file.refresh()


def _bindings(lines: list[tuple[str, list[str]]]) -> Mapping[str, frozenset[TerminalId]]:
    bindings: dict[str, frozenset[TerminalId]] = {}
    for where, (who, *terminals) in lines:
        who = who.lower().replace(":", "").replace("sha256", "sha256:", 1) if who.lower().startswith("sha256:") else who
        if not terminals or not (_FINGERPRINT.fullmatch(who) or _NAME.fullmatch(who)):
            raise Unusable(f"{where} is not: sha256:FINGERPRINT or cn:NAME, then its terminals")
        if who in bindings:
            raise Unusable(f"{where} repeats a certificate")
        bindings[who] = frozenset(map(TerminalId, terminals))
    return bindings
