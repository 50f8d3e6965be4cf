"""What a check of `till net doctor` says, and what it may look at."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from node.network.plan import NetworkPlan, ValidatorPlan
from node.network.processes import Running, RunState, is_alive, read_state


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One line of the doctor: what was looked at, what is so, and what to do about it (empty when it is well)."""

    level: Level
    check: str
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.level:7}  {self.check}: {self.text}" + (f"; {self.remedy}" if self.remedy else "")


@dataclass(frozen=True, kw_only=True)
class Patient:
    """The network that is looked at. `clock` gives seconds since 1970; `limits` are what the checks judge by."""

    plan: NetworkPlan
    clock: Callable[[], float] = time.time
    limits: "Limits" = field(default_factory=lambda: Limits())

    @cached_property
    def state(self) -> RunState | None:
        """What run/state.json says."""
        return read_state(self.plan.run_folder)

    @property
    def runs(self) -> bool:
        """Whether its supervisor lives."""
        return self.state is not None and is_alive(self.state.supervisor)

    def processes(self, validator: ValidatorPlan) -> dict[str, Running]:
        """The living processes of a validator, by kind."""
        kinds = self.state.validators.get(validator.name, {}) if self.state is not None else {}
        return {kind: running for kind, running in kinds.items() if is_alive(running)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Where a finding turns into a warning, and where into something wrong. Bytes, seconds, blocks."""

    disk_warning: int = 10_000_000_000
    disk_wrong: int = 1_000_000_000
    memory_warning: int = 500_000_000
    memory_each: int = 300_000_000
    handles: int = 4_096
    handles_used: float = 0.8
    skew_warning: float = 3.0
    skew_wrong: float = 10.0
    lag_warning: int = 5
    lag_wrong: int = 30
    block_age: float = 30.0
    silence: float = 10.0
    commits: int = 20


def ok(check: str, text: str) -> Finding:
    """It is well."""
    return Finding(level=Level.OK, check=check, text=text)


def warning(check: str, text: str, remedy: str) -> Finding:
    """It works, and should be looked after."""
    return Finding(level=Level.WARNING, check=check, text=text, remedy=remedy)


def wrong(check: str, text: str, remedy: str) -> Finding:
    """It does not work, or is about to harm."""
    return Finding(level=Level.WRONG, check=check, text=text, remedy=remedy)
