"""Judges from outside whether validators advance, and keeps their logs from filling the disk.

Consensus can die while its process lives on, so the supervisor looks at the height too.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from node.network.launch import START_ORDER
from node.network.links import height_of_peers
from node.network.plan import NetworkPlan, ValidatorPlan
from node.network.rpc import NoAnswer, call

BEHIND_SECONDS: Final = 60.0
"""A validator that stands so long while another goes on is started anew."""
STALL_SECONDS: Final = 180.0
"""So long, and it is started anew even if all stand (perhaps all wait for each other)."""
BEHIND_BLOCKS: Final = 5
NO_ANSWER: Final = -1
LOG_BYTES: Final = 50_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class _Seen:
    height: int
    since: float


class Watch:
    """Remembers each validator's height. `clock` is monotonic, in seconds."""

    def __init__(self, plan: NetworkPlan, clock: Callable[[], float]) -> None:
        self._plan = plan
        self._clock = clock
        self._seen: dict[str, _Seen] = {}

    def look(self) -> set[str]:
        """Asks every validator for its height; the names of those of this folder that should be started anew."""
        with ThreadPoolExecutor(max_workers=len(self._plan.validators)) as pool:
            heights = dict(
                zip(
                    (validator.name for validator in self._plan.validators),
                    pool.map(self._height, self._plan.validators),
                    strict=True,
                )
            )
        return self.judge(heights, highest=max(map(self._elsewhere, self._plan.validators)))

    def judge(self, heights: dict[str, int], highest: int = NO_ANSWER) -> set[str]:
        """The names of the stalled, by the heights seen now (NO_ANSWER: none given) and the highest seen anywhere."""
        now, highest = self._clock(), max(highest, *heights.values())
        stalled = set()
        for name, height in heights.items():
            seen = self._seen.get(name)
            # a lower one is progress too: geth went back in a crash, and follows CometBFT's replay
            if seen is None or height not in (NO_ANSWER, seen.height):
                self._seen[name] = _Seen(height=height, since=now)
                continue
            standing = now - seen.since
            behind = standing > BEHIND_SECONDS and height + BEHIND_BLOCKS < highest
            if behind or standing > STALL_SECONDS:
                stalled.add(name)
                # the new start gets as long as the first one did, also if geth has gone back some blocks
                self._seen[name] = _Seen(height=NO_ANSWER, since=now)
        return stalled

    def _height(self, validator: ValidatorPlan) -> int:
        try:
            url = f"http://{self._plan.host}:{validator.ports.geth}"
            return int(call(url, "eth_blockNumber", []), 16)
        except (NoAnswer, ValueError, TypeError):
            return NO_ANSWER

    def _elsewhere(self, validator: ValidatorPlan) -> int:
        try:
            return height_of_peers(self._plan, validator) if self._plan.others else NO_ANSWER
        except NoAnswer:
            return NO_ANSWER


def trim_logs(plan: NetworkPlan, limit: int = LOG_BYTES) -> None:
    """Cuts every log of the network that has grown too long."""
    for path in (
        *(plan.log(validator.name, kind) for validator in plan.validators for kind in START_ORDER),
        plan.supervisor_log,
    ):
        trim_log(path, limit)


def trim_log(path: Path, limit: int = LOG_BYTES) -> None:
    """Moves the end of a log that has grown too long to PATH.1 and empties it; its writer appends, so it goes on."""
    try:
        size = path.stat().st_size
        if size <= limit:
            return
        with path.open("rb") as file:
            file.seek(size - limit // 2)
            path.with_suffix(path.suffix + ".1").write_bytes(file.read())
        with path.open("r+b") as file:
            file.truncate(0)
    except OSError:
        return
