"""What can go wrong in a script, as one sentence for whoever runs it."""

import functools
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Trouble(Exception):
    """A script cannot do what it was asked; the message is one sentence without its full stop."""


def told(script: Callable[P, T]) -> Callable[P, T]:
    """Turns Trouble into a sentence on stderr and exit code 1, where brownie would print a traceback."""

    @functools.wraps(script)
    def run(*arguments: P.args, **named: P.kwargs) -> T:
        try:
            return script(*arguments, **named)
        except Trouble as trouble:
            sys.exit(f"{str(trouble)[:1].upper()}{str(trouble)[1:]}.")

    return run
