"""`till net` for whoever keeps a network alive: fork, doctor, backup, restore, keys, units. Click wiring only.

node/cli/net.py adds these commands to its group.
"""

import getpass
import itertools
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click
from rich.live import Live as Drawing

from node.network.backup import back_up, keep_newest
from node.network.fork import FORKS, schedule_fork
from node.network.live import Live
from node.network.plan import NetworkPlan, read_plan
from node.network.proofs import extend_archive
from node.network.restore import restore
from node.network.signer import sign_here, use_signer
from node.network.units import UnitOrder, write_units

FOLDER = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
PASSPHRASE = click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Its first line is the passphrase of the keys in the file.",
)


def _tell(step: str) -> None:
    click.echo(f"  {step}")


def _passphrase(file: Path | None) -> bytes | None:
    if file is None:
        return None
    line = file.read_bytes().partition(b"\n")[0].strip()
    if not line:
        raise click.UsageError(f"{file} is empty")
    return line


def watch(plan: NetworkPlan, interval: float, count: int | None) -> None:
    """Draws the live table every `interval` seconds, `count` times or until Ctrl-C."""
    live = Live(plan)
    with Drawing(live.table(), auto_refresh=False) as drawing:
        for _ in itertools.count(1) if count is None else range(1, count):
            time.sleep(interval)
            drawing.update(live.table(), refresh=True)


@click.command()
@FOLDER
@click.argument("name", metavar="FORK", type=click.Choice(FORKS))
@click.option("--at", "at", type=click.IntRange(1), help="The block timestamp, in seconds since 1970.")
@click.option("--in", "after", type=click.IntRange(1), help="So many seconds from now.")
def fork(folder: Path, name: str, at: int | None, after: int | None) -> None:
    """Schedule an EVM fork on the network in DIR: each validator is stopped, told, and started again in turn."""
    if (at is None) == (after is None):
        raise click.UsageError("say when, with either --at or --in")
    when = at if at is not None else int(time.time()) + (after or 0)
    plan = schedule_fork(read_plan(folder), at=when, tell=_tell)
    who = (
        f"All {len(plan.validators)} validators of {folder} go over"
        if plan.validators
        else f"Newcomers by {folder} go over"
    )
    click.echo(f"{who} to {name} at timestamp {when}.")
    click.echo(f"Validators in other folders need the same: till net fork DIR {name} --at {when}")


@click.command()
@FOLDER
@click.option("--json", "as_json", is_flag=True, help="A JSON list.")
@click.option("--quiet", is_flag=True, help="Only what is not well.")
def doctor(folder: Path, as_json: bool, quiet: bool) -> None:
    """Say what is wrong with the network in DIR, and what to do. Ends with 1 when something is wrong."""
    from node.network.doctor import examine
    from node.network.doctor.finding import Level, Patient

    findings = examine(Patient(plan=read_plan(folder)))
    shown = [each for each in findings if not quiet or each.level is not Level.OK]
    if as_json:
        click.echo(json.dumps([asdict(each) for each in shown], indent=2))
    else:
        for each in shown:
            click.echo(str(each))
    if any(each.level is Level.WRONG for each in findings):
        sys.exit(1)


@click.command()
@FOLDER
@click.argument("validator")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="FILE.tar.gz or FILE.tar.zst, or a folder: VALIDATOR-HEIGHT.tar.gz in it.",
)
@click.option("--keep", type=click.IntRange(1), help="With a folder: remove all but so many of this validator's.")
@PASSPHRASE
def backup(folder: Path, validator: str, output: Path, keep: int | None, passphrase_file: Path | None) -> None:
    """Write a VALIDATOR's data into a file. It is stopped for the copy, a few seconds; the others go on.

    Keys are left out unless a passphrase is given; then they are in it, encrypted.
    """
    file = back_up(read_plan(folder), validator, output, passphrase=_passphrase(passphrase_file), tell=_tell)
    click.echo(f"{file} has {file.stat().st_size / 1e6:.1f} MB.")
    if keep is not None:
        for old in keep_newest(file.parent, validator, keep):
            click.echo(f"Removed {old}.")


@click.command(name="restore")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@FOLDER
@click.argument("validator", required=False)
@click.option(
    "--signed-up-to",
    type=click.IntRange(0),
    help="If its sign state is lost and too few others can be asked: a height that it has certainly not signed beyond.",
)
@PASSPHRASE
def restore_command(
    file: Path, folder: Path, validator: str | None, signed_up_to: int | None, passphrase_file: Path | None
) -> None:
    """Put a backup FILE into the network in DIR, for the VALIDATOR that it was made of or another one."""
    passphrase = _passphrase(passphrase_file)
    done = restore(read_plan(folder), file, validator, passphrase=passphrase, signed_up_to=signed_up_to, tell=_tell)
    click.echo(f"Block {done.height} ({done.hash}) is back; the rest comes from the others.")


@click.command()
@FOLDER
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The archive's folder.")
def archive(folder: Path, output: Path) -> None:
    """Keep what proofs need of each block: header, commit and validator set, beyond what validators keep."""
    first, last = extend_archive(read_plan(folder), output)
    click.echo(f"{output} has blocks {first} to {last}.")


@click.command()
@FOLDER
@click.argument("validator")
@click.option("--switch", is_flag=True, help="Sign with the new key, once the chain's validator set has it.")
@click.option("--take-back", metavar="ADDRESS", help="Make an old key of this validator the next one.")
def rotate_key(folder: Path, validator: str, switch: bool, take_back: str | None) -> None:
    """Give a VALIDATOR a new consensus key: first make it, then vote for it, then --switch."""
    from node.network.rotate import make_next_key, swap_key, take_back_old_key, write_next_card

    plan = read_plan(folder)
    if take_back is not None:
        take_back_old_key(plan, validator, take_back)
    if switch:
        changed = swap_key(plan, validator)
        click.echo(f"{validator} signs with {changed.validator(validator).address} now.")
        return
    key, now = make_next_key(plan, validator), plan.validator(validator)
    click.echo(f"The next key of {validator} has the public key {key.public_key} (address {key.address}).")
    card = write_next_card(plan, validator)
    click.echo(f"Its card is {card}; nothing in it is secret. Have it take the place of {now.address}:")
    click.echo(f"  propose   till validator propose rotate {folder} {validator} {card}   (or another validator does)")
    click.echo("  vote      till validator vote DIR NUMBER, by the others")
    click.echo(f"  then      till net rotate-key {folder} {validator} --switch")


@click.command()
@FOLDER
@click.argument("validator")
@click.argument("safe", type=click.Path(path_type=Path))
@click.option("--listen", metavar="ADDRESS", help="Where CometBFT waits for the signer: tcp://HOST:PORT.")
@click.option("--back", is_flag=True, help="Sign with the own file again.")
def signer(folder: Path, validator: str, safe: Path, listen: str | None, back: bool) -> None:
    """Have a VALIDATOR sign by a remote signer: its key and sign state move to the folder SAFE (--back: from there)."""
    if (listen is None) != back:
        raise click.UsageError("say either --listen ADDRESS or --back")
    if listen is None:
        sign_here(read_plan(folder), validator, safe)
        click.echo(f"{validator} signs with its own file.")
    else:
        use_signer(read_plan(folder), validator, listen, safe)
        click.echo(f"{validator} waits at {listen}. Its key and sign state are in {safe}: move them to the signer.")


@click.command()
@FOLDER
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="An empty or new folder.")
@click.option("--user", default=getpass.getuser, show_default="yours", help="Who the network runs as.")
@click.option("--backups", type=click.Path(path_type=Path), help="Where daily backups go (default DIR/backups).")
@click.option("--validator", "backed_up", help="Which one is backed up (default the first).")
def units(folder: Path, output: Path, user: str, backups: Path | None, backed_up: str | None) -> None:
    """Write systemd units for the network in DIR: a service, and a backup with its daily timer."""
    plan = read_plan(folder)
    order = UnitOrder(plan=plan, user=user, backups=backups or plan.folder / "backups", backed_up=backed_up)
    for path in write_units(order, output):
        click.echo(f"  {path}")
    click.echo(f"Look at them, then: sudo cp {output}/* /etc/systemd/system/ && sudo systemctl daemon-reload")


@click.command()
@FOLDER
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="An empty or new folder.")
def export_besu_command(folder: Path, output: Path) -> None:
    """Write a Besu QBFT genesis and permission files like the network in DIR. They were never run by this project."""
    from node.network.besu import export_besu

    for path in export_besu(read_plan(folder), output):
        click.echo(f"  {path}")


export_besu_command.name = "export-besu"

COMMANDS: Final = (fork, doctor, backup, restore_command, archive, rotate_key, signer, units, export_besu_command)
