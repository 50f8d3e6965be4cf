"""Watching a bridge: `till bridge status` once and as a table, live.json, metrics, and `till bridge webhooks`."""

import asyncio
import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from node.bridge.exceptions import close_exception
from node.bridge.journal import outbox
from node.bridge.journal.schema import migrate, open_engine
from node.bridge.live import LIVE_FILE
from node.bridge.status import LiveStatus, read_live, read_status
from node.bridge.window import NEWEST, Window
from node.cli.bridge_status import live_table
from node.domain.announcement import Announcement, Happening
from node.domain.ids import MerchantId, PaymentId
from tests.offchain.bridge_out.conftest import bridge_on, idle, until
from tests.offchain.bridge_out.makers import debit, payment
from tests.offchain.bridge_out.stand import MEMBERS, VALUE, Stand

CONFIG = """
[chain]
rpc = ["http://127.0.0.1:1"]
deployment = "network/deployment.json"
[stream]
id = 1
key_file = "poster.key"
[webhooks.endpoints.shop]
url = "https://shop.example/hook"
secret_file = "shop.whsec"
"""


def till(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "node.cli.main", "bridge", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def drawn(table: object) -> str:
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    with console.file:
        console.print(table)
    return console.export_text()


def test_window_keeps_a_minute_and_so_many_values() -> None:
    now = [0.0]
    window = Window(lambda: now[0])
    assert window.spread().p50 is None
    for value in range(1, 101):
        window.add(value)
    assert (window.spread().count, window.spread().p50, window.spread().p99) == (100, 50, 99)
    now[0] = 61.0
    assert window.spread().count == 0
    for value in range(NEWEST + 10):
        window.add(value)
    assert window.spread().count == NEWEST


@pytest.mark.anvil
async def test_a_running_bridge_says_how_it_is(stand: Stand) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = stand.settings()
    async with bridge_on(stand) as running:
        running.stages.counters.serve(port)
        for stan in range(1, 4):
            await running.bridge.submit(payment(stan, member=MEMBERS[stan], time=stand.now()), b"")
        await running.bridge.submit(debit(9, member=MEMBERS[9]), b"")
        await running.bridge.submit(debit(10, member=MEMBERS[9], amount=10**9), b"")
        await idle(running)

        async def told() -> bool:
            return read_live(settings).live.get("declined") == 1

        await until(told, "live.json says that one was declined")
        live = read_live(settings)
        full = read_status(settings)
        metrics = await asyncio.to_thread(fetch, port)
    assert live.running and live.open == {"journaled": 0, "batched": 0, "sent": 0}
    assert (live.live["journaled"], live.live["final"], live.live["exceptions"]) == (5, 4, 0)
    assert live.live["reply"]["count"] == 5 and live.live["finality"]["p99"] >= live.live["finality"]["p50"] > 0
    assert full.live["journaled"] == 5 and full.exceptions == 0
    assert 'till_messages_total{outcome="journaled"} 5.0' in metrics
    assert 'till_reply_seconds_count{answered="at_once"} 3.0' in metrics
    assert 'till_reply_seconds_count{answered="final"} 2.0' in metrics
    assert not (stand.folder / LIVE_FILE).exists()
    assert not read_live(settings).running


@pytest.mark.anvil
async def test_exceptions_are_counted_from_the_journal_when_the_bridge_is_another_process_than_their_own(
    stand: Stand,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    over = debit(1, member=MEMBERS[0], amount=VALUE + 1)
    over = replace(over, key=replace(over.key, mti_class="022"), time=stand.now(), advice=True)
    async with bridge_on(stand) as running:
        assert (await running.bridge.submit(over, b"")).response_code == "00"
        await idle(running)
    settings = stand.settings()
    async with bridge_on(stand) as running:
        running.stages.counters.serve(port)

        def told(count: int) -> Callable[[], Awaitable[bool]]:
            async def look() -> bool:
                return read_live(settings).live.get("exceptions") == count

            return look

        await until(told(1), "live.json counts the exception that the last process noted")
        assert "till_exceptions 1.0" in await asyncio.to_thread(fetch, port)
        close_exception(settings, "1-1", "paid in cash")
        await until(told(0), "what was closed elsewhere is counted no more")
        assert "till_exceptions 0.0" in await asyncio.to_thread(fetch, port)
        assert read_status(settings).exceptions == 0


def fetch(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
        return str(response.read().decode())


def test_the_table_shows_counts_rates_and_latencies_and_holds_without_a_bridge() -> None:
    live = {
        "at": 3_000,
        "in": 5_100,
        "journaled": 5_000,
        "duplicates": 3,
        "refused": 0,
        "final": 4_200,
        "declined": 1,
        "exceptions": 2,
        "reply": {"count": 9, "p50": 4, "p99": 31},
        "finality": {"count": 9, "p50": 1_071, "p99": 1_480},
        "health": {
            "journal_queue": 8,
            "unanswered": 6,
            "in_flight": 2,
            "last_block": 907,
            "last_block_age_ms": 412,
        },
    }
    empty = {"journaled": 0, "batched": 0, "sent": 0}
    before = LiveStatus(
        running=True, open=empty, webhooks=17, live={**live, "at": 1_000, "journaled": 1_000, "final": 4_200}
    )
    text = drawn(live_table(LiveStatus(running=True, open={**empty, "sent": 250}, webhooks=17, live=live), before))
    lines = [" ".join(line.replace("\u2502", " ").split()) for line in text.splitlines()]
    for row in (
        "in 5,100 0",
        "journaled 5,000 2,000",
        "final 4,200 0",
        "for people to settle 2 0",
        "sent 250",
        "webhooks waiting 17",
        "answered after, p50 and p99 4 ms 31 ms",
        "final after, p50 and p99 1,071 ms 1,480 ms",
        "last block, and its age 907 412 ms",
    ):
        assert row in lines, text
    assert len(lines) <= 24
    nothing = LiveStatus(running=False, open=empty, webhooks=0, live={})
    assert "not running" in drawn(live_table(nothing, nothing))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "bridge.toml"
    path.write_text(CONFIG)
    engine = open_engine(tmp_path / "journal.sqlite")
    migrate(engine)
    told = Announcement(
        id="1-7-final",
        type=Happening.FINAL,
        at=time.time_ns() // 1_000_000,
        merchant=MerchantId(42),
        payment=PaymentId("1-7"),
        by=None,
        terminal="TILL0001",
        facts={},
    )
    with engine.begin() as connection:
        outbox.put(connection, [(told, ["shop"])])
        (delivery,) = outbox.due(connection, "shop", told.at, 10)
        outbox.not_delivered(connection, delivery, told.at, "HTTP 500", None)
        outbox.disable(connection, "shop", told.at, "answered 410")
    return path


def test_status_shows_webhooks_and_watch_prints_once_without_a_terminal(config: Path) -> None:
    shown = till("status", "--config", str(config))
    assert "webhooks to shop            0 waiting, 0 delivered, 1 failed" in shown.stdout, shown.stderr
    watched = till("status", "--config", str(config), "--watch")
    assert watched.returncode == 0 and "not running" in watched.stdout and "webhooks waiting" in watched.stdout


def test_webhooks_are_listed_replayed_and_endpoints_enabled_by_hand(config: Path) -> None:
    name = ("--config", str(config))
    listed = till("webhooks", "list", *name, "--state", "failed").stdout
    assert "1-7-final" in listed and "HTTP 500" in listed
    as_json = json.loads(till("webhooks", "list", *name, "--json").stdout)
    assert (as_json["state"], json.loads(as_json["body"])["data"]["paymentId"]) == ("failed", "1-7")
    assert "disabled: answered 410" in till("webhooks", "endpoints", *name).stdout
    assert "shop is enabled" in till("webhooks", "enable", "shop", *name).stdout
    assert "there is no endpoint shop" in till("webhooks", "enable", "shop", *name).stderr.lower()
    assert "well; 0 waiting, 0 delivered, 1 failed" in till("webhooks", "endpoints", *name).stdout
    assert "say --failed" in till("webhooks", "replay", *name).stderr
    assert "nothing to send again" in till("webhooks", "replay", "1-8-final", *name).stderr
    assert "1 delivery waits again" in till("webhooks", "replay", "--failed", *name).stdout
    assert "nothing to send again" in till("webhooks", "replay", "1-7-final", *name).stderr  # it waits already
