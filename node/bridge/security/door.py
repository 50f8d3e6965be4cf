"""The door of a listener: plain or with TLS, and which terminals may come in over which certificate."""

from collections.abc import Callable

from node.bridge.security.certificates import Bindings
from node.bridge.security.tls import Factory, Listening, ServerTls, listen
from node.domain.errors import WrongCertificate
from node.domain.ids import TerminalId
from node.security_settings import TlsSettings


class Door:
    """`refused` counts what is refused, by its name."""

    def __init__(self, settings: TlsSettings | None, refused: Callable[[str], None]) -> None:
        """Raises Unusable when a certificate, a key or the file of terminals is no good."""
        self._tls = None if settings is None else ServerTls(settings)
        self._bindings = Bindings(None if settings is None else settings.terminals_file)
        self._refused = refused

    async def listen(self, factory: Factory, host: str, port: int, *, backlog: int) -> Listening:
        """Listens. Raises OSError."""
        return await listen(factory, host, port, backlog=backlog, tls=self._tls, refused=self._refused)

    def check(self, terminal: TerminalId) -> None:
        """Raises WrongCertificate where the connection of the present task is not for the terminal."""
        try:
            self._bindings.check(terminal)
        except WrongCertificate:
            self._refused(WrongCertificate.__name__)
            raise

    def refresh(self) -> None:
        """Takes new certificates, keys and terminals if a file changed."""
        if self._tls is not None:
            self._tls.refresh()
        self._bindings.refresh()
