"""An audit of real chains agrees with what happened, and finds and names every error that is planted."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from benchmarks.devchain import Chain
from benchmarks.world import STREAM, Terms
from node.audit.evidence import EvidenceBroken
from node.audit.findings import Kind
from node.audit.run import Order
from node.audit.tally import Hours
from node.cli.main import cli
from node.domain.ids import PaymentId
from tests.contracts.auditing import ALICE, BOB, audit_of, busy_world, deployment_of, lying_gateway, url_of
from tests.contracts.twin import MEMBER, MERCHANT, RULE, TOTALS, Twin, external
from tests.contracts.worlds import BASE, POOR, RICH

pytestmark = [pytest.mark.anvil, pytest.mark.slow]


@pytest.fixture(scope="module")
def busy(chain: Chain, terms: Terms) -> Twin:
    """A world in which payments, debits, refunds and settlements of all kinds happened, over three epochs."""
    return busy_world(chain, terms)


@pytest.fixture
def world(busy: Twin) -> Iterator[Twin]:
    """The same, forgotten after the test."""
    with busy.forgotten():
        yield busy


def poke(twin: Twin, slot: int, change: int) -> None:
    """Changes a word of the ledger behind its back, and lets a block say so."""
    word = twin.chain.storage(twin.ledger.address, slot) + change
    twin.chain.request("anvil_setStorageAt", twin.ledger.address, f"0x{slot:064x}", f"0x{word:064x}")
    twin.chain.request("evm_mine")


def run_till(twin: Twin, folder: Path, *options: str, url: str = "") -> Result:
    """`till audit run` on a world."""
    deployment = deployment_of(twin.world)
    contracts = {name: {"address": "0x" + address.hex()} for name, address in deployment.parts.items()}
    file = folder / "deployment.json"
    file.write_text(json.dumps({"chain_id": deployment.chain_id, "block": deployment.block, "contracts": contracts}))
    where = ["--rpc", url or url_of(twin.chain), "--deployment", str(file)]
    return CliRunner().invoke(cli, ["audit", "run", *where, *options])


def test_audit_agrees_when_nothing_is_wrong(world: Twin) -> None:
    audit = audit_of(world.world)
    assert audit.agrees, list(audit.findings)
    assert audit.supply == world.ledger.view("totalSupply")
    assert audit.ledger.totals == world.model.book.totals
    assert audit.tally.accepted + sum(audit.tally.skipped.values()) == audit.tally.seen
    assert {reason.name for reason in audit.tally.skipped} == {"MERCHANT", "STREAM_LIMIT"}
    assert audit.tally.refunds == 4
    assert audit.words > 60


@pytest.mark.parametrize(
    ("slot", "change", "named"),
    [
        (MEMBER | ALICE, 1 << 200, f"stored value of member {ALICE}"),
        (MEMBER | BOB, 1 << 144, f"coins of this epoch of member {BOB}"),
        (MERCHANT | RICH, 1 << 192, f"prepaid points of merchant {RICH}"),
        (MERCHANT | POOR, 1 << 128, f"payable of merchant {POOR}"),
        (TOTALS, 1 << 192, "stored value of the totals"),
    ],
)
def test_audit_names_the_word_when_state_was_changed(world: Twin, slot: int, change: int, named: str) -> None:
    poke(world, slot, change)
    audit = audit_of(world.world)
    assert not audit.agrees
    assert any(named in finding.text for finding in audit.findings.kept[Kind.STATE])
    assert audit.findings.counts[Kind.STATE] == 1


def test_audit_names_the_payment_when_a_rule_was_changed(world: Twin) -> None:
    poke(world, RULE | RICH << 16 | BASE, 1 << 176 | 1 << 216)
    receipt = world.world.post(world_batch(world))
    audit = audit_of(world.world)
    found = audit.findings.kept[Kind.DIFFERENCE]
    assert [finding.block for finding in found] == [receipt.block]
    assert "the rules say" in found[0].text
    assert audit.findings.counts[Kind.STATE] >= 2


def world_batch(world: Twin) -> Any:
    """A payment that the model is not told of."""
    from node.domain.batch_format import make_batch

    return make_batch(STREAM, [world.payment(RICH, ALICE, external(90_000))])  # type: ignore[arg-type]


def test_audit_refuses_when_the_gateway_alters_a_log(world: Twin) -> None:
    def lie(method: str, result: Any) -> Any:
        if method == "eth_getBlockReceipts":
            for log in (log for receipt in result for log in receipt["logs"] if len(log["data"]) == 66):
                log["data"] = f"0x{int(log['data'], 16) ^ 1:064x}"
        return result

    with lying_gateway(world.chain, lie) as url, pytest.raises(EvidenceBroken, match="receipts of block"):
        audit_of(world.world, url=url)


def test_audit_refuses_when_the_gateway_alters_calldata(world: Twin) -> None:
    def lie(method: str, result: Any) -> Any:
        if method == "eth_getBlockByHash":
            for sent in result["transactions"]:
                sent["input"] = sent["input"][:-2] + ("00" if sent["input"][-2:] != "00" else "01")
        return result

    with lying_gateway(world.chain, lie) as url, pytest.raises(EvidenceBroken, match="transactions of block"):
        audit_of(world.world, url=url)


def test_audit_refuses_when_the_gateway_hides_logs_in_the_header(world: Twin) -> None:
    def lie(method: str, result: Any) -> Any:
        if method == "eth_getBlockByNumber" and int(result["number"], 16) == 30:
            result["logsBloom"] = "0x" + "00" * 256
            result["receiptsRoot"] = "0x" + "11" * 32
        return result

    with lying_gateway(world.chain, lie) as url, pytest.raises(EvidenceBroken, match="header of block 30"):
        audit_of(world.world, url=url)


def test_audit_refuses_when_the_gateway_lies_about_state(world: Twin) -> None:
    def lie(method: str, result: Any) -> Any:
        if method == "eth_getProof":
            node = result["storageProof"][0]["proof"][-1]
            result["storageProof"][0]["proof"][-1] = node[:-2] + ("00" if node[-2:] != "00" else "01")
        return result

    with lying_gateway(world.chain, lie) as url, pytest.raises(EvidenceBroken, match="the state after block"):
        audit_of(world.world, url=url)


def test_audit_lists_gaps_hours_and_manual_acts_when_there_are_any(world: Twin) -> None:
    world.sequence += 3
    world.pay(RICH, ALICE, external(1_000))
    world.set_state(ALICE, locked=True)
    gone = PaymentId(f"{STREAM}-{world.sequence - 1}")
    audit = audit_of(world.world, Order(hours=Hours(since=0, until=0), cancelled=frozenset({gone})))
    assert audit.agrees
    assert audit.explained == 1
    assert audit.missing >= 3
    assert any("sequences were never posted" in each.text for each in audit.findings.kept[Kind.GAP])
    assert audit.tally.outside_hours == audit.tally.accepted
    assert any("MemberFlagsSet" in each.text for each in audit.findings.kept[Kind.MANUAL])


def test_audit_differs_when_a_cancelled_payment_was_posted(world: Twin) -> None:
    name = PaymentId(f"{STREAM}-{world.sequence}")
    audit = audit_of(world.world, Order(cancelled=frozenset({name})))
    assert [each.subject for each in audit.findings.kept[Kind.CONTRADICTED]] == [f"payment {name}"]
    assert not audit.agrees


def test_till_audit_run_says_how_it_ended(world: Twin, tmp_path: Path) -> None:
    good = run_till(world, tmp_path, "--json", "-o", str(tmp_path / "audit.json"))
    assert good.exit_code == 0, good.output
    assert json.loads(good.stdout) == json.loads((tmp_path / "audit.json").read_text())
    assert json.loads(good.stdout)["agrees"] is True
    table = run_till(world, tmp_path, "--hours", "06:00-23:00")
    assert table.exit_code == 0
    assert "agrees with its recomputation" in table.output
    poke(world, MEMBER | ALICE, 1 << 200)
    bad = run_till(world, tmp_path)
    assert bad.exit_code == 1
    assert f"stored value of member {ALICE}" in bad.output
    late = run_till(world, tmp_path, "--to", "1000000")
    assert late.exit_code == 2
    assert "the newest is" in late.output
    for wrong in ("25:00-26:00", "noon"):
        assert run_till(world, tmp_path, "--hours", wrong).exit_code == 2
