"""TLS of a listener: its certificate, renewed while it runs, and a bounded number of handshakes at a time.

Before connection.py and guard.py, which see a connection when its handshake is done.
"""

import asyncio
import os
import socket
import ssl
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

import structlog
from cryptography.x509 import load_pem_x509_certificate

from node.bridge.security.watched import Stamp, stamp_of
from node.domain.errors import Unusable
from node.security_settings import TlsSettings

_LOG = structlog.get_logger(__name__)
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_BREATH: Final = 0.1
"""Seconds until the next connection is taken after the system refused one, for want of file descriptors say."""
_DAY: Final = 86_400.0
_SOON: Final = 14 * _DAY
Factory = Callable[[], asyncio.Protocol]


class Listening(Protocol):
    """What listens, as asyncio.Server does."""

    @property
    def place(self) -> tuple[str, int]:
        """Host and port."""
        ...

    def check(self) -> None:
        """Raises what ended it, if something did."""
        ...

    def close(self) -> None:
        """Takes no more connections."""
        ...


async def listen(
    factory: Factory,
    host: str,
    port: int,
    *,
    backlog: int,
    tls: "ServerTls | None",
    refused: Callable[[str], None],
) -> Listening:
    """Listens; `factory` makes a protocol for each connection, with TLS once its handshake is done. Raises OSError."""
    if tls is None:
        return _Plain(await asyncio.get_running_loop().create_server(factory, host, port, backlog=backlog))
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=backlog)
    listener.setblocking(False)
    return _Encrypted(listener, factory, tls, refused)


class ServerTls:
    """The certificates of a listener. TLS 1.2 at least; no session is taken up again, so each shows its certificate."""

    def __init__(self, settings: TlsSettings, *, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives Unix seconds. Raises Unusable."""
        if settings.terminals_file is not None and settings.client_ca_file is None:
            raise Unusable("tls.terminals_file needs tls.client_ca_file: without it nobody is asked for a certificate")
        self.settings = settings
        key = settings.certificate_key or settings.certificate
        self._files = [settings.certificate, key, *filter(None, [settings.client_ca_file])]
        self._clock, self._warned = clock, 0.0
        self._stamps = self._look()
        self.context, self.ends = self._load()

    def refresh(self) -> None:
        """Takes new certificates for handshakes from now on if a file changed; if they are no good, keeps the old."""
        self._warn()
        try:
            stamps = self._look()
            if stamps == self._stamps:
                return
            self.context, self.ends = self._load()
            self._stamps = stamps
            _LOG.info("tls.renewed", certificate=str(self.settings.certificate))
        except Unusable as failure:
            _LOG.warning("tls.unusable", reason=str(failure))

    def _load(self) -> tuple[ssl.SSLContext, float]:
        context, ends = _context(self.settings), _end_of(self.settings.certificate)
        if ends < self._clock():
            raise Unusable(f"the certificate {self.settings.certificate} has expired")
        return context, ends

    def _warn(self) -> None:
        """Says once a day that the certificate ends soon."""
        now = self._clock()
        if self.ends - now < _SOON and now - self._warned > _DAY:
            self._warned = now
            days = int((self.ends - now) // _DAY)
            _LOG.warning("tls.ends_soon", certificate=str(self.settings.certificate), days=days)

    def _look(self) -> tuple[Stamp, ...]:
        try:
            return tuple(stamp_of(os.stat(path)) for path in self._files)
        except OSError as error:
            raise Unusable(f"the file {error.filename} cannot be read: {error.strerror}") from None


class _Plain:
    def __init__(self, server: asyncio.Server) -> None:
        self._server = server
        host, port = server.sockets[0].getsockname()[:2]
        self.place: tuple[str, int] = (str(host), int(port))

    def check(self) -> None:
        """asyncio's server goes on whatever happens."""

    def close(self) -> None:
        self._server.close()


class _Encrypted:
    def __init__(self, listener: socket.socket, factory: Factory, tls: ServerTls, refused: Callable[[str], None]):
        self._listener, self._factory, self._tls, self._refused = listener, factory, tls, refused
        host, port = listener.getsockname()[:2]
        self.place: tuple[str, int] = (str(host), int(port))
        self._room = asyncio.Semaphore(tls.settings.handshakes)
        self._handshakes: set[asyncio.Task[None]] = set()
        self._accepting = asyncio.create_task(self._accept())

    def check(self) -> None:
        if self._accepting.done():
            self._accepting.result()

    def close(self) -> None:
        self._accepting.cancel()
        for task in self._handshakes:
            task.cancel()
        self._listener.close()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            # whoever comes while there is no room waits in the system's queue
            await self._room.acquire()
            try:
                connection, _ = await loop.sock_accept(self._listener)
            except OSError as error:
                self._room.release()
                _LOG.warning("tls.accept", reason=str(error.strerror))
                await asyncio.sleep(_BREATH)
                continue
            task = asyncio.create_task(self._shake_hands(connection))
            self._handshakes.add(task)
            task.add_done_callback(self._handshakes.discard)

    async def _shake_hands(self, connection: socket.socket) -> None:
        seconds = self._tls.settings.handshake_ms / 1000
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                self._factory, connection, ssl=self._tls.context, ssl_handshake_timeout=seconds
            )
        except OSError as failure:
            # ssl.SSLError, a reset, and the time-out are all of them
            self._refused("Handshake")
            _LOG.info("tls.refused", reason=getattr(failure, "reason", None) or type(failure).__name__)
        finally:
            self._room.release()


def _context(settings: TlsSettings) -> ssl.SSLContext:
    key = settings.certificate_key or settings.certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    context.num_tickets = 0
    try:
        if key.stat().st_mode & _OTHERS:
            raise Unusable(f"the key {key} is open to others; chmod 600 {key}")
        context.load_cert_chain(settings.certificate, key, password=lambda: "")
        if settings.client_ca_file is not None:
            context.load_verify_locations(settings.client_ca_file)
            context.verify_mode = ssl.CERT_REQUIRED
    except FileNotFoundError as error:
        raise Unusable(f"a file of [tls] is not there: {_which(settings, key) or error}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or type(error).__name__
        raise Unusable(
            f"the certificate {settings.certificate}, its key or tls.client_ca_file is none: {reason}"
        ) from None
    return context


def _end_of(certificate: Path) -> float:
    # the context took it, so it can be read
    return load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc.timestamp()


def _which(settings: TlsSettings, key: Path) -> str:
    files = (settings.certificate, key, settings.client_ca_file)
    return ", ".join(str(path) for path in files if path is not None and not path.exists())
