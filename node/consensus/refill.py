"""Finds transactions for a block whose pool is clogged by senders who may not send any more.

geth's pool keeps what was pending when its sender lost the permission, for ever, and fills every block with it first;
there is no call that removes it. The proposer then takes the list of what gossip knows to be pending instead. Before it
node/consensus/proposals.py, which builds the block from this list.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from node.consensus.errors import TransactionRefused
from node.consensus.permissions import SenderPolicy
from node.consensus.rules import ChainRules, Head, allows, check_transaction
from node.consensus.transactions import Transaction, recover_sender
from node.domain.ids import Address

MOST_SENDERS: Final = 256
"""Each costs a question to geth."""
MOST_LISTED: Final = 4_096

Nonce = Callable[[Address], Awaitable[int]]


async def refill(
    pending: Sequence[bytes], *, parent: Head, rules: ChainRules, policy: SenderPolicy, nonce: Nonce
) -> list[bytes]:
    """The pending transactions that may follow `parent`, each sender's in the order of its nonces, without gaps.

    `nonce` gives the next one of a sender. Those whose gas limits would not fit into the block are left out.
    """
    by_sender = _grouped(pending[:MOST_LISTED], rules)
    permissions = await policy.permissions(set(by_sender), at=parent.hash)
    listed: list[bytes] = []
    gas = 0
    for sender, own in by_sender.items():
        expected = await nonce(sender)
        for place in range(expected, expected + len(own)):
            transaction = own.get(place)
            if transaction is None or not allows(permissions[sender], transaction.creates):
                break
            if gas + transaction.gas > rules.gas_limit:
                break
            gas += transaction.gas
            listed.append(transaction.raw)
    return listed


def _grouped(pending: Sequence[bytes], rules: ChainRules) -> dict[Address, dict[int, Transaction]]:
    """By sender and nonce; of two with the same nonce the one that came later, which its sender meant to replace it."""
    found: dict[Address, dict[int, Transaction]] = {}
    for raw in pending:
        try:
            transaction = check_transaction(raw, rules)
            sender = recover_sender(transaction)
        except TransactionRefused:
            continue
        if sender in found or len(found) < MOST_SENDERS:
            found.setdefault(sender, {})[transaction.nonce] = transaction
    return found
