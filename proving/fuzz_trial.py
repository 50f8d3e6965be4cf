"""One input after the other: fed to the intake, judged, counted; and whether memory stays where it was."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import psutil

from proving.fuzz_intake import Intake
from proving.fuzz_misread import WE_SAY_YES
from proving.fuzz_oracle import check

WARM: Final = 2_000
"""Executions after which caches are full and everything is imported."""
LOOK: Final = 500
MOST_GROWTH: Final = 128 * 2**20
"""Bytes by which the process may grow after that; a cache that is not bounded takes as much in minutes."""


class Grown(AssertionError):
    """Memory grew beyond its bound."""


@dataclass(kw_only=True, slots=True)
class Count:
    """So far; memory in bytes. `approved` inputs had an effect that was approved."""

    executions: int = 0
    approved: int = 0
    warm_memory: int = 0
    memory: int = 0


class Trial:
    """Tries inputs; `told` is a file that is kept up to date for whoever waits for the result."""

    def __init__(self, told: Path | None = None, *, memory: Callable[[], int] | None = None) -> None:
        process = psutil.Process(os.getpid())
        self._memory = memory or (lambda: int(process.memory_info().rss))
        self._told = told
        self._intake = Intake()
        self.count = Count()

    def try_one(self, data: bytes) -> None:
        """Raises Misread, or Grown."""
        seen = self._intake.feed(data)
        check(seen)
        count = self.count
        count.executions += 1
        count.approved += any(code in WE_SAY_YES for _, code in seen.effects)
        if count.executions % LOOK == 0:
            self._look()

    def close(self) -> None:
        """Ends the intake."""
        self._intake.close()

    def _look(self) -> None:
        count = self.count
        count.memory = self._memory()
        if count.executions <= WARM:
            count.warm_memory = count.memory
        if self._told is not None:
            fresh = self._told.with_suffix(".new")
            fresh.write_text(json.dumps(asdict(count)))
            fresh.replace(self._told)
        if count.memory - count.warm_memory > MOST_GROWTH:
            raise Grown(f"memory grew from {count.warm_memory:,} to {count.memory:,} bytes")
