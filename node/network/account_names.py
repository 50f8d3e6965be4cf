"""Whose accounts are: validators, the keys of a network's folder, roles, and merchants' people.

For tables of accounts (`till account list`). Before it node/network/governance.py; what is deployed is known from the
folder's deployment.json, and what is not there is not named.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from node.chain.deployment import DEPLOYMENT, Deployment, load_deployment
from node.chain.rpc import Rpc
from node.chain.views import Views
from node.consensus.registry import Validator
from node.domain.ids import Address
from node.domain.roles import PEOPLES_ROLES

MOST_QUESTIONS: Final = 5_000
"""Of accounts times merchants; beyond it merchants' people are not looked up."""
TOGETHER: Final = 32


async def account_names(
    rpc: Rpc, folder: Path, validators: Iterable[Validator], accounts: Sequence[Address]
) -> dict[Address, str]:
    """What each account is, as far as it is known, for instance `operator, finance, merchant 1`."""
    words: dict[Address, list[str]] = {account: [] for account in accounts}
    for validator in validators:
        words.setdefault(validator.account, []).append(f"validator {validator.name}")
    if (folder / DEPLOYMENT).exists():
        deployment = load_deployment(folder / DEPLOYMENT)
        await _add_roles(rpc, deployment, accounts, words)
        await _add_merchants(rpc, deployment, accounts, words)
    for account, name in _keys(folder / "keys"):
        if account in words and name not in words[account]:
            words[account].append(f"keys/{name}.json")
    return {account: ", ".join(words[account]) for account in accounts if words[account]}


async def _add_roles(
    rpc: Rpc, deployment: Deployment, accounts: Sequence[Address], words: dict[Address, list[str]]
) -> None:
    if deployment.access is None:
        return
    access = Views(rpc, deployment.access)

    async def has(role: int, account: Address) -> bool:
        found, _ = await access.ask("hasRole(uint64,address)", role, "0x" + account.hex(), returns="(bool,uint32)")
        return bool(found)

    for role, account in await _where(has, [(role, account) for account in accounts for role in PEOPLES_ROLES]):
        words[account].append(PEOPLES_ROLES[role])


async def _add_merchants(
    rpc: Rpc, deployment: Deployment, accounts: Sequence[Address], words: dict[Address, list[str]]
) -> None:
    registry = Views(rpc, deployment.registry)
    (count,) = await registry.ask("merchantCount()", returns="(uint32)")
    if count * len(accounts) > MOST_QUESTIONS:
        return

    async def belongs(merchant: int, account: Address) -> bool:
        asked = (merchant, "0x" + account.hex())
        (groups,) = await registry.ask("groupsOf(uint32,address)", *asked, returns="(uint8)")
        return bool(groups)

    pairs = [(merchant, account) for account in accounts for merchant in range(1, count + 1)]
    for merchant, account in await _where(belongs, pairs):
        words[account].append(f"merchant {merchant}")


async def _where(
    holds: Callable[[int, Address], Awaitable[bool]], pairs: Sequence[tuple[int, Address]]
) -> list[tuple[int, Address]]:
    """The pairs for which a question is answered with yes, in their order."""
    gate = asyncio.Semaphore(TOGETHER)

    async def one(pair: tuple[int, Address]) -> bool:
        async with gate:
            return await holds(*pair)

    answers = await asyncio.gather(*map(one, pairs))
    return [pair for pair, yes in zip(pairs, answers, strict=True) if yes]


def _keys(folder: Path) -> list[tuple[Address, str]]:
    """The addresses of key files that can be read, with the files' names."""
    found = []
    for file in sorted(folder.glob("*.json")):
        try:
            text = str(json.loads(file.read_text())["address"])
            found.append((Address(bytes.fromhex(text.removeprefix("0x"))), file.stem))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # another file, or another's: it names nobody
    return found
