"""`make machine`: the stateful machine over all contracts for so many minutes, and what it did.

    python -m proving.machine [--minutes 20] [--seed 1] [--steps 60]

Lives of tests/contracts/test_suite_machine.py, longer and more of them than a test has time for: at each step a rule of
some domain is drawn, the contracts and their models do the same or refuse with the same error, and everything that must
hold is looked at. docs/machine.md gets the count of lives, of steps, and of each rule's steps, with the transactions
in them that both did and that both refused. A life that fails is made short, written down as a script, and ends this
with 1.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from unittest import SkipTest

from hypothesis import HealthCheck, settings
from hypothesis.errors import Flaky
from hypothesis.stateful import run_state_machine_as_test

from benchmarks.devchain import anvil
from benchmarks.suite import Suite
from tests.contracts.suite.machine import START, TERMS, Machine, all_modules, joined, mixins_of
from tests.contracts.test_suite_machine import BOOKS
from tests.contracts.twin import Twin
from tests.contracts.worlds import furnished

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "docs" / "machine.md"
ENOUGH: Final = 1_000_000  # lives; the time is over before
HEAD: Final = """# The machine of all contracts

Made by `make machine`: one state machine drives the contracts of the suite beside plain Python models, any rule after
any other, and looks at everything that must hold after each step (tests/contracts/suite). These were {minutes} minutes,
seed {seed}: {lives:,} lives, {steps:,} steps, {rules} of {all} rules; {done:,} transactions that contract and model
both did and {refused:,} that both refused with the same error, none that went another way. What is posted or applied as
a batch, a refund or an act at a till is no such transaction, and is compared by itself.

What no rule does is shown by tests of its own: members' keys and merchants' groups that two people change, a ledger's
successor, rules of rewards that are defined in mid-life, and an authorisation with a permit.

| rule | steps | done | refused |
| --- | ---: | ---: | ---: |
"""


@dataclass(kw_only=True)
class Tally:
    """What was done so far."""

    lives: int = 0
    failed: int = 0
    over: bool = False
    steps: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)


def main() -> None:
    """Runs lives until the time is over."""
    chosen = arguments()
    ends = time.monotonic() + 60 * chosen.minutes
    tally = Tally()
    suite_machine = joined("SuiteMachine", mixins_of([*all_modules(), *BOOKS]), world=Suite)
    with anvil(start_time=START) as chain:
        twin = furnished(chain, TERMS, Suite)
        begin = lives_of(suite_machine, twin, tally, ends)
        begin._hypothesis_internal_use_seed = chosen.seed  # type: ignore[attr-defined]
        try:
            run_state_machine_as_test(begin, settings=thorough(chosen.steps))
        except (SkipTest, Flaky):
            # that a life did not begin, hypothesis calls flaky; one that failed is told as what it is
            if not tally.over or tally.failed:
                raise
    every = sorted(rule.function.__name__ for rule in suite_machine.rules())
    PAGE.write_text(page(tally, every, minutes=chosen.minutes, seed=chosen.seed))
    never = [name for name in every if not tally.steps[name]]
    print(f"{tally.lives:,} lives, {tally.steps.total():,} steps: {PAGE.relative_to(ROOT)}")
    if never:
        sys.exit(f"never drawn; give it more minutes: {', '.join(never)}")


def arguments() -> argparse.Namespace:
    """What was typed."""
    parser = argparse.ArgumentParser(prog="machine", description="Drives all contracts beside their models.")
    parser.add_argument("--minutes", type=float, default=20, help="how long (20)")
    parser.add_argument("--seed", type=int, default=1, help="which lives (1)")
    parser.add_argument("--steps", type=int, default=60, help="steps of a life (60)")
    return parser.parse_args()


def thorough(steps: int) -> settings:
    """As many lives as there is time for."""
    return settings(
        max_examples=ENOUGH,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        report_multiple_bugs=False,  # else it looks for more of them before it makes the first one short
        suppress_health_check=list(HealthCheck),
    )


def lives_of(machine: type[Machine], twin: Twin, tally: Tally, ends: float) -> Callable[[], Machine]:
    """A function that begins a life, until the time is over."""
    now: list[Machine] = []
    act = twin.act

    def counted(*arguments: Any, **named: Any) -> Any:
        receipt = act(*arguments, **named)
        if now and now[0].steps:  # what sets a life up is no step of it
            (tally.refused if receipt is None else tally.done)[now[0].steps[-1].name] += 1
        return receipt

    def end(life: Machine) -> None:
        tally.lives += 1
        if life.failed and not tally.failed:
            said = f"{type(life.failed).__name__}: {life.failed}".splitlines()[0]
            print(f"life {tally.lives:,} failed after {life.steps[-1].name}, and is made short now. {said}", flush=True)
        tally.failed += life.failed is not None
        tally.steps.update(step.name for step in life.steps)
        machine.teardown(life)

    def begin() -> Machine:
        # a life that failed is still made short and told when the time is over
        if time.monotonic() > ends and not tally.failed:
            tally.over = True
            raise SkipTest("the time is over")
        now.clear()
        life = machine(twin)
        life.teardown = lambda: end(life)  # type: ignore[method-assign]
        now.append(life)
        return life

    twin.act = counted  # type: ignore[method-assign]
    return begin


def page(tally: Tally, every: list[str], *, minutes: float, seed: int) -> str:
    """docs/machine.md."""
    text = HEAD.format(
        minutes=f"{minutes:g}",
        seed=seed,
        lives=tally.lives,
        steps=tally.steps.total(),
        rules=len(tally.steps),
        all=len(every),
        done=tally.done.total(),
        refused=tally.refused.total(),
    )
    for name in sorted(every, key=lambda name: (-tally.steps[name], name)):
        text += f"| {name} | {tally.steps[name]:,} | {tally.done[name]:,} | {tally.refused[name]:,} |\n"
    return text


if __name__ == "__main__":
    main()
