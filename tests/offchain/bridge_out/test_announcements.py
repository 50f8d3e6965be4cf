"""What the bridge announces, on a real ledger: each thing once, also after a restart."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from node.bridge.announcer import terminal_topic
from node.bridge.assembly import Running
from node.bridge.journal import outbox
from node.domain.announcement import Announcement
from node.domain.payment import Payment, Refund, Reversal
from tests.offchain.bridge_out.conftest import bridge_on, idle, until
from tests.offchain.bridge_out.makers import TERMINAL, authorize, capture, debit, payment, refund, reversal
from tests.offchain.bridge_out.stand import COEFFICIENT, MEMBERS, VALUE, Stand
from tests.offchain.bridge_out.suite_stand import BUYER, suite_stand_on

pytestmark = pytest.mark.anvil
ANNA, BERT = MEMBERS[0], MEMBERS[1]
SECRET = "whsec_" + "QUFB" * 8


@pytest.fixture
def listen() -> Callable[[Running], list[Announcement]]:
    def start(running: Running) -> list[Announcement]:
        heard: list[Announcement] = []
        running.stages.herald.announcer.listen(terminal_topic(TERMINAL), heard.append)
        return heard

    return start


async def submit(running: Running, message: Payment | Reversal | Refund) -> str:
    return (await running.bridge.submit(message, b"")).response_code


def said(heard: list[Announcement]) -> list[tuple[str, str | None, str | None]]:
    return [(each.type.value, each.payment, each.by) for each in heard]


async def test_final_declined_refunded_and_reversed_are_announced_once(stand: Stand, listen) -> None:
    async with bridge_on(stand) as running:
        heard = listen(running)
        sale = payment(1, member=ANNA, time=stand.now())
        assert await submit(running, sale) == "00"
        await idle(running)
        assert await submit(running, debit(2, member=ANNA, amount=VALUE + 1)) == "51"
        assert await submit(running, refund(3, sale, 400)) == "00"
        assert await submit(running, refund(4, sale, 10_000)) == "61"
        assert await submit(running, reversal(5, sale)) == "00"
        await idle(running)
        assert await submit(running, sale) == "00"  # a repeat says nothing new
        await until(lambda: heard_all(heard, 5), "five announcements")
    assert said(heard) == [
        ("payment.final", "1-1", None),
        ("payment.declined", "1-2", None),
        ("payment.refunded", "1-1", "1-3"),
        ("payment.declined", "1-1", "1-4"),
        ("payment.reversed", "1-1", "1-5"),
    ]
    final, declined, refunded, exceeding, _ = [each.document()["data"] for each in heard]
    assert (final["amount"], final["points"], final["merchant"]) == (1_000, str(1_000 * COEFFICIENT), 1)
    assert (declined["kind"], declined["responseCode"], declined["reason"]) == ("payment", "51", 14)
    assert (refunded["amount"], refunded["external"]) == (400, 400)
    assert (exceeding["kind"], exceeding["responseCode"]) == ("refund", "61")


async def heard_all(heard: list[Any], count: int) -> bool:
    return len(heard) >= count


async def test_a_payment_that_the_ledger_refuses_after_it_was_answered_is_announced_as_declined(
    stand: Stand, listen
) -> None:
    async with bridge_on(stand) as running:
        heard = listen(running)
        assert await submit(running, payment(1, member=999_999, time=stand.now())) == "00"
        await idle(running)
        await until(lambda: heard_all(heard, 1), "it is announced")
    assert said(heard) == [("payment.declined", "1-1", None)]
    assert (heard[0].facts["responseCode"], heard[0].facts["reason"]) == ("00", 6)


async def test_a_payment_cancelled_before_any_batch_is_announced_as_reversed(stand: Stand, listen) -> None:
    stand.stop_mining()
    async with bridge_on(stand, batch={"max_wait_ms": 5_000}) as running:
        heard = listen(running)
        sale = payment(1, member=ANNA, time=stand.now())
        await submit(running, sale)
        await submit(running, reversal(2, sale))
        await idle(running)
        await until(lambda: heard_all(heard, 1), "it is announced")
    assert said(heard) == [("payment.reversed", "1-1", "1-2")]


async def test_a_payment_that_was_too_late_is_announced_as_reversed_and_never_as_final(stand: Stand, listen) -> None:
    stand.stop_mining()
    async with bridge_on(stand, answers={"deadline_ms": 300}) as running:
        heard = listen(running)
        assert await submit(running, debit(1, member=ANNA)) == "91"
        assert heard == []
        stand.mine_every(0)
        stand.mine()
        await idle(running)
        await until(lambda: heard_all(heard, 1), "it is announced")
    assert said(heard) == [("payment.reversed", "1-1", "1-2")]


async def test_a_payment_that_got_into_no_batch_in_time_is_announced_as_declined(stand: Stand, listen) -> None:
    stand.stop_mining()
    settings = {"answers": {"deadline_ms": 400}, "batch": {"in_flight": 1, "max_wait_ms": 1}}
    async with bridge_on(stand, **settings) as running:
        heard = listen(running)
        await submit(running, payment(1, member=BERT, time=stand.now()))

        async def sent() -> bool:
            return bool(running.stages.sender.pending)

        await until(sent, "the first batch is on its way")
        assert await submit(running, debit(2, member=ANNA)) == "91"
        stand.mine_every(0)
        stand.mine()
        await idle(running)
        await until(lambda: heard_all(heard, 2), "both are announced")
    assert sorted(said(heard)) == [("payment.declined", "1-2", None), ("payment.final", "1-1", None)]


class Shop:
    """A receiver that is down until `up` is set."""

    def __init__(self) -> None:
        self.up = False
        self.heard: list[dict[str, Any]] = []

    async def hook(self, request: web.Request) -> web.Response:
        body = await request.read()
        if self.up:
            self.heard.append({"id": request.headers["webhook-id"], **json.loads(body)})
        return web.Response(status=200 if self.up else 500)


async def test_webhooks_of_a_bridge_reach_a_receiver_that_was_down_meanwhile(stand: Stand) -> None:
    shop, app = Shop(), web.Application()
    app.router.add_post("/hook", shop.hook)
    key = stand.folder / "shop.whsec"
    key.touch(mode=0o600)
    key.write_text(SECRET)
    async with TestServer(app) as server:
        sections = {
            "webhooks": {"first_retry_ms": 50, "longest_retry_ms": 200, "attempts": 100},
            "webhooks.endpoints.shop": {"url": str(server.make_url("/hook")), "secret_file": "shop.whsec"},
        }
        async with bridge_on(stand, **sections) as running:
            for stan in range(1, 6):
                await submit(running, payment(stan, member=MEMBERS[stan], time=stand.now()))
            await idle(running)

            async def kept() -> bool:
                return await running.stages.journal.run(outbox.counts) == {("shop", outbox.State.WAITING): 5}

            await until(kept, "five deliveries wait")
        shop.up = True
        async with bridge_on(stand, **sections) as running:  # a restart later

            async def delivered() -> bool:
                return await running.stages.journal.run(outbox.counts) == {("shop", outbox.State.DELIVERED): 5}

            await until(delivered, "all webhooks are delivered")
    assert sorted(each["id"] for each in shop.heard) == [f"1-{number}-final" for number in range(1, 6)]
    assert {each["type"] for each in shop.heard} == {"payment.final"}


async def test_a_merchants_settlement_is_announced_to_webhooks(tmp_path: Path) -> None:
    with suite_stand_on(tmp_path) as stand:
        shop, app = Shop(), web.Application()
        shop.up = True
        app.router.add_post("/hook", shop.hook)
        key = stand.folder / "shop.whsec"
        key.touch(mode=0o600)
        key.write_text(SECRET)
        async with TestServer(app) as server:
            url = str(server.make_url("/hook"))
            to = {"url": url, "secret_file": "shop.whsec", "merchant": stand.shop, "types": ["merchant.settled"]}
            async with bridge_on(stand, **{"webhooks.endpoints.shop": to}) as running:
                held = authorize(1, member=BUYER, time=stand.now())
                assert await submit(running, held) == "00"
                assert await submit(running, capture(2, held, amount=400, time=stand.now())) == "00"
                await idle(running)
                stand.chain.set_next_time(stand.now() + 2 * 86_400)
                stand.part("SettlementEscrow").send("settle", stand.shop, sender=stand.world.operator)
                await until(lambda: heard_all(shop.heard, 1), "the settlement is heard of")
    (told,) = shop.heard
    assert (told["type"], told["data"]["merchant"], told["data"]["gross"]) == ("merchant.settled", stand.shop, 400)
    assert told["data"]["net"] + told["data"]["paidAtOnce"] + told["data"]["fees"] == 400
    assert told["id"].startswith("settled-")
