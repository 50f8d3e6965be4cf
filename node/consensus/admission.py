"""The door for transactions: checked once, put into geth's pool, remembered for gossip.

Before it come the gateway (a client's transaction) and InsertTx (a peer's). After it geth's pool.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from node.consensus.engine import Engine
from node.consensus.errors import (
    CreationNotPermitted,
    EngineFailed,
    EngineUnreachable,
    SenderNotPermitted,
    TransactionRefused,
    explain,
)
from node.consensus.gossip import Gossip
from node.consensus.permissions import SenderPolicy
from node.consensus.rules import ChainRules, Head, allows, check_transaction
from node.consensus.transactions import recover_sender

log = structlog.get_logger()

ACCEPTED: Final = 0
REFUSED: Final = 1
RETRY: Final = 32_000
"""CometBFT lets a transaction in again only after a code of 32,000 or more (abci/types, CodeTypeRetry)."""
ALREADY_KNOWN: Final = "already known"
# the pool's reasons that no later block can cure
FINAL_REASONS: Final = (
    "nonce too low",
    "invalid sender",
    "intrinsic gas too low",
    "exceeds block gas limit",
    "oversized data",
    "transaction type not supported",
    "max initcode size exceeded",
    "tip higher than fee cap",
)


class Admission:
    """Checks transactions and hands them to the pool. `head` gives the block whose state permissions are read in."""

    def __init__(
        self,
        *,
        engine: Engine,
        rules: ChainRules,
        policy: SenderPolicy,
        gossip: Gossip,
        head: Callable[[], Awaitable[Head]],
    ) -> None:
        self._engine = engine
        self._rules = rules
        self._policy = policy
        self._gossip = gossip
        self._head = head

    async def check(self, raw: bytes) -> None:
        """Raises TransactionRefused unless the network takes it; SenderNotPermitted (one of those) if it may later."""
        transaction = check_transaction(raw, self._rules)
        sender = recover_sender(transaction)
        permissions = (await self._policy.permissions({sender}, at=(await self._head()).hash))[sender]
        if not allows(permissions, creates=False):
            raise SenderNotPermitted("0x" + sender.hex())
        if not allows(permissions, transaction.creates):
            raise CreationNotPermitted("0x" + sender.hex())

    def taken(self, raw: bytes, failure: str | None) -> None:
        """The pool's answer to a client's transaction: what is in it, or was already, goes out to the others."""
        if failure is None or failure.startswith(ALREADY_KNOWN):
            self._gossip.offer(raw)

    async def insert(self, raw: bytes) -> int:
        """A peer's transaction; the code for CometBFT."""
        try:
            await self.check(raw)
            await self._engine.send_transaction(raw)
        except (SenderNotPermitted, EngineUnreachable):
            # a later block may permit the sender, or this geth be behind the block that did
            return RETRY
        except TransactionRefused:
            return REFUSED
        except EngineFailed as failure:
            if ALREADY_KNOWN not in failure.detail:
                return REFUSED if any(reason in failure.detail for reason in FINAL_REASONS) else RETRY
        except Exception as failure:
            # a transaction from elsewhere must not end the connection, and CometBFT with it
            log.error("transaction.unexpected", **explain(failure))
            return REFUSED
        self._gossip.heard(raw)
        return ACCEPTED
