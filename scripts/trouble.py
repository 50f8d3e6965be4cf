"""What can go wrong in a script, as one sentence for whoever runs it."""

import functools
import re
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Trouble(Exception):
    """A script cannot do what it was asked; the message is one sentence without its full stop."""


class Rehearsed(Exception):
    """A dry run has shown what would happen; the script ends here, well."""


def told(script: Callable[P, T]) -> Callable[P, T]:
    """Turns Trouble, and files or a node that fail, into a sentence on stderr and exit code 1, without a traceback.

    Only functions with this decorator can be run (scripts/command_line.py).
    """

    @functools.wraps(script)
    def run(*arguments: P.args, **named: P.kwargs) -> T:
        try:
            return script(*arguments, **named)
        except Trouble as trouble:
            sys.exit(sentence(str(trouble)))
        except Rehearsed:
            sys.exit(0)
        except OSError as failure:
            # a file, or the node: requests' errors are OSErrors too
            what = f"{failure.filename}: {failure.strerror}" if failure.filename else "the chain does not answer"
            sys.exit(sentence(f"could not go on: {what}"))

    return run


def sentence(text: str) -> str:
    """The message with its capital and full stop; names of files and scripts stay as they are."""
    first = re.match(r"[a-z]+(?=\s)", text)
    return f"{text[:1].upper() if first else text[:1]}{text[1:]}."
