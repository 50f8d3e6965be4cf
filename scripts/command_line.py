"""What stands on `brownie run`'s command line, read before brownie connects anywhere: a mistake is one sentence.

Brownie itself answers an unknown function or a missing argument with a traceback, and a number with a leading minus
with its own usage.
"""

import ast
import re
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import Final

SCRIPTS: Final = Path(__file__).resolve().parent
VALUED: Final = "--network"  # the only option of `brownie run` that takes a value
# what `brownie run` takes beside it, and what this project's command adds (scripts/brownie_shim.py)
FLAGS: Final = ("--silent", "--interactive", "--raise", "--gas", "--tb", "--help", "--dry-run")
SHORT: Final = "Irgth"  # the same by a letter, together too: -It
DECORATOR: Final = "told"


def check_run(arguments: list[str]) -> None:
    """Ends the process with a sentence when `run SCRIPT [FUNCTION] [ARGUMENTS]` cannot be what somebody meant.

    Other commands, and scripts that are not in scripts/, are brownie's own matter.
    """
    if arguments[:1] != ["run"]:
        return
    check_options(arguments[1:])
    typed = positional(arguments[1:])
    if not typed or Path(typed[0]).parent not in (Path(), Path("scripts")):
        return
    script, name, given = Path(typed[0]).stem, (typed[1:] or ["main"])[0], typed[2:]
    functions = functions_of(SCRIPTS / f"{script}.py")
    if not functions:
        names = sorted(file.stem for file in SCRIPTS.glob("*.py") if functions_of(file))
        sys.exit(f"There is no script {script}; there are {', '.join(names)}.")
    if name not in functions:
        sys.exit(
            f"{script} has no {name}; it has {' and '.join(functions)}: brownie run {script} FUNCTION ARGUMENTS "
            f"(brownie run {script} --help tells more)."
        )
    for argument in given:
        if re.match(r"-[0-9.]", argument):
            sys.exit(f"{argument} is no argument: no number here is negative.")
    needed, optional = functions[name]
    if not len(needed) <= len(given) <= len(needed) + len(optional):
        words = " ".join([*(each.upper() for each in needed), *(f"[{each.upper()}]" for each in optional)])
        sys.exit(
            f"{script} {name} takes {words or 'no arguments'}, not {len(given)} "
            f"argument{'' if len(given) == 1 else 's'} (brownie run {script} --help tells more)."
        )


def check_options(arguments: list[str]) -> None:
    """Ends the process with a sentence for an option that there is not: brownie only warns, and goes on without it."""
    for place, argument in enumerate(arguments):
        if place and arguments[place - 1] == VALUED:
            continue
        name = argument.partition("=")[0]
        known = name in (VALUED, *FLAGS) or re.match(r"-[0-9.]", argument)
        if argument.startswith("-") and not known and not set(argument[1:]) <= set(SHORT):
            near = get_close_matches(name, (VALUED, *FLAGS), n=1)
            meant = f"; is it {near[0]}?" if near else f"; there are {', '.join((VALUED, *FLAGS))}."
            sys.exit(f"{name} is no option{meant}")
    if arguments[-1:] == [VALUED]:
        sys.exit(f"{VALUED} takes a folder, a URL or a name.")


def positional(arguments: list[str]) -> list[str]:
    """The arguments without options and their values; a negative number is no option."""
    kept: list[str] = []
    value_follows = False
    for argument in arguments:
        if value_follows:
            value_follows = False
        elif argument == VALUED:
            value_follows = True
        elif not argument.startswith("-") or re.match(r"-[0-9.]", argument):
            kept.append(argument)
    return kept


def functions_of(file: Path) -> dict[str, tuple[list[str], list[str]]]:
    """Name -> (arguments that must be given, those that may be) of a script's functions that can be run."""
    if not file.is_file():
        return {}
    found: dict[str, tuple[list[str], list[str]]] = {}
    for node in ast.parse(file.read_text()).body:
        if not isinstance(node, ast.FunctionDef):
            continue
        if any(isinstance(each, ast.Name) and each.id == DECORATOR for each in node.decorator_list):
            names = [argument.arg for argument in node.args.args]
            split = len(names) - len(node.args.defaults)
            found[node.name] = (names[:split], names[split:])
    return found
