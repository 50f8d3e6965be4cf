"""A journal with cards and PINs, the gate before it, and sales that show a PIN."""

import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from node.bridge.cards import Cards, import_cards
from node.bridge.intake_ports import Ports
from node.bridge.journal.store import Journal
from node.bridge.people import open_people
from node.bridge.security import pins as judging
from node.bridge.security.gate import Gate, Refusals
from node.bridge.security.pin_hash import is_right
from node.bridge.security.pins import Pins
from node.config import JournalSettings
from node.pos import messages
from node.pos.messages import PosTerminal, Request
from node.security_settings import PinSettings
from tests.offchain.bridge_in.conftest import CARD, CURRENCY, MEMBER
from tests.offchain.bridge_in.pins import (
    ABOVE,
    AES_KEY,
    BARE_CARD,
    CARD_KEY,
    LOCAL,
    OLD_PIN_KEY,
    OTHER_CARD,
    PIN,
    PIN_KEY,
)


def sale(terminal: PosTerminal, number: int, *, pin_block: str = "", **changes: Any) -> Request:
    """A purchase paid from stored value, with a PIN block if there is one."""
    said = {"card": CARD, "amount": 1_200, "stored_value": 1_200, "currency": CURRENCY, **changes}
    request = messages.purchase(terminal, stan=f"{number:06d}", local=LOCAL, transmitted=LOCAL, **said)
    fields = {number: value for number, value in request.message.fields.items() if number not in (64, 128)}
    return messages.seal("0200", fields | ({52: pin_block} if pin_block else {}), terminal)


@dataclass(kw_only=True)
class Vault:
    """The journal with its cards and PINs, and the gate before it."""

    journal: Journal
    cards: Cards
    gate: Gate
    pins: Pins

    async def tries(self, card: str = CARD) -> int:
        query = "SELECT tries FROM pins WHERE token = ?"
        return int(await self.journal.run(lambda on: on.exec_driver_sql(query, (self.cards.token_of(card),)).scalar()))


@pytest.fixture
def pin_key_file(tmp_path: Path) -> Path:
    path = tmp_path / "pin.keys"
    path.touch(mode=0o600)
    path.write_text(f"TILL0001 {PIN_KEY.hex()} {OLD_PIN_KEY.hex()}\nTILL2 aes:{AES_KEY.hex()}  # a new one\n")
    return path


@pytest.fixture
def pin_settings(pin_key_file: Path) -> PinSettings:
    return PinSettings(key_file=pin_key_file, above=ABOVE)


@pytest.fixture
async def vault(tmp_path: Path, pin_settings: PinSettings, kept: JournalSettings) -> AsyncIterator[Vault]:
    journal = await Journal.open(kept)
    file = tmp_path / "cards.csv"
    file.write_text(f"card,member,pin\n{CARD},{MEMBER},{PIN}\n{OTHER_CARD},77,{PIN}\n{BARE_CARD},78,\n")
    people = open_people(
        journal.engine, JournalSettings(people_master_key_file=tmp_path / "people-master.key"), CARD_KEY
    )
    assert import_cards(journal.engine, CARD_KEY, people, file) == 3
    cards = Cards(journal.engine, CARD_KEY, people)
    pins = Pins(pin_settings, journal.run, cards.token_of, CARD_KEY, people.open_pin, clock=lambda: 1_000_000)
    yield Vault(
        journal=journal,
        cards=cards,
        pins=pins,
        gate=Gate(cards.member_of, Refusals(CollectorRegistry()), pins=pins),
    )
    pins.close()
    cards.close()
    await journal.close()


@pytest.fixture
def ports(ports: Ports, vault: Vault) -> Ports:
    return replace(ports, member_of=vault.gate.member_of, gate=vault.gate)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names of the threads that hashed a PIN."""
    names: list[str] = []

    def noted(*arguments: Any) -> bool:
        names.append(threading.current_thread().name)
        return is_right(*arguments)

    monkeypatch.setattr(judging, "is_right", noted)
    yield names
