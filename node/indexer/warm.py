"""Fetches the rows that a range will ask for, many at once, before it is applied: one by one is slow over a wire."""

from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import Table

from node.chain.checked import CheckedBlock
from node.domain.ids import MemberId, member_account
from node.domain.merkle import keccak
from node.indexer.known import Known
from node.indexer.rows import Rows
from node.indexer.store import Store
from node.indexer.tables import chain, ledger

TRANSFER: Final = keccak(b"Transfer(address,address,uint256)")
ENROLLED: Final = keccak(b"MemberEnrolled(uint64)")


def warm_rows(rows: Rows, store: Store, known: Known, blocks: Iterable[CheckedBlock]) -> None:
    """Holders of the coin and members that these blocks name, and holders of other tokens."""
    holders: set[bytes] = set()
    members: set[int] = set()
    balances: set[tuple[bytes, bytes]] = set()
    for block in blocks:
        for log in block.logs:
            if not log.topics:
                continue
            if log.topics[0] == TRANSFER and len(log.topics) >= 3:
                pair = (log.topics[1][12:], log.topics[2][12:])
                if log.address == known.ledger:
                    holders.update(pair)
                else:
                    balances.update((log.address, holder) for holder in pair)
            elif log.topics[0] == ENROLLED and log.address == known.ledger:
                member = int.from_bytes(log.topics[1], "big")
                members.add(member)
                holders.add(member_account(MemberId(member)))
    _fetch(rows, store, ledger.accounts, [(holder,) for holder in sorted(holders)])
    _fetch(rows, store, ledger.members, [(member,) for member in sorted(members)])
    _fetch(rows, store, chain.token_balances, sorted(balances))


def _fetch(rows: Rows, store: Store, table: Table, keys: Sequence[tuple[object, ...]]) -> None:
    wanted = rows.unknown(table, keys)
    if wanted:
        rows.keep(table, wanted, store.load_many(table, wanted))
