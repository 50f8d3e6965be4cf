"""`lines_read`: sealed line items for an account in the merchant's groups, and for nobody else."""

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace

import pytest
from coincurve import PrivateKey

from node.bridge.intake_ports import Ports
from node.bridge.intake_rpc import openrpc, serve_rpc
from node.bridge.lines.files import lines_document
from node.bridge.lines.opening import SealedLines
from node.bridge.lines.reading import Page
from node.chain.deployment import Deployment
from node.config import RpcSettings
from node.domain.account_terms import LinesTerms
from node.domain.ids import Address, Hash32, MerchantId, PaymentId
from node.domain.merkle import keccak
from node.domain.terminal_terms import domain_separator
from node.pos.lines import BridgeRefused, LinesClient
from node.pos.rpc import RpcConnection, RpcReply
from tests.offchain.bridge_in.conftest import CHAIN_ID, LEDGER, listening
from tests.offchain.bridge_in.test_bridge_in_openrpc import faults

CLERK, STRANGER = PrivateKey(b"\x51" * 32), PrivateKey(b"\x52" * 32)
SHOP, READER = MerchantId(42), b"\x07" * 32
NETWORK = Deployment(chain_id=CHAIN_ID, block=1, ledger=LEDGER, registry=LEDGER, rules=LEDGER)


def address(key: PrivateKey) -> Address:
    return Address(keccak(key.public_key.format(compressed=False)[1:])[12:])


def made(number: int) -> SealedLines:
    return SealedLines(
        payment=PaymentId(f"1-{number}"),
        merchant=SHOP,
        day=20_000,
        root=Hash32(bytes(32)),
        sealed=b"\x02sealed",
        copy=b"copy",
    )


@dataclass
class FakeLines:
    """Two pages of line items of one merchant, which only the clerk may have."""

    asked: list[tuple[MerchantId, bytes, int]] = field(default_factory=list)

    async def may_read(self, merchant: MerchantId, account: Address) -> bool:
        return merchant == SHOP and account == address(CLERK)

    async def page(self, merchant: MerchantId, reader: bytes, after: int) -> Page:
        self.asked.append((merchant, reader, after))
        return Page(lines=(made(after + 1),), after=1 if after == 0 else None)


@pytest.fixture
def desk_of_lines() -> FakeLines:
    return FakeLines()


@pytest.fixture
async def url(ports: Ports, desk_of_lines: FakeLines, rpc_settings: RpcSettings) -> AsyncIterator[str]:
    async with listening(serve_rpc, rpc_settings, replace(ports, lines=desk_of_lines)) as (host, port):
        yield f"http://{host}:{port}/"


@pytest.fixture
def ask(url: str) -> Callable[..., object]:
    """Asks with changed parameters, signed by a key."""

    async def asking(key: PrivateKey = CLERK, signed: dict[str, object] | None = None, **changes: object) -> RpcReply:
        said = {"merchant": SHOP, "reader": "0x" + READER.hex(), "after": 0, "time": int(time.time())}
        terms = LinesTerms(**(said | (signed or {})))  # type: ignore[arg-type]
        signature = key.sign_recoverable(terms.digest(domain_separator(CHAIN_ID, LEDGER)), hasher=None)
        params = {**said, **(signed or {}), "signature": "0x" + signature.hex(), **changes}
        async with RpcConnection(url, chain_id=CHAIN_ID, ledger=LEDGER) as connection:
            return await connection.call("lines_read", {k: v for k, v in params.items() if v is not None})

    return asking


def code(reply: RpcReply) -> int:
    assert reply.error is not None
    return int(reply.error["code"])


async def test_lines_read_answers_an_account_of_the_merchant(ask, desk_of_lines: FakeLines) -> None:
    reply = await ask()
    assert reply.result == {"lines": [lines_document(made(1))], "after": 1}
    assert desk_of_lines.asked == [(SHOP, READER, 0)]
    assert faults(openrpc.document(), ("Lines", reply.result)) == []


async def test_client_fetches_all_pages_and_is_told_when_it_may_not(url: str, desk_of_lines: FakeLines) -> None:
    assert len(await LinesClient(url, NETWORK, CLERK).fetch(SHOP, READER)) == 2
    assert [after for _, _, after in desk_of_lines.asked] == [0, 1]
    for key, merchant in ((STRANGER, SHOP), (CLERK, 43)):
        with pytest.raises(BridgeRefused, match="no right to this merchant's line items"):
            await LinesClient(url, NETWORK, key).fetch(merchant, READER)
    assert len(desk_of_lines.asked) == 2


async def test_lines_read_refuses_others_and_altered_requests(ask, desk_of_lines: FakeLines) -> None:
    assert code(await ask(STRANGER)) == -32065
    assert code(await ask(signed={"merchant": 43})) == -32065
    # whatever is not what was signed is somebody else's signature
    for changes in ({"merchant": 43}, {"after": 1}, {"reader": "0x" + "08" * 32}, {"time": int(time.time()) + 1}):
        assert code(await ask(**changes)) == -32065, changes
    assert code(await ask(signature="0x" + "00" * 65)) == -32063
    for seconds in (-400, 400):
        assert code(await ask(signed={"time": int(time.time()) + seconds})) == -32063
    assert not desk_of_lines.asked


@pytest.mark.parametrize(
    "changes",
    [
        {"merchant": 0},
        {"merchant": 2**32},
        {"merchant": "42"},
        {"merchant": None},
        {"reader": "0x07"},
        {"reader": "zz" * 32},
        {"reader": 7},
        {"after": -1},
        {"time": 1.5},
        {"signature": "0x"},
        {"terminal": "TILL0001"},
    ],
)
async def test_lines_read_refuses_malformed_requests(ask, desk_of_lines: FakeLines, changes: dict[str, object]) -> None:
    assert code(await ask(**changes)) == -32602
    assert not desk_of_lines.asked


async def test_lines_read_is_refused_where_it_is_not_offered(rpc: RpcConnection) -> None:
    said = {"merchant": 42, "reader": "0x" + READER.hex(), "time": int(time.time()), "signature": "0x" + "00" * 65}
    assert code(await rpc.call("lines_read", said)) == -32012
