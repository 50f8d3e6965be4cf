"""Who may ask the gateway, how often, over which connection; geth is a small HTTP server here."""

import base64
import json

import aiohttp
import pytest
from structlog.testing import capture_logs

from node.consensus.rpc_policy import LIMIT_EXCEEDED, METHOD_NOT_FOUND, NOT_KNOWN
from node.consensus.rpc_roles import LIMITS, Role
from tests.network.gateway_stage import CALL, KEYS, Stage, access_by_role

TRACE = ("debug_traceTransaction", "0x01", {"tracer": "callTracer"})


async def test_an_anonymous_caller_is_the_operator_on_loopback_and_the_public_elsewhere(
    stage: Stage, public_stage: Stage
) -> None:
    assert await stage.ask(*TRACE) == "0x1"
    assert await public_stage.ask(*TRACE) == METHOD_NOT_FOUND
    assert await public_stage.ask("eth_blockNumber") == "0x1"


@pytest.mark.parametrize("header", ["Forwarded", "X-Forwarded-For", "X-Real-IP", "Via"])
async def test_an_anonymous_caller_behind_a_proxy_is_the_public(stage: Stage, header: str) -> None:
    body = json.dumps({"id": 1, "method": "txpool_status", "params": []}).encode()
    assert (await stage.post(body))[1]["result"] == "0x1"
    assert (await stage.post(body, {header: "203.0.113.7"}))[1]["error"]["code"] == METHOD_NOT_FOUND


@pytest.mark.parametrize("role", Role)
async def test_a_key_gives_its_role_whatever_header_it_comes_in(public_stage: Stage, role: Role) -> None:
    key = KEYS[role]
    body = json.dumps({"id": 1, "method": TRACE[0], "params": TRACE[1:]}).encode()
    basic = base64.b64encode(f"anything:{key}".encode()).decode()
    expected = role in (Role.AUDITOR, Role.OPERATOR)
    for headers in (
        {"Authorization": f"Bearer {key}"},
        {"authorization": f"bearer  {key} "},
        {"X-API-Key": key},
        {"Authorization": f"Basic {basic}"},
    ):
        status, answer = await public_stage.post(body, headers)
        assert (status, "result" in answer) == (200, expected), headers
    async with aiohttp.ClientSession() as session:
        # a client that is given nothing but a URL
        url = public_stage.url.replace("://", f"://:{key}@")
        async with session.post(url, data=CALL) as response:
            assert (await response.json())["result"] == "0x1"


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer till_wrong"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": ""},
        {"Authorization": KEYS[Role.OPERATOR]},
        {"Authorization": f"Token {KEYS[Role.OPERATOR]}"},
        {"Authorization": f"Basic {KEYS[Role.OPERATOR]}"},
        {"Authorization": "Basic Og=="},
        {"Authorization": "Basic AAAA"},
        {"X-API-Key": ""},
        {"X-API-Key": f"Bearer {KEYS[Role.OPERATOR]}"},
        {"X-API-Key": KEYS[Role.OPERATOR], "Authorization": f"Bearer {KEYS[Role.OPERATOR]}"},
        {"Authorization": "Bearer é"},
        {"Authorization": "Bearer " + "x" * 7000},
    ],
)
async def test_a_key_that_is_none_is_refused_also_on_loopback(stage: Stage, headers: dict[str, str]) -> None:
    # never taken for an anonymous caller: whoever shows a key wants to know that it is not good
    status, answer = await stage.post(CALL, headers)
    assert (status, answer["error"]["code"]) == (401, NOT_KNOWN)


async def test_a_key_in_another_header_or_in_the_address_is_not_seen(public_stage: Stage) -> None:
    body = json.dumps({"id": 1, "method": "txpool_status", "params": []}).encode()
    for header in ("Cookie", "X-Auth-Token", "Proxy-Authorization", "Key"):
        assert (await public_stage.post(body, {header: KEYS[Role.OPERATOR]}))[1]["error"]["code"] == METHOD_NOT_FOUND
    url = f"{public_stage.url}/?key={KEYS[Role.OPERATOR]}"
    async with aiohttp.ClientSession() as session, session.post(url, data=body) as response:
        assert (await response.json())["error"]["code"] == METHOD_NOT_FOUND


async def test_nobody_is_let_in_without_a_key_when_the_settings_say_so(stage: Stage) -> None:
    stage.door.access = access_by_role(anonymous="nobody")
    status, answer = await stage.post(CALL)
    assert (status, answer["error"]["code"]) == (401, NOT_KNOWN)
    assert await stage.ask("eth_chainId", key=KEYS[Role.PUBLIC]) == "0x1"


async def test_an_anonymous_callers_role_is_what_the_settings_say(public_stage: Stage) -> None:
    public_stage.door.access = access_by_role(anonymous="bridge")
    assert await public_stage.ask("txpool_status") == "0x1"
    assert await public_stage.ask(*TRACE) == METHOD_NOT_FOUND


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8545", "[2001:db8::1]:80", ""]
)
async def test_an_anonymous_caller_on_loopback_has_to_know_the_hosts_name(stage: Stage, host: str) -> None:
    assert (await stage.post(CALL, {"Host": host}))[0] == 403
    assert (await stage.post(CALL, {"Host": host, "X-API-Key": KEYS[Role.PUBLIC]}))[0] == 200
    for good in ("localhost", "LOCALHOST:1", "127.0.0.1", "127.9.9.9:80", "[::1]:8545", "till.internal:80"):
        stage.door.access = access_by_role(hosts=["till.internal"])
        assert (await stage.post(CALL, {"Host": good}))[0] == 200, good


async def test_a_page_may_ask_only_when_its_origin_is_listed(stage: Stage) -> None:
    page = "https://shop.example"
    preflight = {"Origin": page, "Access-Control-Request-Method": "POST"}
    async with aiohttp.ClientSession() as session:
        for access, allowed in (
            (access_by_role(), False),
            (access_by_role(origins=[page]), True),
            (access_by_role(origins=["*"]), True),
        ):
            stage.door.access = access
            async with session.post(stage.url, data=CALL, headers={"Origin": page}) as response:
                assert response.status == (200 if allowed else 403)
                assert response.headers.get("Access-Control-Allow-Origin") == (page if allowed else None)
            async with session.options(stage.url, headers=preflight) as response:
                assert response.status == (204 if allowed else 403)
                assert ("Authorization" in response.headers.get("Access-Control-Allow-Headers", "")) == allowed
        stage.door.access = access_by_role(origins=[page])
        for other in ("null", "https://shop.example.evil", "http://shop.example", "https://SHOP.example"):
            assert (await stage.post(CALL, {"Origin": other, "X-API-Key": KEYS[Role.OPERATOR]}))[0] == 403
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await session.ws_connect(stage.url, origin=other)


async def test_a_caller_beyond_its_rate_is_told_when_to_come_back_and_then_served(stage: Stage) -> None:
    stage.door.access = access_by_role(limits={"public": {"rate": 2, "burst": 10}, "bridge": {"rate": 2, "burst": 10}})
    async with aiohttp.ClientSession(headers={"X-API-Key": KEYS[Role.PUBLIC]}) as session:
        for _ in range(10):
            async with session.post(stage.url, data=CALL) as response:
                assert response.status == 200
        with capture_logs() as logs:
            for _ in range(50):
                async with session.post(stage.url, data=CALL) as response:
                    answer = json.loads(await response.read())
                    assert (response.status, answer["error"]["code"]) == (429, LIMIT_EXCEEDED)
                    assert response.headers["Retry-After"] == "1"
        assert [entry["event"] for entry in logs] == ["gateway.refused"]
        assert KEYS[Role.PUBLIC] not in str(logs)
        # the others have rates of their own
        assert await stage.ask("eth_chainId", key=KEYS[Role.BRIDGE]) == "0x1"
        stage.tick += 1.0
        async with session.post(stage.url, data=CALL) as response:
            assert response.status == 200


async def test_heavy_calls_and_batches_cost_more(stage: Stage) -> None:
    stage.door.access = access_by_role(limits={"public": {"rate": 1, "burst": 12}})
    assert await stage.ask("eth_call", key=KEYS[Role.PUBLIC]) == "0x1"  # 5
    batch = json.dumps([json.loads(CALL)] * 6).encode()
    assert isinstance((await stage.post(batch, {"X-API-Key": KEYS[Role.PUBLIC]}))[1], list)  # 6
    assert await stage.ask("eth_chainId", key=KEYS[Role.PUBLIC]) == "0x1"  # 1
    assert await stage.ask("eth_chainId", key=KEYS[Role.PUBLIC]) == LIMIT_EXCEEDED


async def test_guessing_keys_is_slowed_down_without_harm_to_others_at_that_address(stage: Stage) -> None:
    seen = set()
    for number in range(200):
        status, _ = await stage.post(CALL, {"X-API-Key": f"guess-{number}"})
        seen.add(status)
        if status == 429:
            break
    assert seen == {401, 429}
    assert await stage.ask("eth_chainId", key=KEYS[Role.PUBLIC]) == "0x1"
    assert await stage.ask("eth_chainId") == "0x1"


async def test_a_search_of_logs_is_bounded_by_the_role(stage: Stage) -> None:
    for role in Role:
        most = LIMITS[role].log_blocks
        inside = {"fromBlock": hex(stage.head - most + 1), "toBlock": "latest"}
        outside = {"fromBlock": hex(stage.head - most), "toBlock": hex(2**60)}
        for method in ("eth_getLogs", "eth_newFilter"):
            if method == "eth_newFilter" and role is Role.PUBLIC:
                continue
            assert await stage.ask(method, inside, key=KEYS[role]) == "0x1"
            assert await stage.ask(method, outside, key=KEYS[role]) == -32602


async def test_a_body_is_bounded_by_the_role(stage: Stage) -> None:
    body = CALL + b" " * (LIMITS[Role.PUBLIC].body - len(CALL))
    assert (await stage.post(body, {"X-API-Key": KEYS[Role.PUBLIC]}))[0] == 200
    assert (await stage.post(body + b" ", {"X-API-Key": KEYS[Role.PUBLIC]}))[0] == 413
    assert (await stage.post(body + b" ", {"X-API-Key": KEYS[Role.AUDITOR]}))[0] == 200


async def test_metrics_are_for_the_operator(stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        for role in Role:
            async with session.get(f"{stage.url}/metrics", headers={"X-API-Key": KEYS[role]}) as response:
                assert (response.status == 200) == (role is Role.OPERATOR)
        await stage.post(CALL, {"X-API-Key": "wrong"})
        async with session.get(f"{stage.url}/metrics") as response:
            text = await response.text()
            assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert 'till_gateway_refusals_total{reason="key"} 1.0' in text
    assert not any(key in text for key in KEYS.values())


async def test_engines_metrics_are_for_the_operator_and_say_when_an_engine_does_not_answer(stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        headers = {"X-API-Key": KEYS[Role.AUDITOR]}
        for path, status, stranger in (("geth", 502, 403), ("cometbft", 502, 403), ("nobody", 404, 403)):
            async with session.get(f"{stage.url}/metrics/{path}", headers=headers) as response:
                assert response.status == stranger
            async with session.get(f"{stage.url}/metrics/{path}") as response:
                assert response.status == status, await response.text()
