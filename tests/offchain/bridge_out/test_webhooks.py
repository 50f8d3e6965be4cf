"""Webhooks from a real journal to real HTTP servers that fail, hang, redirect, answer for ever, or are gone."""

import asyncio
import base64
import json
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestServer
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from node.bridge.journal import outbox
from node.bridge.journal.outbox import State
from node.bridge.journal.store import Journal
from node.bridge.webhooks.courier import DAY_MS, Courier
from node.bridge.webhooks.endpoint import Endpoint, load_endpoint
from node.config import JournalSettings, load_bridge
from node.domain.announcement import Announcement, Happening
from node.domain.errors import Unusable
from node.domain.ids import MerchantId, PaymentId
from node.webhook_settings import EndpointSettings, WebhooksSettings

OLD, NEW = b"o" * 24, b"n" * 32
PATIENCE = 15.0
STARTED = time.time_ns() // 1_000_000


def secret(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode()


def announcement(number: int = 1, *, merchant: int = 42, what: Happening = Happening.FINAL) -> Announcement:
    return Announcement(
        id=f"1-{number}-{what.value.partition('.')[2]}",
        type=what,
        at=STARTED + number,
        merchant=MerchantId(merchant),
        payment=PaymentId(f"1-{number}"),
        by=None,
        terminal="TILL0001",
        facts={"points": "12"},
    )


@dataclass
class Receiver:
    """A shop's server. `answers` are taken in turn, the last one for ever after; `heard` are ids, bodies, headers."""

    answers: list[Callable[[web.Request], object]] = field(default_factory=list)
    heard: list[tuple[str, bytes, dict[str, str]]] = field(default_factory=list)

    async def hook(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.heard.append((request.headers["webhook-id"], body, dict(request.headers)))
        answer = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
        made = answer(request)
        return await made if asyncio.iscoroutine(made) else made


def says(status: int, **headers: str) -> Callable[[web.Request], web.Response]:
    return lambda request: web.Response(status=status, headers=headers)


async def hangs(request: web.Request) -> web.Response:
    await asyncio.Event().wait()
    raise AssertionError


async def never_ends(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(status=200)
    await response.prepare(request)
    while True:
        await response.write(b"x" * 65_536)


@asynccontextmanager
async def serving(receiver: Receiver, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/hook", receiver.hook)
    server = TestServer(app, scheme="http" if tls is None else "https")
    await server.start_server(ssl=tls)
    try:
        yield str(server.make_url("/hook"))
    finally:
        await server.close()


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    opened = await Journal.open(JournalSettings(path=tmp_path / "journal.sqlite"))
    yield opened
    await opened.close()


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "shop.whsec"
    path.touch(mode=0o600)
    path.write_text(f"{secret(NEW)}\n{secret(OLD)}\n")
    return path


def settings(**changes: int) -> WebhooksSettings:
    quick = {"first_retry_ms": 10, "longest_retry_ms": 50, "timeout_ms": 500, "attempts": 4}
    return WebhooksSettings(endpoints={}, **(quick | changes))


def endpoint(url: str, secret_file: Path, *, name: str = "shop", **changes: object) -> Endpoint:
    return load_endpoint(name, EndpointSettings(url=url, secret_file=secret_file, **changes))


@asynccontextmanager
async def courier_of(
    journal: Journal, *endpoints: Endpoint, clock: Callable[[], int] | None = None, **changes: int
) -> AsyncIterator[Courier]:
    courier = Courier(
        journal,
        list(endpoints),
        settings(**changes),
        clock=clock or (lambda: time.time_ns() // 1_000_000),
        chance=lambda: 0.5,
    )
    await courier.load()
    running = asyncio.create_task(courier.run())
    try:
        yield courier
        assert not running.done()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def send(journal: Journal, courier: Courier, *announcements: Announcement) -> None:
    await journal.run(lambda connection: courier.put(connection, list(announcements)))
    courier.wake()


async def until(happened: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline, f"never: {what}"
        await asyncio.sleep(0.01)


async def until_states(journal: Journal, **wanted: int) -> None:
    """Waits until so many deliveries are in these states."""
    found: dict[str, int] = {}
    deadline = time.monotonic() + PATIENCE
    while found != wanted:
        assert time.monotonic() < deadline, f"{found}, not {wanted}"
        await asyncio.sleep(0.01)
        found = {}
        for (_, state), count in (await journal.run(outbox.counts)).items():
            found[state.value] = found.get(state.value, 0) + count


async def all_of(journal: Journal) -> list[outbox.Delivery]:
    return await journal.run(lambda connection: outbox.listing(connection, endpoint="", state="", limit=100))


async def test_an_event_arrives_once_and_either_secret_verifies_it(journal: Journal, secret_file: Path) -> None:
    receiver = Receiver([says(204)])
    async with serving(receiver) as url, courier_of(journal, endpoint(url, secret_file)) as courier:
        await send(journal, courier, announcement())
        await until_states(journal, delivered=1)
        await send(journal, courier, announcement())  # the same event a second time
        await send(journal, courier, announcement(2))
        await until_states(journal, delivered=2)
    assert [each[0] for each in receiver.heard] == ["1-1-final", "1-2-final"]
    _, body, headers = receiver.heard[0]
    for key in (OLD, NEW):
        assert Webhook(secret(key)).verify(body, headers)["type"] == "payment.final"
    with pytest.raises(WebhookVerificationError):
        Webhook(secret(b"x" * 24)).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret(NEW)).verify(body + b" ", headers)
    assert json.loads(body) == announcement().document()
    assert headers["Content-Type"] == "application/json"


async def test_a_failure_is_retried_under_the_same_id_until_it_is_taken(journal: Journal, secret_file: Path) -> None:
    receiver = Receiver([says(500), says(503), says(200)])
    async with serving(receiver) as url, courier_of(journal, endpoint(url, secret_file)) as courier:
        await send(journal, courier, announcement())
        await until_states(journal, delivered=1)
    assert [each[0] for each in receiver.heard] == ["1-1-final"] * 3
    (delivery,) = await all_of(journal)
    assert (delivery.state, delivery.attempts, delivery.last) == (State.DELIVERED, 3, "HTTP 200")
    assert await journal.run(outbox.endpoint_states) == {}


async def test_tries_end_and_are_begun_again_by_hand(journal: Journal, secret_file: Path) -> None:
    receiver = Receiver([says(500)])
    async with serving(receiver) as url, courier_of(journal, endpoint(url, secret_file)) as courier:
        await send(journal, courier, announcement())
        await until_states(journal, failed=1)
        assert len(receiver.heard) == 4
        receiver.answers = [says(200)]
        again = await journal.run(lambda connection: outbox.replay(connection, endpoint="", event="", now=0))
        assert again == 1
        await until_states(journal, delivered=1)
    assert len(receiver.heard) == 5


async def test_one_that_hangs_holds_up_no_other(journal: Journal, secret_file: Path) -> None:
    slow, good = Receiver([hangs]), Receiver([says(200)])
    async with serving(slow) as slow_url, serving(good) as good_url:
        both = (endpoint(slow_url, secret_file, name="slow"), endpoint(good_url, secret_file, name="good"))
        async with courier_of(journal, *both, timeout_ms=60_000) as courier:
            await send(journal, courier, *(announcement(number) for number in range(40)))
            await until_states(journal, delivered=40, waiting=40)
        assert len(good.heard) == 40
        async with courier_of(journal, both[0], timeout_ms=100, attempts=1):
            await until_states(journal, delivered=40, failed=40)  # and a hang is a failure in the end
    assert {each.last for each in await all_of(journal) if each.endpoint == "slow"} == {"no answer in 100 ms"}


async def test_no_redirect_is_followed(journal: Journal, secret_file: Path) -> None:
    elsewhere = Receiver([says(200)])
    async with serving(elsewhere) as other:
        receiver = Receiver([says(307, Location=other), says(301, Location=other), says(302, Location=other)])
        async with serving(receiver) as url, courier_of(journal, endpoint(url, secret_file), attempts=3) as courier:
            await send(journal, courier, announcement())
            await until_states(journal, failed=1)
    assert (len(receiver.heard), elsewhere.heard) == (3, [])


async def test_an_answer_without_end_is_not_read(journal: Journal, secret_file: Path) -> None:
    receiver = Receiver([never_ends])
    async with serving(receiver) as url, courier_of(journal, endpoint(url, secret_file)) as courier:
        await send(journal, courier, announcement())
        await until_states(journal, delivered=1)


async def test_a_receivers_certificate_is_checked(journal: Journal, secret_file: Path, tmp_path: Path) -> None:
    key, certificate = tmp_path / "tls.key", tmp_path / "tls.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=shop"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    receiver = Receiver([says(200)])
    async with serving(receiver, tls) as url:
        assert url.startswith("https://")
        strangers, known = endpoint(url, secret_file), endpoint(url, secret_file, ca_file=certificate)
        async with courier_of(journal, strangers, attempts=1) as courier:
            await send(journal, courier, announcement(1))
            await until_states(journal, failed=1)
        assert receiver.heard == [] and "Certificate" in (await all_of(journal))[0].last
        async with courier_of(journal, known) as courier:
            await send(journal, courier, announcement(2))
            await until_states(journal, failed=1, delivered=1)


async def test_410_disables_the_endpoint_until_it_is_enabled(journal: Journal, secret_file: Path) -> None:
    receiver = Receiver([says(410)])
    async with serving(receiver) as url, courier_of(journal, endpoint(url, secret_file)) as courier:
        await send(journal, courier, announcement(1))
        await until(lambda: courier.disabled == 1, "the endpoint is disabled")
        assert not courier.wants
        await send(journal, courier, announcement(2))  # nothing more is kept for it
        assert len(await all_of(journal)) == 1
        state = (await journal.run(outbox.endpoint_states))["shop"]
        assert state.reason == "answered 410" and len(receiver.heard) == 1
        receiver.answers = [says(200)]
        await journal.run(lambda connection: outbox.enable(connection, "shop"))
        await until_states(journal, delivered=1)
        await send(journal, courier, announcement(3))
        await until_states(journal, delivered=2)


async def test_an_endpoint_that_took_nothing_for_days_is_disabled_and_old_events_are_dropped(
    journal: Journal, secret_file: Path
) -> None:
    now = [STARTED]
    receiver = Receiver([says(500)])
    async with serving(receiver) as url:
        to = endpoint(url, secret_file)
        async with courier_of(journal, to, clock=lambda: now[0] + 10, attempts=100) as courier:
            await send(journal, courier, announcement())
            await until(lambda: len(receiver.heard) > 0, "the first attempt")
            await until_states(journal, waiting=1)
            now[0] += 5 * DAY_MS
            await courier._sweep_once()
            assert courier.disabled == 0
            await until(lambda: len(receiver.heard) > 1, "an attempt after the days have passed")
            now[0] += 1
            await courier._sweep_once()
            assert courier.disabled == 1
            now[0] += 26 * DAY_MS
            await courier._sweep_once()
        assert await all_of(journal) == []
        async with courier_of(journal, to, clock=lambda: now[0]) as later:  # a restart forgets nothing
            assert not later.wants


async def test_too_many_that_wait_disable_the_endpoint(journal: Journal, secret_file: Path) -> None:
    to = endpoint("http://127.0.0.1:9/hook", secret_file)
    courier = Courier(journal, [to], settings(max_waiting=100), clock=lambda: 5)
    await send(journal, courier, *(announcement(number) for number in range(101)))
    await courier._sweep_once()
    assert courier.waiting == {"shop": 101} and courier.disabled == 1
    assert (await journal.run(outbox.endpoint_states))["shop"].reason == "101 events wait"


async def test_waits_grow_with_jitter_and_heed_what_the_endpoint_asks(journal: Journal) -> None:
    chances = iter([0.0, 1.0, 0.5, 0.5, 0.5])
    rules = settings(first_retry_ms=1_000, longest_retry_ms=20_000)
    courier = Courier(journal, [], rules, clock=lambda: 0, chance=lambda: next(chances))
    waits = [courier._wait(1, 0), courier._wait(1, 0), courier._wait(2, 0), courier._wait(9, 0)]
    assert waits == [800, 1_200, 4_000, 20_000]
    assert courier._wait(1, 7_000) == 7_000


async def test_endpoints_get_their_merchants_events_of_their_types(journal: Journal, secret_file: Path) -> None:
    url = "http://127.0.0.1:9/hook"
    mine = endpoint(url, secret_file, name="mine", merchant=42, types=("payment.refunded",))
    every = endpoint(url, secret_file, name="every")
    courier = Courier(journal, [mine, every], settings(), clock=lambda: 5)
    refunded = announcement(3, what=Happening.REFUNDED)
    await send(journal, courier, announcement(1), announcement(2, merchant=43), refunded)
    found = [(each.endpoint, each.event) for each in await all_of(journal)]
    assert sorted(found) == [
        ("every", "1-1-final"),
        ("every", "1-2-final"),
        ("every", "1-3-refunded"),
        ("mine", "1-3-refunded"),
    ]


async def test_put_is_undone_with_its_transaction(journal: Journal, secret_file: Path) -> None:
    courier = Courier(journal, [endpoint("http://127.0.0.1:9/x", secret_file)], settings(), clock=lambda: 5)

    class Stop(Exception):
        pass

    with pytest.raises(Stop), journal.engine.begin() as connection:
        courier.put(connection, [announcement()])
        raise Stop
    assert await all_of(journal) == []


@pytest.fixture
def logged() -> Iterator[list[structlog.types.EventDict]]:
    with structlog.testing.capture_logs() as found:
        yield found


async def test_secrets_are_in_no_log_and_no_repr(
    journal: Journal, secret_file: Path, logged: list[structlog.types.EventDict]
) -> None:
    receiver = Receiver([says(500), says(410)])
    async with serving(receiver) as url:
        to = endpoint(url, secret_file)
        async with courier_of(journal, to) as courier:
            await send(journal, courier, announcement())
            await until(lambda: courier.disabled == 1, "the endpoint is disabled")
    said = repr(to) + repr(logged) + repr(courier)
    assert logged
    for key in (OLD, NEW):
        assert secret(key)[6:] not in said and key.decode() not in said and key.hex() not in said


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"url": "http://shop.example/hook"}, "https; http is for this machine only"),
        ({"url": "https://user:pass@shop.example/"}, "without user, password or fragment"),
        ({"url": "ftp://127.0.0.1/hook"}, "https; http is for this machine only"),
        ({"url": "https:///hook"}, "webhooks.endpoints.shop.url is"),
        ({"types": ("payment.lost",)}, "knows no payment.lost"),
        ({"ca_file": Path("/nowhere.pem")}, "cannot be read"),
    ],
)
def test_load_endpoint_says_what_is_wrong(secret_file: Path, changes: dict[str, object], sentence: str) -> None:
    good = EndpointSettings(url="https://shop.example/hook", secret_file=secret_file)
    assert load_endpoint("shop", good).tls is not None
    with pytest.raises(Unusable, match=sentence):
        load_endpoint("shop", replace(good, **changes))


@pytest.mark.parametrize(
    "lines",
    ["", "whsec_", "whsec_dG9vc2hvcnQ=", "whsec_!!!!", "b" * 40, secret(b"x" * 65), f"{secret(NEW)}\n" * 3],
)
def test_load_endpoint_refuses_secrets_and_never_names_them(secret_file: Path, lines: str) -> None:
    secret_file.write_text(lines)
    with pytest.raises(Unusable) as failure:
        load_endpoint("shop", EndpointSettings(url="https://shop.example/", secret_file=secret_file))
    hidden = lines.removeprefix("whsec_").strip()
    assert not hidden or hidden not in str(failure.value)


def test_load_endpoint_refuses_a_secret_that_others_can_read(secret_file: Path) -> None:
    secret_file.chmod(0o640)
    with pytest.raises(Unusable, match="read by others"):
        load_endpoint("shop", EndpointSettings(url="https://shop.example/", secret_file=secret_file))


MINIMAL = '[chain]\nrpc = ["http://127.0.0.1:1"]\ndeployment = "d.json"\n[stream]\nid = 1\nkey_file = "k"\n'
SHOP = 'url = "https://shop.example/"\nsecret_file = "shop.whsec"\n'


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[webhooks]\n", "no table \\[webhooks.endpoints.NAME\\]"),
        (f'[webhooks.endpoints."a b"]\n{SHOP}', "a table whose name has up to 32 letters"),
        ('[webhooks.endpoints]\nshop = "x"\n', "webhooks.endpoints.shop is a table"),
        (f"[webhooks.endpoints.shop]\n{SHOP}port = 1\n", "no setting webhooks.endpoints.shop.port"),
        (
            '[webhooks.endpoints.shop]\nurl = "https://shop.example/"\n',
            "webhooks.endpoints.shop.secret_file is missing",
        ),
        (f"[webhooks.endpoints.shop]\n{SHOP}[webhooks]\nattempts = 0\n", "webhooks.attempts is between 1 and 100"),
    ],
)
def test_load_bridge_says_what_is_wrong_with_webhooks(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "bridge.toml").write_text(MINIMAL + text)
    with pytest.raises(Unusable, match=sentence):
        load_bridge(tmp_path / "bridge.toml", {})


def test_load_bridge_reads_endpoints_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "bridge.toml").write_text(MINIMAL + f"[webhooks.endpoints.shop]\n{SHOP}merchant = 42\n")
    found = load_bridge(tmp_path / "bridge.toml", {}).webhooks
    assert found is not None and found.attempts == 12
    assert found.endpoints["shop"].merchant == 42 and found.endpoints["shop"].secret_file == tmp_path / "shop.whsec"
