"""`till account`: who may send transactions. Wiring only; the work is in node/network/governance.py."""

from pathlib import Path

import click
from rich.table import Table

from node.consensus.registry import ALL_PERMISSIONS, DEPLOY, SEND
from node.domain.ids import Address
from node.explorer.tables import wide_console
from node.network.governance import Registries, operator_signer, with_registries
from node.network.governance_acts import read_address
from node.network.keys import checksum_address
from node.network.plan import read_plan

FOLDER = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
ACCOUNTS = click.argument("accounts", metavar="ACCOUNT...", nargs=-1, required=True)
KEY = click.option(
    "--key", type=click.Path(path_type=Path), help="The key file of who gives permissions, if not the operator's."
)


@click.group()
def account() -> None:
    """See and say who may send transactions, and who may create contracts."""


@account.command()
@FOLDER
@ACCOUNTS
@click.option("--deploy", is_flag=True, help="They may create contracts too.")
@KEY
def permit(folder: Path, accounts: tuple[str, ...], deploy: bool, key: Path | None) -> None:
    """Let each ACCOUNT send transactions."""
    _set(folder, accounts, ALL_PERMISSIONS if deploy else SEND, key)


@account.command()
@FOLDER
@ACCOUNTS
@KEY
def forbid(folder: Path, accounts: tuple[str, ...], key: Path | None) -> None:
    """Let no ACCOUNT of these send transactions any more; validators' accounts always may."""
    _set(folder, accounts, 0, key)


@account.command("list")
@FOLDER
def list_all(folder: Path) -> None:
    """Show who may what on the network in DIR."""

    async def work(registries: Registries) -> tuple[list[tuple[Address, int]], int, dict[Address, str]]:
        rows, default = await registries.permissions()
        return rows, default, await registries.names_of([address for address, _ in rows], folder)

    rows, default, names = with_registries(read_plan(folder), work)
    shown = [(checksum_address(address), bits, names.get(address, "")) for address, bits in rows]
    _print([*shown, ("everybody else", default, "")])


def _set(folder: Path, texts: tuple[str, ...], permissions: int, key: Path | None) -> None:
    plan = read_plan(folder)
    signer = operator_signer(plan, key)
    accounts = list(dict.fromkeys(map(read_address, texts)))

    async def work(registries: Registries) -> list[tuple[Address, int]]:
        await registries.set_permissions(signer, accounts, permissions)
        return [(each, await registries.permissions_of(each)) for each in accounts]

    _print([(checksum_address(address), bits, "") for address, bits in with_registries(plan, work)])


def _print(rows: list[tuple[str, int, str]]) -> None:
    table = Table(box=None)
    table.add_column("account", no_wrap=True)
    table.add_column("may", no_wrap=True)
    known = any(whose for _, _, whose in rows)
    if known:
        table.add_column("whose")
    for name, bits, whose in rows:
        table.add_row(name, _words(bits), *([whose] if known else []))
    wide_console().print(table)


def _words(permissions: int) -> str:
    if not permissions & SEND:
        return "nothing"
    return "send and create contracts" if permissions & DEPLOY else "send"
