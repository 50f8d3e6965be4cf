"""What the gateway lets through, refuses, and drops, on the real chain."""

import asyncio
import json
import socket
import time
import urllib.error
import urllib.request
from typing import Any, Final

import aiohttp
import pytest

from node.consensus.gateway_listener import MAX_CONNECTIONS
from node.consensus.gateway_server import REQUEST_SECONDS
from node.consensus.rpc_policy import METHOD_NOT_FOUND, PARSE_ERROR
from node.consensus.rpc_roles import LIMITS, Role
from tests.network.chain import Chain, Sender, wait_until

MOST: Final = LIMITS[Role.OPERATOR]
pytestmark = pytest.mark.chain


def post(url: str, body: bytes) -> tuple[int, Any]:
    """Status and parsed answer."""
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as failure:
        with failure:
            return failure.code, json.loads(failure.read() or b"null")


def one(method: str, *params: Any, **more: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 7, "method": method, "params": params, **more}).encode()


@pytest.mark.parametrize(
    "method",
    [
        "admin_nodeInfo",
        "debug_getRawBlock",
        "debug_setHead",
        "debug_freeOSMemory",
        "testing_buildBlockV1",
        "testing_commitBlockV1",
        "engine_newPayloadV3",
        "miner_setGasPrice",
        "personal_sign",
        "txpool_content",
        "eth_sendTransaction",
        "eth_sign",
        "eth_sendRawTransactionSync",
        "rpc_modules",
        "eth_subscribe",
        "",
    ],
)
def test_gateway_refuses_a_method_when_it_is_not_for_clients(chain: Chain, method: str) -> None:
    status, answer = post(chain.url(), one(method))
    assert (status, answer["error"]["code"], answer["id"]) == (200, METHOD_NOT_FOUND, 7)


def test_gateway_hands_on_no_second_method_when_a_key_is_doubled_in_another_case(chain: Chain) -> None:
    # geth alone takes the last one, whatever its case
    body = b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[],"Method":"txpool_content"}'
    status, answer = post(chain.url(), body)
    assert (status, answer["result"]) == (200, hex(chain.plan.chain_id))
    body = b'{"jsonrpc":"2.0","id":1,"method":"txpool_content","method":"eth_chainId","params":[]}'
    assert post(chain.url(), body)[1]["result"] == hex(chain.plan.chain_id)


def test_gateway_answers_what_clients_ask(chain: Chain) -> None:
    for method, params in {
        "eth_chainId": [],
        "net_version": [],
        "web3_clientVersion": [],
        "eth_gasPrice": [],
        "eth_maxPriorityFeePerGas": [],
        "eth_getBlockByNumber": ["latest", True],
        "eth_getLogs": [{"fromBlock": "latest"}],
        "txpool_status": [],
        "eth_feeHistory": ["0x2", "latest", []],
    }.items():
        assert "result" in post(chain.url(), one(method, *params))[1], method


def test_gateway_answers_a_batch_in_order_when_some_calls_are_refused(chain: Chain, member: Sender) -> None:
    raw, tx_hash = member.sign()
    batch = [
        json.loads(one("eth_chainId")),
        json.loads(one("admin_peers")),
        "nonsense",
        json.loads(one("eth_sendRawTransaction", raw)),
        json.loads(one("eth_blockNumber")),
    ]
    answers = post(chain.url("v2"), json.dumps(batch).encode())[1]
    assert answers[0]["result"] == hex(chain.plan.chain_id)
    assert answers[1]["error"]["code"] == METHOD_NOT_FOUND
    assert "error" in answers[2] and answers[2]["id"] is None
    assert answers[3]["result"] == tx_hash
    assert int(answers[4]["result"], 16) > 0 and answers[4]["id"] == 7
    chain.wait_for_receipt(tx_hash)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b'"x"', b"[" * 100_000, b"\xff\xfe", b"null"])
def test_gateway_explains_when_the_body_is_no_call(chain: Chain, body: bytes) -> None:
    status, answer = post(chain.url(), body)
    assert status == 200 and answer["error"]["code"] in (PARSE_ERROR, -32600)


def test_gateway_refuses_a_body_or_batch_when_it_is_too_large(chain: Chain) -> None:
    status, answer = post(chain.url(), one("eth_call", "0x" + "00" * MOST.body))
    assert (status, answer["error"]["code"]) == (413, -32600)
    batch = b"[" + b",".join([one("eth_chainId")] * (MOST.batch + 1)) + b"]"
    assert "batch" in post(chain.url(), batch)[1]["error"]["message"]


def test_gateway_refuses_a_transaction_when_it_breaks_the_networks_rules(chain: Chain) -> None:
    sender = Sender(chain, 4)
    nonce = sender.nonce
    cases = {
        "chain id": sender.sign(chainId=1, nonce=nonce),
        "gas limit": sender.sign(gas=chain.plan.rules.transaction_gas_cap + 1, nonce=nonce),
        "allowed are 1 to": ("0x02" + "00" * 140_000, ""),
        "type 3": ("0x03" + "c0", ""),
        "type 4": ("0x04" + "c0", ""),
        "RLP": ("0x02" + "c3010203", ""),
    }
    for reason, (raw, _) in cases.items():
        answer = post(chain.url(), one("eth_sendRawTransaction", raw))[1]
        assert reason in answer["error"]["message"], answer
    for params in ([], ["0xzz"], [7], ["0x01", "0x02"], [None]):
        assert post(chain.url(), one("eth_sendRawTransaction", *params))[1]["error"]["code"] == -32602


def test_gateway_takes_legacy_and_access_list_transactions(whole: Chain) -> None:
    sender = Sender(whole, 3)
    legacy, first = sender.sign(gasPrice=10**9)
    listed, second = sender.sign(gasPrice=10**9, accessList=[], type=1)
    assert (whole.send(legacy), whole.send(listed)) == (first, second)
    whole.wait_for_receipt(second)


def test_gateway_drops_a_client_when_it_sends_its_request_too_slowly(chain: Chain) -> None:
    port = chain.plan.validator("v1").ports.gateway
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    slow_head = socket.create_connection((chain.plan.host, port), timeout=REQUEST_SECONDS * 2)
    slow_body = socket.create_connection((chain.plan.host, port), timeout=REQUEST_SECONDS * 2)
    silent = socket.create_connection((chain.plan.host, port), timeout=REQUEST_SECONDS * 2)
    with slow_head, slow_body, silent:
        slow_head.sendall(head[:10])
        slow_body.sendall(head + b"Content-Length: 100\r\n\r\n{")
        started = time.monotonic()
        assert slow_head.recv(1000) == b""
        assert b"408" in slow_body.recv(1000)
        assert silent.recv(1000) == b""
        assert time.monotonic() - started < REQUEST_SECONDS + 6
    assert int(chain.ask("eth_blockNumber"), 16) > 0


def test_gateway_closes_the_idlest_connection_when_there_are_too_many(chain: Chain) -> None:
    address = (chain.plan.host, chain.plan.validator("v4").ports.gateway)
    clients = [socket.create_connection(address, timeout=10) for _ in range(MAX_CONNECTIONS + 20)]
    try:
        assert clients[0].recv(1) == b""
        # whoever comes next is served all the same, while the others sit there
        assert chain.height("v4") > 0
    finally:
        for client in clients:
            client.close()


def test_gateway_keeps_a_connection_open_when_it_is_used(chain: Chain) -> None:
    async def ask_often() -> None:
        connector = aiohttp.TCPConnector(limit=1)
        async with aiohttp.ClientSession(connector=connector) as session:
            for _ in range(50):
                async with session.post(chain.url(), data=one("eth_chainId")) as response:
                    assert (await response.json())["result"] == hex(chain.plan.chain_id)

    started = time.monotonic()
    asyncio.run(ask_often())
    # Nagle's algorithm against delayed acknowledgements would cost 40 ms each
    assert (time.monotonic() - started) / 50 < 0.03


async def test_gateway_passes_subscriptions_through_a_websocket(chain: Chain, member: Sender) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(chain.url("v3")) as client:
        await client.send_str(one("eth_subscribe", "newHeads").decode())
        subscription = (await client.receive_json(timeout=10))["result"]
        head = await client.receive_json(timeout=10)
        assert head["params"]["subscription"] == subscription
        assert int(head["params"]["result"]["number"], 16) > 0
        await client.send_str(one("eth_chainId", id="mine").decode())
        answers = [await client.receive_json(timeout=10) for _ in range(1)]
        while "method" in answers[-1]:
            answers.append(await client.receive_json(timeout=10))
        assert (answers[-1]["id"], answers[-1]["result"]) == ("mine", hex(chain.plan.chain_id))
        for refused in ("admin_peers", "debug_traceBlock", "testing_buildBlockV1"):
            await client.send_str(one(refused).decode())
            answer = await client.receive_json(timeout=10)
            while "method" in answer:
                answer = await client.receive_json(timeout=10)
            assert answer["error"]["code"] == METHOD_NOT_FOUND


def test_gateway_gossips_a_transaction_again_when_its_sender_asks_again(whole: Chain) -> None:
    sender = Sender(whole, 4)
    raw, tx_hash = sender.sign(nonce=sender.nonce + 1)  # it has to wait for the one before it
    whole.send(raw, at="v2")
    again = post(whole.url("v2"), one("eth_sendRawTransaction", raw))[1]
    assert "already known" in again["error"]["message"]
    sender.nonce -= 1
    first, first_hash = sender.sign()
    whole.send(first, at="v3")
    whole.wait_for_receipt(first_hash)
    whole.wait_for_receipt(tx_hash)
    wait_until(lambda: whole.ask("txpool_status")["pending"] == "0x0", seconds=10, what="the pool is empty")


@pytest.mark.parametrize(
    "blocks",
    [
        {},
        {"fromBlock": "0x0"},
        {"fromBlock": "earliest", "toBlock": "latest"},
        {"fromBlock": "0x1", "toBlock": "latest"},
        {"fromBlock": "0x0", "toBlock": "finalized"},
        {"fromBlock": "0x0", "toBlock": "0x1"},
        {"toBlock": "latest"},
    ],
)
def test_logs_are_searched_in_every_form_of_a_range(chain: Chain, blocks: dict[str, str]) -> None:
    status, answer = post(chain.url(), one("eth_getLogs", {**blocks, "address": "0x" + "77" * 20}))
    assert (status, answer.get("result")) == (200, []), answer
