"""Etherscan's way to ask, on the index: envelope, names of fields, paging and its bound, and what strangers put in."""

from typing import Any

import pytest

from benchmarks.devchain import Chain
from tests.offchain.explorer.hostile import TEXTS
from tests.offchain.explorer.stand import Explorer, ShopOnChain

pytestmark = [pytest.mark.anvil, pytest.mark.slow]
TXLIST = {
    "blockNumber", "blockHash", "timeStamp", "hash", "nonce", "transactionIndex", "from", "to", "value", "gas",
    "gasPrice", "input", "methodId", "functionName", "contractAddress", "cumulativeGasUsed", "txreceipt_status",
    "gasUsed", "confirmations", "isError",
}  # fmt: skip
WINDOW = "Result window is too large, PageNo x Offset size must be less than or equal to 10000"


def test_txlist_begins_with_the_creation_when_it_is_of_a_contract(explorer: Explorer, shop: ShopOnChain) -> None:
    said = explorer.api("account", "txlist", address=shop.address, page=1, offset=1, sort="asc")
    assert (said["status"], said["message"], len(said["result"])) == ("1", "OK", 1)
    first = said["result"][0]
    assert set(first) == TXLIST and all(isinstance(value, str) for value in first.values())
    assert first["contractAddress"] == shop.address and first["to"] == "" and len(first["input"]) > 1_000
    every = explorer.post("account", "txlist", address=shop.address, sort="desc")["result"]
    assert [row["hash"] for row in every[:3]] == [shop.failed, shop.sold, shop.filled]
    assert [row["isError"] for row in every] == ["1", "0", "0", "0"] and every[0]["txreceipt_status"] == "0"


def test_txlist_goes_no_deeper_when_the_window_is_used_up(explorer: Explorer, shop: ShopOnChain) -> None:
    too_deep = explorer.api("account", "txlist", address=shop.address, page=11, offset=1000)
    assert too_deep == {"status": "0", "message": "NOTOK", "result": WINDOW}
    last = explorer.api("account", "txlist", address=shop.address, page=10, offset=1000)
    assert last == {"status": "0", "message": "No transactions found", "result": []}


def test_getcontractcreation_names_who_did_it(chain: Chain, explorer: Explorer, shop: ShopOnChain) -> None:
    found = explorer.api("contract", "getcontractcreation", contractaddresses=shop.address)["result"][0]
    assert found["contractCreator"] == chain.accounts[0].lower() and found["contractAddress"] == shop.address
    receipt = chain.request("eth_getTransactionReceipt", found["txHash"])
    assert receipt["contractAddress"].lower() == shop.address


def test_getlogs_finds_the_event_when_topics_are_given(chain: Chain, explorer: Explorer, shop: ShopOnChain) -> None:
    event = chain.request("eth_getTransactionReceipt", shop.sold)["logs"][0]
    both = {"topic0": event["topics"][0], "topic1": event["topics"][1], "topic0_1_opr": "and"}
    found = explorer.api("logs", "getLogs", address=shop.address, fromBlock=0, toBlock="latest", **both)["result"]
    assert [row["transactionHash"] for row in found] == [shop.sold]
    assert found[0]["topics"] == event["topics"] and found[0]["data"] == event["data"]
    either = {**both, "topic1": "0x" + "11" * 32, "topic0_1_opr": "or"}
    assert len(explorer.api("logs", "getLogs", **either)["result"]) == 1
    none = explorer.api("logs", "getLogs", **{**both, "topic1": "0x" + "11" * 32})
    assert none == {"status": "0", "message": "No records found", "result": []}


def test_modules_answer_when_they_are_asked_for_blocks_and_transactions(
    chain: Chain, explorer: Explorer, shop: ShopOnChain
) -> None:
    assert explorer.api("transaction", "gettxreceiptstatus", txhash=shop.sold)["result"] == {"status": "1"}
    assert explorer.api("transaction", "getstatus", txhash=shop.failed)["result"]["isError"] == "1"
    head = int(chain.request("eth_blockNumber"), 16)
    newest = chain.request("eth_getBlockByNumber", hex(head), False)
    at = int(newest["timestamp"], 16)
    assert explorer.api("block", "getblocknobytime", timestamp=at + 100, closest="before")["result"] == str(head)
    assert explorer.api("block", "getblockreward", blockno=head)["result"]["timeStamp"] == str(at)
    assert explorer.api("block", "getblockcountdown", blockno=head + 5)["result"]["RemainingBlock"] == "5"
    assert int(explorer.api("proxy", "eth_blockNumber")["result"], 16) == head
    stock = explorer.api("proxy", "eth_call", to=shop.address, data="0x5520b3f7", tag="latest")
    assert "result" in stock or "error" in stock
    assert int(explorer.api("account", "balance", address=chain.accounts[0])["result"]) > 10**18


@pytest.mark.parametrize("text", TEXTS)
def test_every_field_says_no_when_a_stranger_writes_into_it(text: str, explorer: Explorer, shop: ShopOnChain) -> None:
    asked: list[tuple[str, str, dict[str, Any]]] = [
        (text, "txlist", {}),
        ("account", text, {}),
        ("account", "txlist", {"address": text}),
        ("account", "txlist", {"address": shop.address, "page": text, "offset": text}),
        ("account", "txlist", {"address": shop.address, "sort": text}),
        ("account", "txlist", {"address": shop.address, "startblock": text}),
        ("account", "tokentx", {"contractaddress": text}),
        ("account", "txlistinternal", {"txhash": text}),
        ("contract", "getsourcecode", {"address": text}),
        ("contract", "getcontractcreation", {"contractaddresses": text}),
        ("contract", "checkverifystatus", {"guid": text}),
        ("contract", "verifysourcecode", {"contractaddress": text, "sourceCode": text, "contractname": text}),
        ("logs", "getlogs", {"address": text, "topic0": text}),
        ("logs", "getlogs", {"address": shop.address, "topic0": "0x" + "11" * 32, "topic1": text}),
        ("transaction", "getstatus", {"txhash": text}),
        ("block", "getblockreward", {"blockno": text}),
        ("block", "getblocknobytime", {"timestamp": text, "closest": text}),
        ("token", "tokenholderlist", {"contractaddress": text}),
        ("stats", "tokensupply", {"contractaddress": text}),
    ]
    for module, action, fields in asked:
        said = explorer.post(module, action, **fields)
        assert said["status"] == "0" and said["message"] != "OK", (module, action, fields, said)
    assert explorer.api("account", "txlist", address=shop.address)["status"] == "1"
