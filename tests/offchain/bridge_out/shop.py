"""A till on a real bridge: its ISO 8583 listener, a terminal of the stand's first merchant, and members' cards."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from node.bridge.assembly import Running
from node.bridge.intake_iso8583 import serve_iso8583
from node.config import Iso8583Settings
from node.domain.ids import MemberId
from node.iso8583.retail_mac import RetailMac
from node.pos import messages
from node.pos.connection import PosConnection
from node.pos.messages import PosTerminal, Request
from tests.offchain.bridge_in.conftest import listening
from tests.offchain.bridge_out.conftest import bridge_on
from tests.offchain.bridge_out.stand import MEMBERS, Stand

MAC_KEY: Final = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
CARDS: Final = {"6011000990139424": MemberId(MEMBERS[0])}
CARD: Final = next(iter(CARDS))


@dataclass(frozen=True, kw_only=True)
class Shop:
    """`cards` may be changed; messages are of today, `at` seconds after the shop opened."""

    running: Running
    pos: PosConnection
    terminal: PosTerminal
    cards: dict[str, MemberId]
    opened: datetime
    connect: Callable[[], Awaitable[PosConnection]]

    def sale(self, stan: int, amount: int = 500, *, at: int = 0, again: int = 0, **more: Any) -> Request:
        """A purchase from stored value; `again` seconds later, with another DE7."""
        local = self.opened + timedelta(seconds=at)
        asked = {"processing_code": messages.ALL_STORED_VALUE, "card": CARD, "currency": "840"} | more
        return messages.purchase(
            self.terminal,
            stan=f"{stan:06d}",
            local=local,
            transmitted=local + timedelta(seconds=again),
            amount=amount,
            **asked,
        )

    def undo(self, original: Request, stan: int, *, at: int = 60, elements: str = "") -> Request:
        """A reversal; `elements` in place of its DE90."""
        local = self.opened + timedelta(seconds=at)
        made = messages.reversal(original, stan=f"{stan:06d}", local=local, transmitted=local)
        if not elements:
            return made
        fields = {number: text for number, text in made.message.fields.items() if number not in (64, 128)}
        return messages.seal("0400", fields | {90: elements}, self.terminal)


@asynccontextmanager
async def shop_on(
    stand: Stand, sections: dict[str, dict[str, Any]] | None = None, **changes: Any
) -> AsyncIterator[Shop]:
    """A bridge with a listener, and a till that is connected; `changes` are of the listener's settings."""
    keys = stand.folder / "mac.keys"
    keys.touch(mode=0o600)
    till = f"{stand.merchants[0]}T0"
    keys.write_text(f"{till} {MAC_KEY.hex()}\n")
    cards = dict(CARDS)
    settings = replace(Iso8583Settings(mac_key_file=keys), **changes)
    async with bridge_on(stand, **(sections or {})) as running:
        ports = replace(running.ports, member_of=cards.get)
        async with listening(serve_iso8583, settings, ports) as (host, port):
            connections: list[PosConnection] = []

            async def connect() -> PosConnection:
                connections.append(await PosConnection.open(host, port, timeout=20.0))
                return connections[-1]

            try:
                yield Shop(
                    running=running,
                    pos=await connect(),
                    terminal=PosTerminal(id=till, merchant=stand.merchants[0], mac=RetailMac(MAC_KEY)),
                    cards=cards,
                    opened=datetime.now(UTC) - timedelta(minutes=10),
                    connect=connect,
                )
            finally:
                for each in connections:
                    await each.close()
