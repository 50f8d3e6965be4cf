"""What is taken into the journal, and what the one who takes it in (admission.py) asks of others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection

from node.bridge.entry import Admitted
from node.bridge.journal.group import Group
from node.domain import ids
from node.domain.errors import TillnetError
from node.domain.payment import Entry, Payment


@dataclass(frozen=True, slots=True)
class Admission:
    """A verified message with its line items as verify packed them; `received_at` in milliseconds.

    `block` is that of the Registry by which it was verified; `forwarded` says that another stream's bridge took it in
    (handed.py).
    """

    message: Entry
    basket: bytes
    received_at: int
    block: int = 0
    forwarded: bool = False


class History(Protocol):
    """What is known of terminals that another stream has, or had (handed.py)."""

    def claim(self, connection: Connection, group: Sequence[Admission]) -> None:
        """Makes the terminals of these messages this stream's."""
        ...

    def find(self, batch: Group, key: str, admission: Admission, next_sequence: int) -> Admitted | TillnetError | None:
        """What an older stream's journal says of a message; None when it is for this one to take in."""
        ...


class Keeps(Protocol):
    """Seals the line items of payments for their merchants (lines/basket_keeper.py)."""

    def begin(self, connection: Connection) -> None:
        """A group of admissions begins."""
        ...

    def seal(self, connection: Connection, payment: Payment, sequence: ids.Sequence, admission: Admission) -> bytes:
        """What stands for the items beside the payment; empty without items."""
        ...

    def committed(self) -> None:
        """What `seal` wrote is on the disk."""
        ...

    def rolled_back(self) -> None:
        """It is not."""
        ...
