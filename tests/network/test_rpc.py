"""A call to a validator that dies while it answers; what the supervisor lives through."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from node.network.launch import GETH
from node.network.plan import read_plan
from node.network.rpc import NoAnswer, call
from node.network.watch import NO_ANSWER, Watch
from tests.network.test_plan import write_plan_for_ports

CUT_SHORT = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"
NO_HTTP = b"hello\r\n"
NO_NUMBER = b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"result": 5}'


@contextmanager
def answering(reply: bytes) -> Iterator[int]:
    """The port of something that answers one request with these bytes and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            client, _ = server.accept()
            with client:
                client.recv(10_000)
                client.sendall(reply)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(5)


@pytest.mark.parametrize("reply", [CUT_SHORT, NO_HTTP, b"", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"])
def test_call_raises_no_answer_when_the_answer_is_cut_short(reply: bytes) -> None:
    with answering(reply) as port, pytest.raises(NoAnswer):
        call(f"http://127.0.0.1:{port}", "eth_blockNumber", [])


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        ("200 OK", '{"id": 1, "error": {"code": -32000, "message": "no such block"}}', "no such block"),
        ("200 OK", '{"error": {"code": -32603, "message": "Internal error", "data": "height 9"}}', "error height 9"),
        ("401 Unauthorized", '{"error": {"code": -32001, "message": "this gateway knows you not"}}', "knows you not"),
        ("503 Service Unavailable", "later", "503"),
    ],
)
def test_call_says_what_the_error_in_an_answer_says(status: str, body: str, message: str) -> None:
    reply = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    with answering(reply) as port, pytest.raises(NoAnswer, match=message):
        call(f"http://127.0.0.1:{port}", "eth_blockNumber", [])


@pytest.mark.parametrize("reply", [CUT_SHORT, NO_NUMBER])
def test_look_goes_on_when_a_validator_dies_while_it_answers(tmp_path: Path, reply: bytes) -> None:
    with answering(reply) as port:
        write_plan_for_ports(tmp_path, **{GETH: port})
        assert Watch(read_plan(tmp_path), clock=lambda: 0.0)._height(read_plan(tmp_path).validators[0]) == NO_ANSWER
