"""Whether validators have one and the same chain: their hashes at every height, compared.

Used by the soak run and by the tests of faults.
"""

from collections.abc import Callable, Sequence
from typing import Final

from node.domain.errors import TillnetError
from node.network.plan import NetworkPlan
from node.network.rpc import NoAnswer, call_many

PART: Final = 200
"""Heights in one request; a gateway takes no longer batch."""
CALL_SECONDS: Final = 20.0


class Forked(TillnetError):
    """Two validators have different blocks at one height."""


def hashes_of(url: str, first: int, last: int) -> list[str]:
    """The hash (0x and 64 hex digits) at every height from `first` to `last`; raises NoAnswer without one of them."""
    hashes = []
    for start in range(first, last + 1, PART):
        heights = range(start, min(start + PART, last + 1))
        answers = call_many(url, [("eth_getHeaderByNumber", [hex(height)]) for height in heights], seconds=CALL_SECONDS)
        for height, header in zip(heights, answers, strict=True):
            if not isinstance(header, dict):
                raise NoAnswer(f"{url} has no block {height}")
            hashes.append(str(header["hash"]))
    return hashes


def compare_chains(
    plan: NetworkPlan,
    *,
    last: int,
    first: int = 1,
    names: Sequence[str] = (),
    read: Callable[[str, int, int], list[str]] = hashes_of,
) -> list[str]:
    """The hashes from `first` to `last`, which are the same on every validator (or those named).

    Raises Forked with the first height where they are not, NoAnswer when one cannot be asked.
    """
    chosen = names or [validator.name for validator in plan.validators]
    common: list[str] = []
    for name in chosen:
        hashes = read(plan.rpc_url(plan.validator(name)), first, last)
        for place, (ours, theirs) in enumerate(zip(common or hashes, hashes, strict=True)):
            if ours != theirs:
                raise Forked(f"height {first + place}: {chosen[0]} has {ours}, {name} has {theirs}")
        common = hashes
    return common
