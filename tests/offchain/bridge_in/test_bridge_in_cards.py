"""A card that is not in memory: fetched, and the message is verified again; answered 96 when it cannot be."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from node.bridge.at_hand import NotAtHand
from node.bridge.intake_ports import Ports
from node.domain.errors import JournalUnwritable
from node.domain.ids import MemberId
from node.pos.connection import PosConnection
from node.pos.messages import PosTerminal
from node.pos.rpc import RpcConnection, RpcTerminal
from tests.offchain.bridge_in.conftest import CARD, CURRENCY, FakeJournal

GOOD = {"stan": "000001", "card": CARD, "amount": 1_200, "currency": CURRENCY}


class Shelf:
    """Cards that are in memory once they were fetched."""

    def __init__(self, member_of: Callable[[str], MemberId | None]) -> None:
        self._member_of, self.there, self.broken = member_of, False, False

    def member_of(self, card: str) -> MemberId | None:
        if not self.there:
            raise NotAtHand(self.fetch)
        return self._member_of(card)

    async def fetch(self) -> None:
        if self.broken:
            raise JournalUnwritable("the cards cannot be read")
        self.there = True


@pytest.fixture
def shelf(directory: object) -> Shelf:
    return Shelf(lambda card: MemberId(5) if card == CARD else None)


@pytest.fixture
def ports(ports: Ports, shelf: Shelf) -> Ports:
    return replace(ports, member_of=shelf.member_of)


async def test_message_is_taken_once_when_its_card_has_to_be_fetched(
    pos: PosConnection,
    terminal: PosTerminal,
    rpc: RpcConnection,
    rpc_terminal: RpcTerminal,
    shelf: Shelf,
    journal: FakeJournal,
) -> None:
    shelf.broken = True
    assert (await pos.purchase(terminal, **GOOD)).response_code == "96"
    assert not (await rpc.purchase(rpc_terminal, **GOOD)).approved
    assert journal.entries == []
    shelf.broken = False
    assert (await pos.purchase(terminal, **GOOD)).response_code == "00"
    shelf.there = False
    assert (await rpc.purchase(rpc_terminal, **GOOD | {"stan": "000002"})).approved
    assert [getattr(entry, "member", None) for entry in journal.entries] == [5, 5]
