"""WebSockets of the gateway: bounded by role, rate, and the life of their key."""

from dataclasses import replace

import aiohttp
import pytest

from node.consensus.access import Access
from node.consensus.rpc_policy import LIMIT_EXCEEDED, METHOD_NOT_FOUND
from node.consensus.rpc_roles import LIMITS, Role
from tests.network.gateway_stage import CALL, KEYS, Stage, access_by_role, until

TRACE = ("debug_traceTransaction", "0x01", {"tracer": "callTracer"})


async def test_websockets_and_subscriptions_are_bounded_by_the_role(stage: Stage) -> None:
    most = LIMITS[Role.PUBLIC]
    headers = {"Authorization": f"Bearer {KEYS[Role.PUBLIC]}"}
    async with aiohttp.ClientSession() as session:
        sockets = [await session.ws_connect(stage.url, headers=headers) for _ in range(most.sockets)]
        with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
            await session.ws_connect(stage.url, headers=headers)
        assert refusal.value.status == 503
        other = await session.ws_connect(stage.url)
        await other.close()
        with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
            await session.ws_connect(stage.url, headers={"X-API-Key": "wrong"})
        assert refusal.value.status == 401
        await sockets[0].send_json({"id": 1, "method": "eth_subscribe", "params": ["newPendingTransactions"]})
        assert (await sockets[0].receive_json(timeout=5))["error"]["code"] == -32602
        await sockets[0].send_json({"id": 2, "method": "eth_sendRawTransaction", "params": ["0x00"]})
        assert (await sockets[0].receive_json(timeout=5))["error"]["code"] == METHOD_NOT_FOUND
        for socket in sockets:
            await socket.close()
        await until(lambda: not stage.clients())
        again = await session.ws_connect(stage.url, headers=headers)
        await again.close()


async def test_a_websocket_is_held_to_the_rate_and_ends_with_its_key(stage: Stage) -> None:
    stage.door.access = access_by_role(limits={"public": {"rate": 1, "burst": 5}})
    async with aiohttp.ClientSession() as session:
        socket = await session.ws_connect(stage.url, headers={"X-API-Key": KEYS[Role.PUBLIC]})
        codes = []
        for _ in range(8):
            await socket.send_str(CALL.decode())
            codes.append((await socket.receive_json(timeout=5)).get("error", {}).get("code"))
        assert codes == [None] * 4 + [LIMIT_EXCEEDED] * 4
        await socket.send_json({"id": 1, "method": "eth_subscribe", "params": ["newHeads"]})
        assert (await socket.receive_json(timeout=5))["error"]["code"] == LIMIT_EXCEEDED
        keys = {digest: key for digest, key in stage.door.access.keys.items() if key.id != "my-public"}
        stage.door.access = Access(**{**stage.door.access.__dict__, "keys": keys})
        await socket.send_str(CALL.decode())
        closing = await socket.receive(timeout=5)
        assert (closing.type, closing.data) == (aiohttp.WSMsgType.CLOSE, 1008)


async def test_a_websocket_ends_when_its_key_expires(stage: Stage) -> None:
    access = stage.door.access
    keys = {digest: replace(key, expires=stage.now + 10) for digest, key in access.keys.items()}
    stage.door.access = Access(**{**access.__dict__, "keys": keys})
    async with aiohttp.ClientSession() as session:
        socket = await session.ws_connect(stage.url, headers={"X-API-Key": KEYS[Role.BRIDGE]})
        await socket.send_str(CALL.decode())
        assert (await socket.receive_json(timeout=5))["result"] == "0x1"
        stage.now += 10
        await socket.send_str(CALL.decode())
        assert (await socket.receive(timeout=5)).data == 1008


async def test_a_websocket_ends_when_its_caller_would_come_in_as_somebody_else(stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        by_key = await session.ws_connect(stage.url, headers={"X-API-Key": KEYS[Role.OPERATOR]})
        nobody = await session.ws_connect(stage.url)
        same = await session.ws_connect(stage.url, headers={"X-API-Key": KEYS[Role.BRIDGE]})
        access = access_by_role(anonymous="public")
        keys = {
            digest: replace(key, grant=access.grants[Role.PUBLIC]) if key.id == "my-operator" else key
            for digest, key in access.keys.items()
        }
        stage.door.access = Access(**{**access.__dict__, "keys": keys})
        for socket in (by_key, nobody, same):
            await socket.send_str(CALL.decode())
        assert (await by_key.receive(timeout=5)).data == 1008
        assert (await nobody.receive(timeout=5)).data == 1008
        assert (await same.receive_json(timeout=5))["result"] == "0x1"
