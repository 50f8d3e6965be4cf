"""Keeps the gateway as `access.json` and the files that it names say: at the start, and whenever they change.

Settings that are wrong are told in the log and change nothing. Wrong from the start, the gateway stays shut until they
are mended, and the validator validates all the same. Before it comes node/consensus/access.py; after it the door
(keys, roles) and the listener (TLS).
"""

import asyncio
import os
import secrets
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

from node.consensus.access import Access, read_access, with_cookie
from node.consensus.access_files import ACCESS_FILE, COOKIE_FILE
from node.consensus.gateway_door import Door
from node.consensus.gateway_listener import Listener
from node.consensus.gateway_tls import load_context, renew_certificate
from node.consensus.metrics import GatewayMetrics
from node.domain.errors import Unusable

LOOK_SECONDS: Final = 2.0

log = structlog.get_logger()

Signature = tuple[tuple[int, int, int] | None, ...]


class AccessWatch:
    """Applies the settings in `folder`."""

    def __init__(self, folder: Path, door: Door, listener: Listener, metrics: GatewayMetrics) -> None:
        self._folder = folder
        self._door = door
        self._listener = listener
        self._metrics = metrics
        self._cookie = read_cookie(folder)
        self._context: ssl.SSLContext | None = None
        self._named: tuple[Path, ...] = ()
        self._seen: Signature | None = None
        self._failure: str | None = None
        self._asked = asyncio.Event()

    def look_now(self) -> None:
        """Reads the settings anew at the next opportunity (SIGHUP)."""
        self._seen = self._failure = None
        self._asked.set()

    async def refresh(self) -> bool:
        """Applies what the files say if they have changed; whether the settings in force are those."""
        if self._signature() == self._seen and self._listener.is_open:
            return self._failure is None
        try:
            access = read_access(self._folder)
            self._named = access.files()
            # taken before the files are used: a change while they are is seen at the next look
            self._seen = self._signature()
            await self._apply(access)
        except Unusable as failure:
            self._seen = self._signature()
            if str(failure) != self._failure:
                self._failure = str(failure)
                self._metrics.reloads.labels("failed").inc()
                log.error("access.not_applied", reason=self._failure, shut=not self._listener.is_open)
            return False
        self._failure = None
        self._metrics.reloads.labels("ok").inc()
        log.info("access.applied", keys=len(access.keys), anonymous=access.anonymous, tls=access.tls is not None)
        return True

    async def run(self) -> None:
        """Looks every two seconds, and when it is asked to."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), LOOK_SECONDS)
            self._asked.clear()
            await self.refresh()

    async def _apply(self, access: Access) -> None:
        if access.tls is None:
            context = None
        elif self._context is not None:
            renew_certificate(self._context, access.tls)
            context = self._context
        else:
            context = load_context(access.tls)
        self._door.access = with_cookie(access, self._cookie)
        if self._listener.is_open and context is self._context:
            return
        await self._listener.close()
        self._context = context
        self._listener.open(context)

    def _signature(self) -> Signature:
        return tuple(_signature(path) for path in (self._folder / ACCESS_FILE, *self._named))


def read_cookie(folder: Path) -> str:
    """The key of whoever can read the validator's folder; made once, mode 0600. Raises Unusable."""
    path = folder / COOKIE_FILE
    try:
        with suppress(FileExistsError):
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as file:
                file.write(secrets.token_urlsafe(32) + "\n")
        cookie = path.read_text().strip()
    except OSError as failure:
        raise Unusable(f"{path}: {failure.strerror}") from None
    if len(cookie) < 32:
        raise Unusable(f"{path} is no cookie; remove it, and it is made anew")
    return cookie


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size
