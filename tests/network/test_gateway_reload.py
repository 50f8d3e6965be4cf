"""Settings and certificates that change while the gateway runs; with real TLS clients."""

import asyncio
import json
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from node.consensus.access import digest_of
from node.consensus.access_watch import AccessWatch, read_cookie
from node.domain.errors import Unusable
from node.network.certificate import make_certificate
from node.network.rpc import NoAnswer, call
from tests.network.gateway_stage import CALL, Stage, on_stage


class Watched:
    """A stage whose settings stand in a folder; it listens only once they were applied."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        self.stage, self.folder = stage, folder
        self.watch = AccessWatch(folder, stage.door, stage.listener, stage.metrics.gateway)

    async def write(self, document: Any) -> bool:
        text = document if isinstance(document, str) else json.dumps(document)
        fresh = self.folder / "fresh"
        fresh.write_text(text)
        fresh.replace(self.folder / "access.json")
        return await self.watch.refresh()


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    async with on_stage() as stage:
        await stage.listener.close()
        yield Watched(stage, tmp_path)


def alice(key: str) -> dict[str, Any]:
    return {"id": "alice", "role": "auditor", "sha256": digest_of(key).hex()}


def trusting(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificate)


async def ask(url: str, context: ssl.SSLContext) -> Any:
    connector = aiohttp.TCPConnector(ssl=context)
    async with aiohttp.ClientSession(connector=connector) as session, session.post(url, data=CALL) as response:
        return (await response.json())["result"]


async def test_settings_are_applied_when_they_change_and_kept_when_they_are_wrong(watched: Watched) -> None:
    assert await watched.watch.refresh()
    assert await watched.stage.ask("eth_chainId", key="one") == -32092
    assert await watched.write({"keys": [alice("one")]})
    assert await watched.stage.ask("eth_chainId", key="one") == "0x1"
    for wrong in ("{", '{"keys": 5}', '{"anonymous": "root"}', "[" * 100_000, json.dumps({"keys": [alice("two")] * 2})):
        with capture_logs() as logs:
            assert not await watched.write(wrong)
            assert not await watched.watch.refresh()
        (entry,) = logs  # told once
        assert entry["event"] == "access.not_applied" and "access.json" in entry["reason"] and not entry["shut"]
        assert await watched.stage.ask("eth_chainId", key="one") == "0x1"
    assert await watched.write({"keys": [alice("two")], "anonymous": "nobody"})
    assert await watched.stage.ask("eth_chainId", key="one") == -32092
    assert await watched.stage.ask("eth_chainId", key="two") == "0x1"
    assert await watched.stage.ask("eth_chainId") == -32092


async def test_the_gateway_stays_shut_when_its_settings_are_wrong_from_the_start(watched: Watched) -> None:
    assert not await watched.write('{"tls": 1}')
    assert not watched.stage.listener.is_open
    assert await watched.write({})
    assert await watched.stage.ask("eth_chainId") == "0x1"


async def test_the_owner_of_the_folder_is_the_operator_whatever_the_settings_say(watched: Watched) -> None:
    assert await watched.write({"anonymous": "nobody"})
    cookie = watched.folder / "access.cookie"
    assert cookie.stat().st_mode & 0o777 == 0o600
    assert await watched.stage.ask("txpool_status", key=cookie.read_text().strip()) == "0x1"
    assert await asyncio.to_thread(call, watched.stage.url, "eth_chainId", [], home=watched.folder) == "0x1"
    with pytest.raises(NoAnswer):
        await asyncio.to_thread(call, watched.stage.url, "eth_chainId", [])
    assert read_cookie(watched.folder) == cookie.read_text().strip()
    cookie.write_text("short\n")
    with pytest.raises(Unusable):
        read_cookie(watched.folder)


async def test_tls_is_served_from_its_first_connection_on_and_its_certificate_renewed(watched: Watched) -> None:
    assert await watched.watch.refresh()
    now = datetime.now(UTC)
    certificate = make_certificate(watched.folder, ["127.0.0.1", "localhost"], days=30, now=now)
    assert await watched.watch.refresh()
    url, first = watched.stage.url.replace("http:", "https:"), trusting(certificate)
    assert await ask(url, first) == "0x1"
    assert await asyncio.to_thread(call, url, "eth_chainId", [], home=watched.folder) == "0x1"
    with pytest.raises(aiohttp.ClientError):
        await watched.stage.ask("eth_chainId")  # in clear
    make_certificate(watched.folder, ["127.0.0.1"], days=30, now=now)
    with capture_logs() as logs:
        assert await watched.watch.refresh()
    assert [entry["event"] for entry in logs] == ["access.applied"]
    assert await ask(url, trusting(certificate)) == "0x1"
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        await ask(url, first)
    # a pair that does not fit changes nothing
    good = certificate.read_bytes()
    for wrong in (b"junk", b""):
        certificate.write_bytes(wrong)
        assert not await watched.watch.refresh()
        certificate.write_bytes(good)
        assert await ask(url, trusting(certificate)) == "0x1"
    assert await watched.watch.refresh()
    document = json.loads((watched.folder / "access.json").read_text())
    del document["tls"]
    assert await watched.write(document)
    assert await watched.stage.ask("eth_chainId") == "0x1"


@pytest.mark.parametrize(
    ("version", "served"), [(ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True), (None, True)]
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
async def test_tls_is_of_version_1_2_at_least(watched: Watched, version: Any, served: bool) -> None:
    certificate = make_certificate(watched.folder, ["127.0.0.1"], days=1, now=datetime.now(UTC))
    assert await watched.watch.refresh()
    context = trusting(certificate)
    if version is not None:
        context.minimum_version = context.maximum_version = version
        context.set_ciphers("ALL:@SECLEVEL=0")
    url = watched.stage.url.replace("http:", "https:")
    if served:
        assert await ask(url, context) == "0x1"
    else:
        with pytest.raises(aiohttp.ClientError):
            await ask(url, context)


async def test_a_certificate_for_another_name_or_time_is_the_clients_to_refuse(watched: Watched) -> None:
    for names, born in ((["till.example"], datetime.now(UTC)), (["127.0.0.1"], datetime.now(UTC) - timedelta(days=9))):
        certificate = make_certificate(watched.folder, names, days=1, now=born)
        assert await watched.watch.refresh()
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await ask(watched.stage.url.replace("http:", "https:"), trusting(certificate))


async def test_a_certificate_of_somebody_elses_making_is_not_replaced(watched: Watched) -> None:
    (watched.folder / "access.json").write_text('{"tls": {"certificate": "/etc/own.pem", "key": "/etc/own.key"}}')
    with pytest.raises(Unusable, match=r"own\.pem"):
        make_certificate(watched.folder, ["127.0.0.1"], days=1, now=datetime.now(UTC))
    assert not (watched.folder / "tls").exists()


async def test_clients_that_never_finish_their_handshake_are_bounded_and_dropped(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.consensus.gateway_listener.MAX_CONNECTIONS", 20)
    monkeypatch.setattr("node.consensus.gateway_listener.HANDSHAKE_SECONDS", 2.0)
    certificate = make_certificate(watched.folder, ["127.0.0.1"], days=1, now=datetime.now(UTC))
    assert await watched.watch.refresh()
    idle = [await asyncio.open_connection(watched.stage.host, watched.stage.port) for _ in range(60)]
    assert await ask(watched.stage.url.replace("http:", "https:"), trusting(certificate)) == "0x1"
    for reader, writer in idle:
        with suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(100), 10) == b""
        writer.close()


async def test_a_change_is_seen_without_being_told_and_at_once_when_told(watched: Watched) -> None:
    assert await watched.watch.refresh()
    watching = asyncio.create_task(watched.watch.run())
    try:
        (watched.folder / "access.json").write_text(json.dumps({"keys": [alice("one")]}))
        async with asyncio.timeout(10):
            while await watched.stage.ask("eth_chainId", key="one") != "0x1":
                await asyncio.sleep(0.05)
        os.utime(watched.folder / "access.json")
        watched.watch.look_now()
        assert await watched.stage.ask("eth_chainId", key="one") == "0x1"
    finally:
        watching.cancel()
