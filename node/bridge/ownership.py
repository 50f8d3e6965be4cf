"""Holds a stream's journal for this process alone: by a lock beside its file, or by the stream's lease in its database.

Used by start.py, before the journal is opened. A bridge that finds the stream owned waits for it in the second case.
"""

import asyncio
import contextlib
import fcntl
import os
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from node.bridge.failpoint import FailPoint
from node.bridge.journal.lease import Fence, Lease, Unfenced
from node.config import BridgeSettings
from node.domain.errors import Unusable
from node.domain.ids import StreamId


class StoppedWaiting(Exception):
    """The bridge was told to stop before the stream was its own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ownership:
    """`fence` is for the journal's writer; `lost` ends, with LeaseLost, when another bridge has the stream."""

    fence: Fence
    lost: "asyncio.Future[None]"


@contextlib.asynccontextmanager
async def owned(settings: BridgeSettings, failpoint: FailPoint, stopping: asyncio.Event) -> AsyncIterator[Ownership]:
    """The journal is this process's until the block ends.

    Raises Unusable when another process has the file or the database cannot be used, StoppedWaiting.
    """
    if not settings.journal.url:
        with _locked(settings.journal.path):
            failpoint.passed("after-own")
            yield Ownership(fence=Unfenced(), lost=asyncio.get_running_loop().create_future())
        return
    lease = await asyncio.to_thread(
        Lease.open,
        settings.journal.url,
        StreamId(settings.stream.id),
        owner=f"{socket.gethostname()}:{os.getpid()}",
        length_ms=settings.journal.lease_ms,
    )
    if not await lease.take(stopping):
        raise StoppedWaiting
    failpoint.passed("after-own")
    keeping = asyncio.create_task(lease.keep())
    try:
        yield Ownership(fence=lease, lost=keeping)
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await asyncio.to_thread(lease.release)


@contextlib.contextmanager
def _locked(journal: Path) -> Iterator[IO[str]]:
    try:
        file = journal.with_suffix(journal.suffix + ".lock").open("w")
    except OSError as error:
        raise Unusable(f"the journal's folder {journal.parent} cannot be used: {error.strerror}") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Unusable(f"another bridge uses the journal {journal}") from None
        yield file
