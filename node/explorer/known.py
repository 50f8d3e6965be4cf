"""Which contract is which: names and ABIs by address, of the suite as the index has them, else of verified sources.

Before it the APIs and pages; after it the index and node/explorer/sources. What is remembered is bounded, and is
asked for again after a while, and once a source was verified.
"""

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from node.domain.ids import Address
from node.explorer.abi import Abi, abi_of_suite
from node.explorer.queries.chain import contract_by_address
from node.explorer.queries.index import Index
from node.explorer.sources.store import Sources

REMEMBERED: Final = 2_000
AGAIN_SECONDS: Final = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """A contract's name, empty if nobody said it, and its ABI. `is_contract` is false for an account."""

    name: str = ""
    abi: Abi | None = None
    is_contract: bool = False


class Names:
    """Looks contracts up."""

    def __init__(self, index: Index, sources: Sources) -> None:
        self._index = index
        self._sources = sources
        self._kept: OrderedDict[tuple[Address, int], tuple[float, Known]] = OrderedDict()

    async def of(self, address: bytes | None) -> Known:
        """What is known about an address."""
        if address is None:
            return Known()
        key = (Address(bytes(address)), self._sources.revision)
        kept = self._kept.get(key)
        if kept is not None and time.monotonic() - kept[0] < AGAIN_SECONDS:
            return kept[1]
        known = await self._look_up(key[0])
        self._kept[key] = (time.monotonic(), known)
        self._kept.move_to_end(key)
        if len(self._kept) > REMEMBERED:
            self._kept.popitem(last=False)
        return known

    async def _look_up(self, address: Address) -> Known:
        row = await self._index.row(contract_by_address(address))
        verified = await self._sources.verified(address)
        name = str(row["name"] or "") if row is not None else ""
        abi = Abi(verified.abi) if verified is not None else abi_of_suite(name)
        shown = name or (verified.name if verified is not None else "")
        return Known(name=shown, abi=abi, is_contract=row is not None)
