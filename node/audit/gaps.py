"""Sequences of a stream that the ledger never consumed, between the first and the last that it did.

A payment that was cancelled before it was sent has used its number up in the bridge's journal and never comes; nothing
on the chain tells it from one that was lost. The bridge's operator names such payments; what is named and yet posted
contradicts. Stage before: follow. Pure.
"""

from collections.abc import Iterator, Mapping, Set
from typing import Final

from node.audit.findings import Finding, Findings, Kind
from node.audit.state import Posted
from node.domain.ids import PaymentId, parse_payment_id

WORD: Final = 256
FULL: Final = 2**256 - 1


def find_gaps(posted: Posted, cancelled: Set[PaymentId], findings: Findings) -> tuple[int, int]:
    """Notes every gap that nobody explains; how many sequences are missing, and how many of them are explained."""
    explained: dict[int, set[int]] = {}
    for name in cancelled:
        key = parse_payment_id(name)
        if key in posted:
            text = f"payment {name} is named as cancelled, and the chain has it"
            findings.add(Finding(kind=Kind.CONTRADICTED, subject=f"payment {name}", text=text))
        else:
            explained.setdefault(key[0], set()).add(key[1])
    missing = known = 0
    for stream in sorted({stream for stream, _ in posted.words}):
        words = {page: bits for (each, page), bits in posted.words.items() if each == stream}
        named = explained.get(stream, set())
        for first, last in _missing(words):
            inside = sorted(each for each in named if first <= each <= last)
            missing += last - first + 1
            known += len(inside)
            for low, high in _without(first, last, inside):
                which = f"{stream}-{low}" if low == high else f"{stream}-{low} to {stream}-{high}"
                text = f"{high - low + 1} sequences were never posted: {which}"
                findings.add(Finding(kind=Kind.GAP, subject=f"stream {stream}", text=text))
    return missing, known


def _missing(words: Mapping[int, int]) -> Iterator[tuple[int, int]]:
    """Runs of unset bits between the first and the last set one."""
    expected: int | None = None
    for page in sorted(words):
        bits = words[page]
        for place in range(WORD) if bits != FULL else (0, WORD - 1):
            if not bits >> place & 1:
                continue
            at = WORD * page + place
            if bits == FULL and place:
                expected = at + 1
                continue
            if expected is not None and at > expected:
                yield expected, at - 1
            expected = at + 1


def _without(first: int, last: int, named: list[int]) -> Iterator[tuple[int, int]]:
    at = first
    for each in named:
        if at < each:
            yield at, each - 1
        at = each + 1
    if at <= last:
        yield at, last
