"""bridge.json: how a script learns that a bridge listens, and where."""

import json
import os
from dataclasses import dataclass
from typing import Final

import structlog

from node.config import BridgeSettings

log = structlog.get_logger("bridge")
READY_FILE: Final = "bridge.json"


class ReadyFile:
    """`bridge.json` in the state folder: process id and ports, there while the bridge listens."""

    def __init__(self, settings: BridgeSettings) -> None:
        self._path = settings.state / READY_FILE
        self._wanted = {each.name for each in settings.iso8583} | ({"rpc"} if settings.rpc else set())
        self._listening: dict[str, object] = {}

    def bound(self, name: str) -> "_Bound":
        """What an intake calls once it listens."""
        return _Bound(self, name)

    def add(self, name: str, host: str, port: int) -> None:
        """An intake listens."""
        self._listening[name] = {"host": host, "port": port}
        self.write_if_complete()

    def write_if_complete(self) -> None:
        """Writes the file once every intake listens."""
        if set(self._listening) == self._wanted:
            fresh = self._path.with_suffix(".new")
            fresh.write_text(json.dumps({"pid": os.getpid(), **self._listening}) + "\n")
            fresh.replace(self._path)
            log.info("ready", **self._listening)

    def remove(self) -> None:
        """The bridge listens no more."""
        self._path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _Bound:
    file: ReadyFile
    name: str

    def __call__(self, host: str, port: int) -> None:
        self.file.add(self.name, host, port)
