"""The root of the `till` command: finds the group that was asked for, and turns failures into one sentence.

Groups are imported only when they are used, so that `till --help` answers at once and a broken or missing
part never disturbs the others. Before it comes the shell; after it the modules of the table below.
"""

import importlib
import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any, Final

import click

from node.domain.errors import ChainUnreachable, TillnetError

# name -> (module, attribute, one line for --help)
COMMANDS: Final[dict[str, tuple[str, str, str]]] = {
    "net": ("node.cli.net", "net", "Make, start, stop and watch a network of validators."),
    "validator": ("node.cli.validator", "validator", "See who validates, and decide about it with the others."),
    "account": ("node.cli.account", "account", "See and say who may send transactions."),
    "bridge": ("node.cli.bridge", "bridge", "Take payments in and put each on the chain once."),
    "lines": ("node.cli.lines", "lines", "Read line items that you have a key for, and say who else may."),
    "payment": ("node.cli.ask", "payment", "Show one payment as the chain has it."),
    "member": ("node.cli.member", "member", "Show a member's points, stored value and state, or erase the person."),
    "merchant": ("node.cli.ask", "merchant", "Show a merchant's points, payable and limits."),
    "block": ("node.cli.ask", "block", "Show one block and what it carries."),
    "index": ("node.cli.index", "index", "Keep every block as rows of a database, for explorers and reports."),
    "explorer": ("node.cli.explorer", "explorer", "Show the chain to people and programs, over HTTP."),
    "anchor": ("node.cli.anchor", "anchor", "Write blocks down on another chain, at intervals."),
    "audit": ("node.cli.audit", "audit", "Recompute what the chain says; list what is owed."),
    "books": ("node.cli.books", "books", "Double-entry books of everything held and owed."),
    "prove": ("node.cli.prove", "prove", "Write a proof of a payment or a balance that anybody can check."),
    "verify": ("node.cli.verify", "verify", "Check a proof, without a network."),
}

PROJECT: Final = Path(__file__).resolve().parents[2]
CRASH_LOG: Final = PROJECT / ".till" / "log" / "till-crash.txt"
INTERRUPTED: Final = 130  # what a shell reports for Ctrl-C


class ReaderGone(Exception):
    """Nobody reads what is printed any more. click would end the process with 1 for a BrokenPipeError."""


class LazyGroup(click.Group):
    """A click group whose commands are imported when they are called, by the table above."""

    def make_context(self, *arguments: Any, **extra: Any) -> click.Context:
        try:
            return super().make_context(*arguments, **extra)
        except BrokenPipeError:
            raise ReaderGone from None

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise ReaderGone from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command = getattr(importlib.import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{module}.{attribute} is not a click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in COMMANDS.items()])


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="tillnet", prog_name="till")
def cli() -> None:
    """Tillnet: points and payments of many shops on one permissioned chain."""


def main(arguments: list[str] | None = None) -> None:
    """Runs `till` and ends the process: 0 done, 1 an expected failure, 2 wrong usage, 130 Ctrl-C.

    An expected failure is one sentence on stderr. A broken pipe (`till block 1 | head -1`) and Ctrl-C say nothing.
    """
    try:
        result = cli.main(args=arguments, prog_name="till", standalone_mode=False)
        sys.stdout.flush()
    except (ReaderGone, BrokenPipeError):
        _forget_stdout()
        sys.exit(0)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(INTERRUPTED)
    except Exception as failure:
        sys.exit(explain(failure))
    # `ctx.exit(code)` comes back as an int; commands themselves return nothing
    sys.exit(result if isinstance(result, int) else 0)


def explain(failure: Exception) -> int:
    """Prints one sentence about a failure to stderr and returns the exit code that goes with it."""
    match failure:
        case click.ClickException():
            failure.show()
            return failure.exit_code
        case ChainUnreachable():
            click.echo(f"till: {str(failure).rstrip('.')}; is the network up (till net up DIR)?", err=True)
        case TillnetError():
            click.echo(f"till: {failure}", err=True)
        case ModuleNotFoundError(name=str(name)):
            click.echo(f"till: the part {name} is not installed; run make setup.", err=True)
        case OSError(strerror=str(reason)):
            subject = f"{failure.filename}: " if failure.filename else ""
            click.echo(f"till: {subject}{reason}.", err=True)
        case _:
            where = _keep_traceback(failure)
            click.echo(f"till: something unexpected happened ({type(failure).__name__}: {failure}){where}.", err=True)
    return 1


def _keep_traceback(failure: Exception) -> str:
    """Writes the traceback where a developer finds it, and returns the end of the sentence that says where.

    That is the project's .till/log, else a file of its own in the user's temporary folder.
    """
    text = "".join(traceback.format_exception(failure))
    try:
        CRASH_LOG.parent.mkdir(parents=True, exist_ok=True)
        CRASH_LOG.write_text(text)
        return f"; the details are in {CRASH_LOG}"
    except OSError:
        pass
    try:
        descriptor, name = tempfile.mkstemp(prefix="till-crash-", suffix=".txt")
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
    except OSError:
        return ""
    return f"; the details are in {name}"


def _forget_stdout() -> None:
    """Points stdout at nothing, so that the interpreter's last flush does not complain about the closed pipe."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
