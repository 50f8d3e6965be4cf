"""Who holds how much of the operator's e-money, by its own transfers; minor units.

Stage before: evidence. Stage after: backing. Pure.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from node.audit.evidence import ProvenBlock
from node.chain.abi_events import EventShape
from node.domain.ids import Address

NOBODY = 0


@dataclass(kw_only=True, slots=True)
class Cash:
    """Balances after the blocks so far; `shapes` are the token's events."""

    address: Address
    shapes: Mapping[bytes, EventShape]
    held: Counter[int] = field(default_factory=Counter)

    @property
    def supply(self) -> int:
        """All that was minted and not burnt."""
        return -self.held[NOBODY]

    def block(self, block: ProvenBlock) -> None:
        """Books the transfers of a block."""
        for transaction in block.transactions:
            for log in transaction.logs:
                shape = self.shapes.get(log.topics[0]) if log.topics else None
                if log.address == self.address and shape is not None and shape.name == "Transfer":
                    giver, taker, amount = shape.values(log.topics, log.data)
                    self.held[giver] -= amount
                    self.held[taker] += amount
