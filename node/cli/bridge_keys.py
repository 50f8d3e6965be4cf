"""`till bridge keys`: the terminals' keys and the master key that they are wrapped under (docs/keys.md).

Components are asked for, or read from the standard input, line by line; no argument holds one, and no output a key.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from node.cli.bridge_options import CONFIG
from node.config import load_bridge
from node.domain.errors import Unusable
from node.domain.ids import TerminalId

if TYPE_CHECKING:
    from node.bridge.keys.custody import Custody, Handed, Kept
    from node.bridge.keys.key import Key

_MAX_COMPONENTS = 8
_USES = ("mac", "pin", "kek")
USE = click.option("--use", type=click.Choice(_USES), default="mac", show_default=True, help="What the key is for.")
DRAWN = click.option("--use", type=click.Choice(_USES[:2]), default="mac", show_default=True, help="What it is for.")
ALGORITHM = click.option("--algorithm", type=click.Choice(("tdes", "aes")), default=None, help="The key's cipher.")
LISTENER = click.option("--listener", default="", help="Whose file, where listeners have several.")
NOW = click.option("--now", "at_once", is_flag=True, help="The keys before end at once.")


@click.group()
def keys() -> None:
    """Look after the terminals' keys, and the master key that they are wrapped under."""


@keys.command("list")
@CONFIG
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one line for each.")
def list_(config: Path, as_json: bool) -> None:
    """List every key by its check value, what it is wrapped under, and when it ends."""
    with _custody(config) as custody:
        found = list(custody.listed())
    for each in found:
        click.echo(_as_json(each) if as_json else _as_line(each))
    if not found and not as_json:
        click.echo("none")


@keys.command()
@CONFIG
@click.argument("terminal")
@DRAWN
@ALGORITHM
@LISTENER
def generate(config: Path, terminal: str, use: str, algorithm: str | None, listener: str) -> None:
    """Draw a key for a TERMINAL that has none, and print it as a key block under its key-encrypting key."""
    from node.bridge.keys.key import Algorithm, Purpose

    with _custody(config, listener) as custody:
        _show(custody.generate(TerminalId(terminal), Purpose(use), Algorithm(algorithm or "tdes")))


@keys.command()
@CONFIG
@click.argument("terminals", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every terminal that has such a key.")
@DRAWN
@ALGORITHM
@NOW
@LISTENER
def rotate(
    config: Path,
    terminals: tuple[str, ...],
    every: bool,
    use: str,
    algorithm: str | None,
    at_once: bool,
    listener: str,
) -> None:
    """Draw another key for TERMINALS, and print each as a key block; the one before is taken for a while."""
    from node.bridge.keys.key import Algorithm, Purpose

    if bool(terminals) == every:
        raise Unusable("name the terminals, or say --all")
    purpose, cipher = Purpose(use), None if algorithm is None else Algorithm(algorithm)
    with _custody(config, listener) as custody:
        failed = 0
        for name in [TerminalId(each) for each in terminals] or custody.terminals(purpose):
            try:
                _show(custody.rotate(name, purpose, cipher, at_once=at_once))
            except Unusable as failure:
                failed += 1
                click.echo(str(failure), err=True)
    if failed:
        raise Unusable(f"{failed} {'terminal keeps its key' if failed == 1 else 'terminals keep their keys'}")


@keys.command()
@CONFIG
@click.argument("terminal")
@DRAWN
@LISTENER
def block(config: Path, terminal: str, use: str, listener: str) -> None:
    """Print a TERMINAL's newest key once more, as a key block under its key-encrypting key."""
    from node.bridge.keys.key import Purpose

    with _custody(config, listener) as custody:
        _show(custody.handed(TerminalId(terminal), Purpose(use)))


@keys.command("import")
@CONFIG
@click.argument("terminal")
@USE
@ALGORITHM
@click.option("--components", type=click.IntRange(1, _MAX_COMPONENTS), default=2, show_default=True)
@click.option("--check-value", default="", metavar="HEX", help="Of the whole key; refused when it is another.")
@NOW
@LISTENER
def import_(
    config: Path,
    terminal: str,
    use: str,
    algorithm: str | None,
    components: int,
    check_value: str,
    at_once: bool,
    listener: str,
) -> None:
    """Put a TERMINAL's key together from its components (XOR). Asks for each, or reads a line each, hexadecimal."""
    from node.bridge.keys.key import Algorithm, Key, Purpose

    purpose, cipher = Purpose(use), Algorithm(algorithm or "tdes")

    def key_of(value: bytes) -> Key:
        try:
            return Key(purpose=purpose, algorithm=cipher, value=value)
        except ValueError as error:
            raise Unusable(str(error)) from None

    with _custody(config, listener) as custody:
        value = b""
        for number in range(1, components + 1):
            part = key_of(_component(number, components))
            if value and len(part.value) != len(value):
                raise Unusable("the components have not the same length")
            click.echo(f"component {number}: check value {part.check_value}")
            value = bytes(one ^ other for one, other in zip(value or bytes(len(part.value)), part.value, strict=True))
        key = key_of(value)
        if check_value and check_value.upper() != key.check_value:
            raise Unusable(f"the key's check value is {key.check_value}; nothing was changed")
        custody.add(TerminalId(terminal), key, at_once=at_once)
    _echo(terminal, key)


@keys.command("import-block")
@CONFIG
@click.argument("terminal")
@NOW
@LISTENER
def import_block(config: Path, terminal: str, at_once: bool, listener: str) -> None:
    """Take a TERMINAL's key out of a key block (TR-31) under its key-encrypting key; asks for it, or reads a line."""
    with _custody(config, listener) as custody:
        key = custody.add_block(TerminalId(terminal), _line("Key block", hidden=False), at_once=at_once)
    _echo(terminal, key)


@keys.command()
@CONFIG
@click.argument("terminal")
@USE
@click.option("--before", "only_before", is_flag=True, help="Only the key before the newest.")
@LISTENER
def remove(config: Path, terminal: str, use: str, only_before: bool, listener: str) -> None:
    """Take a TERMINAL's keys away: it is refused from then on."""
    from node.bridge.keys.key import Purpose

    with _custody(config, listener) as custody:
        count = custody.remove(TerminalId(terminal), Purpose(use), only_before=only_before)
    click.echo(f"{count} {'key' if count == 1 else 'keys'} removed")


@keys.command()
@CONFIG
@click.option(
    "--former-file",
    type=click.Path(path_type=Path, exists=True),
    default=None,
    help="The master key file that held before what [keys.token] holds now.",
)
def rewrap(config: Path, former_file: Path | None) -> None:
    """Wrap every key that is in clear, or under an older master key, under the newest one."""
    with _custody(config, former_file=former_file) as custody:
        for path, count in custody.rewrap():
            click.echo(f"{path}: {count} {'key' if count == 1 else 'keys'} wrapped")


@keys.group()
def master() -> None:
    """Make, list and retire master keys."""


@master.command()
@CONFIG
def new(config: Path) -> None:
    """Make a master key, in the file or inside the token; keys are wrapped under it from now on."""
    with _custody(config) as custody:
        click.echo(f"master key {custody.master.draw()}")


@master.command("list")
@CONFIG
def list_masters(config: Path) -> None:
    """List the master keys by check value, the one that wraps first, and how many keys are under each."""
    with _custody(config) as custody:
        found = custody.master.check_values()
        for place, check_value in enumerate(found):
            click.echo(f"{check_value}  {custody.users_of(check_value):>6} keys{'' if place else '  wraps'}")
    if not found:
        click.echo("none")


@master.command()
@CONFIG
@click.argument("check_value")
def retire(config: Path, check_value: str) -> None:
    """Destroy an older master key, that with this CHECK_VALUE, when no key of this bridge's is under it any more."""
    with _custody(config) as custody:
        custody.retire(check_value.upper())
    click.echo(f"master key {check_value.upper()} is destroyed")


@contextmanager
def _custody(config: Path, listener: str = "", *, former_file: Path | None = None) -> "Iterator[Custody]":
    from node.bridge.keys.custody import Custody
    from node.bridge.keys.vault import Vault, open_master
    from node.bridge.security.dumps import forbid_dumps
    from node.security_settings import KeySettings

    forbid_dumps()
    settings = load_bridge(config)
    former = None if former_file is None else open_master(KeySettings(master_key_file=former_file))
    vault = Vault(open_master(settings.keys), former=former)
    try:
        yield Custody(settings, vault, listener=listener)
    finally:
        vault.close()


def _as_json(kept: "Kept") -> str:
    key, held = kept.held.key, kept.held
    said: dict[str, object] = {"terminal": kept.terminal, "use": kept.purpose.value, "algorithm": key.algorithm.value}
    said |= {"check_value": key.check_value, "master": held.master, "until": held.until, "newest": kept.newest}
    return json.dumps(said | {"file": str(kept.path)})


def _as_line(kept: "Kept") -> str:
    key, held = kept.held.key, kept.held
    line = f"{kept.terminal:9}{kept.purpose.value:4}{key.algorithm.value:5}{key.check_value}"
    line += f"  under {held.master}" if held.master else "  IN CLEAR"
    if not kept.newest:
        line += "  before"
    if held.until is not None:
        line += f", until {datetime.fromtimestamp(held.until, UTC):%Y-%m-%d %H:%M:%SZ}"
    return line


def _component(number: int, count: int) -> bytes:
    try:
        return bytes.fromhex(_line(f"Component {number} of {count}", hidden=True))
    except ValueError:
        raise Unusable(f"component {number} is not hexadecimal digits") from None


def _line(what: str, *, hidden: bool) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    return str(click.prompt(what, hide_input=hidden, err=True)).strip()


def _show(handed: "Handed") -> None:
    head = f"{handed.terminal:9}{handed.purpose.value:4}{handed.algorithm.value:5}{handed.check_value}"
    click.echo(f"{head}  {handed.block}")


def _echo(terminal: str, key: "Key") -> None:
    click.echo(f"{terminal:9}{key.purpose.value:4}{key.algorithm.value:5}{key.check_value}")
