"""A journal with people in it: their cards, and PINs as they are kept."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from node.bridge.at_hand import with_all_at_hand
from node.bridge.card_key import load_key
from node.bridge.cards import Cards, Tokens, import_cards
from node.bridge.journal.people import by_card
from node.bridge.journal.pins import SealedPin
from node.bridge.journal.schema import engine_of, migrate
from node.bridge.people import People, open_people
from node.bridge.security.pin_hash import is_right, pepper_of
from node.config import BridgeSettings, JournalSettings, load_bridge
from node.domain.ids import StreamId

CARD, PHONE, OTHERS = "6011000990139424", "+491701234567", "4929117753184026"
PIN, OTHERS_PIN = "836194725038", "529471836602"
ANN, BEN = 0xA1B2C3D4E5F60718, 0x1122334455667788


@pytest.fixture
def settings(tmp_path: Path, kept: JournalSettings) -> BridgeSettings:
    path = tmp_path / "bridge.toml"
    path.write_text(
        '[chain]\nrpc = ["http://127.0.0.1:1"]\ndeployment = "deployment.json"\n'
        '[stream]\nid = 1\nkey_file = "poster.key"\n[journal]\ncard_key_file = "cards.key"\n'
        + (f'url = "{kept.url}"\n' if kept.url else "")
    )
    return load_bridge(path, {})


@pytest.fixture
def engine(settings: BridgeSettings) -> Iterator[Engine]:
    made = engine_of(settings.journal, StreamId(1))
    migrate(made)
    yield made
    made.dispose()


@pytest.fixture
def key(settings: BridgeSettings) -> bytes:
    return load_key(settings.journal.card_key_file, make=True)


@pytest.fixture
def people(settings: BridgeSettings, engine: Engine, key: bytes, tmp_path: Path) -> People:
    """With Ann's card, PIN and phone number, and Ben's card and PIN."""
    opened = open_people(engine, settings.journal, key)
    file = tmp_path / "cards.csv"
    file.write_text(f"{CARD},{ANN},{PIN}\n{PHONE},{ANN},\n{OTHERS},{BEN},{OTHERS_PIN}\n")
    assert import_cards(engine, key, opened, file) == 3
    return opened


def stored_pin(engine: Engine, key: bytes, card: str) -> SealedPin | None:
    token = Tokens(key).of(card)
    with engine.connect() as connection:
        row = connection.exec_driver_sql("SELECT hash, cost FROM pins WHERE token = ?", (token,)).first()
        person = by_card(connection, token)
    return None if row is None or person is None else SealedPin(sealed=bytes(row[0]), cost=row[1], person=person)


def is_pin_of(engine: Engine, key: bytes, people: People, card: str, pin: str) -> bool:
    sealed, token = stored_pin(engine, key, card), Tokens(key).of(card)
    return sealed is not None and is_right(pepper_of(key), token, pin, people.open_pin(token, sealed))


def member_of(cards: Cards, card: str) -> int | None:
    """Whose it is, fetched if it has to be."""

    async def look() -> int | None:
        return cards.member_of(card)

    return asyncio.run(with_all_at_hand(look))


def members(engine: Engine, key: bytes, people: People) -> list[int | None]:
    cards = Cards(engine, key, people)
    found = [member_of(cards, card) for card in (CARD, PHONE, OTHERS)]
    cards.close()
    return found
