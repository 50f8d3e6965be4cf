"""toxiproxy, which delays, stalls and resets what goes through it; many kernels cannot do that themselves (netem)."""

import json
import subprocess
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from node.network.rpc import OPENER
from node.network.toolchain.failures import SetupError
from node.network.toolchain.faults import steps
from node.network.toolchain.layout import Layout
from node.network.toolchain.steps import set_up

PORT: Final = 8474
"""Its own interface's, on loopback of the namespace that it runs in."""


class NoTools(Exception):
    """The programs for faults are not built, and cannot be built here."""


def built_tools() -> Path:
    """The folder of the programs for faults, which are built if they are not there yet. Raises NoTools."""
    layout = Layout.here()
    try:
        set_up(layout, steps(layout))
    except SetupError as failure:
        if "registry" not in str(failure):
            raise
        raise NoTools(str(failure)) from None
    return layout.bin


class FaultProxy:
    """toxiproxy's HTTP interface: what stands before each host, and what it does to the connections through it."""

    def __init__(self, program: Path, log: Path) -> None:
        self._url = f"http://127.0.0.1:{PORT}"
        with log.open("w") as file:
            command = [str(program), "-host", "127.0.0.1", "-port", str(PORT)]
            self._process = subprocess.Popen(command, stdout=file, stderr=file)
        self._names: list[str] = []

    def answers(self) -> bool:
        assert self._process.poll() is None
        try:
            return self._ask("GET", "/version") is not None
        except OSError:
            return False

    def add(self, name: str, listen: str, upstream: str) -> None:
        self._ask("POST", "/proxies", {"name": name, "listen": listen, "upstream": upstream, "enabled": True})
        self._names.append(name)

    @contextmanager
    def toxic(self, kind: str, names: Sequence[str] = (), **attributes: int) -> Iterator[None]:
        """All that goes through these proxies (all of them without names) suffers in both directions."""
        made = []
        for name in names or self._names:
            for stream in ("upstream", "downstream"):
                toxic = {"name": f"{kind}-{stream}", "type": kind, "stream": stream, "attributes": attributes}
                self._ask("POST", f"/proxies/{name}/toxics", toxic)
                made.append(f"/proxies/{name}/toxics/{kind}-{stream}")
        try:
            yield
        finally:
            for path in made:
                self._ask("DELETE", path)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)

    def _ask(self, method: str, path: str, body: Any = None) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        with OPENER.open(urllib.request.Request(self._url + path, data=data, method=method), timeout=5) as answer:
            return bytes(answer.read())
