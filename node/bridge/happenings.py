"""What there is to announce after the journal's state changed: read on the same connection, in the same transaction.

Between the journal's transitions and the herald; writes nothing. An entry is announced when its fate is known: final,
declined, reversed, refunded. A payment that was answered 91 and is final on the chain all the same is not announced as
final: it is on its way back, and is announced as reversed.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

from sqlalchemy import Connection, Row, text

from node.bridge.entry import BatchResult, Kind, line_count, lines_in
from node.bridge.journal.reading import Stored
from node.bridge.receipts import tell
from node.chain.payouts import Payout
from node.domain.announcement import Announcement, Happening
from node.domain.ids import MerchantId, PaymentId, Sequence, StreamId, payment_id
from node.domain.leaf import LEAF_BYTES
from node.domain.packed_leaves import leaf_points, leaf_sequence
from node.domain.payment import Status
from node.domain.refund_split import RefundParts

_ROWS: Final = (
    "SELECT e.sequence, e.kind, e.key, e.status, e.response_code, e.reason, e.merchant, e.packed, e.original,"
    " e.reversed_by, b.block, o.key AS of_key, o.status AS of_status, o.packed AS of_packed,"
    " o.reversed_by AS of_reversed_by"
    " FROM entries e LEFT JOIN batches b ON b.id = e.batch LEFT JOIN entries o ON o.sequence = e.original"
)
_OF_BATCH: Final = text(f"{_ROWS} WHERE e.batch = :batch AND e.status IN ('final', 'declined') ORDER BY e.sequence")
_ONE: Final = text(f"{_ROWS} WHERE e.sequence = :sequence")
_KINDS: Final = {Kind.PAYMENT: "payment", Kind.REVERSAL: "reversal", Kind.REFUND: "refund", Kind.UNDO: "undo"}


class Happenings:
    """Of one stream; `currency` is the network's, ISO 4217 number."""

    def __init__(self, stream: StreamId, currency: str) -> None:
        self._stream = stream
        self._currency = currency

    def settled(self, connection: Connection, results: Iterable[BatchResult], now: int) -> Iterator[Announcement]:
        """Of all that these batches settled; `now` in milliseconds."""
        for result in results:
            points = _points(result.leaves)
            for row in connection.execute(_OF_BATCH, {"batch": result.batch}):
                made = self._of(row, points, now)
                if made is not None:
                    yield made

    def ended(self, connection: Connection, sequence: int, now: int) -> Iterator[Announcement]:
        """Of an entry that may have ended without a batch: a refund or a payment that was not in time."""
        made = self._of(connection.execute(_ONE, {"sequence": sequence}).one(), Counter(), now)
        if made is not None:
            yield made

    def cancelled(self, connection: Connection, reversal: int, now: int) -> Iterator[Announcement]:
        """Of a payment that its reversal cancelled before it was in any batch."""
        row = connection.execute(_ONE, {"sequence": reversal}).one()
        yield self._reversed(row, row.sequence, now)

    def paid_out(self, payouts: Iterable[Payout], now: int) -> Iterator[Announcement]:
        """Of merchants' settlements in a block."""
        for each in payouts:
            yield Announcement(
                id=f"settled-{each.block}-{each.log}",
                type=Happening.SETTLED,
                at=now,
                merchant=each.merchant,
                payment=None,
                by=None,
                terminal="",
                facts={"day": each.day, "to": "0x" + each.to.hex(), **each.statement, "block": each.block},
            )

    def _of(self, row: Row[Any], points: Counter[int], now: int) -> Announcement | None:
        status = Status(row.status)
        if status is Status.DECLINED:
            return self._declined(row, now)
        if status is not Status.FINAL:
            return None
        match Kind(row.kind):
            case Kind.ADVICE:
                return None  # its advice was announced as declined
            case Kind.PAYMENT:
                return self._final(row, points, now) if row.response_code == "00" else None
            case Kind.REFUND:
                return self._refunded(row, now)
            case Kind.REVERSAL:
                # without lines the payment that undoes the act says so, when that is final
                return self._reversed(row, row.sequence, now) if line_count(row.of_packed) else None
            case Kind.UNDO:
                return None if line_count(row.of_packed) else self._reversed(row, row.of_reversed_by, now)

    def _final(self, row: Row[Any], points: Counter[int], now: int) -> Announcement:
        stored = Stored(
            sequence=row.sequence,
            status=Status.FINAL,
            response_code="00",
            reason=None,
            block=row.block,
            leaves=b"",
            packed=row.packed,
        )
        told = {fact.member: value for fact, value in tell(self._stream, stored, self._currency).facts}
        facts = {
            "amount": sum(amount for amount, _ in lines_in(row.packed)),
            "points": str(points[row.sequence]),
            "block": row.block,
            "facts": told,
        }
        return self._made(Happening.FINAL, row, now, payment=row.sequence, by=None, facts=facts)

    def _declined(self, row: Row[Any], now: int) -> Announcement | None:
        kind = Kind(row.kind)
        if kind is Kind.ADVICE:
            return None  # and so was its advice
        if kind is Kind.PAYMENT and row.reason is None and row.reversed_by is not None:
            return None  # cancelled: its reversal says so
        facts = {
            "kind": _KINDS[kind],
            "responseCode": row.response_code,
            "reason": row.reason,
            "block": row.block,
        }
        payment = row.sequence if kind is Kind.PAYMENT else row.original
        by = None if kind is Kind.PAYMENT else row.sequence
        return self._made(Happening.DECLINED, row, now, payment=payment, by=by, facts=facts)

    def _reversed(self, row: Row[Any], by: int, now: int) -> Announcement:
        return self._made(Happening.REVERSED, row, now, payment=row.original, by=by, facts={"block": row.block})

    def _refunded(self, row: Row[Any], now: int) -> Announcement:
        parts = RefundParts.unpack(row.packed)
        facts = {
            "amount": int(parts.amount),
            "coin": int(parts.coin),
            "storedValue": int(parts.stored_value),
            "external": int(parts.external),
            "block": row.block,
        }
        return self._made(Happening.REFUNDED, row, now, payment=row.original, by=row.sequence, facts=facts)

    def _made(
        self, what: Happening, row: Row[Any], now: int, *, payment: int, by: int | None, facts: dict[str, Any]
    ) -> Announcement:
        word = what.value.partition(".")[2]
        key = row.key if row.kind in (Kind.PAYMENT, Kind.REFUND) or row.of_key is None else row.of_key
        return Announcement(
            id=f"{self._stream}-{row.sequence}-{word}",
            type=what,
            at=now,
            merchant=MerchantId(row.merchant),
            payment=self._name(payment),
            by=None if by is None else self._name(by),
            terminal=key.partition("|")[0],
            facts=facts,
        )

    def _name(self, sequence: int) -> PaymentId:
        return payment_id(self._stream, Sequence(sequence))


def _points(leaves: bytes) -> Counter[int]:
    """Points by sequence, units, in one pass over a batch's leaves."""
    found: Counter[int] = Counter()
    for at in range(0, len(leaves), LEAF_BYTES):
        leaf = leaves[at : at + LEAF_BYTES]
        found[leaf_sequence(leaf)] += leaf_points(leaf)
    return found
