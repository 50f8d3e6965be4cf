"""Builds the Directory (merchants, terminals, rule versions, product sets) from Registry, RewardRules and the ledger.

Read as a whole once; then, as blocks come, merchants that an event names are read again. Product sets are published
as lists of product codes in a folder, named by their root: `<root>.txt` (a code a line) or `<root>.json`.
"""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import structlog

from node.chain.blocks import Block
from node.chain.deployment import Deployment
from node.chain.rpc import Rpc
from node.chain.till_offers import TillOffers
from node.chain.views import Views
from node.domain.directory import Directory, Merchant, Rule, Terminal
from node.domain.ids import (
    Address,
    Hash32,
    MerchantId,
    MinorUnits,
    RuleVersion,
    StreamId,
    TerminalId,
    TerminalNumber,
    Units,
)
from node.domain.merkle import product_set_root

log = structlog.get_logger("directory")
PAGE: Final = 200
"""Terminals of one call."""
TOGETHER: Final = 8
"""Merchants that are read at the same time."""
TIERS: Final = 16
BUDGETED, CAPPED, TABLED, VETOED = 2, 4, 8, 16
_TERMINAL: Final = "(bytes8,uint32,uint32,uint16,uint32,bool,uint64,address,address)"
_RULE: Final = "(uint40,uint40,uint32,uint32,uint56,uint48,uint8,uint64,uint256)"


class DirectoryReader:
    """Reads one deployment. `current` is the newest picture; reading it never waits."""

    def __init__(self, rpc: Rpc, deployment: Deployment, product_sets: Path | None, currency: str) -> None:
        self._rpc = rpc
        self._registry = Views(rpc, deployment.registry)
        self._rules = Views(rpc, deployment.rules)
        self._ledger = Views(rpc, deployment.ledger)
        self._offers = TillOffers(rpc, deployment)
        self._folder = product_sets
        self.current = Directory(block=0, currency=currency, max_line_amount=MinorUnits(0))

    async def read(self, block: int) -> Directory:
        """Reads everything. Raises ChainUnreachable, RpcRefused."""
        (limit,) = await self._ledger.ask("maxLineAmount()", returns="(uint48)")
        (count,) = await self._registry.ask("merchantCount()", returns="(uint32)")
        self.current = await self._offers.read(replace(self.current, max_line_amount=MinorUnits(limit)))
        await self._read_merchants(block, range(1, count + 1))
        return self.current

    def take(self, known: Directory) -> None:
        """Goes by what was known before; product lists are read from their folder."""
        self.current = known
        self.current = replace(known, product_sets=self._product_sets(known.merchants.values()))

    async def refresh(self, block: Block) -> bool:
        """Reads again what this block changed; whether it changed anything. Raises ChainUnreachable, RpcRefused."""
        own = {"0x" + views.address.hex() for views in (self._registry, self._rules)}
        addresses = [*own, *("0x" + address.hex() for address in self._offers.addresses)]
        found = await self._rpc.call("eth_getLogs", {"blockHash": "0x" + block.hash.hex(), "address": addresses})
        logs = [each for each in found if each["address"].lower() in own]
        offers = self._offers.changed(each for each in found if each["address"].lower() not in own)
        if offers:
            self.current = await self._offers.read(self.current)
        if not logs:
            if offers:
                self.current = replace(self.current, product_sets=self._product_sets(self.current.merchants.values()))
            return offers
        (count,) = await self._registry.ask("merchantCount()", returns="(uint32)")
        # Events of one terminal or product set do not name the merchant; there are few of them, and they are rare.
        everyone = set(range(1, count + 1))
        await self._read_merchants(block.number, everyone if _any_without_merchant(logs) else everyone & _named(logs))
        return True

    async def _read_merchants(self, block: int, numbers: Iterable[int]) -> None:
        gate = asyncio.Semaphore(TOGETHER)

        async def one(number: int) -> tuple[Merchant, list[Terminal]]:
            async with gate:
                return await self._merchant(number), await self._terminals(number)

        found = await asyncio.gather(*[one(number) for number in numbers])
        read = {merchant.id for merchant, _ in found}
        merchants = dict(self.current.merchants) | {merchant.id: merchant for merchant, _ in found}
        terminals = {name: each for name, each in self.current.terminals.items() if each.merchant not in read}
        terminals |= {terminal.id: terminal for _, of in found for terminal in of}
        self.current = replace(
            self.current,
            block=block,
            merchants=merchants,
            terminals=terminals,
            product_sets=self._product_sets(merchants.values()),
        )
        log.info("directory read", block=block, merchants=len(merchants), terminals=len(terminals))

    async def _merchant(self, number: int) -> Merchant:
        ((_, active, _, _),) = await self._registry.ask(
            "merchant(uint32)", number, returns="((bytes32,bool,uint32,uint32))"
        )
        (base,) = await self._rules.ask("baseVersion(uint32)", number, returns="(uint16)")
        (count,) = await self._rules.ask("versionCount(uint32)", number, returns="(uint16)")
        rules = [await self._rule(number, version) for version in range(1, count + 1)]
        return Merchant(id=MerchantId(number), active=bool(active), base=RuleVersion(base), rules=tuple(rules))

    async def _rule(self, merchant: int, version: int) -> Rule:
        (word,) = await self._ledger.ask("rule(uint32,uint16)", merchant, version, returns=f"({_RULE})")
        (terms,) = await self._rules.ask(
            "version(uint32,uint16)", merchant, version, returns="((uint32,uint32,bytes32))"
        )
        rate, base_rate, starts, until, budget, day_cap, flags, veto_block, table = word
        product_set = Hash32(terms[2])
        return Rule(
            version=RuleVersion(version),
            rate=rate,
            base_rate=base_rate,
            starts=starts,
            until=until,
            budget=Units(budget) if flags & BUDGETED else None,
            day_cap=Units(day_cap) if flags & CAPPED else None,
            product_set=product_set if any(product_set) else None,
            tier_table=tuple(table >> 16 * tier & 0xFFFF for tier in range(TIERS)) if flags & TABLED else (),
            vetoed=bool(veto_block) or bool(flags & VETOED),
        )

    async def _terminals(self, merchant: int) -> list[Terminal]:
        found: list[Terminal] = []
        while True:
            (page,) = await self._registry.ask(
                "terminals(uint32,uint256,uint256)", merchant, len(found), PAGE, returns=f"({_TERMINAL}[])"
            )
            found += [_terminal(row) for row in page]
            if len(page) < PAGE:
                return found

    def _product_sets(self, merchants: Iterable[Merchant]) -> dict[Hash32, frozenset[str]]:
        wanted = {rule.product_set for each in merchants for rule in each.rules if rule.product_set is not None}
        wanted |= {each.product_set for each in self.current.campaigns.values() if each.product_set is not None}
        sets: dict[Hash32, frozenset[str]] = {}
        for root in wanted:
            known = self.current.product_sets.get(root) or self._published(root)
            if known is None:
                log.warning("product set is not published", root="0x" + root.hex(), folder=str(self._folder))
                continue
            sets[root] = known
        return sets

    def _published(self, root: Hash32) -> frozenset[str] | None:
        """The products of a set, None if its list is missing or is not the one that the root stands for."""
        for name in (f"{root.hex()}.txt", f"0x{root.hex()}.txt", f"{root.hex()}.json", f"0x{root.hex()}.json"):
            path = self._folder / name if self._folder is not None else None
            if path is None or not path.is_file():
                continue
            try:
                text = path.read_text()
                codes = json.loads(text) if path.suffix == ".json" else text.splitlines()
                products = frozenset(code for code in codes if code)
                if product_set_root(products) == root:
                    return products
            except (OSError, ValueError, TypeError) as error:
                log.warning("product set cannot be read", file=path.name, reason=str(error))
                continue
            log.warning("product set is not the one of its name", file=path.name)
        return None


def _terminal(row: tuple[Any, ...]) -> Terminal:
    name, merchant, store, number, stream, active, floor_limit, signer, previous = row
    return Terminal(
        id=TerminalId(name.rstrip(b"\0").decode("ascii")),
        merchant=MerchantId(merchant),
        store=store,
        number=TerminalNumber(number),
        stream=StreamId(stream),
        signer=_signer(signer),
        floor_limit=MinorUnits(floor_limit),
        active=bool(active),
        previous_signer=_signer(previous),
    )


def _signer(text: str) -> Address | None:
    address = bytes.fromhex(text[2:])
    return Address(address) if any(address) else None


def _key(text: str) -> Address | None:
    address = bytes.fromhex(text[2:])
    return Address(address) if any(address) else None


def _named(logs: Iterable[dict[str, Any]]) -> set[int]:
    """The merchants that events name: always the first indexed value, if it is one of 32 bits."""
    return {int(each["topics"][1], 16) for each in logs if len(each["topics"]) > 1}


def _any_without_merchant(logs: Iterable[dict[str, Any]]) -> bool:
    return any(len(each["topics"]) < 2 or int(each["topics"][1], 16) >= 2**32 for each in logs)
