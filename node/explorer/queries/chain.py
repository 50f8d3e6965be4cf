"""Questions about blocks, transactions, internal calls, logs, contracts and tokens. All are bounded by `Page`.

Before it the APIs and pages; after it node/explorer/queries/index.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, and_, case, func, select, union

from node.indexer.tables.chain import (
    blocks,
    calls,
    contracts,
    logs,
    receipts,
    token_balances,
    token_owners,
    token_transfers,
    tokens,
    transactions,
)
from node.indexer.tables.governance import signed_blocks


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Which rows: after `skip` of them, `count` at most, in blocks `first` to `last`."""

    count: int
    skip: int = 0
    newest_first: bool = True
    first: int = 0
    last: int = 2**62


def block_by_number(number: int) -> Select[Any]:
    """A block."""
    return select(blocks).where(blocks.c.number == number)


def block_by_hash(digest: bytes) -> Select[Any]:
    """A block."""
    return select(blocks).where(blocks.c.hash == digest)


def newest_blocks(page: Page) -> Select[Any]:
    """Blocks; where it is known who proposed them, that stands for the fee recipient (null for one that is not yet)."""
    known = select(signed_blocks.c.number).limit(1).exists()
    proposer = case((known, signed_blocks.c.proposer), else_=blocks.c.proposer).label("proposer")
    query = select(*(column for column in blocks.c if column.name != "proposer"), proposer)
    joined = query.select_from(blocks.outerjoin(signed_blocks, signed_blocks.c.number == blocks.c.number))
    return _paged(joined, page, blocks.c.number)


def block_near(time: int, *, before: bool) -> Select[Any]:
    """The last block at or before a Unix second, or the first one at or after it."""
    column = blocks.c
    if before:
        return (
            select(column.number).where(column.time <= time).order_by(column.time.desc(), column.number.desc()).limit(1)
        )
    return select(column.number).where(column.time >= time).order_by(column.time, column.number).limit(1)


def blocks_of(proposer: bytes, page: Page) -> Select[Any]:
    """Blocks that an account proposed, by what validators signed or as the fee recipient."""
    sides = (
        select(table.c.number).where(table.c.proposer == proposer, table.c.number.between(page.first, page.last))
        for table in (blocks, signed_blocks)
    )
    found = union(*(_newest(side, page, "number") for side in sides)).subquery()
    return _paged(select(blocks).join(found, found.c.number == blocks.c.number), page, blocks.c.number)


def transaction_by_hash(digest: bytes) -> Select[Any]:
    """A transaction with its receipt and its block's time."""
    return _transactions().where(transactions.c.hash == digest)


def transactions_of_block(number: int, page: Page) -> Select[Any]:
    """A block's transactions."""
    return _paged(_transactions().where(transactions.c.block == number), page, transactions.c.position)


def newest_transactions(page: Page) -> Select[Any]:
    """Transactions of all."""
    return _paged(_transactions(), page, transactions.c.block, transactions.c.position)


def transactions_of(address: bytes, page: Page) -> Select[Any]:
    """Transactions that an address sent, received, or was made by."""
    within = transactions.c.block.between(page.first, page.last)
    sides: list[Select[Any]] = [
        _key(transactions, transactions.c.sender == address, within),
        _key(transactions, transactions.c.receiver == address, within),
        select(contracts.c.block, contracts.c.transaction.label("position")).where(
            contracts.c.address == address,
            contracts.c.transaction.is_not(None),
            contracts.c.block.between(page.first, page.last),
        ),
    ]
    found = union(*(_newest(side, page) for side in sides)).subquery()
    here = and_(transactions.c.block == found.c.block, transactions.c.position == found.c.position)
    joined = select(*_COLUMNS).select_from(found.join(transactions, here).join(receipts, _SAME).join(blocks, _BLOCK))
    return _paged(joined, page, transactions.c.block, transactions.c.position)


def internal_calls(page: Page, *, address: bytes | None = None, transaction: bytes | None = None) -> Select[Any]:
    """Internal calls of an address, of a transaction, or of all."""
    there = and_(transactions.c.block == calls.c.block, transactions.c.position == calls.c.transaction)
    query = select(calls, transactions.c.hash, blocks.c.time).select_from(
        calls.join(transactions, there).join(blocks, blocks.c.number == calls.c.block)
    )
    if transaction is not None:
        query = query.where(transactions.c.hash == transaction)
    within = (calls.c.position > 0, calls.c.block.between(page.first, page.last))
    if address is None:
        return _paged(query.where(*within), page, *_CALL)
    sides = (select(*_CALL).where(side == address, *within) for side in (calls.c.sender, calls.c.receiver))
    found = union(*(_newest(side, page, "block", "transaction", "position") for side in sides)).subquery()
    here = and_(*(column == found.c[column.name] for column in _CALL))
    return _paged(query.join(found, here), page, *_CALL)


def calls_of(block: int, position: int, count: int) -> Select[Any]:
    """The trace of a transaction, with its first call where it failed."""
    query = select(calls).where(calls.c.block == block, calls.c.transaction == position)
    return query.order_by(calls.c.position).limit(count)


def logs_of(block: int, position: int, count: int) -> Select[Any]:
    """The logs of a transaction."""
    query = select(logs).where(logs.c.block == block, logs.c.transaction == position)
    return query.order_by(logs.c.position).limit(count)


def logs_of_block(block: int, page: Page) -> Select[Any]:
    """The logs of a block."""
    return _paged(select(logs).where(logs.c.block == block), page, logs.c.position)


def logs_where(page: Page, conditions: Sequence[ColumnElement[bool]]) -> Select[Any]:
    """Logs by conditions on their table, with hash, gas and time of their transactions."""
    query = (
        select(logs, transactions.c.hash, transactions.c.gas_price, receipts.c.gas_used, blocks.c.time)
        .add_columns(blocks.c.hash.label("block_hash"))
        .select_from(
            logs.join(transactions, _LOGGED).join(receipts, _SAME).join(blocks, blocks.c.number == logs.c.block)
        )
        .where(*conditions, logs.c.block.between(page.first, page.last))
    )
    return _paged(query, page, logs.c.block, logs.c.position)


def contract_by_address(address: bytes) -> Select[Any]:
    """A contract with the hash of the transaction that made it."""
    there = and_(transactions.c.block == contracts.c.block, transactions.c.position == contracts.c.transaction)
    query = select(contracts, transactions.c.hash).select_from(contracts.outerjoin(transactions, there))
    return query.where(contracts.c.address == address)


def token_by_address(address: bytes) -> Select[Any]:
    """A token."""
    return select(tokens).where(tokens.c.address == address)


def all_tokens(page: Page) -> Select[Any]:
    """Tokens, by their transfers."""
    return select(tokens).order_by(tokens.c.transfers.desc(), tokens.c.address).offset(page.skip).limit(page.count)


def transfers(
    page: Page, *, token: bytes | None = None, holder: bytes | None = None, standard: int | None = None
) -> Select[Any]:
    """Transfers of a token, of a holder, or both; with the token and the transaction."""
    conditions: list[ColumnElement[bool]] = [token_transfers.c.block.between(page.first, page.last)]
    if token is not None:
        conditions.append(token_transfers.c.token == token)
    if standard is not None:
        conditions.append(tokens.c.standard == standard)
    known = token_transfers.join(tokens, tokens.c.address == token_transfers.c.token)
    keys = select(token_transfers.c.block, token_transfers.c.log).select_from(known).where(*conditions)
    if holder is None:
        found = _newest(keys, page, "block", "log").subquery()
    else:
        sides = (token_transfers.c.sender == holder, token_transfers.c.receiver == holder)
        found = union(*(_newest(keys.where(side), page, "block", "log") for side in sides)).subquery()
    moved = token_transfers
    joined = (
        select(moved, *_TRANSFERRED)
        .select_from(
            found.join(moved, and_(moved.c.block == found.c.block, moved.c.log == found.c.log))
            .join(tokens, tokens.c.address == moved.c.token)
            .join(logs, and_(logs.c.block == moved.c.block, logs.c.position == moved.c.log))
            .join(transactions, _LOGGED)
            .join(receipts, _SAME)
            .join(blocks, blocks.c.number == moved.c.block)
        )
    )  # fmt: skip
    return _paged(joined, page, moved.c.block, moved.c.log)


def transfers_of(block: int, first_log: int, count: int) -> Select[Any]:
    """The transfers among the logs of one transaction."""
    moved = token_transfers
    query = select(moved, tokens.c.standard, tokens.c.symbol, tokens.c.decimals, tokens.c.name)
    query = query.select_from(moved.join(tokens, tokens.c.address == moved.c.token))
    return query.where(moved.c.block == block, moved.c.log.between(first_log, first_log + count - 1)).order_by(
        moved.c.log
    )


def holders(token: bytes, page: Page) -> Select[Any]:
    """Who holds most of a token; balances are decimal text, so longer ones are larger."""
    balance = token_balances.c.balance
    query = select(token_balances).where(token_balances.c.token == token, balance != "0")
    return query.order_by(func.length(balance).desc(), balance.desc(), token_balances.c.holder).offset(page.skip).limit(
        page.count
    )  # fmt: skip


def holder_count(token: bytes) -> Select[Any]:
    """How many hold a token."""
    balance = token_balances.c
    return select(func.count()).select_from(token_balances).where(balance.token == token, balance.balance != "0")


def balance_of(token: bytes, holder: bytes) -> Select[Any]:
    """What a holder has of a token."""
    return select(token_balances.c.balance).where(token_balances.c.token == token, token_balances.c.holder == holder)


def balances_of(holder: bytes, page: Page) -> Select[Any]:
    """All tokens of a holder."""
    query = select(token_balances, tokens).join(tokens, tokens.c.address == token_balances.c.token)
    query = query.where(token_balances.c.holder == holder, token_balances.c.balance != "0")
    return query.order_by(token_balances.c.token).offset(page.skip).limit(page.count)


def owned_by(holder: bytes, page: Page) -> Select[Any]:
    """ERC-721 tokens of a holder."""
    query = select(token_owners).where(token_owners.c.owner == holder)
    return query.order_by(token_owners.c.token, token_owners.c.id).offset(page.skip).limit(page.count)


_CALL = (calls.c.block, calls.c.transaction, calls.c.position)
_LOGGED = and_(transactions.c.block == logs.c.block, transactions.c.position == logs.c.transaction)
_SAME = and_(receipts.c.block == transactions.c.block, receipts.c.position == transactions.c.position)
_BLOCK = blocks.c.number == transactions.c.block
_COLUMNS = (
    transactions,
    receipts.c.succeeded,
    receipts.c.gas_used,
    receipts.c.cumulative_gas,
    receipts.c.contract,
    receipts.c.first_log,
    receipts.c.logs,
    blocks.c.time,
    blocks.c.hash.label("block_hash"),
)
_TRANSFERRED = (
    tokens.c.standard,
    tokens.c.name,
    tokens.c.symbol,
    tokens.c.decimals,
    transactions.c.hash,
    transactions.c.nonce,
    transactions.c.position,
    transactions.c.gas,
    transactions.c.gas_price,
    transactions.c.input,
    receipts.c.gas_used,
    receipts.c.cumulative_gas,
    blocks.c.time,
    blocks.c.hash.label("block_hash"),
)


def _transactions() -> Select[Any]:
    return select(*_COLUMNS).select_from(transactions.join(receipts, _SAME).join(blocks, _BLOCK))


def _key(table: Table, *conditions: ColumnElement[bool]) -> Select[Any]:
    return select(table.c.block, table.c.position).where(*conditions)


def _newest(query: Select[Any], page: Page, *names: str) -> Select[Any]:
    """As many rows of one side as may be among the page's; a subquery, for a union takes no limit."""
    columns = [query.selected_columns[name] for name in names or ("block", "position")]
    order = [each.desc() if page.newest_first else each.asc() for each in columns]
    return select(query.order_by(*order).limit(page.skip + page.count).subquery())


def _paged(query: Select[Any], page: Page, *order: Any) -> Select[Any]:
    ordered = [each.desc() if page.newest_first else each.asc() for each in order]
    return query.order_by(*ordered).offset(page.skip).limit(page.count)
