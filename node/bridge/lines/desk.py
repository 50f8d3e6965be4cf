"""A running bridge's answers to accounts that ask for a merchant's line items: whether they may, and a page of them.

Behind the JSON-RPC intake (intake_ports.LinesDesk). Who is in which group of a merchant the Registry says.
"""

import asyncio
from typing import Final

from node.bridge.journal.store import Journal
from node.bridge.lines.reading import Page, page
from node.chain.views import Views
from node.domain.ids import Address, MerchantId, StreamId

OWNER, CHECK = 1, 64
"""Groups of a merchant (IRegistry.setGroups): who says who is in which group, and who looks up."""
_MAY_READ: Final = OWNER | CHECK


class JournalLines:
    """The line items of one journal."""

    def __init__(self, journal: Journal, stream: StreamId, registry: Views) -> None:
        self._journal, self._stream, self._registry = journal, stream, registry

    async def may_read(self, merchant: MerchantId, account: Address) -> bool:
        """Whether the account is in the merchant's owner or check group now. Raises ChainUnreachable."""
        (groups,) = await self._registry.ask(
            "groupsOf(uint32,address)", merchant, "0x" + account.hex(), returns="(uint8)"
        )
        return bool(groups & _MAY_READ)

    async def page(self, merchant: MerchantId, reader: bytes, after: int) -> Page:
        """The merchant's sealed line items above a sequence."""

        def read() -> Page:
            # beside the writer, which has more urgent things to do
            with self._journal.engine.begin() as connection:
                return page(connection, self._stream, merchant, reader, after)

        return await asyncio.to_thread(read)
