"""The gate of a bridge, from its settings; and what looks after its files while the bridge runs."""

import asyncio
from collections.abc import Callable
from typing import Final

from node.bridge.cards import Cards
from node.bridge.counters import Counters
from node.bridge.journal.store import Journal
from node.bridge.keys.vault import Vault
from node.bridge.security.gate import Gate, QrCodes, Refusals
from node.bridge.security.pins import Pins
from node.config import BridgeSettings
from node.domain.errors import Unusable

_REFRESH_SECONDS: Final = 1.0


def build_gate(
    settings: BridgeSettings,
    journal: Journal,
    cards: Cards,
    card_key: bytes,
    refusals: Refusals,
    *,
    clock: Callable[[], int],
    vault: Vault | None = None,
) -> Gate:
    """The gate; close it after use. `clock` gives milliseconds. `vault` opens the PIN keys.

    Raises Unusable when a file of keys is no good.
    """
    pins = qr = None
    if settings.pins is not None:
        if settings.journal.card_key_file is None:
            raise Unusable("the setting journal.card_key_file is missing: PINs are kept under the cards' key")
        opened = cards.people.open_pin
        pins = Pins(settings.pins, journal.run, cards.token_of, card_key, opened, clock=clock, vault=vault)
    if settings.qr is not None:
        qr = QrCodes(settings.qr, journal.run, clock=clock)
    return Gate(cards.member_of, refusals, pins=pins, qr=qr)


def count_refusals(counters: Counters) -> Refusals:
    """The counter of refusals among the bridge's metrics."""
    return Refusals(counters.registry)


async def keep_fresh(gate: Gate) -> None:
    """Reads the gate's files again when they change, for ever."""
    while True:
        await asyncio.sleep(_REFRESH_SECONDS)
        # a token may take its time over new keys
        await asyncio.to_thread(gate.refresh)
