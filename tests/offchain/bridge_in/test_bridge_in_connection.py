"""A gateway's connection: framing, pipelining, its bounds, and what is no message."""

import asyncio
import itertools
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from node.bridge.intake_iso8583 import serve_iso8583
from node.bridge.intake_ports import Ports
from node.config import Iso8583Settings
from node.domain.assignment import Item
from node.domain.errors import ChainUnreachable, Unusable
from node.domain.payment import Payment, Reversal
from node.iso8583.framing import Framing, frame
from node.iso8583.packager import response_mti
from node.iso8583.wire import Fields
from node.pos import messages
from node.pos.connection import TPDU, PosConnection, ReplyTimeout
from node.pos.messages import PosTerminal
from tests.offchain.bridge_in.conftest import MEMBER, FakeJournal
from tests.offchain.bridge_in.sales import GOOD, GOOD_VALUES, LOCAL, REQUESTS, purchase


@pytest.mark.parametrize("fields", Fields)
@pytest.mark.parametrize("framing", ["nac", "post", "ascii"])
async def test_every_wire_profile_carries_the_same_messages(
    listen, terminal: PosTerminal, journal: FakeJournal, basket: tuple[Item, ...], framing: str, fields: Fields
) -> None:
    till = replace(terminal, fields=fields)
    async with listen(framing=framing, fields=fields.value) as listener:
        pos = await listener.connect(fields=fields)
        reply = await pos.purchase(till, **GOOD, items=basket, coin=200)
        assert reply.approved and reply.mac_right and reply.payment_id == "1-1"
        assert (await pos.reverse(reply.request)).approved
        pos.send_raw(frame(listener.framing, b"") + frame(listener.framing, purchase(till).content))
        assert (await pos.unmatched()).approved
    assert [type(each) for each in journal.entries] == [Payment, Reversal, Payment]
    assert journal.entries[0].member == MEMBER


@pytest.mark.parametrize("fields", Fields)
@pytest.mark.parametrize("tpdu", ["optional", "always"])
async def test_tpdu_is_swapped_in_the_reply(listen, terminal: PosTerminal, tpdu: str, fields: Fields) -> None:
    async with listen(tpdu=tpdu, fields=fields.value) as listener:
        pos = await listener.connect(tpdu=TPDU, fields=fields)
        assert (await pos.purchase(replace(terminal, fields=fields), **GOOD)).approved
        assert pos.last_tpdu == bytes.fromhex("6000000003")


async def test_a_tpdu_is_no_message_when_the_profile_has_none_and_the_other_way_round(
    listen, terminal: PosTerminal, journal: FakeJournal
) -> None:
    for tpdu, sent in (("never", TPDU), ("always", b"")):
        async with listen(tpdu=tpdu) as listener:
            pos = await listener.connect(tpdu=sent)
            with pytest.raises(ReplyTimeout):
                await pos.send(purchase(terminal), timeout=0.2)
    assert journal.entries == []


async def test_pipelined_messages_are_answered_as_they_finish_and_bounded_in_flight(
    listen, terminal: PosTerminal, journal: FakeJournal
) -> None:
    journal.gate = asyncio.Event()
    async with listen(max_in_flight=8) as listener:
        pos = await listener.connect()
        waiting = [asyncio.ensure_future(pos.purchase(terminal, **GOOD)) for _ in range(40)]
        async with asyncio.timeout(5):
            while journal.waiting < 8:
                await asyncio.sleep(0)
        # another gateway is not held up by this one, and the bound of the first one holds
        other = await listener.connect()
        assert (await other.sign_on(terminal)).approved
        assert journal.waiting == 8
        journal.gate.set()
        replies = await asyncio.gather(*waiting)
    assert all(reply.approved for reply in replies)
    assert len({reply.payment_id for reply in replies}) == 40


async def test_connection_that_floods_lets_others_have_their_turn(
    listen, terminal: PosTerminal, journal: FakeJournal
) -> None:
    journal.gate = asyncio.Event()
    flood = 400
    async with listen(max_in_flight=flood) as listener:
        greedy, other = await listener.connect(), await listener.connect()
        waiting = [asyncio.ensure_future(greedy.purchase(terminal, **GOOD)) for _ in range(flood)]
        async with asyncio.timeout(5):
            while journal.waiting == 0:
                await asyncio.sleep(0)
            assert (await other.sign_on(terminal)).approved
            begun = journal.waiting
            while journal.waiting < flood:
                await asyncio.sleep(0)
        journal.gate.set()
        assert all(reply.approved for reply in await asyncio.gather(*waiting))
    assert begun < flood / 2


@pytest.mark.parametrize("fields", Fields)
async def test_every_message_of_a_mixture_gets_exactly_one_reply(
    listen, terminal: PosTerminal, thief: PosTerminal, fields: Fields
) -> None:
    till, forger = (replace(each, fields=fields) for each in (terminal, thief))
    stan, sent, stream = 0, {}, b""
    async with listen(fields=fields.value) as listener:
        for mti, code, who in itertools.product(REQUESTS, ("000000", "310000", "777777"), (till, forger)):
            for drop in (None, 3, 12, 42, 90):
                stan += 1
                said = {**GOOD_VALUES, 3: code, 11: f"{stan:06d}", 7: f"{stan:010d}"}
                content = messages.seal(mti, {n: text for n, text in said.items() if n != drop}, who).content
                cut = content[:-9] if stan % 7 == 0 else content
                sent[said[11]] = response_mti(mti)
                stream += frame(listener.framing, cut)
        pos = await listener.connect(fields=fields)
        pos.send_raw(stream)
        got = [await pos.unmatched(timeout=20.0) for _ in sent]
        echo = await pos.echo(replace(till, mac=None))
    assert {reply.fields[11]: reply.mti for reply in got} == sent and len(got) == len(sent) == stan
    assert echo.approved and pos.late == stan


async def test_a_slow_answer_does_not_hold_up_the_next_message(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal
) -> None:
    journal.gate = asyncio.Event()
    slow = asyncio.ensure_future(pos.purchase(terminal, **GOOD))
    assert (await pos.echo(terminal)).approved
    assert not slow.done()
    journal.gate.set()
    assert (await slow).approved


@pytest.mark.parametrize(
    ("framing", "claim"), [("nac", b"\xff\xff"), ("post", b"\xff\xff"), ("ascii", b"9999"), ("ascii", b"GET ")]
)
async def test_a_message_of_1_mb_closes_the_connection_at_once(
    listen, terminal: PosTerminal, framing: str, claim: bytes
) -> None:
    async with listen(framing=framing) as listener:
        bad, good = await listener.connect(), await listener.connect()
        bad.send_raw(claim + b"0" * 1_000_000)
        async with asyncio.timeout(3):
            await bad.closed.wait()
        assert (await good.purchase(terminal, **GOOD)).approved


async def test_a_message_that_arrives_a_byte_at_a_time_is_dropped(listen, terminal: PosTerminal) -> None:
    async with listen(read_seconds=1) as listener:
        slow, good = await listener.connect(), await listener.connect()
        slow.send_raw(b"\0")
        async with asyncio.timeout(5):
            await slow.closed.wait()
        assert (await good.purchase(terminal, **GOOD)).approved


async def test_a_silent_connection_is_dropped_and_one_that_waits_for_an_answer_is_not(
    listen, terminal: PosTerminal, journal: FakeJournal
) -> None:
    journal.gate = asyncio.Event()
    async with listen(idle_seconds=1) as listener:
        silent, waiting = await listener.connect(), await listener.connect()
        payment = asyncio.ensure_future(waiting.purchase(terminal, **GOOD))
        async with asyncio.timeout(5):
            await silent.closed.wait()
        journal.gate.set()
        assert (await payment).approved


async def test_a_gateway_that_does_not_read_its_replies_is_read_no_more_and_dropped(
    listen, terminal: PosTerminal
) -> None:
    echo = frame(Framing.NAC, messages.network("301", stan="000001", transmitted=LOCAL, terminal=terminal).content)

    def send_without_reading(port: int) -> int:
        with socket.create_connection(("127.0.0.1", port)) as raw:
            raw.settimeout(10)
            sent = 0
            try:
                while sent < 50_000_000:
                    sent += raw.send(echo * 100)
            except (ConnectionResetError, BrokenPipeError):
                return sent
        raise AssertionError("everything was read")

    async with listen(read_seconds=1) as listener:
        assert await asyncio.to_thread(send_without_reading, listener.port) < 50_000_000
        good = await listener.connect()
        assert (await good.purchase(terminal, **GOOD)).approved


async def test_connections_are_bounded(listen, terminal: PosTerminal) -> None:
    async with listen(max_connections=2) as listener:
        first, second, third = [await listener.connect() for _ in range(3)]
        async with asyncio.timeout(5):
            await third.closed.wait()
        assert (await first.purchase(terminal, **GOOD)).approved
        await second.close()
        async with asyncio.timeout(5):
            while True:
                again = await listener.connect()
                try:
                    assert (await again.sign_on(terminal)).approved
                    break
                except ChainUnreachable:
                    await asyncio.sleep(0)


async def test_what_is_no_message_gets_no_reply_and_three_of_it_close_the_connection(
    pos: PosConnection, terminal: PosTerminal
) -> None:
    for _ in range(2):
        pos.send_raw(frame(Framing.POST, b"0HELLO"))
    assert (await pos.purchase(terminal, **GOOD)).approved
    pos.send_raw(frame(Framing.POST, b"0HELLO"))
    async with asyncio.timeout(5):
        await pos.closed.wait()


async def test_a_reply_that_is_sent_to_the_bridge_is_ignored(pos: PosConnection, terminal: PosTerminal) -> None:
    fields = {n: text for n, text in purchase(terminal).message.fields.items() if n != 64}
    with pytest.raises(ReplyTimeout):
        await pos.send(messages.seal("0210", fields, terminal), timeout=0.1)
    assert (await pos.purchase(terminal, **GOOD)).approved and pos.late == 0


async def test_a_message_that_breaks_off_inside_is_answered_30_with_what_was_read(
    pos: PosConnection, terminal: PosTerminal
) -> None:
    pos.send_raw(frame(Framing.NAC, purchase(terminal, stan="000321").content[:-30]))
    reply = await pos.unmatched()
    assert (reply.mti, reply.response_code, reply.fields[11]) == ("0210", "30", "000321")
    assert reply.fields[41] == "TILL0001"


async def test_what_is_in_flight_is_answered_when_the_listener_stops(
    listen, terminal: PosTerminal, journal: FakeJournal
) -> None:
    journal.gate = asyncio.Event()
    async with listen() as listener:
        pos = await listener.connect()
        payment = asyncio.ensure_future(pos.purchase(terminal, **GOOD))
        async with asyncio.timeout(5):
            while not journal.waiting:
                await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(0.1, journal.gate.set)
        await listener.stop()
        assert (await payment).approved
        async with asyncio.timeout(5):
            await pos.closed.wait()


async def test_a_port_in_use_is_one_sentence(ports: Ports, key_file: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = Iso8583Settings(port=taken.getsockname()[1], mac_key_file=key_file)
        with pytest.raises(Unusable, match=r"Cannot listen on 127.0.0.1 port \d+: address already in use\.$"):
            await serve_iso8583(settings, ports)
