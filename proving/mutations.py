"""Small wrong changes of Solidity text: each a mutant that some test must notice. Pure; proving/mutants.py runs them.

Changed are arithmetic and comparisons, and what guards a function: a check that reverts, a call of `_require..`, a
modifier. Comments, texts and the heads of loops stay as they are.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

SWAPS: Final = (
    (" < ", " <= "),
    (" <= ", " < "),
    (" > ", " >= "),
    (" >= ", " > "),
    (" == ", " != "),
    (" != ", " == "),
    (" + ", " - "),
    (" - ", " + "),
    (" * ", " / "),
    (" / ", " * "),
    (" += ", " -= "),
    (" -= ", " += "),
    (" && ", " || "),
    (" || ", " && "),
)
GUARDS: Final = (
    re.compile(r"\bif \((?:[^{};]|\n)*?\) revert [^;]*;"),
    re.compile(r"(?<=[;{}\n] )\s*(?:_require\w*|_setTargetFunctionRole|_entrust)\([^;{}]*\);"),
    re.compile(r"(?<=[ \n])(?:restricted|onlyLedger|whenRunning|onlyGroup\([^)]*\)|only\w+Group\([^)]*\))(?=[ \n{])"),
)
FUNCTION: Final = re.compile(r"\bfunction (\w+)\(")
# the smaller or the larger of two: which one is taken when they are equal makes no difference
CHOICE: Final = re.compile(r"([\w.()\[\]]+) [<>] ([\w.()\[\]]+) \? (?:\1 : \2|\2 : \1|\1 - \2 : 0)")
QUIET: Final = re.compile(r"//[^\n]*|/\*.*?\*/|\"[^\"\n]*\"|\bfor \([^{]*(?=\{)", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A change: the text `old` at `start` of a file becomes `new`. `nth` tells equal ones of a function apart."""

    file: str
    function: str
    start: int
    old: str
    new: str
    line: str
    nth: int

    @property
    def id(self) -> str:
        """What it is called in the list of survivors; it names no line number, so it outlives other edits."""
        what = " ".join(self.old.split())
        more = f" #{self.nth}" if self.nth else ""
        return (
            f"{self.file.removeprefix('contracts/')} {self.function}{more}: {what} -> {self.new.strip() or 'nothing'}"
        )

    def applied(self, text: str) -> str:
        """The file's text with the change in it."""
        assert text[self.start : self.start + len(self.old)] == self.old
        return text[: self.start] + self.new + text[self.start + len(self.old) :]


def mutants_of(file: str, text: str) -> list[Mutant]:
    """Every mutant of a file, in the order of the text."""
    quiet = QUIET.sub(lambda found: re.sub(r"[^\n]", "\0", found[0]), text)
    found: list[Mutant] = []
    for function, start, end in functions_of(quiet):
        counts: dict[tuple[str, str], int] = {}
        for place, old, new in sorted(_changes(quiet[start:end])):
            at = start + place
            key = (" ".join(old.split()), new)
            line = text[text.rfind("\n", 0, at) + 1 : text.find("\n", at)].strip()
            nth = counts[key] = counts.get(key, -1) + 1
            original = text[at : at + len(old)]
            found.append(Mutant(file=file, function=function, start=at, old=original, new=new, line=line, nth=nth))
    return found


def functions_of(text: str) -> Iterator[tuple[str, int, int]]:
    """Name, start and end of each function that has a body."""
    for found in FUNCTION.finditer(text):
        brace = re.compile(r"[{;]").search(text, found.end())
        if brace is None or brace[0] == ";":
            continue
        depth, place = 0, brace.start()
        while True:
            depth += {"{": 1, "}": -1}.get(text[place], 0)
            place += 1
            if not depth:
                break
        yield found[1], found.start(), place


def _changes(text: str) -> Iterator[tuple[int, str, str]]:
    """Place, old and new text of each change in a function."""
    even = [found.span() for found in CHOICE.finditer(text)]
    for old, new in SWAPS:
        for found in re.finditer(re.escape(old), text):
            if old.strip() in "<>" and any(start < found.start() < end for start, end in even):
                continue
            yield found.start(), old, new
    for guard in GUARDS:
        for found in guard.finditer(text):
            yield found.start(), found[0], ""
