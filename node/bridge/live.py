"""live.json: how the bridge is right now, written every second beside bridge.json; `till bridge status` reads it.

A file and no port: it costs nothing while nobody looks, and needs no key.
"""

import asyncio
import contextlib
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from node.bridge.journal.exceptions import count_open
from node.bridge.service import Bridge
from node.bridge.stages import Stages, log
from node.domain.errors import JournalUnwritable

LIVE_FILE: Final = "live.json"
SECONDS: Final = 1.0


class LiveFile:
    """Of one bridge, in its state folder."""

    def __init__(self, state: Path, bridge: Bridge, stages: Stages) -> None:
        self._path = state / LIVE_FILE
        self._bridge = bridge
        self._stages = stages
        self._exceptions = 0

    async def keep(self) -> None:
        """Writes it until it is cancelled. A disk that is full is no reason to stop taking payments."""
        try:
            while True:
                found = await self.figures()
                try:
                    fresh = self._path.with_suffix(".new")
                    fresh.write_text(json.dumps(found) + "\n")
                    fresh.replace(self._path)
                except OSError as error:
                    log.warning("live figures not written", reason=error.strerror)
                await asyncio.sleep(SECONDS)
        finally:
            self._path.unlink(missing_ok=True)

    async def figures(self) -> dict[str, Any]:
        """What the file says; counts are since the start, exceptions all that are open; latencies of the last minute in
        milliseconds."""
        counters, health = self._stages.counters, dict(await self._bridge.health())
        counters.queue.set(self._stages.journal.waiting)
        counters.waiting.set(len(self._stages.backlog))
        counters.on_disk.set(self._stages.backlog.count)
        counters.away.set(self._stages.away())
        counters.unanswered.set(len(self._stages.waiting))
        counters.note_webhooks()
        with contextlib.suppress(JournalUnwritable):  # the last count stands until the disk can be read again
            self._exceptions = await self._stages.journal.run(count_open)
        counters.exceptions.set(self._exceptions)
        return {
            "pid": os.getpid(),
            "at": self._stages.clock(),
            "in": counters.total_in(),
            "journaled": counters.total("till_messages", outcome="journaled"),
            "duplicates": counters.total("till_messages", outcome="duplicate"),
            "refused": counters.total("till_messages", outcome="refused"),
            "batches": counters.total("till_batches", kind="payments"),
            "final": counters.total("till_settled", status="final"),
            "declined": counters.total("till_settled", status="declined"),
            "exceptions": self._exceptions,
            "reply": asdict(counters.replies.spread()),
            "finality": asdict(counters.finals.spread()),
            "health": health,
        }
