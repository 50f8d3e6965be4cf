"""Accepted lines, found by the hash of their leaf: what refunds, claims and settled lines name them by."""

from node.indexer.apply.handling import Now
from node.indexer.rows import Row
from node.indexer.tables import ledger


def line_of(now: Now, leaf: bytes) -> Row | None:
    """The line with this leaf, to be looked at; None for one of another ledger."""
    key = now.rows.line_of(leaf)
    return None if key is None else now.rows.find(ledger.payment_lines, *key)


def undo(now: Now, leaf: bytes, amount: int, taken: int) -> Row | None:
    """Notes that a part of a line was undone, and so many points of it taken back; the line."""
    key = now.rows.line_of(leaf)
    if key is None:
        return None
    line = now.rows.at(ledger.payment_lines, *key)
    line["refunded"] += amount
    line["taken_back"] += taken
    payment = now.rows.at(ledger.payments, *key[:2])
    payment["refunded"] += amount
    now.rows.at(ledger.merchants, payment["merchant"])["refunded"] += amount
    if line["rule_version"]:
        now.rows.at(ledger.rule_versions, payment["merchant"], line["rule_version"])["taken_back"] += taken
    return line
