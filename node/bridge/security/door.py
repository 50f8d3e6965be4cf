"""The door of a listener: plain or with TLS, and which terminals may come in over which certificate."""

import time
from collections.abc import Callable

from node.bridge.security.certificates import PRESENTED, Bindings
from node.bridge.security.tls import Factory, Listening, ServerTls, listen
from node.domain.errors import WrongCertificate
from node.domain.ids import TerminalId
from node.security_settings import TlsSettings


class Door:
    """`refused` counts what is refused, by its name."""

    def __init__(
        self, settings: TlsSettings | None, refused: Callable[[str], None], *, clock: Callable[[], float] = time.time
    ) -> None:
        """`clock` gives Unix seconds. Raises Unusable when a certificate, a key or the file of terminals is no good."""
        self._clock = clock
        self._listening: Listening | None = None
        self._tls = None if settings is None else ServerTls(settings, clock=clock)
        self._bindings = Bindings(None if settings is None else settings.terminals_file)
        self._refused = refused

    async def listen(self, factory: Factory, host: str, port: int, *, backlog: int) -> Listening:
        """Listens. Raises OSError."""
        self._listening = await listen(factory, host, port, backlog=backlog, tls=self._tls, refused=self._refused)
        return self._listening

    def check(self, terminal: TerminalId) -> None:
        """Raises WrongCertificate where the connection of the present task is not for the terminal, or not any more."""
        try:
            self._bindings.check(terminal)
            shown = PRESENTED.get()
            if shown is not None and shown.expires < self._clock():
                raise WrongCertificate("it has expired since it came")
        except WrongCertificate:
            self._refused(WrongCertificate.__name__)
            raise

    def refresh(self) -> None:
        """Takes new certificates, keys and terminals if a file changed. Raises what ended the listener, if it ended."""
        if self._listening is not None:
            self._listening.check()
        if self._tls is not None:
            self._tls.refresh()
        self._bindings.refresh()
