"""The journal's one writer: a thread that puts whatever waits into one SQL transaction, and commits once for all.

An admission costs a row; the commit (one fsync) is shared by the group. Everything else is a function on the
connection, in the order of arrival. In each transaction the fence is asked whether the stream is still this bridge's.
"""

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from node.bridge.entry import Admitted, PaymentEntry, ReversalEntry
from node.bridge.journal.admission import Admission, Admitter
from node.bridge.journal.lease import Fence
from node.bridge.journal.schema import WRITES
from node.bridge.journal.sql import is_deadlock
from node.domain.errors import BrokenInvariant, JournalUnwritable, Overloaded, TillnetError, Unusable
from node.domain.payment import Reversal

Operation = Callable[[Connection], Any]
OnEntry = Callable[[PaymentEntry | ReversalEntry], None]
STOP: Final = None
DEADLOCKS: Final = 3
DEADLOCK_SECONDS: Final = 0.1
"""How often an SQL transaction that deadlocked is tried again, and after how many seconds, in the writer's thread."""


@dataclass(frozen=True, slots=True)
class Job:
    """Work for the writer, and who waits for it."""

    work: Admission | Operation
    future: "asyncio.Future[Any]"


class Writer:
    """Takes jobs from the event loop, and resolves their futures once they are on the disk.

    `limit` bounds the waiting jobs, `group` those of one SQL transaction. `on_entry` is told each new entry, in order;
    `passed` that a commit comes next, or is done.
    """

    def __init__(
        self,
        engine: Engine,
        admitter: Admitter,
        *,
        limit: int,
        group: int,
        on_entry: OnEntry,
        fence: Fence,
        passed: Callable[[str], None],
    ) -> None:
        self._connection = engine.connect().execution_options(**{WRITES: True})
        self._admitter = admitter
        self._fence, self._passed = fence, passed
        self._ended: Unusable | None = None
        self._limit = limit
        self._group = group
        self._on_entry = on_entry
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self.groups = 0
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Jobs that wait."""
        return self._queue.qsize()

    def submit(self, work: Admission | Operation) -> "asyncio.Future[Any]":
        """A future of the work's result. Raises Overloaded when too much waits already; reversals have as much room
        again of their own."""
        if isinstance(work, Admission):
            limit = 2 * self._limit if isinstance(work.message, Reversal) else self._limit
            if self._queue.qsize() >= limit:
                raise Overloaded("the journal's queue is full")
        future = self._loop.create_future()
        self._queue.put(Job(work, future))
        return future

    async def close(self) -> None:
        """Finishes what waits, and closes the connection."""
        self._queue.put(STOP)
        await asyncio.to_thread(self._thread.join)
        self._connection.close()

    def _run(self) -> None:
        stopping = False
        while not stopping:
            jobs: list[Job] = []
            job = self._queue.get()
            while True:
                if job is None:
                    stopping = True
                    break
                jobs.append(job)
                if len(jobs) >= self._group or self._queue.empty():
                    break
                job = self._queue.get()
            if jobs:
                results = self._commit(jobs)
                self._loop.call_soon_threadsafe(self._deliver, jobs, results)

    def _commit(self, jobs: list[Job]) -> list[Any]:
        """The results of a group of jobs, committed; one failure for all of them if the disk refuses."""
        self.groups += 1
        if self._ended is not None:
            return [self._ended] * len(jobs)
        try:
            results = self._commit_after_deadlocks(jobs)
            self._admitter.committed()
            return results
        except Unusable as error:
            # not this bridge's any more, or nobody knows what was committed: it writes nothing from now on
            self._ended = error
            return [error] * len(jobs)
        except SQLAlchemyError as error:
            self._admitter.rolled_back()
            reason = str(getattr(error, "orig", None) or type(error).__name__)
            return [JournalUnwritable(reason)] * len(jobs)
        except Exception as error:
            self._admitter.rolled_back()
            if len(jobs) == 1:
                return [error if isinstance(error, BrokenInvariant) else BrokenInvariant(repr(error))]
            # One bad job must not take its neighbours with it.
            return [self._commit([job])[0] for job in jobs]

    def _commit_after_deadlocks(self, jobs: list[Job]) -> list[Any]:
        """As `_commit_together`; where two bridges claim terminals from each other the other one goes on, then this."""
        for _ in range(DEADLOCKS):
            try:
                return self._commit_together(jobs)
            except SQLAlchemyError as error:
                if not is_deadlock(error):
                    raise
                self._admitter.rolled_back()
                # at once it would lock its own row again before the other one has it, and wait for it as before
                time.sleep(DEADLOCK_SECONDS)
        return self._commit_together(jobs)

    def _commit_together(self, jobs: list[Job]) -> list[Any]:
        transaction = self._connection.begin()
        try:
            name = self._fence.check(self._connection)
            results = self._apply(jobs)
        except BaseException:
            transaction.rollback()
            raise
        self._passed("before-commit")
        try:
            transaction.commit()
        except SQLAlchemyError:
            with contextlib.suppress(SQLAlchemyError):
                transaction.rollback()
            if not self._fence.committed(name):
                raise
        self._passed("after-commit")
        return results

    def _apply(self, jobs: list[Job]) -> list[Any]:
        results: list[Any] = []
        start = 0
        while start < len(jobs):
            end = start
            while end < len(jobs) and isinstance(jobs[end].work, Admission):
                end += 1
            if end > start:
                admissions = [job.work for job in jobs[start:end] if isinstance(job.work, Admission)]
                results += self._admitter.admit(self._connection, admissions)
                start = end
            else:
                work = jobs[start].work
                assert not isinstance(work, Admission)
                results.append(work(self._connection))
                start += 1
        return results

    def _deliver(self, jobs: list[Job], results: list[Any]) -> None:
        """In the event loop: new entries go on even if whoever sent the message is gone."""
        for job, result in zip(jobs, results, strict=True):
            if isinstance(result, Admitted) and result.entry is not None:
                self._on_entry(result.entry)
            if job.future.done():
                continue
            if isinstance(result, TillnetError | BrokenInvariant):
                job.future.set_exception(result)
            else:
                job.future.set_result(result)
