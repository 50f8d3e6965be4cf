"""Random faults on a running network, and how long each validator that was hit needs until it follows again.

Runs beside benchmarks/traffic.py. The choice is a seeded one: the same seed breaks the same things in the same order.
"""

import asyncio
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from benchmarks.traffic import Traffic
from node.consensus.failpoints import EACH_BLOCK
from node.domain.errors import TillnetError
from node.network.control import start
from node.network.faults import (
    arm_fail_point,
    disarm,
    down,
    hanging,
    kill_everything,
    kill_process,
    kill_supervisor,
    kill_validator,
)
from node.network.launch import START_ORDER
from node.network.plan import NetworkPlan

ONE, VALIDATOR, EVERYTHING, SUPERVISOR, POWER, HANG, TWO_DOWN, STEP = (
    "kill of one process",
    "kill of one validator",
    "kill of everything",
    "kill of the supervisor, then `till net up`",
    "kill of everything and the supervisor, then `till net up`",
    "one validator hangs",
    "two of four dead",
    "kill at a step of the handshake",
)
KILLS: Final = (*[ONE] * 12, VALIDATOR, EVERYTHING, SUPERVISOR)
"""A bag of faults that kills each process of four validators once, one validator, everything, and the supervisor."""
ALL_FAULTS: Final = (*[ONE] * 6, *[STEP] * 3, VALIDATOR, EVERYTHING, SUPERVISOR, POWER, HANG, TWO_DOWN)
AWAY_SECONDS: Final = 15.0
"""How long a validator hangs, or two are dead."""
STEP_SECONDS: Final = 30.0
POLL_SECONDS: Final = 0.1
BACK_BLOCKS: Final = 2
"""A block of the time before the fault may still be on its way; the second one is news."""


class NeverBack(TillnetError):
    """A validator does not follow again after a fault."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One fault: what, whose, and for a single process which."""

    kind: str
    validators: tuple[str, ...]
    process: str = ""
    point: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {' '.join(self.validators)} {self.process} {self.point}".rstrip(": ")


@dataclass(frozen=True, kw_only=True, slots=True)
class Repaired:
    """A fault and the seconds from it (or its end, where it lasts) until each validator that it hit followed again."""

    fault: Fault
    seconds: dict[str, float]


def draw_faults(plan: NetworkPlan, kinds: tuple[str, ...], dice: random.Random) -> Iterator[Fault]:
    """Faults without end, from a bag of kinds that is filled again when it is empty."""
    names = [validator.name for validator in plan.validators]
    ones: list[tuple[str, str]] = []
    while True:
        bag = list(kinds)
        dice.shuffle(bag)
        for kind in bag:
            if kind == ONE:
                if not ones:
                    ones = [(name, process) for name in names for process in START_ORDER]
                    dice.shuffle(ones)
                name, process = ones.pop()
                yield Fault(kind=kind, validators=(name,), process=process)
            elif kind == STEP:
                step = dice.choice(EACH_BLOCK)
                yield Fault(kind=kind, validators=(dice.choice(names),), process=dice.choice(START_ORDER), point=step)
            elif kind in (VALIDATOR, HANG):
                yield Fault(kind=kind, validators=(dice.choice(names),))
            elif kind == TWO_DOWN:
                yield Fault(kind=kind, validators=tuple(sorted(dice.sample(names, 2))))
            else:
                yield Fault(kind=kind, validators=tuple(names))


async def break_and_wait(plan: NetworkPlan, fault: Fault, seen: Traffic, *, patience: float) -> Repaired:
    """Does it, and waits until all that it hit follow again, as the load sees them.

    Raises NeverBack after `patience` seconds.
    """
    struck = await _strike(plan, fault)
    stood_at, seconds = seen.top, dict[str, float]()
    while missing := set(fault.validators) - seconds.keys():
        seen.check()
        passed = time.monotonic() - struck
        for name in missing:
            if seen.heights[name] >= max(stood_at + BACK_BLOCKS, max(seen.heights.values()) - 1):
                seconds[name] = round(passed, 1)
        if passed > patience:
            raise NeverBack(f"{fault}: {', '.join(sorted(missing))} after {patience:.0f} s")
        await asyncio.sleep(POLL_SECONDS)
    return Repaired(fault=fault, seconds=seconds)


async def _strike(plan: NetworkPlan, fault: Fault) -> float:
    """When it happened, or ended."""
    if fault.kind in (HANG, TWO_DOWN):
        away = hanging if fault.kind == HANG else down
        with away(plan, *fault.validators):
            await asyncio.sleep(AWAY_SECONDS)
        return time.monotonic()
    if fault.kind == STEP:
        await _strike_at_a_step(plan, fault)
        return time.monotonic()
    struck = time.monotonic()
    if fault.kind == ONE:
        kill_process(plan, fault.validators[0], fault.process)
    elif fault.kind == VALIDATOR:
        kill_validator(plan, fault.validators[0])
    elif fault.kind == EVERYTHING:
        kill_everything(plan)
    else:
        kill_supervisor(plan) if fault.kind == SUPERVISOR else kill_everything(plan, supervisor=True)
        if not await asyncio.to_thread(start, plan):
            raise NeverBack(f"{fault}: it runs on")
    return struck


async def _strike_at_a_step(plan: NetworkPlan, fault: Fault) -> None:
    armed = arm_fail_point(plan, fault.validators[0], fault.point, victim=fault.process)
    deadline = time.monotonic() + STEP_SECONDS
    try:
        while armed.exists():
            if time.monotonic() > deadline:
                raise NeverBack(f"{fault}: its application did not reach that step")
            await asyncio.sleep(POLL_SECONDS / 10)
    finally:
        disarm([armed])
