"""From payments on a chain over the real index to the explorer's answers; nothing is written by hand here."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.devchain import anvil
from benchmarks.world import Terms, World
from node.config import RpcAccess
from node.domain.batch_format import BatchPayment, make_batch
from node.domain.ids import Hash32, MemberId, MerchantId, MinorUnits, RuleVersion, Sequence, StreamId, TerminalNumber
from node.domain.payment import Line, Tender
from node.explorer.run import ExplorerSettings
from tests.contracts.indexing import indexed
from tests.offchain.explorer.stand import LAYOUT, Explorer, chain_id_of, running, url_of

pytestmark = [pytest.mark.anvil, pytest.mark.slow]
FIRST = 256
COUNT = 30
DAY = 86_400


@dataclass(frozen=True)
class Whole:
    """A world of contracts, and an explorer of it."""

    world: World
    explorer: Explorer
    merchant: int


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    folder: Path = tmp_path_factory.mktemp("whole")
    with anvil() as chain:
        world = World(chain, Terms(epoch_start=chain.now() - 1_000, epoch_length=30 * DAY))
        merchant = world.onboard(terminals=2)
        version = RuleVersion(world.base(merchant))
        world.fund(merchant, 10**10)
        world.enrol(*range(1, 6))
        now = chain.now()
        payments = [_payment(sequence, merchant, version, now) for sequence in range(FIRST, FIRST + COUNT)]
        world.post(make_batch(StreamId(1), payments))
        indexed(chain, world, folder / "index.sqlite", trace=True).dispose()
        settings = ExplorerSettings(
            rpc=(url_of(chain),), access=RpcAccess(), chain_id=chain_id_of(chain), index=str(folder / "index.sqlite"),
            sources=str(folder / "sources.sqlite"), compilers=LAYOUT.solc_folder,
        )  # fmt: skip
        with running(settings) as explorer:
            yield Whole(world, explorer, merchant)


def _payment(sequence: int, merchant: int, version: RuleVersion, now: int) -> BatchPayment:
    return BatchPayment(
        sequence=Sequence(sequence),
        merchant=MerchantId(merchant),
        terminal=TerminalNumber(0),
        member=MemberId(1 + sequence % 5),
        time=now,
        authorisation=Hash32(bytes(range(32))),
        lines=(Line(amount=MinorUnits(1_000 + sequence), rule_version=version, tender=Tender.EXTERNAL),),
    )


def test_coins_are_the_ledgers_when_they_are_asked_in_any_way(whole: Whole) -> None:
    ledger = whole.world.ledger.address.lower()
    account = "0x" + (b"Tillmember\0\0" + (3).to_bytes(8, "big")).hex()
    wanted = str(whole.world.ledger.view("balanceOf", account))
    assert int(wanted) > 0
    explorer = whole.explorer
    assert explorer.api("account", "tokenbalance", contractaddress=ledger, address=account)["result"] == wanted
    held = {row["TokenHolderAddress"]: row["TokenHolderQuantity"] for row in explorer.api(
        "token", "tokenholderlist", contractaddress=ledger)["result"]}  # fmt: skip
    assert held[account] == wanted
    supply = str(whole.world.ledger.view("totalSupply"))
    assert explorer.api("stats", "tokensupply", contractaddress=ledger)["result"] == supply
    moved = explorer.api("account", "tokentx", contractaddress=ledger, address=account)["result"]
    assert sum(int(row["value"]) for row in moved) == int(wanted)
    assert {row["to"] for row in moved} == {account}


def test_payment_stands_everywhere_when_it_was_posted(whole: Whole) -> None:
    explorer = whole.explorer
    found = json.loads(explorer.ask("/v1/payments", merchant=whole.merchant, limit=100)[1])["rows"]
    assert [int(row["sequence"]) for row in found] == list(range(FIRST, FIRST + COUNT))
    one = json.loads(explorer.ask(f"/v1/payments/1-{FIRST + 7}")[1])
    assert one["amount"] == 1_000 + FIRST + 7 and one["lines"][0]["points"] == one["points"] > 0
    for path in (
        f"/payment/1-{FIRST + 7}", f"/merchant/{whole.merchant}", "/member/3", "/", f"/tx/{one['transaction_hash']}",
        f"/address/{whole.world.ledger.address}", f"/token/{whole.world.ledger.address}", "/tokens", "/statistics",
        f"/block/{one['block']}", "/validators",
    ):  # fmt: skip
        status, body = explorer.ask(path)
        assert status == 200, (path, body[-500:])
    shown = explorer.ask(f"/tx/{one['transaction_hash']}")[1].decode()
    assert "BatchPosted" in shown and "postBatch" in shown and "RewardToken" in shown


def test_transactions_are_the_chains_when_an_account_sent_them(whole: Whole) -> None:
    chain = whole.world.chain
    newest = chain.request("eth_getBlockByNumber", "latest", True)["transactions"][0]
    sender = newest["from"].lower()
    count = int(chain.request("eth_getTransactionCount", sender, "latest"), 16)
    found = whole.explorer.api("account", "txlist", address=sender, offset=10_000)["result"]
    assert [int(row["nonce"]) for row in found if row["from"] == sender] == list(range(count))
    receipt = chain.request("eth_getTransactionReceipt", newest["hash"])
    last = found[-1]
    # anvil gives transactions of impersonated senders hashes of its own making; the index recomputes them
    assert last["nonce"] == str(int(newest["nonce"], 16)) and last["blockHash"] == receipt["blockHash"]
    assert int(last["gasUsed"]) == int(receipt["gasUsed"], 16) and last["functionName"].startswith("postBatch(")
