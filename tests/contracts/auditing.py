"""Audits of worlds on a development chain: the deployment that an auditor is given, and a gateway that lies."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.request import Request, urlopen

from benchmarks.devchain import Chain
from benchmarks.world import Terms, World
from node.audit.run import Audit, Order, run_audit
from node.chain.deployment import Deployment
from node.chain.rpc import Rpc
from node.domain.ids import Address, MerchantId
from tests.contracts.model import Refund, Undo
from tests.contracts.twin import Twin, coins, external, stored
from tests.contracts.worlds import BASE, BUDGETED, CAPPED, MEMBERS, POOR, RICH, TIERED, VETOED, furnished

ALICE, BOB, *_ = MEMBERS
Lie = Callable[[str, Any], Any]


def busy_world(chain: Chain, terms: Terms) -> Twin:
    """A world in which payments, debits, refunds and settlements of all kinds happened, over three epochs."""
    twin = furnished(chain, terms)
    leaves = twin.pay(RICH, ALICE, external(12_345, BUDGETED), stored(500, CAPPED), coins(40))
    twin.post(
        twin.payment(TIERED, BOB, external(999, BASE)),
        twin.payment(POOR, BOB, external(50_000, VETOED)),
        twin.payment(MerchantId(9), BOB, external(1)),
        twin.payment(RICH, BOB, coins(10**6)),
    )
    twin.refund(Refund(sequence=twin.next_sequence(), kind=1, lines=(Undo(leaf=leaves[0], amount=345),)))
    twin.refund(
        Refund(sequence=twin.next_sequence(), kind=3, lines=tuple(Undo(leaf=leaf) for leaf in leaves)),
        Refund(sequence=twin.next_sequence(), kind=1, lines=(Undo(leaf=leaves[0], amount=1),)),
    )
    twin.buy_points(POOR, 100)
    twin.act(
        twin.ledger, "settleOwed", POOR, BOB, sender=twin.world.operator,
        model=lambda: twin.model.settle_owed(POOR, BOB),
    )  # fmt: skip
    twin.tick(61 * 86_400)
    twin.pay(RICH, ALICE, external(1_000))
    twin.compare()
    return twin


def deployment_of(world: World) -> Deployment:
    """What deployment.json says of a world."""
    parts = {
        "NetworkAccess": world.access,
        "CashToken": world.cash,
        "RewardToken": world.ledger,
        "Registry": world.registry,
        "RewardRules": world.rules,
        **getattr(world, "parts", {}),
    }
    known = {name: Address(bytes.fromhex(contract.address[2:])) for name, contract in parts.items()}
    return Deployment(
        chain_id=31337,
        block=1,
        ledger=known["RewardToken"],
        registry=known["Registry"],
        rules=known["RewardRules"],
        parts=known,
    )


def url_of(chain: Chain) -> str:
    return f"http://127.0.0.1:{chain._connection.port}"


def audit_of(world: World, order: Order | None = None, *, url: str = "") -> Audit:
    """An audit of all that happened in a world."""

    async def run() -> Audit:
        async with Rpc([url or url_of(world.chain)], timeout=60, attempts=1) as rpc:
            return await run_audit(rpc, deployment_of(world), order or Order())

    return asyncio.run(run())


@contextmanager
def lying_gateway(chain: Chain, lie: Lie) -> Iterator[str]:
    """The URL of a gateway that hands every answer of the chain's through `lie(method, result)`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            with urlopen(Request(url_of(chain), body, {"content-type": "application/json"})) as answer:
                said = json.loads(answer.read())
            asked = json.loads(body)
            calls = asked if isinstance(asked, list) else [asked]
            methods = {call["id"]: call["method"] for call in calls}
            for each in said if isinstance(said, list) else [said]:
                if "result" in each:
                    each["result"] = lie(methods[each["id"]], each["result"])
            text = json.dumps(said).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
