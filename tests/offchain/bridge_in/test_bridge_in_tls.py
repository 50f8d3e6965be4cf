"""TLS on both listeners over real sockets: whose certificate it is, what it may do, and when it changes."""

import asyncio
import socket
import ssl
import time
import warnings
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme
import uvloop

from node.bridge.announcer import Announcer
from node.bridge.intake_iso8583 import serve_iso8583
from node.bridge.intake_ports import Ports
from node.bridge.intake_rpc import serve_rpc
from node.config import Iso8583Settings, RpcSettings
from node.domain.errors import ChainUnreachable
from node.domain.terminal_terms import SubscriptionTerms
from node.pos import messages
from node.pos.connection import PosConnection
from node.pos.messages import PosTerminal
from node.pos.rpc import RpcConnection, RpcTerminal
from tests.offchain.bridge_in.conftest import CARD, CHAIN_ID, CURRENCY, LEDGER, FakeJournal, listening
from tests.offchain.bridge_in.test_bridge_in_websocket import ask, purchase, signed
from tests.offchain.bridge_in.tls_shop import PATIENCE, YESTERDAY, Shop, gateway, make_shop, until

GOOD = {"card": CARD, "amount": 1_200, "currency": CURRENCY}


@pytest.fixture
def refusals() -> list[str]:
    return []


@pytest.fixture
def shop(tmp_path: Path, refusals: list[str]) -> Shop:
    return make_shop(tmp_path, refusals)


@pytest.fixture
def ports(ports: Ports, refusals: list[str]) -> Ports:
    return replace(ports, refused=refusals.append)


@pytest.fixture
async def door(shop: Shop, listen) -> AsyncIterator[Any]:
    async with listen(tls=shop.settings()) as listener:
        yield listener


async def test_terminal_pays_over_its_own_certificate_only(
    door: Any, shop: Shop, terminal: PosTerminal, journal: FakeJournal
) -> None:
    one = await door.connect(tls=gateway(shop.ca, shop.first))
    two = await door.connect(tls=gateway(shop.ca, shop.second))
    second = replace(terminal, id="TILL2")
    assert (await one.purchase(terminal, **GOOD)).approved and (await two.purchase(second, **GOOD)).approved
    stolen, signed_on = await two.purchase(terminal, **GOOD), await two.sign_on(terminal)
    foreign = await one.purchase(second, **GOOD)
    assert [each.response_code for each in (stolen, signed_on, foreign)] == ["58"] * 3
    assert shop.refusals == ["WrongCertificate"] * 3 and len(journal.entries) == 2
    assert one._transport.get_extra_info("ssl_object").version() == "TLSv1.3"


async def test_echo_of_no_terminal_is_answered_over_any_certificate(
    door: Any, shop: Shop, terminal: PosTerminal
) -> None:
    two, plain = await door.connect(tls=gateway(shop.ca, shop.second)), replace(terminal, mac=None)
    asked = messages.network("301", stan="000001", transmitted=datetime.now(UTC), terminal=plain)
    fields = {number: text for number, text in asked.message.fields.items() if number != 41}
    assert (await two.send(messages.seal("0800", fields, plain))).approved
    assert (await two.send(asked)).response_code == "58"


async def test_file_of_terminals_is_read_again_when_it_changes(door: Any, shop: Shop, terminal: PosTerminal) -> None:
    two = await door.connect(tls=gateway(shop.ca, shop.second))
    assert (await two.purchase(terminal, **GOOD)).response_code == "58"
    shop.bind("cn:gateway-two TILL2 TILL0001")

    async def served() -> bool:
        return (await two.echo(terminal)).approved

    await until(served, "the terminal is the second gateway's")
    assert (await two.purchase(terminal, **GOOD)).approved


@pytest.mark.parametrize("who", ["nobody", "a stranger", "expired"])
async def test_connection_is_refused_when_its_certificate_is_none_of_ours(
    door: Any, shop: Shop, terminal: PosTerminal, journal: FakeJournal, who: str
) -> None:
    leaf = {
        "nobody": lambda: None,
        "a stranger": lambda: trustme.CA().issue_cert("gateway@one.example", common_name="gateway-one"),
        "expired": lambda: shop.ca.issue_cert("a@one.example", common_name="gateway-one", not_after=YESTERDAY),
    }[who]()
    with pytest.raises((OSError, ChainUnreachable)):
        # in TLS 1.3 the client believes itself connected until it is told
        connection = await door.connect(tls=gateway(shop.ca, leaf))
        await connection.purchase(terminal, **GOOD)
    assert shop.refusals == ["Handshake"] and not journal.entries


async def test_plain_and_old_clients_are_refused(door: Any, shop: Shop, terminal: PosTerminal) -> None:
    plain = await door.connect()
    with pytest.raises(ChainUnreachable):
        await plain.purchase(terminal, **GOOD)
    old = gateway(shop.ca, shop.first)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(OSError):
        await door.connect(tls=old)
    assert shop.refusals == ["Handshake"] * 2
    new = gateway(shop.ca, shop.first)
    new.minimum_version = new.maximum_version = ssl.TLSVersion.TLSv1_2
    new.set_ciphers("ALL:@SECLEVEL=0")
    assert (await (await door.connect(tls=new)).purchase(terminal, **GOOD)).approved


async def test_gateway_refuses_a_bridge_of_another_authority(door: Any, shop: Shop) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        await door.connect(tls=gateway(trustme.CA(), shop.first))


async def test_silent_handshakes_end_in_time_and_are_no_more_than_the_limit(
    listen, shop: Shop, terminal: PosTerminal
) -> None:
    async with listen(tls=shop.settings(handshakes=2, handshake_ms=400)) as listener:
        began = time.monotonic()
        with ExitStack() as sockets:
            where = (listener.host, listener.port)
            silent = [sockets.enter_context(socket.create_connection(where)) for _ in range(4)]
            one = await listener.connect(tls=gateway(shop.ca, shop.first))
            waited = time.monotonic() - began
            assert (await one.purchase(terminal, **GOOD)).approved
            # a round of two silent ones came first, and one of the second round made room for this one
            assert 0.75 < waited < PATIENCE and len(shop.refusals) >= 3
            for each in silent:
                each.settimeout(PATIENCE)
                assert await asyncio.to_thread(each.recv, 1) == b""
    assert shop.refusals == ["Handshake"] * 4


async def test_server_certificate_is_renewed_without_a_restart(door: Any, shop: Shop, terminal: PosTerminal) -> None:
    context = gateway(shop.ca, shop.first)
    before = await door.connect(tls=context)

    async def shown() -> bytes:
        connection = await PosConnection.open(door.host, door.port, tls=context)
        tls = connection._transport.get_extra_info("ssl_object")
        await connection.close()
        return tls.getpeercert(True)

    was = await shown()
    shop.install(shop.ca.issue_cert("127.0.0.1"))

    async def renewed() -> bool:
        return await shown() != was

    await until(renewed, "the new certificate is shown")
    assert (await before.purchase(terminal, **GOOD)).approved, "connections go on"


async def test_rpc_terminal_is_refused_on_anothers_certificate(
    listen_rpc, shop: Shop, rpc_terminal: RpcTerminal, journal: FakeJournal
) -> None:
    async def code(leaf: trustme.LeafCert, terminal: RpcTerminal, stan: str) -> int | None:
        tls, https = gateway(shop.ca, leaf), url.replace("http:", "https:")
        async with RpcConnection(https, chain_id=CHAIN_ID, ledger=LEDGER, tls=tls) as rpc:
            return ((await rpc.purchase(terminal, **GOOD, stan=stan)).error or {}).get("code")

    async with listen_rpc(tls=shop.settings()) as url:
        assert await code(shop.first, rpc_terminal, "000001") is None
        assert await code(shop.second, rpc_terminal, "000002") == -32057
        assert await code(shop.second, replace(rpc_terminal, id="TILL2"), "000003") is None
        with pytest.raises(ChainUnreachable):
            async with RpcConnection(url, chain_id=CHAIN_ID, ledger=LEDGER) as plain:
                await plain.purchase(rpc_terminal, **GOOD, stan="000004")
    assert shop.refusals == ["WrongCertificate", "Handshake"] and len(journal.entries) == 2


async def test_websocket_speaks_for_its_certificates_terminals_only(
    rpc_settings: RpcSettings, ports: Ports, shop: Shop, rpc_terminal: RpcTerminal
) -> None:
    changed, now = replace(ports, announcer=Announcer()), int(time.time())
    second = replace(rpc_terminal, id="TILL2")

    async def codes(terminal: RpcTerminal) -> list[int | None]:
        """What each gateway is answered to a purchase and to a subscription of this terminal."""
        found = []
        for number, leaf in enumerate((shop.first, shop.second)):
            tls = gateway(shop.ca, leaf)
            async with session.ws_connect(f"https://{host}:{port}/", ssl=tls) as client:
                terms = signed(terminal, SubscriptionTerms, stan=f"{number:06d}", time=now)
                said = (("payment_submit", purchase(terminal, number, now)), ("till_subscribe", terms))
                found += [(await ask(client, *each)).get("error", {}).get("code") for each in said]
        return found

    async with (
        listening(serve_rpc, replace(rpc_settings, tls=shop.settings()), changed) as (host, port),
        aiohttp.ClientSession() as session,
    ):
        assert await codes(rpc_terminal) == [None, None, -32057, -32057]
        assert await codes(second) == [-32057, -32057, None, None]
    assert shop.refusals == ["WrongCertificate"] * 4


def test_door_is_the_same_on_the_loop_that_the_bridge_runs_on(
    shop: Shop, ports: Ports, key_file: Path, terminal: PosTerminal, journal: FakeJournal
) -> None:
    settings = Iso8583Settings(mac_key_file=key_file, tls=shop.settings(handshakes=1, handshake_ms=400))

    async def trade() -> None:
        async with listening(serve_iso8583, settings, ports) as (host, port):
            silent = socket.create_connection((host, port))
            one = await PosConnection.open(host, port, tls=gateway(shop.ca, shop.first))
            assert shop.refusals == ["Handshake"], "the silent one came first, and its time was over"
            two = await PosConnection.open(host, port, tls=gateway(shop.ca, shop.second))
            codes = [(await each.purchase(terminal, **GOOD)).response_code for each in (one, two)]
            with pytest.raises((OSError, ChainUnreachable)):
                nobody = await PosConnection.open(host, port, tls=gateway(shop.ca, None))
                await nobody.purchase(terminal, **GOOD)
            assert codes == ["00", "58"]
            for each in (one, two):
                await each.close()
            silent.close()

    uvloop.run(trade())
    assert shop.refusals == ["Handshake", "WrongCertificate", "Handshake"] and len(journal.entries) == 1
