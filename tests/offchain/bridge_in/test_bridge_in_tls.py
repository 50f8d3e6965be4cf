"""TLS on both listeners over real sockets: whose certificate it is, what it may do, and when it changes."""

import asyncio
import hashlib
import socket
import ssl
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
import trustme
import uvloop
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate

from node.bridge.intake_iso8583 import serve_iso8583
from node.bridge.intake_ports import Ports
from node.bridge.security.certificates import PRESENTED, Bindings, Presented
from node.bridge.security.door import Door
from node.bridge.security.tls import ServerTls
from node.config import Iso8583Settings
from node.domain.errors import ChainUnreachable, Unusable, WrongCertificate
from node.domain.ids import TerminalId
from node.pos.connection import PosConnection
from node.pos.messages import PosTerminal
from node.pos.rpc import RpcConnection, RpcTerminal
from node.security_settings import TlsSettings
from tests.offchain.bridge_in.conftest import CARD, CHAIN_ID, CURRENCY, LEDGER, FakeJournal, listening

GOOD = {"card": CARD, "amount": 1_200, "currency": CURRENCY}
PATIENCE = 10.0
NEVER = 2.0**40
YESTERDAY = datetime.now(UTC) - timedelta(days=1)


def pem(leaf: trustme.LeafCert) -> bytes:
    return b"".join(blob.bytes() for blob in leaf.cert_chain_pems)


def fingerprint(leaf: trustme.LeafCert) -> str:
    der = load_pem_x509_certificate(leaf.cert_chain_pems[0].bytes()).public_bytes(Encoding.DER)
    return hashlib.sha256(der).hexdigest()


def gateway(ca: trustme.CA, leaf: trustme.LeafCert | None) -> ssl.SSLContext:
    """What a gateway connects with; it trusts the bridge's authority."""
    context = ssl.create_default_context()
    ca.configure_trust(context)
    if leaf is not None:
        leaf.configure_cert(context)
    return context


@dataclass(kw_only=True)
class Shop:
    """The bridge's certificates in files, and those of two gateways."""

    folder: Path
    ca: trustme.CA
    first: trustme.LeafCert
    second: trustme.LeafCert
    refusals: list[str]

    def install(self, leaf: trustme.LeafCert) -> None:
        (self.folder / "bridge.key").touch(mode=0o600)
        (self.folder / "bridge.key").write_bytes(leaf.private_key_pem.bytes())
        (self.folder / "bridge.pem").write_bytes(pem(leaf))

    def bind(self, *lines: str) -> None:
        (self.folder / "terminals").write_text("".join(line + "\n" for line in lines))

    def settings(self, **changes: Any) -> TlsSettings:
        return TlsSettings(
            **{
                "certificate": self.folder / "bridge.pem",
                "certificate_key": self.folder / "bridge.key",
                "client_ca_file": self.folder / "clients.pem",
                "terminals_file": self.folder / "terminals",
                **changes,
            }
        )


@pytest.fixture
def refusals() -> list[str]:
    return []


@pytest.fixture
def ports(ports: Ports, refusals: list[str]) -> Ports:
    return replace(ports, refused=refusals.append)


@pytest.fixture
def shop(tmp_path: Path, refusals: list[str]) -> Shop:
    ca = trustme.CA()
    first = ca.issue_cert("gateway@one.example", common_name="gateway-one")
    second = ca.issue_cert("gateway@two.example", common_name="gateway-two")
    shop = Shop(folder=tmp_path, ca=ca, first=first, second=second, refusals=refusals)
    shop.install(ca.issue_cert("127.0.0.1"))
    ca.cert_pem.write_to_path(tmp_path / "clients.pem")
    shop.bind("cn:gateway-one TILL0001  # the counter", f"sha256:{fingerprint(second)} TILL2")
    return shop


@pytest.fixture
async def door(shop: Shop, listen) -> AsyncIterator[Any]:
    async with listen(tls=shop.settings()) as listener:
        yield listener


async def until(happened: Callable[[], Awaitable[bool]], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not await happened():
        assert time.monotonic() < deadline, f"never: {what}"
        await asyncio.sleep(0.05)


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
        silent = [socket.create_connection((listener.host, listener.port)) for _ in range(4)]
        one = await listener.connect(tls=gateway(shop.ca, shop.first))
        waited = time.monotonic() - began
        assert (await one.purchase(terminal, **GOOD)).approved
        # two rounds of two silent ones came first
        assert 0.75 < waited < PATIENCE and shop.refusals == ["Handshake"] * 4
        for each in silent:
            each.settimeout(PATIENCE)
            assert await asyncio.to_thread(each.recv, 1) == b""
            each.close()


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


def test_what_was_good_stays_when_a_file_becomes_unusable(shop: Shop) -> None:
    tls, bindings = ServerTls(shop.settings()), Bindings(shop.folder / "terminals")
    was = tls.context
    tls.refresh()
    assert tls.context is was, "nothing changed"
    (shop.folder / "bridge.pem").write_bytes(b"half of a certificate")
    tls.refresh()
    assert tls.context is was
    (shop.folder / "bridge.pem").unlink()
    tls.refresh()
    assert tls.context is was
    shop.install(shop.ca.issue_cert("127.0.0.1"))
    tls.refresh()
    assert tls.context is not was
    PRESENTED.set(Presented(fingerprint="00", name="gateway-one", expires=NEVER))
    shop.bind("nonsense")
    bindings.refresh()
    bindings.check(TerminalId("TILL0001"))
    shop.bind("cn:gateway-one TILL2")
    bindings.refresh()
    with pytest.raises(WrongCertificate):
        bindings.check(TerminalId("TILL0001"))
    PRESENTED.set(None)
    with pytest.raises(WrongCertificate, match="has none"):
        bindings.check(TerminalId("TILL2"))


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


def test_certificate_that_ends_while_it_is_connected_is_refused(shop: Shop) -> None:
    clock = [1_000.0]
    door = Door(shop.settings(), shop.refusals.append, clock=lambda: clock[0])
    PRESENTED.set(Presented(fingerprint="00", name="gateway-one", expires=2_000.0))
    door.check(TerminalId("TILL0001"))
    clock[0] = 2_001.0
    with pytest.raises(WrongCertificate, match="expired"):
        door.check(TerminalId("TILL0001"))
    PRESENTED.set(None)
    assert shop.refusals == ["WrongCertificate"]


async def test_listener_that_ended_says_so(shop: Shop) -> None:
    door = Door(shop.settings(), shop.refusals.append)
    listening = await door.listen(asyncio.Protocol, "127.0.0.1", 0, backlog=1)
    door.refresh()
    listening.close()

    async def ended() -> bool:
        try:
            door.refresh()
        except asyncio.CancelledError:
            return True
        return False

    await until(ended, "the door says that nobody is at it")


def test_server_tls_says_what_is_wrong(shop: Shop) -> None:
    def refused(**changes: Any) -> str:
        with pytest.raises(Unusable) as failure:
            ServerTls(shop.settings(**changes))
        return str(failure.value)

    assert "client_ca_file" in refused(client_ca_file=None)
    assert "nowhere.pem" in refused(certificate=shop.folder / "nowhere.pem")
    other = shop.folder / "other.key"
    other.touch(mode=0o600)
    other.write_bytes(shop.first.private_key_pem.bytes())
    assert "KEY_VALUES_MISMATCH" in refused(certificate_key=other)
    other.chmod(0o640)
    assert "open to others" in refused(certificate_key=other)
    shop.install(shop.ca.issue_cert("127.0.0.1", not_after=YESTERDAY))
    assert "has expired" in refused()


def test_server_certificate_that_ends_soon_is_told_once_a_day(shop: Shop) -> None:
    shop.install(shop.ca.issue_cert("127.0.0.1", not_after=datetime.now(UTC) + timedelta(days=20)))
    now = [time.time()]
    tls = ServerTls(shop.settings(), clock=lambda: now[0])
    told = []
    with structlog.testing.capture_logs() as logs:
        for _ in range(48):
            tls.refresh()
            told.append(sum(each["event"] == "tls.ends_soon" for each in logs))
            now[0] += 6 * 3_600
    assert told[:23] == [0] * 23, "20 days are enough"
    assert 5 <= told[-1] <= 6, "and then a day is a day"


@pytest.mark.parametrize("text", ["cn:a", "gateway-one TILL0001", "sha256:12 TILL0001", "cn:a T1\ncn:a T2"])
def test_bindings_are_refused_when_a_line_is_wrong(tmp_path: Path, text: str) -> None:
    path = tmp_path / "terminals"
    path.write_text(text)
    path.chmod(0o644)
    with pytest.raises(Unusable, match=r"ine [12] of the file of terminals' certificates"):
        Bindings(path)
    path.chmod(0o664)
    with pytest.raises(Unusable, match="open to others"):
        Bindings(path)
