"""`till net doctor` on what has to be the same everywhere: genesis documents, block 0 and engines of other hosts."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from node.network.doctor import chain, elsewhere, files, machine
from node.network.doctor.finding import Level, Patient
from node.network.init import NetworkOrder, init_network
from node.network.plan import NetworkPlan, as_peer
from tests.network.fake_gateway import fake_gateway
from tests.network.test_doctor import GENESIS, levels, wrongs


@pytest.fixture
def plan(tmp_path: Path) -> Iterator[NetworkPlan]:
    """A network of two that was never started."""
    yield init_network(NetworkOrder(folder=tmp_path / "net", validators=2), now=datetime.now(UTC))
    shutil.rmtree(tmp_path / "net")


def test_a_ticket_that_would_lead_newcomers_elsewhere_is_told(plan: NetworkPlan) -> None:
    assert wrongs(files.check_join_ticket(Patient(plan=plan))) == ""
    path = plan.home("v2") / GENESIS
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "genesis_time": "2001-01-01T00:00:00Z"}))
    genesis = plan.folder / "genesis.json"
    genesis.write_text(json.dumps({**json.loads(genesis.read_text()), "extraData": "0x01"}))
    told = wrongs(files.check_join_ticket(Patient(plan=plan))).splitlines()
    assert [text.partition("than ")[2] for text in told] == [str(genesis), str(path)]


def test_another_block_0_or_geth_on_another_host_is_told(plan: NetworkPlan) -> None:
    here, there = plan.validators
    patient = Patient(plan=replace(plan, validators=(here,), others=(as_peer(there),)))
    block_0 = {"hash": "0x" + plan.rules.genesis_hash.hex()}
    pinned = machine.pinned_version(machine.PINS / "geth" / "go.mod", machine.ENGINES["geth"])
    for block, version, genesis, versions in (
        (block_0, f"Geth/{pinned}-stable/linux-amd64/go1.26.8", Level.OK, Level.OK),
        ({"hash": "0x" + "ab" * 32}, "Geth/v1.16.0-stable/linux-amd64/go1.25.0", Level.WRONG, Level.WARNING),
        (block_0, "besu/v25.1.0/linux-x86_64/openjdk-java-21", Level.OK, Level.WARNING),
    ):
        with fake_gateway(there, 7, "0x", eth_getBlockByNumber=block, web3_clientVersion=version):
            (found,) = levels(elsewhere.check_genesis_elsewhere(patient))[genesis]
            assert found.startswith("v2 at 127.0.0.1 has block 0 0x")
            (found,) = levels(elsewhere.check_versions_of_geth(patient))[versions]
            assert found.startswith("geth of v2 at 127.0.0.1 is ")
    # who does not answer is named by the heights, and by them alone
    assert not [*elsewhere.check_genesis_elsewhere(patient), *elsewhere.check_versions_of_geth(patient)]
    operator = Patient(plan=replace(patient.plan, validators=()))
    assert levels(chain.check_heights(operator))[Level.WARNING] == ["v2 at 127.0.0.1 does not answer here"]
