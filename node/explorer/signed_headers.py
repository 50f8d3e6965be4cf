"""The signed headers that lead from trusted validators to a height: as few as their changes allow.

A header names the set that signs it and the set that signs the next one, so only those at which validators change are
needed, and of these only as many as lead on. Before it node/network/headers.py; after it node/explorer/prove.py.
"""

from typing import Any

from node.domain.errors import Unusable
from node.network.headers import Headers
from node.network.proofs import ProofParts


def lead_to(height: int, headers: Headers, *, since: int) -> list[dict[str, Any]]:
    """Signed headers, each by the validators that the one before hands over to, the last one that of `height`.

    The first is signed by the validators of height `since`. Raises NoHeader, Unusable.
    """
    if since > height:
        raise Unusable(f"the proof ends at height {height}, before height {since}, which is trusted")
    last = headers.parts(height)
    known, low = headers.header(since)["validators_hash"], since
    found: list[dict[str, Any]] = []
    while last.header["validators_hash"] != known:
        low = _last_signed_by(known, low, height, headers)
        change = headers.parts(low)
        found.append(_json(change))
        known, low = change.header["next_validators_hash"], low + 1
    return [*found, _json(last)]


def _last_signed_by(known: str, low: int, high: int, headers: Headers) -> int:
    """A height that `known` signs while it does not sign the next; it signs `low`, and does not sign `high`."""
    while high - low > 1:
        middle = (low + high) // 2
        if headers.header(middle)["validators_hash"] == known:
            low = middle
        else:
            high = middle
    return low


def _json(parts: ProofParts) -> dict[str, Any]:
    return {"header": parts.header, "commit": parts.commit, "validators": parts.validators}
