"""Undoing at odd moments: when the disk refuses, and when a gateway lags behind."""

import asyncio
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from node.bridge.assembly import Running
from node.bridge.journal import reading, store, transitions
from node.domain.answer import Answer
from node.domain.payment import Entry, Status, Tender
from tests.offchain.bridge_out.conftest import bridge_on, idle, until
from tests.offchain.bridge_out.makers import debit, line, payment, refund, reversal
from tests.offchain.bridge_out.stand import MEMBERS, VALUE, Stand

pytestmark = pytest.mark.anvil
ANNA, BERT = MEMBERS[0], MEMBERS[1]


async def submit(running: Running, message: Entry) -> Answer:
    return await running.bridge.submit(message, b"")


async def test_reversal_ends_when_it_comes_while_the_disk_refuses_that_its_original_is_too_late(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[int] = []
    real = transitions.time_out

    def once(connection: Connection, sequence: int, *rest: Any, **more: Any) -> Any:
        if not refused:
            refused.append(sequence)
            raise OperationalError("UPDATE", {}, Exception("database or disk is full"))
        return real(connection, sequence, *rest, **more)

    monkeypatch.setattr(store.transitions, "time_out", once)
    stand.stop_mining()
    async with bridge_on(stand, answers={"deadline_ms": 400}, batch={"in_flight": 1, "max_wait_ms": 1}) as running:
        await submit(running, payment(1, member=BERT, time=stand.now()))
        sale = asyncio.create_task(submit(running, debit(2, member=ANNA)))

        async def too_late() -> bool:
            return bool(refused)

        await until(too_late, "the deadline has passed, and the disk refused")
        assert (await submit(running, reversal(3, debit(2)))).response_code == "00"
        assert (await sale).response_code == "91"
        stand.mine_every(0)
        stand.mine()
        await idle(running)
        found = await running.stages.journal.run(lambda connection: reading.stored(connection, [2, 3]))
    assert [found[number].status for number in (2, 3)] == [Status.DECLINED, Status.FINAL]
    assert stand.value(ANNA) == VALUE


async def test_refund_is_spread_over_what_is_left_when_the_gateway_that_is_asked_lags_behind(stand: Stand) -> None:
    """Its `latest` is a block before the first refund: what it says then is not what is left."""
    behind: list[int] = []
    refused: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        call = await request.json()
        method, params = call["method"], call["params"]
        if behind and method == "eth_call":
            if params[1] != "latest" and int(params[1], 16) > behind[0]:
                refused.append(params[1])
                if len(refused) > 2:
                    behind.clear()  # it has caught up
                return web.json_response(
                    {"jsonrpc": "2.0", "id": call["id"], "error": {"code": -32000, "message": "header not found"}}
                )
            params = [params[0], hex(behind[0])]
        result = await asyncio.to_thread(stand.chain.request, method, *params)
        return web.json_response({"jsonrpc": "2.0", "id": call["id"], "result": result})

    gateway = web.Application()
    gateway.router.add_post("/", answer)
    async with TestServer(gateway) as server, bridge_on(stand, chain={"rpc": [str(server.make_url("/"))]}) as running:
        await submit(running, payment(900, member=ANNA, time=stand.now(), amount=2_000))
        await idle(running)
        lines = (line(10, version=0, tender=Tender.COIN), line(200, tender=Tender.STORED_VALUE), line(400))
        sale = payment(1, member=ANNA, time=stand.now(), amount=610, lines=lines, authorisation=b"a" * 32)
        assert (await submit(running, sale)).approved
        before = int(stand.chain.request("eth_blockNumber"), 16)
        assert (await submit(running, refund(11, sale, 110))).approved
        await idle(running)
        behind.append(before)
        second = await submit(running, refund(12, sale, 300))
    assert (second.response_code, len(refused)) == ("00", 3)
    assert second.text == "RETURNED 1.00 TO THE CARD, 2.00 BY THE CLERK"
