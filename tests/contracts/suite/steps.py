"""The steps of a machine's life, kept so that a failing one can be written down as a script and run again."""

import dataclasses
import enum
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from hypothesis import strategies as st


class Step(NamedTuple):
    """A rule by name, and what it was called with."""

    name: str
    arguments: Mapping[str, Any]


class Recording:
    """Stands in for hypothesis's `data` and keeps what was drawn."""

    def __init__(self, data: Any) -> None:
        self.data = data
        self.drawn: list[Any] = []

    def draw(self, strategy: st.SearchStrategy[Any], label: Any = None) -> Any:
        """Draws, and remembers it."""
        self.drawn.append(self.data.draw(strategy, label))
        return self.drawn[-1]

    @staticmethod
    def around(value: Any) -> Any:
        """A recording if the value is hypothesis's `data`, else the value."""
        return Recording(value) if type(value).__name__ == "DataObject" else value


class Drawn:
    """Gives what was drawn once, in the same order."""

    def __init__(self, *values: Any) -> None:
        self.values = list(values)

    def draw(self, _: Any = None, label: Any = None) -> Any:
        """The next value."""
        return self.values.pop(0)


def script(modules: Sequence[str], steps: Sequence[Step]) -> str:
    """Python that replays the steps, each followed by all invariants."""
    classes: set[tuple[str, str]] = set()
    lines = [f"    state.step({step.name!r}{_arguments(step, classes)})" for step in steps]
    imports = [f"from {module} import {name}" for module, name in sorted(classes)]
    head = [
        '"""A life of the suite that fails, step by step."""',
        *imports,
        "from tests.contracts.suite.machine import life",
        "from tests.contracts.suite.steps import Drawn",
        "",
        f"with life({list(modules)!r}) as state:",
    ]
    return "\n".join([*head, *lines, ""])


def _arguments(step: Step, classes: set[tuple[str, str]]) -> str:
    return "".join(f", {name}={source(value, classes)}" for name, value in step.arguments.items())


def source(value: Any, classes: set[tuple[str, str]]) -> str:
    """An expression that makes the value; the classes it names are added to `classes`."""
    if isinstance(value, Recording):
        return f"Drawn({', '.join(source(each, classes) for each in value.drawn)})"
    if isinstance(value, enum.Enum):
        classes.add((type(value).__module__, type(value).__qualname__))
        return f"{type(value).__qualname__}.{value.name}"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        classes.add((type(value).__module__, type(value).__qualname__))
        fields = (f for f in dataclasses.fields(value) if f.init)
        inner = ", ".join(f"{f.name}={source(getattr(value, f.name), classes)}" for f in fields)
        return f"{type(value).__qualname__}({inner})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{source(k, classes)}: {source(v, classes)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(source(each, classes) for each in value)}]"
    if isinstance(value, tuple):
        return f"({''.join(source(each, classes) + ', ' for each in value)})"
    return repr(value)
