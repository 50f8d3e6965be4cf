"""Which function handles which event: each module of apply registers its own with `on`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from node.chain.checked import CheckedBlock, CheckedLog, CheckedTransaction
from node.chain.events import LedgerEvent
from node.indexer.decode import Event
from node.indexer.known import Known
from node.indexer.rows import Row, Rows
from node.indexer.tables import ledger


class Held:
    """Coins on their way through contracts of the suite in one transaction, by age: (this epoch's, the last one's).

    `came` are those that came in last; `leaving` those that a contract, by its name, is about to send; `claim` what a
    member is about to get from the pools.
    """

    def __init__(self) -> None:
        self.came = (0, 0)
        self.leaving: dict[str, list[tuple[int, int]]] = {}
        self.claim: tuple[int, int] | None = None
        self.fee: int | None = None

    def send(self, contract: str, current: int, previous: int) -> None:
        """A contract is about to send coins."""
        if current + previous:
            self.leaving.setdefault(contract, []).append((current, previous))


@dataclass(frozen=True, kw_only=True, slots=True)
class Now:
    """Where in the chain the event is that is applied: its block, transaction, and the epoch and day of the block.

    Of the transaction: `pending` are events of the posting path that no BatchPosted or RefundsPosted has closed yet,
    `tiers_before` the tiers that members had before it changed them, `held` coins on their way through contracts.
    """

    rows: Rows
    known: Known
    block: CheckedBlock
    transaction: CheckedTransaction
    epoch: int
    day: int
    pending: list[tuple[CheckedLog, LedgerEvent]] = field(default_factory=list)
    tiers_before: dict[int, int] = field(default_factory=dict)
    held: Held = field(default_factory=Held)

    def today(self) -> Row:
        """The statistics of the block's day."""
        return self.rows.at(ledger.days, self.day)


Handler = Callable[[Now, Event], None]
HANDLERS: Final[dict[tuple[str, str], Handler]] = {}


def on(contract: str, *events: str) -> Callable[[Handler], Handler]:
    """Registers a handler for events of a contract, by its name in the deployment."""

    def register(handler: Handler) -> Handler:
        for event in events:
            if HANDLERS.setdefault((contract, event), handler) is not handler:
                raise ValueError(f"{contract}.{event} has two handlers")
        return handler

    return register
