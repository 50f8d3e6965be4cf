"""The OpenRPC document says what the intake does, and is one by its published meta-schema."""

import json
import subprocess
from pathlib import Path

import pytest

from node.bridge.intake_rpc import openrpc
from node.bridge.intake_rpc.exchange import RpcExchange
from node.domain.announcement import Announcement, Happening
from node.domain.ids import MerchantId, PaymentId
from node.network.toolchain.layout import Layout
from node.pos.rpc import RpcConnection, RpcTerminal
from tests.offchain.bridge_in.conftest import CARD, CHAIN_ID, CURRENCY, LEDGER

ROOT = Path(__file__).parents[3]
CHECK = Path(__file__).parent / "openrpc_check.cjs"
GOOD = {"stan": "000001", "card": CARD, "amount": 1_200, "currency": CURRENCY}


def faults(document: object, *answers: tuple[str, object]) -> list[str]:
    """What is wrong with a document, and with answers by its schemas."""
    node = Layout.here().bin / "node"
    packages = [Layout.here().node_modules / "@open-rpc", Layout.here().node_modules / "ajv"]
    if not node.exists() or not all(package.is_dir() for package in packages):
        pytest.skip("node, ajv or the meta-schema of OpenRPC is not installed; run make setup")
    ended = subprocess.run(
        [node, CHECK],
        input=json.dumps({"document": document, "answers": answers}),
        env={"NODE_PATH": str(Layout.here().node_modules)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return ended.stdout.splitlines()


def test_docs_have_the_current_document() -> None:
    written = (ROOT / "docs" / "openrpc.json").read_text()
    assert written == openrpc.page(), "run python -m node.bridge.intake_rpc docs/openrpc.json"


def test_document_is_valid_by_the_meta_schema() -> None:
    document = openrpc.document(CHAIN_ID, "0x" + LEDGER.hex())
    assert faults(document) == []
    # the check does find faults
    broken = {**document, "methods": [{"name": "payment_submit"}]}
    assert faults(broken)
    assert faults(document, ("Payment", {"approved": 1}))


def test_document_has_every_method_and_every_reference_leads_somewhere() -> None:
    document = openrpc.document()
    names = [method["name"] for method in document["methods"]]
    assert sorted(names) == sorted(RpcExchange(None, None, max_batch=1).methods)
    text = json.dumps(document)
    for part in text.split('"$ref": "')[1:]:
        _, components, kind, name = part.split('"')[0].split("/")
        assert name in document[components][kind]
    codes = [error["code"] for error in document["components"]["errors"].values()]
    assert len(set(codes) - {-32000}) == len([code for code in codes if code != -32000])


async def test_answers_are_what_the_document_says(rpc: RpcConnection, rpc_terminal: RpcTerminal) -> None:
    served = await rpc.call("rpc.discover", {})
    paid = await rpc.purchase(rpc_terminal, **GOOD)
    told = Announcement(
        id="1-1-final",
        type=Happening.FINAL,
        at=1_790_000_000_123,
        merchant=MerchantId(42),
        payment=PaymentId("1-1"),
        by=None,
        terminal="TILL0001",
        facts={"points": "5", "block": 3},
    ).document()
    assert served.result == openrpc.document(CHAIN_ID, "0x" + LEDGER.hex())
    assert served.result["x-eip712-domain"]["chainId"] == CHAIN_ID
    assert told["timestamp"] == "2026-09-21T14:13:20.123Z"
    found = faults(
        served.result,
        ("Payment", paid.result),
        ("Announcement", told),
        ("Notification", {"subscription": "1", "result": told}),
        ("Subscription", {"subscription": "1", "payment": paid.result}),
        ("Subscription", {"subscription": "1", "payment": None}),
    )
    assert found == []
