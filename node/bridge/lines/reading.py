"""Sealed line items out of a journal, for one reader: of a payment, or of a merchant page by page.

Nothing is opened here: the journal has no key that could. After it come opening.py, where the reader is, and files.py.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from node.bridge.entry import items_root_in
from node.bridge.journal import lines
from node.bridge.journal.lines import StoredLines
from node.bridge.lines.errors import LinesAltered
from node.bridge.lines.opening import SealedLines
from node.bridge.lines.sealing import key_number
from node.domain.ids import Hash32, MerchantId, Sequence, StreamId, payment_id

PAGE: Final = 100
"""Payments of one page."""
PAGE_BYTES: Final = 1_000_000
"""A page ends behind the payment with which it holds so many sealed bytes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Sealed line items in the order of their sequences; `after` asks for the next page, None when there is none."""

    lines: tuple[SealedLines, ...]
    after: int | None


def one(connection: Connection, stream: StreamId, sequence: int, reader: bytes) -> SealedLines | None:
    """A payment's; None when the journal has none. `reader` is the public key of whoever will open them."""
    found = lines.payment(connection, sequence)
    return None if found is None else _with_copies(connection, stream, reader, [found])[0]


def page(connection: Connection, stream: StreamId, merchant: int, reader: bytes, after: int = 0) -> Page:
    """A merchant's from the first sequence above `after` on."""
    chosen: list[StoredLines] = []
    size, more = 0, False
    for each in lines.payments(connection, merchant, after, PAGE + 1):
        if len(chosen) == PAGE or size >= PAGE_BYTES:
            more = True
            break
        chosen.append(each)
        size += len(each.sealed)
    return Page(
        lines=tuple(_with_copies(connection, stream, reader, chosen)),
        after=chosen[-1].sequence if more else None,
    )


def _with_copies(
    connection: Connection, stream: StreamId, reader: bytes, found: Iterable[StoredLines]
) -> list[SealedLines]:
    stored = [(each, key_number(each.sealed)) for each in found]
    copies = lines.copies_of(connection, {number for _, number in stored}, reader)
    for each, number in stored:
        if number not in copies:
            raise LinesAltered(f"no content key of {payment_id(stream, Sequence(each.sequence))} is known")
    return [
        SealedLines(
            payment=payment_id(stream, Sequence(each.sequence)),
            merchant=MerchantId(each.merchant),
            day=copies[number].day,
            root=items_root_in(each.packed) or Hash32(b""),
            sealed=each.sealed,
            copy=copies[number].copy,
        )
        for each, number in stored
    ]
