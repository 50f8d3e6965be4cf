"""One validator's three processes, kept running: geth, application and CometBFT stand and fall together as far as they
must. A dead geth may have gone back some blocks, which only a new start of CometBFT replays; CometBFT itself exits when
the application goes.

Before it node/network/supervise.py, which keeps several; after it node/network/launch.py, which says what to run.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import structlog

from node.domain.errors import TillnetError
from node.network.hold import hold_file, is_held, stopped_file
from node.network.launch import APP, COMETBFT, GETH, PROJECT, START_ORDER, ProcessPlan, plan_processes
from node.network.links import dead_links, dial_missing
from node.network.mend import drop_blocks, lacks_first_blocks, must_renew, prepare_geth, renew_geth
from node.network.plan import NetworkPlan, ValidatorPlan, read_plan
from node.network.processes import Running, note
from node.network.room import has_room

READY_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.05
FIRST_PAUSE_SECONDS: Final = 0.2
LONGEST_PAUSE_SECONDS: Final = 5.0
HEALTHY_SECONDS: Final = 30.0
DIAL_SECONDS: Final = 3.0
FIRST_DIAL_SECONDS: Final = 0.3
HOLD_SECONDS: Final = 0.2
ROOM_SECONDS: Final = 2.0
# what has to be started anew when one of the three is gone
FALLS_WITH: Final = {GETH: START_ORDER, APP: (APP, COMETBFT), COMETBFT: (COMETBFT,)}

log = structlog.get_logger()


class ValidatorKeeper:
    """Runs one validator's three processes until `stop`. `changed` is called whenever one starts or ends."""

    def __init__(self, plan: NetworkPlan, validator: ValidatorPlan, changed: Callable[[], None]) -> None:
        self.name = validator.name
        self._plan = plan
        self._validator = validator
        self._plans = plan_processes(plan, validator)
        self._host = plan.host
        self._run_folder = plan.run_folder
        self._home = plan.home(validator.name)
        self._changed = changed
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._log_begins = 0
        self._stopping = asyncio.Event()
        self._restart = asyncio.Event()
        self._to_end: tuple[str, ...] = START_ORDER
        self._hold = asyncio.Event()
        self.running: dict[str, Running] = {}

    async def run(self) -> None:
        """Starts what is missing, waits until something ends, and so on, with a growing pause between failures."""
        try:
            await self._keep_running()
        finally:
            # also when this very task fails or is cancelled: nobody else would end what it started
            await self._end(START_ORDER)

    async def _keep_running(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                await self._stay_away()
                await self._wait_for_room()
                if self._stopping.is_set():
                    break
                started = time.monotonic()
                await self._start_missing()
                await self._wait_for_an_end()
            except (TimeoutError, TillnetError, OSError) as failure:
                log.error("validator.not_ready", validator=self.name, reason=str(failure) or "it took too long")
                await self._end(START_ORDER)
            if self._stopping.is_set():
                break
            await self._clear_fallen()
            pause = FIRST_PAUSE_SECONDS if time.monotonic() - started > HEALTHY_SECONDS else pause
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def stop(self) -> None:
        """Ends the validator gracefully: CometBFT first, geth (which writes its state down) last."""
        self._stopping.set()

    def restart(self, *kinds: str) -> None:
        """Ends these processes, all three if none is named, and starts them anew."""
        self._to_end = kinds or START_ORDER
        self._restart.set()

    async def keep_linked(self) -> None:
        """Has CometBFT dial whoever it is not connected to, every few seconds; `till net peer` may change who is.

        Starts it anew when it holds on to a link that is dead.
        """
        before: list[str] = []
        dead_before: list[str] = []
        plan = self._plan
        while not self._stopping.is_set():
            try:
                plan = replace(plan, others=(await asyncio.to_thread(read_plan, plan.folder)).others)
            except TillnetError as failure:
                log.warning("peers.not_read", validator=self.name, reason=str(failure))
            names = await asyncio.to_thread(dial_missing, plan, self._validator)
            if names is not None and names != before:
                log.info("peers.missing", validator=self.name, peers=names)
                before = names
            dead = await asyncio.to_thread(dead_links, plan, self._validator)
            # twice: a machine that slept hears its peers only a moment after it wakes
            if dead and dead == dead_before:
                log.warning("peers.dead", validator=self.name, peers=dead)
                self.restart(COMETBFT)
                dead = []
            dead_before = dead
            # None: CometBFT is just starting, and has nobody yet
            pause = FIRST_DIAL_SECONDS if names is None else DIAL_SECONDS
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    def look_for_a_hold(self) -> None:
        """Ends all three if a command holds this validator (node/network/hold.py)."""
        if is_held(self._run_folder, self.name):
            self._hold.set()

    async def _stay_away(self) -> None:
        """Waits, with all three ended, as long as a command holds this validator."""
        self._hold.clear()
        if not is_held(self._run_folder, self.name):
            return
        await self._end(START_ORDER)
        log.info("validator.held", validator=self.name)
        answer = stopped_file(hold_file(self._run_folder, self.name))
        while is_held(self._run_folder, self.name) and not self._stopping.is_set():
            # each time: a second holder may have come right after the first; without an answer (disk full) it gives up
            with contextlib.suppress(OSError):
                answer.touch()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), HOLD_SECONDS)
        with contextlib.suppress(OSError):
            answer.unlink(missing_ok=True)
        self._hold.clear()
        self._restart.clear()
        log.info("validator.released", validator=self.name)

    def lacks_room(self) -> bool:
        """Whether it runs and the disk is so full that it should not; not, if the disk does not say."""
        try:
            return bool(self.running) and not has_room(self._home, running=True)
        except OSError as failure:
            log.error("room.unknown", validator=self.name, reason=str(failure))
            return False

    async def _wait_for_room(self) -> None:
        told = False
        while not self._stopping.is_set() and not has_room(self._home, running=bool(self.running)):
            if not told:
                log.error("validator.waits_for_room", validator=self.name, folder=str(self._home))
                told = True
                await self._end(START_ORDER)
                self._restart.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), ROOM_SECONDS)

    async def _start_missing(self) -> None:
        fresh_geth = GETH not in self._processes
        if fresh_geth:
            await asyncio.to_thread(prepare_geth, self._plan, self._validator)
        for kind in (GETH, APP):
            if kind not in self._processes:
                await self._start(self._plans[kind])
        await self._wait_for_port(GETH)
        if fresh_geth and await asyncio.to_thread(must_renew, self._plan, self._validator):
            log.warning("geth.renewed", validator=self.name)
            await self._end((GETH,))
            await asyncio.to_thread(renew_geth, self._plan, self._validator)
            await self._start(self._plans[GETH])
            await self._wait_for_port(GETH)
        # CometBFT tries again only after three seconds when nobody listens yet
        await self._wait_for_port(APP)
        if COMETBFT not in self._processes and not self._stopping.is_set():
            await self._start(self._plans[COMETBFT])

    async def _start(self, plan: ProcessPlan) -> None:
        environment = {**plan.environment, **os.environ, "PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": "1"}
        with plan.log.open("ab") as file:
            if plan.kind == COMETBFT:
                self._log_begins = file.tell()
            process = await asyncio.create_subprocess_exec(
                *plan.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=environment,
                cwd=PROJECT,
                start_new_session=True,  # a Ctrl-C in the shell is not for it
            )
        self._processes[plan.kind] = process
        with contextlib.suppress(ProcessLookupError):
            self.running[plan.kind] = note(process.pid)
        self._changed()
        log.info("process.started", validator=self.name, process=plan.kind, pid=process.pid)

    async def _wait_for_port(self, kind: str) -> None:
        async with asyncio.timeout(READY_SECONDS):
            while not self._stopping.is_set() and self._processes[kind].returncode is None:
                try:
                    _, writer = await asyncio.open_connection(self._host, self._plans[kind].ready_port)
                except OSError:
                    await asyncio.sleep(POLL_SECONDS)
                    continue
                writer.close()
                return

    async def _wait_for_an_end(self) -> None:
        waits = [asyncio.ensure_future(process.wait()) for process in self._processes.values()]
        waits += [asyncio.ensure_future(event.wait()) for event in (self._stopping, self._restart, self._hold)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    async def _clear_fallen(self) -> None:
        """Ends whatever has to go with the processes that ended."""
        if self._restart.is_set():
            self._restart.clear()
            await self._end(self._to_end)
        for kind in START_ORDER:
            process = self._processes.get(kind)
            if process is not None and process.returncode is not None:
                log.warning("process.ended", validator=self.name, process=kind, code=process.returncode)
                await self._end(FALLS_WITH[kind])
                if kind == COMETBFT and process.returncode > 0:
                    await asyncio.to_thread(self._drop_useless_blocks)

    def _drop_useless_blocks(self) -> None:
        """Has CometBFT fetch all blocks anew if it ended because it has none that geth could go on with."""
        try:
            first = lacks_first_blocks(self._plans[COMETBFT].log, self._log_begins)
            if first is not None:
                drop_blocks(self._plan, self._validator)
                log.warning("blocks.dropped", validator=self.name, first=first)
        except OSError as failure:
            log.error("blocks.not_dropped", validator=self.name, reason=str(failure))

    async def _end(self, kinds: tuple[str, ...]) -> None:
        for kind in reversed(kinds):
            process = self._processes.pop(kind, None)
            self.running.pop(kind, None)
            if process is None or process.returncode is not None:
                continue
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), self._plans[kind].stop_seconds)
            except TimeoutError:
                log.warning("process.killed", validator=self.name, process=kind)
                process.kill()
                await process.wait()
            log.info("process.stopped", validator=self.name, process=kind)
        self._changed()
