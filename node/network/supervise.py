"""Keeps a network running: one supervisor process for all its validators, started by `till net up`.

`python -m node.network.supervise DIR`. Each validator has a keeper (node/network/keeper.py); node/network/watch.py
judges whether height advances.
"""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path
from typing import Final

import structlog

from node.consensus.logs import configure_logs
from node.domain.errors import TillnetError
from node.network.keeper import HOLD_SECONDS, ValidatorKeeper
from node.network.launch import COMETBFT
from node.network.peers import Doorman
from node.network.plan import NetworkPlan, read_plan
from node.network.prepare import prepare
from node.network.processes import RunState, note, write_state
from node.network.watch import Watch, trim_logs

WATCH_SECONDS: Final = 5.0

log = structlog.get_logger()


async def supervise(plan: NetworkPlan) -> None:
    """Runs all validators of a network until SIGTERM or SIGINT."""
    me = note(os.getpid())

    def record() -> None:
        state = RunState(supervisor=me, validators={keeper.name: dict(keeper.running) for keeper in keepers})
        try:
            write_state(plan.run_folder, state)
        except OSError as failure:
            # a full disk: the validators go on as far as they can, and `down` still knows the supervisor
            log.error("state.not_written", reason=str(failure))

    keepers: list[ValidatorKeeper] = []
    keepers += [ValidatorKeeper(plan, validator, record) for validator in plan.validators]
    record()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with asyncio.TaskGroup() as group:
        for keeper in keepers:
            group.create_task(keeper.run())
            group.create_task(keeper.keep_linked())
        watching = [group.create_task(_watch(plan, keepers)), group.create_task(_watch_holds(keepers))]
        await stop.wait()
        for task in watching:
            task.cancel()
        log.info("network.stopping")
        for keeper in keepers:
            keeper.stop()
    log.info("network.stopped")


async def _watch_holds(keepers: list[ValidatorKeeper]) -> None:
    while True:
        await asyncio.sleep(HOLD_SECONDS)
        for keeper in keepers:
            try:
                keeper.look_for_a_hold()
            except OSError as failure:
                log.error("hold.not_read", validator=keeper.name, reason=str(failure))


async def _watch(plan: NetworkPlan, keepers: list[ValidatorKeeper]) -> None:
    watch = Watch(plan, clock=time.monotonic)
    doorman = Doorman(plan, lambda name, peers: log.warning("peers.removed", validator=name, peers=peers))
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        stalled = await asyncio.to_thread(watch.look)
        found = await asyncio.to_thread(doorman.look)
        for keeper in keepers:
            # nobody talks to a removed one, so it stands, and no new start helps
            if keeper.name in stalled - found.removed:
                log.error("validator.stalled", validator=keeper.name)
                keeper.restart()
            elif keeper.name in found.restart:
                keeper.restart(COMETBFT)
            elif keeper.lacks_room():
                log.error("validator.out_of_room", validator=keeper.name)
                keeper.restart()
        trim_logs(plan)


def main() -> int:
    """Returns the process's exit code."""
    configure_logs()
    try:
        plan = read_plan(Path(sys.argv[1]))
        # systemd starts it without a `till net up` before
        prepare(plan)
        asyncio.run(supervise(plan))
    except (TillnetError, OSError) as failure:
        log.error("supervisor.unusable", reason=str(failure))
        return 1
    except ExceptionGroup as failures:
        # by now each keeper has ended what it had started; systemd, or till net up, starts all anew
        log.error("supervisor.failed", reasons=[repr(each) for each in failures.exceptions], exc_info=failures)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
