"""Machines made of rule mixins: one life of a furnished world, with model and chain compared at every step.

A domain's mixin (`<domain>_rules.py`, a class named `<Domain>Rules`) has hypothesis `@rule` and `@invariant` methods
that work on `self.twin` and on a model of its own, made in `setup_<domain>()`. What its contracts hold for others it
tells by `cash_owed_<domain>()`: contract name -> minor units; the machine compares that with their cash at every step.

`joined` makes one machine of many mixins. A life that fails is written down as a script that replays it.
"""

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attr
from hypothesis.control import current_build_context
from hypothesis.stateful import RuleBasedStateMachine

from benchmarks.devchain import anvil
from benchmarks.suite import Suite
from benchmarks.world import Terms, World
from tests.contracts.suite.steps import Recording, Step, script
from tests.contracts.twin import Twin
from tests.contracts.worlds import furnished

HERE = Path(__file__).parent
FAILING = Path(__file__).parents[3] / "out" / "failing"
START = 1_700_000_000
EPOCH = 30 * 86_400
TERMS = Terms(epoch_start=START - 10 * EPOCH - 1_000, epoch_length=EPOCH, utc_offset=-5 * 3_600)


class Machine(RuleBasedStateMachine):
    """One life of a furnished world, forgotten at its end. Subclasses are made by `joined`."""

    mixins: tuple[type, ...] = ()
    world: type[World] = World

    def __init__(self, twin: Twin) -> None:
        super().__init__()
        self.twin = twin
        self.steps: list[Step] = []
        self.failed: Exception | None = None
        self.forgetting = twin.forgotten()
        self.forgetting.__enter__()
        try:
            for name in self._methods("setup_"):
                getattr(self, name)()
        except BaseException:
            # a machine that never was is not torn down
            self.forgetting.__exit__(None, None, None)
            raise

    def teardown(self) -> None:
        try:
            if not self.failed:
                self.close()
        finally:
            self.forgetting.__exit__(None, None, None)

    def close(self) -> None:
        """What a mixin looks at only once, at the end of a life: its `close_<domain>()`."""
        with self.told():
            for name in self._methods("close_"):
                getattr(self, name)()

    def cash_owed(self) -> dict[str, int]:
        """What each contract beside the ledger owes in cash, by its mixin's model; minor units."""
        owed: dict[str, int] = {}
        for name in self._methods("cash_owed_"):
            for contract, amount in getattr(self, name)().items():
                owed[contract] = owed.get(contract, 0) + amount
        return owed

    def step(self, name: str, /, **arguments: Any) -> None:
        """One step of a script: the rule, then everything that must hold."""
        getattr(self, name)(**arguments)
        super().check_invariants(None)

    def check_invariants(self, settings: Any) -> None:
        with self.told():
            super().check_invariants(settings)

    @contextmanager
    def told(self) -> Iterator[None]:
        """Whatever fails inside has its life written down."""
        try:
            yield
        except Exception as failed:
            self.failed = failed
            if self.steps and current_build_context().is_final:
                self.write_down()
            raise

    def write_down(self) -> None:
        """Writes the script of this life, and says where it is."""
        FAILING.mkdir(parents=True, exist_ok=True)
        file = FAILING / f"{type(self).__name__}.py"
        file.write_text(script([mixin.__module__ for mixin in self.mixins], self.steps))
        print(f"the failing life, as a script: PYTHONPATH=. .venv/bin/python {file}\n{file.read_text()}")

    @classmethod
    def _methods(cls, prefix: str) -> list[str]:
        return [name for mixin in cls.mixins for name in vars(mixin) if name.startswith(prefix)]

    @classmethod
    def rules(cls) -> list[Any]:
        """Hypothesis's own list, each rule noting what it was called with."""
        if "noted" not in vars(cls):
            cls.noted = [attr.evolve(rule, function=_noting(rule.function)) for rule in super().rules()]
        return cls.noted  # type: ignore[no-any-return]

    noted: Any


def joined(name: str, mixins: Sequence[type], *, world: type[World] = World) -> type[Machine]:
    """A machine with the rules of all mixins on one world. Raises NameError when two have a name in common."""
    owners: dict[str, type] = {}
    for mixin in mixins:
        for each in vars(mixin):
            if not each.startswith("__") and owners.setdefault(each, mixin) is not mixin:
                raise NameError(
                    f"{mixin.__name__} and {owners[each].__name__} both have {each}; name it after the domain"
                )
    return type(name, (*mixins, Machine), {"mixins": tuple(mixins), "world": world})


def mixins_of(modules: Sequence[str]) -> list[type]:
    """The classes named ...Rules that these modules define."""
    found = []
    for module in map(importlib.import_module, modules):
        found += [each for name, each in vars(module).items() if name.endswith("Rules") and _is_of(each, module)]
    return found


def all_modules() -> list[str]:
    """The rule mixins' modules, the ledger's first."""
    names = sorted(f"tests.contracts.suite.{file.stem}" for file in HERE.glob("*_rules.py"))
    return sorted(names, key=lambda name: not name.endswith("ledger_rules"))


@contextmanager
def life(modules: Sequence[str]) -> Iterator[Machine]:
    """A machine on a chain of its own, for a script that replays a failure."""
    with anvil(start_time=START) as chain:
        machine = joined("Replayed", mixins_of(modules), world=Suite)(furnished(chain, TERMS, Suite))
        yield machine
        machine.teardown()


def _is_of(each: Any, module: Any) -> bool:
    return isinstance(each, type) and each.__module__ == module.__name__


def _noting(function: Callable[..., None]) -> Callable[..., None]:
    def noted(machine: Machine, **arguments: Any) -> None:
        kept: Mapping[str, Any] = {name: Recording.around(value) for name, value in arguments.items()}
        machine.steps.append(Step(function.__name__, kept))
        with machine.told():
            function(machine, **kept)

    noted.__name__, noted.__qualname__ = function.__name__, function.__qualname__
    return noted
