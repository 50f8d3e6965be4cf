"""Mutations of valid messages, and fuzzing by them alone: what the tests do, and what is done without atheris."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

MOST_CHANGES: Final = 6
LONGEST: Final = 20_000
DIGITS: Final = b"0123456789"
WORDS: Final = (
    b"00",
    b"10",
    b"0210",
    b"0200",
    b"0400",
    b"0800",
    b"000000",
    b"301",
    b"TILL0001",
    b"TILL2",
    b"CLOSED",
    b"\xff\xff",
    b"\x00\x00",
    b"9" * 12,
    b"null",
    b"true",
    b"1e999",
    b'"id":null,',
    b'"approved":true',
    b"[",
    b"{",
    b'"',
    b"-1",
    b"1.5",
    "é".encode(),
    b"\xb2",
)
"""Pieces that mean something to one intake or the other."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """How many inputs were tried in how many seconds."""

    executions: int
    seconds: float


class Mutator:
    """Makes new inputs from those that it has. The same `dice` make the same inputs."""

    def __init__(self, seeds: Sequence[bytes], dice: random.Random) -> None:
        self._seeds, self._dice = list(seeds), dice

    def next(self) -> bytes:
        """One input: a seed with a few changes."""
        dice = self._dice
        data = bytearray(dice.choice(self._seeds))
        for _ in range(dice.randint(1, MOST_CHANGES)):
            self._change(data)
        return bytes(data[:LONGEST])

    def _change(self, data: bytearray) -> None:
        dice = self._dice
        at = dice.randrange(len(data)) if data else 0
        end = min(len(data), at + dice.randint(1, 24))
        match dice.randrange(9):
            case 0 if data:
                data[at] ^= 1 << dice.randrange(8)
            case 1 if data:
                data[at] = dice.randrange(256)
            case 2:
                data[at:at] = dice.randbytes(dice.randint(1, 8))
            case 3:
                del data[at:end]
            case 4:
                data[at:at] = data[at:end] * dice.randint(1, 4)
            case 5:
                word = dice.choice(WORDS)
                data[at : at + dice.choice((0, len(word)))] = word
            case 6:
                self._change_digit(data)
            case 7:
                other = dice.choice(self._seeds)
                cut = dice.randrange(len(other))
                data[at:] = other[cut:]
            case 8 if len(data) > 3:
                # another message behind it, in the same stream
                data += dice.choice([each for each in self._seeds if each[0] == data[0]] or [bytes(data)])[1:]

    def _change_digit(self, data: bytearray) -> None:
        """A message that stays well formed, and says something else."""
        places = [at for at, byte in enumerate(data) if byte in DIGITS]
        if places:
            data[self._dice.choice(places)] = self._dice.choice(DIGITS)


def fuzz(
    seeds: Mapping[str, bytes],
    try_one: Callable[[bytes], None],
    *,
    seconds: float,
    seed: int,
    most: int = 2**62,
    tick: Callable[[int], None] = lambda executions: None,
) -> Done:
    """Every seed as it is, then mutations until the time is up or `most` were tried; raises what `try_one` does."""
    mutator = Mutator(list(seeds.values()), random.Random(seed))
    began, executions = time.monotonic(), 0
    for data in seeds.values():
        try_one(data)
        executions += 1
    while executions < most and time.monotonic() - began < seconds:
        try_one(mutator.next())
        executions += 1
        if executions % 1_000 == 0:
            tick(executions)
    return Done(executions=executions, seconds=time.monotonic() - began)
