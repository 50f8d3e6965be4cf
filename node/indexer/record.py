"""The validators' record: of each block who proposed it, and whose signature its commit lacks.

It follows the blocks, one behind: a block's commit is settled by the next. Before it node/indexer/heights.py, which
checks; after it the store. Where nobody has the heights that come next, it stands and says so; it never leaves one out.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import structlog
from sqlalchemy import func, select

from node.chain.checked import LyingNode
from node.indexer.heights import Height, checked_heights
from node.indexer.rows import Row, Rows
from node.indexer.store import Store
from node.indexer.tables import chain, governance
from node.network.headers import NoHeader
from node.network.heights import Heights

MOST: Final = 200
"""Heights of one SQL transaction."""
SETS: Final = 100
"""Sets of validators that are kept."""
log = structlog.get_logger()


class Record:
    """Follows one chain's heights into one store; `rows` are those that the blocks are applied to."""

    def __init__(self, heights: Heights, store: Store, rows: Rows) -> None:
        self._heights, self._store, self._rows = heights, store, rows
        self._sets: dict[str, list[dict[str, Any]]] = {}
        self.height, self.failures = -1, 0

    async def follow(self, head: int) -> None:
        """Writes the heights below `head`, as far as somebody has them. Raises LyingNode, Unusable."""
        if self.height < 0:
            self.height = self._newest()
        while self.height + 1 < head:
            before = self.height
            try:
                found = await asyncio.to_thread(self._fetch, self.height + 1, min(head, self.height + 1 + MOST))
            except NoHeader as failure:
                self.failures += 1
                log.warning("index.record_waits", height=self.height + 1, reason=str(failure))
                return
            hashes = self._block_hashes(self.height + 1, self.height + len(found))
            heights = await asyncio.to_thread(checked_heights, found, self._hash_of(self.height), hashes.get)
            self._write(heights)
            if self.height == before:
                return  # the next one is not signed yet

    def _fetch(self, first: int, last: int) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
        """Heights from `first` on, each with its set."""
        found: list[dict[str, Any]] = []
        while len(found) <= last - first:
            try:
                found += self._heights.signed(first + len(found), last)
            except NoHeader:
                if not found:
                    raise
                break
        if str(found[0]["header"]["height"]) != str(first):
            raise LyingNode(f"height {first} was asked for, and {found[0]['header']['height']} is what was given")
        return [(each, self._set(each)) for each in found]

    def _set(self, signed: dict[str, Any]) -> list[dict[str, Any]]:
        name = str(signed["header"]["validators_hash"])
        if name not in self._sets:
            if len(self._sets) == SETS:
                self._sets.clear()
            self._sets[name] = self._heights.validators(int(signed["header"]["height"]), name)
        return self._sets[name]

    def _write(self, heights: list[Height]) -> None:
        accounts = self._accounts()
        for height in heights:
            apply_height(self._rows, height, accounts)
        self._store.write(self._rows)
        if heights:
            self.height = heights[-1].number

    def _newest(self) -> int:
        with self._store.reading() as connection:
            found = connection.execute(select(func.max(governance.signed_blocks.c.number))).scalar()
        return int(found or 0)

    def _hash_of(self, height: int) -> bytes | None:
        row = self._store.load(governance.signed_blocks, (height,))
        return None if row is None else row["hash"]

    def _block_hashes(self, first: int, last: int) -> dict[int, bytes]:
        columns = chain.blocks.c
        query = select(columns.number, columns.hash).where(columns.number.between(first, last))
        with self._store.reading() as connection:
            return {row.number: bytes(row.hash) for row in connection.execute(query)}

    def _accounts(self) -> Callable[[bytes, int], bytes]:
        """Whose a key is at a height, by what the registry's events said until then."""
        query = select(governance.validator_keys).order_by(governance.validator_keys.c.block)
        with self._store.reading() as connection:
            known = [(bytes(row.address), row.block, bytes(row.account)) for row in connection.execute(query)]

        def account(name: bytes, height: int) -> bytes:
            found = [account for address, block, account in known if address == name and block <= height]
            if not found:
                raise LyingNode(f"height {height} names a validator 0x{name.hex()} that the registry never had")
            return found[-1]

        return account


def apply_height(rows: Rows, height: Height, account_of: Callable[[bytes, int], bytes]) -> None:
    """A height as rows: who proposed and signed it, and what is counted of each validator."""
    rows.block, rows.log = height.number, 0
    proposer = account_of(height.proposer, height.number)
    rows.append(
        governance.signed_blocks,
        (
            height.number, height.hash, proposer, height.round, len(height.signed), len(height.missed), height.power,
            height.total,
        ),
    )  # fmt: skip
    _count(_validator(rows, proposer), "proposed")
    for name in height.signed:
        _count(_validator(rows, account_of(name, height.number)), "signed")
    for name, for_none in height.missed:
        account = account_of(name, height.number)
        _count(_validator(rows, account), "missed")
        rows.append(governance.missed_blocks, (account, height.number, for_none))


def _validator(rows: Rows, account: bytes) -> Row:
    row = rows.at(governance.validators, account)
    for name in ("proposed", "signed", "missed"):
        if row[name] is None:
            row[name] = 0
    return row


def _count(row: Row, name: str) -> None:
    row[name] += 1
