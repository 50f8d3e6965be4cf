"""Settlement statements: the periods that the escrow closed, and what merchants were paid out of their payables; pure.

Stage before: evidence. Money in minor units.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from node.audit.evidence import ProvenBlock, Transaction
from node.books.entry import Commodity
from node.books.journal import decimal
from node.chain.abi_events import EventShape
from node.domain.errors import Unusable
from node.domain.ids import Address

MOST: Final = 1_000_000
HEADER: Final = (
    "block", "transaction", "merchant", "kind", "to", "day", "gross", "refunds", "fees", "covered", "paid_at_once",
    "restored", "net", "carry_forward",
)  # fmt: skip


@dataclass(kw_only=True, slots=True)
class Statements:
    """Collects statements. `sources` are contracts that settle, each with its events."""

    sources: Mapping[Address, Mapping[bytes, EventShape]]
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def transaction(self, block: ProvenBlock, done: Transaction) -> None:
        """Collects those of a transaction. Raises Unusable beyond a million."""
        for log in done.logs:
            shape = self.sources.get(Address(log.address), {}).get(log.topics[0]) if log.topics else None
            if shape is None or shape.name not in ("Settled", "PaidOut"):
                continue
            if len(self.rows) >= MOST:
                raise Unusable(f"more than {MOST:,} statements; export fewer blocks at a time")
            where = (str(block.number), "0x" + done.hash.hex())
            self.rows.append((*where, *_row(shape.name, shape.fields(log.topics, log.data))))

    def table(self) -> Iterator[tuple[str, ...]]:
        """The statements as rows, their header first."""
        yield HEADER
        yield from self.rows


def _row(name: str, fields: Mapping[str, Any]) -> tuple[str, ...]:
    to = f"0x{fields['to']:040x}" if fields["to"] else ""
    if name == "PaidOut":
        nothing = ("",) * 6
        return str(fields["merchant"]), "payout", to, "", *nothing, _money(fields["amount"]), ""
    gross, refunds, fees, covered, at_once, restored, net, carry = map(_money, fields["statement"])
    numbers = (gross, refunds, fees, covered, at_once, restored, net, carry)
    return str(fields["merchant"]), "settlement", to, str(fields["day"]), *numbers


def _money(amount: int) -> str:
    return decimal(amount, Commodity.MONEY)
