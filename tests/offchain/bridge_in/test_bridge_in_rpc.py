"""The JSON-RPC listener over real HTTP, with a journal that is none: every bad input, and its code."""

import asyncio
import json
import socket
from dataclasses import replace

import aiohttp
import pytest
from coincurve import PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from node.bridge.intake_ports import Ports
from node.bridge.intake_rpc import serve_rpc
from node.bridge.intake_rpc.exchange import RpcExchange
from node.bridge.intake_rpc.params import terms_of
from node.bridge.verify.digests import Proof, authorisation
from node.bridge.verify.local_time import local_stamp
from node.config import RpcSettings
from node.domain.assignment import Item
from node.domain.directory import Directory
from node.domain.errors import ChainUnreachable, MalformedMessage, Unusable
from node.domain.ids import MinorUnits, TerminalId
from node.domain.payment import OriginalKey, Payment, Reversal, Tender
from node.domain.terminal_terms import PaymentTerms
from node.pos.rpc import RpcConnection, RpcTerminal
from tests.offchain.bridge_in.conftest import CARD, CHAIN_ID, CURRENCY, LEDGER, LIMIT, MEMBER, FakeJournal, listening

GOOD = {"stan": "000001", "card": CARD, "amount": 1_200, "currency": CURRENCY}


async def test_payment_submit_is_journaled_and_answered(
    rpc: RpcConnection, rpc_terminal: RpcTerminal, journal: FakeJournal, basket: tuple[Item, ...]
) -> None:
    reply = await rpc.purchase(rpc_terminal, **GOOD, items=basket, coin=100, pin_result="1")
    assert reply.result == {
        "approved": True,
        "responseCode": "00",
        "paymentId": "1-1",
        "status": "journaled",
        "amount": None,
        "points": "1234000",
        "balance": None,
        "holdings": None,
        "duplicate": False,
        "text": "Thank you, 1.234 POINTS EARNED",
        "facts": {},
    }
    payment = journal.entries[0]
    assert isinstance(payment, Payment)
    assert (payment.member, payment.merchant, payment.key.mti_class) == (MEMBER, 42, "020")
    assert payment.lines[0].tender is Tender.COIN and payment.items_root is not None
    sent = reply.request["params"]
    signature = bytes.fromhex(sent["signature"][2:])
    assert payment.authorisation == authorisation(Proof.SIGNATURE, "1", payment.body, signature)
    assert payment.time == sent["time"]
    assert payment.key.local_time == payment.transmission_time == local_stamp(sent["time"], 0)


async def test_the_same_payment_again_is_a_duplicate(
    rpc: RpcConnection, rpc_terminal: RpcTerminal, journal: FakeJournal
) -> None:
    first = await rpc.purchase(rpc_terminal, **GOOD)
    again = await rpc.repeat(first)
    assert (first.duplicate, again.duplicate, again.payment_id) == (False, True, first.payment_id)
    assert len(journal.entries) == 1


async def test_payment_reverse_names_its_original(
    rpc: RpcConnection, rpc_terminal: RpcTerminal, journal: FakeJournal
) -> None:
    original = await rpc.purchase(rpc_terminal, **GOOD)
    reply = await rpc.reverse(rpc_terminal, stan="000002", original=original)
    assert reply.approved
    payment, reversal = journal.entries
    assert isinstance(reversal, Reversal) and isinstance(payment, Payment)
    assert reversal.original == OriginalKey(
        terminal="TILL0001", mti_class="020", stan="000001", transmission_time=payment.transmission_time
    )


async def test_status_and_health(rpc: RpcConnection, rpc_terminal: RpcTerminal) -> None:
    paid = await rpc.purchase(rpc_terminal, **GOOD)
    assert paid.payment_id is not None
    assert (await rpc.status(paid.payment_id)).result == paid.result
    unknown = await rpc.call("payment_status", {"paymentId": "1-999"})
    assert unknown.error is not None and unknown.error["code"] == -32025
    wrong = await rpc.call("payment_status", {"paymentId": "first"})
    assert wrong.error is not None and wrong.error["code"] == -32602
    assert (await rpc.health()).result == {"directoryBlock": 17, "queue": 3}


BAD_PAYMENTS = {
    "zero amount": ({"amount": 0}, -32013, "13"),
    "above the limit": ({"amount": int(LIMIT) + 1}, -32013, "13"),
    "another currency": ({"currency": "978"}, -32013, "13"),
    "items that do not add up": ({"items": (Item(product="p", quantity=1, amount=MinorUnits(1)),)}, -32013, "13"),
    "tenders above the amount": ({"coin": 700, "stored_value": 501}, -32013, "13"),
    "unknown card": ({"card": "1"}, -32014, "14"),
    "no PIN result": ({"pin_result": "9"}, -32602, "30"),
    "STAN of letters": ({"stan": "00000A"}, -32602, "30"),
    "too old": ({"at": 1_500_000_000}, -32063, "63"),
    "from the future": ({"at": 4_000_000_000}, -32063, "63"),
}


@pytest.mark.parametrize(("changes", "rpc_code", "code"), BAD_PAYMENTS.values(), ids=BAD_PAYMENTS)
async def test_payment_submit_gets_its_code_when_it_is_bad(
    rpc: RpcConnection,
    rpc_terminal: RpcTerminal,
    journal: FakeJournal,
    changes: dict[str, object],
    rpc_code: int,
    code: str,
) -> None:
    reply = await rpc.purchase(rpc_terminal, **{**GOOD, **changes})
    assert reply.error is not None and reply.error["code"] == rpc_code, reply.error
    assert reply.response_code == code and CARD not in reply.error["message"]
    assert journal.entries == []


@pytest.mark.parametrize(
    ("name", "rpc_code"), [("NOWHERE", -32058), ("CLOSED", -32058), ("ORPHAN", -32003), ("MACONLY", -32063)]
)
async def test_payment_submit_is_refused_when_the_terminal_may_not(
    rpc: RpcConnection, rpc_terminal: RpcTerminal, name: str, rpc_code: int
) -> None:
    reply = await rpc.purchase(replace(rpc_terminal, id=name), **GOOD)
    assert reply.error is not None and reply.error["code"] == rpc_code


async def test_the_key_before_is_taken_while_a_rotation_is_under_way(
    rpc_settings: RpcSettings, ports: Ports, directory: Directory, rpc_terminal: RpcTerminal
) -> None:
    new = RpcTerminal(id="TILL0001", key=PrivateKey(b"\x77" * 32))
    rotating = replace(
        directory.terminals[TerminalId("TILL0001")], signer=new.address, previous_signer=rpc_terminal.address
    )
    changed = replace(directory, terminals={rotating.id: rotating})
    async with (
        listening(serve_rpc, rpc_settings, replace(ports, directory=lambda: changed)) as (host, port),
        RpcConnection(f"http://{host}:{port}/", chain_id=CHAIN_ID, ledger=LEDGER) as rpc,
    ):
        assert (await rpc.purchase(new, **GOOD)).approved
        assert (await rpc.purchase(rpc_terminal, **{**GOOD, "stan": "000002"})).approved


async def test_payment_submit_is_refused_when_somebody_else_signed_or_anything_changed(
    rpc: RpcConnection, rpc_terminal: RpcTerminal, journal: FakeJournal, listen_rpc
) -> None:
    thief = RpcTerminal(id="TILL0001", key=PrivateKey(b"\x66" * 32))
    good = await rpc.purchase(rpc_terminal, **GOOD)
    terms, signature = terms_of(PaymentTerms, good.request["params"])
    replies = [
        await rpc.purchase(thief, **GOOD),
        await rpc.submit(replace(terms, amount=1_201), signature),
        await rpc.submit(replace(terms, pin_result="1"), signature),
        await rpc.submit(terms, bytes(65)),
    ]
    async with (
        listen_rpc(chain_id=CHAIN_ID + 1) as url,
        RpcConnection(url, chain_id=CHAIN_ID, ledger=LEDGER) as other_network,
    ):
        replies.append(await other_network.purchase(rpc_terminal, **GOOD))
    async with (
        listen_rpc(ledger="0x" + "77" * 20) as url,
        RpcConnection(url, chain_id=CHAIN_ID, ledger=LEDGER) as other,
    ):
        replies.append(await other.purchase(rpc_terminal, **GOOD))  # another contract on the same chain
    assert [reply.response_code for reply in replies] == ["63"] * 6
    assert len(journal.entries) == 1


async def post(url: str, body: bytes, **options: object) -> tuple[int, object]:
    async with aiohttp.ClientSession() as session, session.post(url, data=body, **options) as response:
        text = await response.read()
        return response.status, json.loads(text) if text.startswith((b"{", b"[")) else text


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b"[" * 100_000, -32700),
        (b'{"jsonrpc":"2.0","id":NaN,"method":"bridge_health"}', -32700),
        (b"[]", -32600),
        (b"1", -32600),
        (b'{"id":1,"method":"bridge_health"}', -32600),
        (b'{"jsonrpc":"2.0","id":[1],"method":"bridge_health"}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"rm"}', -32601),
        (b'{"jsonrpc":"2.0","id":1,"method":"payment_submit","params":[1]}', -32602),
        (b'{"jsonrpc":"2.0","id":1,"method":"payment_submit","params":{"x":1}}', -32602),
        (b'{"jsonrpc":"2.0","id":1,"method":"payment_submit"}', -32602),
    ],
)
async def test_bad_bodies_get_json_rpcs_own_codes(listen_rpc, body: bytes, code: int) -> None:
    async with listen_rpc() as url:
        status, reply = await post(url, body)
    assert status == 200 and reply["error"]["code"] == code


async def test_batches_are_answered_whole_and_bounded_and_notifications_are_not_answered(listen_rpc) -> None:
    call = {"jsonrpc": "2.0", "id": 1, "method": "bridge_health"}
    quiet = {"jsonrpc": "2.0", "method": "bridge_health"}
    async with listen_rpc(max_batch=3) as url:
        _, replies = await post(url, json.dumps([call, {**call, "id": "two"}, quiet]).encode())
        assert [each["id"] for each in replies] == [1, "two"]
        assert await post(url, json.dumps(quiet).encode()) == (204, b"")
        _, refused = await post(url, json.dumps([call] * 4).encode())
        assert refused["error"]["code"] == -32600


async def test_a_failure_behind_the_intake_is_answered_without_detail(
    rpc: RpcConnection, rpc_terminal: RpcTerminal, journal: FakeJournal, capsys: pytest.CaptureFixture[str]
) -> None:
    journal.failure = RuntimeError(f"card {CARD}")
    broken = await rpc.purchase(rpc_terminal, **GOOD)
    journal.failure = ChainUnreachable()
    late = await rpc.purchase(rpc_terminal, **GOOD)
    assert broken.error == {"code": -32603, "message": "System malfunction", "data": {"responseCode": "96"}}
    assert late.error is not None and (late.error["code"], late.response_code) == (-32091, "91")
    output = capsys.readouterr()
    assert CARD not in output.out + output.err


async def test_a_body_of_1_mb_is_refused_at_once(listen_rpc, rpc_terminal: RpcTerminal) -> None:
    async with listen_rpc() as url:
        with socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1].strip("/")))) as raw:
            raw.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n{")
            answer = await asyncio.to_thread(raw.recv, 100)
        assert answer.startswith(b"HTTP/1.1 413")

        async def chunks():
            for _ in range(300):
                yield b" " * 1_000

        assert (await post(url, chunks()))[0] == 413


async def test_only_post_is_served(listen_rpc) -> None:
    async with listen_rpc() as url, aiohttp.ClientSession() as session, session.get(url) as response:
        assert (response.status, response.headers["Allow"]) == (405, "POST")


async def test_a_slow_head_and_a_slow_body_are_dropped(listen_rpc) -> None:
    async with listen_rpc(read_seconds=1) as url:
        address = ("127.0.0.1", int(url.rsplit(":", 1)[1].strip("/")))
        with socket.create_connection(address) as head, socket.create_connection(address) as body:
            head.sendall(b"POST / HTTP/1.1\r\nHo")
            body.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
            head.settimeout(5)
            body.settimeout(5)
            dropped, timed_out = await asyncio.gather(
                asyncio.to_thread(received, head), asyncio.to_thread(received, body)
            )
        assert dropped == b"" and timed_out.startswith(b"HTTP/1.1 408")


def received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(100)
    except ConnectionResetError:
        return b""


async def test_connections_are_bounded(listen_rpc) -> None:
    async with listen_rpc(max_connections=1) as url:
        address = ("127.0.0.1", int(url.rsplit(":", 1)[1].strip("/")))
        with socket.create_connection(address), socket.create_connection(address) as second:
            second.settimeout(5)
            assert await asyncio.to_thread(received, second) == b""


async def test_a_port_in_use_is_one_sentence(ports: Ports, rpc_settings: RpcSettings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(Unusable, match=r"address already in use\.$"):
            await serve_rpc(replace(rpc_settings, port=taken.getsockname()[1]), ports)
        with pytest.raises(Unusable, match=r"rpc\.ledger is an address"):
            await serve_rpc(replace(rpc_settings, ledger="0x" + "zz" * 20), ports)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["terminal", "stan", "time", "card", "currency", "amount", "coin", "storedValue", "pinResult", "items", "signature"]
)


@settings(deadline=None)
@given(JSON | st.dictionaries(NAMES, JSON))
def test_params_are_refused_when_they_are_not_terms(params: object) -> None:
    with pytest.raises(MalformedMessage):
        terms_of(PaymentTerms, params)


@settings(deadline=None)
@given(body=st.binary(max_size=80) | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_body_crashes_the_exchange(body: bytes) -> None:
    exchange = RpcExchange(None, None, max_batch=3)
    reply = asyncio.run(exchange.answer(body))
    assert b'"approved":true' not in reply
