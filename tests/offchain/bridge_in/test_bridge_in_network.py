"""Sign-on, sign-off and cut-over over ISO 8583."""

from dataclasses import replace

import pytest

from node.pos import messages
from node.pos.back_office import advice
from node.pos.connection import PosConnection
from node.pos.messages import PosTerminal, Request
from tests.offchain.bridge_in.conftest import CARD, FakeDesk, FakeJournal
from tests.offchain.bridge_in.network_messages import GOOD, NOW, TODAY, number_of


def network(code: str, terminal: PosTerminal, *, drop: tuple[int, ...] = (), day: str = "") -> Request:
    made = messages.network(code, stan="000123", transmitted=NOW, terminal=terminal, day=day)
    fields = {number: text for number, text in made.message.fields.items() if number not in (64, 128, *drop)}
    return messages.seal("0800", fields, terminal)


async def test_requests_are_refused_before_sign_on_and_after_sign_off_when_the_profile_demands_it(
    listen, terminal: PosTerminal, journal: FakeJournal, desk: FakeDesk
) -> None:
    async with listen(sign_on=True) as listener:
        pos = await listener.connect()
        before = await pos.purchase(terminal, **GOOD)
        assert (before.response_code, before.mac_right) == ("58", True)
        assert (await pos.inquire(terminal, card=CARD)).response_code == "58"
        assert (await pos.sign_on(terminal)).approved and desk.on == {"TILL0001"}
        sale = await pos.purchase(terminal, **GOOD)
        assert sale.approved
        assert (await pos.sign_off(terminal)).approved and desk.on == set()
        assert (await pos.purchase(terminal, **GOOD)).response_code == "58"
        # what has happened is taken all the same
        assert (await pos.reverse(sale.request)).approved
        told = advice(terminal, stan="000900", local=NOW, transmitted=NOW, **GOOD)
        assert (await pos.send(told)).approved
    assert len(journal.entries) == 3


async def test_sign_on_changes_nothing_when_the_profile_does_not_demand_it(
    pos: PosConnection, terminal: PosTerminal, desk: FakeDesk
) -> None:
    assert (await pos.sign_off(terminal)).approved
    assert (await pos.purchase(terminal, **GOOD)).approved and desk.on == set()


@pytest.mark.parametrize("code", ["001", "002"])
async def test_signing_needs_a_terminal_and_its_mac_when_the_profile_demands_sign_on(
    listen, terminal: PosTerminal, thief: PosTerminal, desk: FakeDesk, code: str
) -> None:
    desk.on.add("TILL0001" if code == "002" else "TILL2")
    before = set(desk.on)
    async with listen(sign_on=True) as listener:
        pos = await listener.connect()
        refused = [
            await pos.send(network(code, thief)),
            await pos.send(network(code, replace(terminal, mac=None))),
            await pos.send(network(code, replace(terminal, id="CLOSED"))),
            await pos.send(network(code, replace(terminal, id="ELSEWHER"))),
        ]
    assert [each.response_code for each in refused] == ["97", "97", "58", "58"]
    assert desk.on == before


@pytest.mark.parametrize("drop", [7, 11, 70])
async def test_network_messages_that_lack_an_element_are_refused(
    pos: PosConnection, terminal: PosTerminal, drop: int
) -> None:
    request = network("301", terminal, drop=(drop,))
    pos.send_raw(len(request.content).to_bytes(2, "big") + request.content)
    reply = await pos.unmatched()
    assert (reply.mti, reply.response_code) == ("0810", "12" if drop == 70 else "30")


@pytest.mark.parametrize("code", ["000", "003", "162", "202", "999"])
async def test_other_network_messages_are_answered_12(pos: PosConnection, terminal: PosTerminal, code: str) -> None:
    assert (await pos.send(network(code, terminal))).response_code == "12"


async def test_cut_over_closes_the_day_that_it_names(
    pos: PosConnection, terminal: PosTerminal, thief: PosTerminal, desk: FakeDesk
) -> None:
    reply = await pos.cut_over(terminal, day=f"{TODAY:%m%d}")
    assert reply.approved and desk.closed == [("TILL0001", number_of(TODAY))]
    assert (await pos.send(network("201", terminal))).response_code == "30"
    assert (await pos.send(network("201", terminal, day="0230"))).response_code == "30"
    assert (await pos.send(network("201", thief, day="0101"))).response_code == "97"
    assert (await pos.send(network("201", replace(terminal, mac=None), day="0101"))).response_code == "97"
    assert len(desk.closed) == 1
