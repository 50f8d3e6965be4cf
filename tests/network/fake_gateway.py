"""A gateway that says what a test has it say: a height, and who validates."""

import http.server
import json
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from node.consensus.registry import encode_word
from node.network.certificate import CERTIFICATE, KEY
from node.network.plan import ValidatorPlan


def registry_answer(validators: Sequence[ValidatorPlan], powers: Sequence[int]) -> str:
    """What validators() of the ValidatorRegistry answers, 0x-hex (IValidatorRegistry.Validator)."""
    words: list[bytes | int] = [32, len(validators)]
    for each, power in zip(validators, powers, strict=True):
        words += [
            bytes.fromhex(each.account[2:]).rjust(32, b"\0"),
            power,
            bytes.fromhex(each.public_key),
            bytes.fromhex(each.node_id),
            each.name.encode(),
        ]
    return "0x" + b"".join(map(encode_word, words)).hex()


@contextmanager
def fake_gateway(
    validator: ValidatorPlan, height: int, registry: str, *, home: Path | None = None, **more: Any
) -> Iterator[None]:
    """Answers at a validator's gateway port; `more` are other methods with their results.

    With `home` it speaks TLS, with the certificate that `till net cert` has made in there.
    """
    answers: dict[str, Any] = {"eth_blockNumber": hex(height), "eth_call": registry, **more}

    class Gateway(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = json.dumps({"jsonrpc": "2.0", "id": 1, "result": answers[call["method"]]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", validator.ports.gateway), Gateway) as server:
        if home is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(home / CERTIFICATE, home / KEY)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
