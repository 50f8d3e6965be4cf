"""JSON-RPC, subscriptions and webhooks of a whole bridge on a real ledger, also when its process is killed."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from coincurve import PrivateKey

from benchmarks.world import terminal_id
from node.bridge.journal.schema import open_engine
from node.domain.ids import Address
from node.domain.terminal_terms import PaymentTerms, SubscriptionTerms, Terms, members_of
from node.pos.rpc import RpcConnection, RpcReply, RpcTerminal
from tests.offchain.bridge_out.conftest import bridge_on, until
from tests.offchain.bridge_out.stand import COEFFICIENT, MEMBERS, Stand, stand_on, transfers_to

pytestmark = [pytest.mark.anvil, pytest.mark.slow]
CHAIN_ID = 31_337
SECRET = "whsec_" + "QUFB" * 8
DEATH_SECONDS, FINAL_SECONDS = 20.0, 30.0


class Till:
    """A terminal with a key, its cards, and a client for the bridge that listens."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self.terminal = RpcTerminal(id=f"{stand.merchants[0]}T0", key=PrivateKey(b"\x21" * 32))
        name = terminal_id(stand.merchants[0], 0)
        stand.world.registry.send(
            "rotateTerminalKey", name, "0x" + self.terminal.address.hex(), sender=stand.world.merchant
        )
        self.ledger = Address(bytes.fromhex(stand.world.ledger.address[2:]))
        (stand.folder / "cards.csv").write_text("".join(f"90000{member:05d},{member}\n" for member in MEMBERS))
        key = stand.folder / "shop.whsec"
        key.touch(mode=0o600)
        key.write_text(SECRET)
        self.stan = 0

    def import_cards(self) -> None:
        config = str(self.stand.folder / "bridge.toml")
        command = [sys.executable, "-m", "node.cli.main", "bridge", "cards", "import"]
        subprocess.run([*command, str(self.stand.folder / "cards.csv"), "--config", config], check=True)

    def listening(self) -> dict[str, Any]:
        """bridge.json, empty while there is none."""
        with suppress(OSError, ValueError):
            return dict(json.loads((self.stand.folder / "bridge.json").read_text()))
        return {}

    def client(self) -> RpcConnection:
        url = f"http://127.0.0.1:{self.listening()['rpc']['port']}/"
        return RpcConnection(url, chain_id=CHAIN_ID, ledger=self.ledger, timeout=8)

    async def client_of_a_bridge_here(self) -> RpcConnection:
        async def listens() -> bool:
            return "rpc" in self.listening()

        await until(listens, "the bridge listens")
        return self.client()

    def sale(self, member: int) -> dict[str, Any]:
        self.stan += 1
        terms = PaymentTerms(
            terminal=self.terminal.id,
            stan=f"{self.stan:06d}",
            time=int(time.time()),
            card=f"90000{member:05d}",
            currency="840",
            amount=700,
            coin=0,
            stored_value=0,
            pin_result="0",
            items="",
        )
        return self.signed(terms)

    def signed(self, terms: Terms) -> dict[str, Any]:
        client = RpcConnection("", chain_id=CHAIN_ID, ledger=self.ledger)
        params = {member.name: getattr(terms, member.attribute) for member in members_of(type(terms))}
        return {**params, "signature": "0x" + client.sign(self.terminal, terms).hex()}


@pytest.fixture
def till(tmp_path: Path) -> Iterator[Till]:
    with stand_on(tmp_path) as stand:
        yield Till(stand)


async def hear(socket: aiohttp.ClientWebSocketResponse) -> dict[str, Any]:
    return dict(json.loads((await socket.receive(timeout=20)).data))


async def test_a_subscriber_hears_of_finality_and_a_refusal_outlives_a_restart(till: Till) -> None:
    stand = till.stand
    till.stand.write(rpc={})
    till.import_cards()
    stranger = {**till.sale(MEMBERS[0]), "card": "1234567890"}
    stranger = till.signed(PaymentTerms(**{m.attribute: stranger[m.name] for m in members_of(PaymentTerms)}))
    rpc = {"chain_id": CHAIN_ID, "ledger": "0x" + till.ledger.hex()}
    async with (
        bridge_on(stand, rpc=rpc),
        await till.client_of_a_bridge_here() as client,
        aiohttp.ClientSession() as session,
    ):
        refused = await client.call("payment_submit", stranger)
        assert refused.error is not None and refused.error["code"] == -32014
        async with session.ws_connect(client._url) as socket:
            terms = SubscriptionTerms(terminal=till.terminal.id, stan="999999", time=int(time.time()))
            call = {"jsonrpc": "2.0", "id": 1, "method": "till_subscribe", "params": till.signed(terms)}
            await socket.send_json(call)
            assert (await hear(socket))["result"]["payment"] is None
            stand.stop_mining()
            await socket.send_json(
                {"jsonrpc": "2.0", "id": 2, "method": "payment_submit", "params": till.sale(MEMBERS[0])}
            )
            paid = (await hear(socket))["result"]
            assert (paid["responseCode"], paid["status"]) == ("00", "journaled")
            stand.mine_every(0)
            stand.mine()
            told = await hear(socket)
            assert told["method"] == "till_subscription"
            result = told["params"]["result"]
            assert (result["type"], result["data"]["paymentId"]) == ("payment.final", paid["paymentId"])
            assert result["data"]["points"] == str(700 * COEFFICIENT)
            about = {"paymentId": paid["paymentId"]}
            await socket.send_json({"jsonrpc": "2.0", "id": 3, "method": "till_subscribe", "params": about})
            assert (await hear(socket))["result"]["payment"]["status"] == "final"
    (stand.folder / "cards.csv").write_text(f"1234567890,{MEMBERS[3]}\n")
    till.import_cards()
    async with bridge_on(stand, rpc=rpc), await till.client_of_a_bridge_here() as client:
        again = await client.call("payment_submit", stranger)
        assert again.error == refused.error
    assert stand.points(MEMBERS[3]) == 0


class Receiver:
    """A shop's server that keeps every webhook that it hears."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def hook(self, request: web.Request) -> web.Response:
        await request.read()
        self.heard.append(request.headers["webhook-id"])
        return web.Response(status=200)


async def start(till: Till, fail_point: str = "") -> "subprocess.Popen[bytes]":
    with (till.stand.folder / "bridge.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "node.cli.main", "bridge", "run", "--config", till.stand.folder / "bridge.toml"],
            env=os.environ | {"TILL_FAIL_POINT": fail_point},
            stderr=log,
            stdout=log,
        )
    deadline = time.monotonic() + DEATH_SECONDS
    while process.poll() is None and till.listening().get("pid") != process.pid:
        assert time.monotonic() < deadline, "the bridge does not start"
        await asyncio.sleep(0.02)
    return process


@pytest.mark.parametrize("point", ["after-admit", "before-settle", "after-settle"])
async def test_every_payment_is_told_of_when_the_process_is_killed(till: Till, point: str) -> None:
    stand, receiver, app = till.stand, Receiver(), web.Application()
    app.router.add_post("/hook", receiver.hook)
    async with TestServer(app) as server:
        url = str(server.make_url("/hook"))
        stand.write(**{"rpc": {}, "webhooks.endpoints.shop": {"url": url, "secret_file": "shop.whsec"}})
        till.import_cards()
        stand.mine_every(1)
        sales = [till.sale(member) for member in MEMBERS[:6]]
        process = await start(till, point)
        async with till.client() as client:
            await asyncio.gather(*(client.call("payment_submit", each) for each in sales), return_exceptions=True)
        assert await asyncio.to_thread(process.wait, DEATH_SECONDS) == -signal.SIGKILL
        process = await start(till)
        try:
            async with till.client() as client:
                replies: list[RpcReply] = await asyncio.gather(*(client.call("payment_submit", each) for each in sales))
            assert [reply.response_code for reply in replies] == ["00"] * 6

            async def told() -> bool:
                return len(set(receiver.heard)) == 6

            await until(told, "all six are told of")
        finally:
            process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(process.wait, DEATH_SECONDS) == 0
    assert set(receiver.heard) == {f"{reply.payment_id}-final" for reply in replies}
    with open_engine(stand.folder / "journal.sqlite").connect() as connection:
        events = connection.exec_driver_sql("SELECT count(*) FROM webhook_events").scalar_one()
    assert events == 6
    assert [transfers_to(stand, member) for member in MEMBERS[:6]] == [1] * 6
