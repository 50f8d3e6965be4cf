"""Balances of every token at the newest block: the coin's rolled to the epoch of that block, others as they stand.

Before it the APIs and pages; after it the index. Coins that have expired are in nobody's balance, whether the ledger
has been touched since or not (node/indexer/rolled.py).
"""

from typing import Any

from sqlalchemy import Select, func, select

from node.explorer.queries import chain
from node.explorer.queries.chain import Page
from node.explorer.queries.index import Index, Row
from node.indexer.rolled import coins_at
from node.indexer.tables.chain import blocks
from node.indexer.tables.ledger import accounts, ledgers


class Coins:
    """Balances by the index."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._terms: tuple[bytes, int, int] | None = None

    async def epoch(self) -> int:
        """The epoch of the newest block."""
        _, start, length = await self._read_terms()
        newest = select(blocks.c.time).order_by(blocks.c.number.desc()).limit(1)
        return (await self._index.number(newest) - start) // length if length else 0

    async def ledger(self) -> bytes:
        """The ledger's address, whose token is the coin."""
        return (await self._read_terms())[0]

    async def balance(self, token: bytes, holder: bytes) -> int:
        """What an address has of a token, in its smallest part."""
        if token != await self.ledger():
            return await self._index.number(chain.balance_of(token, holder))
        coins = coins_at(accounts, await self.epoch())
        return await self._index.number(select(coins).where(accounts.c.holder == holder))

    async def supply(self, token: bytes) -> int:
        """How much there is of a token."""
        if token != await self.ledger():
            row = await self._index.row(chain.token_by_address(token))
            return 0 if row is None else int(row["minted"])
        coins = coins_at(ledgers, await self.epoch())
        return await self._index.number(select(coins).where(ledgers.c.address == token))

    async def holders(self, token: bytes, page: Page) -> list[Row]:
        """Who has most of a token: rows of `holder` and `balance`."""
        if token != await self.ledger():
            return await self._index.rows(chain.holders(token, page))
        coins = coins_at(accounts, await self.epoch())
        query: Select[Any] = select(accounts.c.holder, coins.label("balance")).where(coins > 0)
        query = query.order_by(coins.desc(), accounts.c.holder).offset(page.skip).limit(page.count)
        return await self._index.rows(query)

    async def holder_count(self, token: bytes) -> int:
        """How many have some of a token."""
        if token != await self.ledger():
            return await self._index.number(chain.holder_count(token))
        coins = coins_at(accounts, await self.epoch())
        return await self._index.number(select(func.count()).select_from(accounts).where(coins > 0))

    async def _read_terms(self) -> tuple[bytes, int, int]:
        if self._terms is None:
            meta = await self._index.meta()
            contracts = dict(each.partition("=")[::2] for each in meta.get("contracts", "").split())
            ledger = bytes.fromhex(contracts.get("RewardToken", "").removeprefix("0x"))
            self._terms = ledger, int(meta.get("epoch_start", 0)), int(meta.get("epoch_length", 0))
        return self._terms
