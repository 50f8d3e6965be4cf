"""What a chain, a journal and tills need before a bridge is killed or its gateways fail: keys, cards, an act target."""

import asyncio
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from node.bridge.card_key import key_of_journal
from node.bridge.cards import import_cards
from node.bridge.journal.schema import engine_of, migrate
from node.bridge.people import open_people
from node.bridge.status import read_status
from node.config import load_bridge
from node.domain.ids import StreamId
from proving.kill_ledger import prepare_target
from proving.kill_tills import MAC_KEY, card_of
from tests.offchain.bridge_out.stand import MEMBERS, STREAM, Stand

SETTLED_SECONDS: Final = 60.0


def prepare(stand: Stand, **sections: dict[str, Any]) -> Path:
    """Writes keys, cards and bridge.toml, with these sections beside; the path of bridge.toml."""
    prepare_target(stand)
    keys = stand.folder / "mac.keys"
    keys.touch(mode=0o600)
    tills = [f"{merchant}T{number}" for merchant in stand.merchants for number in (0, 1)]
    keys.write_text("".join(f"{till} {MAC_KEY.hex()}\n" for till in tills))
    config = stand.write(iso8583={"mac_key_file": "mac.keys"}, **sections)
    import_members(stand, config, MEMBERS)
    return config


async def settled(config: Path) -> None:
    """Waits until the journal has nothing open. Raises RuntimeError."""
    settings, deadline = load_bridge(config), time.monotonic() + SETTLED_SECONDS
    while any((left := read_status(settings).entries)[name] for name in ("journaled", "batched", "sent")):
        if time.monotonic() > deadline:
            raise RuntimeError(f"not settled: {left}")
        await asyncio.sleep(0.1)


def import_members(stand: Stand, config: Path, members: Iterable[int]) -> None:
    """Makes the journal of this bridge.toml, and imports a card for each of these members."""
    settings = load_bridge(config)
    engine = engine_of(settings.journal, StreamId(STREAM))
    migrate(engine)
    cards = stand.folder / "cards.csv"
    cards.write_text("".join(f"{card_of(member)},{member}\n" for member in members))
    key = key_of_journal(engine, settings.journal.card_key_file)
    import_cards(engine, key, open_people(engine, settings.journal, key), cards)
    engine.dispose()
