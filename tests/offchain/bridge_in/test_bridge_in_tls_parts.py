"""Certificates and their files: what is no good, what has ended, what stays when a file becomes unusable."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from node.bridge.security.certificates import PRESENTED, Bindings, Presented
from node.bridge.security.door import Door
from node.bridge.security.tls import ServerTls
from node.domain.errors import Unusable, WrongCertificate
from node.domain.ids import TerminalId
from tests.offchain.bridge_in.tls_shop import YESTERDAY, Shop, make_shop, until

NEVER = 2.0**40


@pytest.fixture
def refusals() -> list[str]:
    return []


@pytest.fixture
def shop(tmp_path: Path, refusals: list[str]) -> Shop:
    return make_shop(tmp_path, refusals)


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
