"""Four hosts with a folder and a supervisor each: what the doctor sees from one of them, and peers that change."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.config import RPC_CA_VARIABLE
from node.network.backup import back_up
from node.network.doctor import CHECKS, examine
from node.network.doctor.finding import Finding, Level, Limits, Patient
from node.network.farthest import GETH_REWIND, MARGIN
from node.network.hold import held
from node.network.links import silences
from node.network.plan import read_plan
from node.network.restore import restore
from node.network.signstate import STATE_PATH
from node.network.status import network_status
from tests.network.chain import wait_until
from tests.network.loopback_hosts import LoopbackHosts, loopback_hosts

pytestmark = [pytest.mark.chain, pytest.mark.long]

FIRST_FOUR = ("v1", "v2", "v3", "v4")
NEW_ADDRESS = "127.0.1.{}"


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackHosts]:
    with loopback_hosts(tmp_path_factory.mktemp("spread") / "net") as network:
        yield network


def look(hosts: LoopbackHosts, name: str) -> list[Finding]:
    return examine(Patient(plan=hosts.host_plan(name), limits=Limits(disk_wrong=0)))


def told(findings: list[Finding], level: Level, check: str = "") -> str:
    return "\n".join(each.text for each in findings if each.level is level and check in ("", each.check))


def linked(hosts: LoopbackHosts, one: str, other: str) -> bool:
    plan = hosts.host_plan(one)
    return hosts.host_plan(other).validators[0].node_id in silences(plan, plan.validators[0])


def test_doctor_finds_nothing_wrong_and_looks_at_everybody_from_one_host(hosts: LoopbackHosts) -> None:
    hosts.wait_for_height(25, *FIRST_FOUR)
    for name in FIRST_FOUR:
        findings = look(hosts, name)
        assert told(findings, Level.WRONG) == ""
        assert f"{name} has all 3" in told(findings, Level.OK, "peers")
        for other in FIRST_FOUR:
            assert f"{other} votes with" in told(findings, Level.OK, "vote clocks")
            assert f"{other} has this machine's time" in told(findings, Level.OK, "clocks")
            assert other in told(findings, Level.OK, "heights")
            assert f"geth of {other}" in told(findings, Level.OK, "versions")
        assert told(findings, Level.OK, "genesis").count("at 127.0.0.1 has block 0") == 3
        assert f"CometBFT of {name} and its 3 peers" in told(findings, Level.OK, "versions")
        assert len(findings) > len(CHECKS)
    operator = examine(Patient(plan=hosts.plan, limits=Limits(disk_wrong=0)))
    assert told(operator, Level.WRONG) == "" and "v4 at 127.0.0.1 has block" in told(operator, Level.OK, "heights")


def test_doctor_tells_on_one_host_that_another_is_away_and_that_all_are(hosts: LoopbackHosts) -> None:
    hosts.down("v4")
    hosts.wait_for_blocks(22, "v1", "v2", "v3")
    findings = look(hosts, "v1")
    assert told(findings, Level.WRONG) == ""
    assert told(findings, Level.WARNING, "peers") == "v1 is not connected to v4"
    assert told(findings, Level.WARNING, "heights") == "v4 at 127.0.0.1 does not answer here"
    assert "v4 at 127.0.0.1 signed none of the newest 20" in told(findings, Level.WARNING, "signatures")
    hosts.down("v3")
    # those two stand, and have nothing to say to each other: nobody is cut off
    plan = hosts.host_plan("v1")
    wait_until(
        lambda: min(silences(plan, plan.validators[0]).values()) > Limits().silence, seconds=60, what="v2 is silent"
    )
    findings = look(hosts, "v1")
    assert told(findings, Level.WRONG, "peers") == ""
    assert "though v2 can be reached" in told(findings, Level.WARNING, "peers")
    hosts.down("v2")
    try:
        hosts.till("net", "doctor", hosts.folders["v1"], "--quiet", code=1)
        assert told(look(hosts, "v1"), Level.WRONG, "peers") == "v1 is connected to nobody"
    finally:
        hosts.up("v2", "v3", "v4")


def test_newcomers_learn_of_each_other_while_they_run(hosts: LoopbackHosts, tmp_path: Path) -> None:
    for name in ("v5", "v6"):
        joined = hosts.join(name, tmp_path / name)
        hosts.vote("observer", joined.validators[0].node_id, name, by=("v1", "v2", "v3"))
    hosts.up("v5", "v6")
    assert not linked(hosts, "v5", "v6")
    observer = look(hosts, "v5")
    assert told(observer, Level.WRONG) == "" and "v5 is an observer" in told(observer, Level.OK, "signatures")
    card = tmp_path / "v6.json"
    card.write_text(hosts.till("validator", "card", hosts.folders["v6"]))
    hosts.till("net", "peer", "add", hosts.folders["v5"], card)
    wait_until(lambda: linked(hosts, "v5", "v6"), seconds=30, what="v5 dials v6")
    assert linked(hosts, "v6", "v5")
    # the next newcomer is told of it
    later = hosts.join("v7", tmp_path / "v7", ticket_of="v5")
    assert "v6" in {peer.name for peer in later.others}
    del hosts.folders["v7"]


def test_network_finds_itself_when_all_its_machines_have_moved(hosts: LoopbackHosts) -> None:
    hosts.down()
    for folder in hosts.folders.values():
        for number, name in enumerate(FIRST_FOUR, start=1):
            hosts.till("net", "peer", "move", folder, name, "--host", NEW_ADDRESS.format(number))
    hosts.up()
    assert {linked(hosts, "v1", other) for other in FIRST_FOUR[1:]} == {True}
    hosts.wait_for_blocks(3)
    hosts.assert_same_chain(min(hosts.height(name) for name in hosts.names))


def test_lost_sign_state_is_made_good_by_what_the_gateways_of_other_hosts_say(
    hosts: LoopbackHosts, tmp_path: Path
) -> None:
    plan = read_plan(hosts.folders["v4"])
    file = back_up(plan, "v4", tmp_path / "v4.tar.gz")
    with held(plan, "v4"):
        before = hosts.wait_for_blocks(2, "v1", "v2", "v3")
        (plan.home("v4") / STATE_PATH).unlink()
    restored = restore(plan, file)
    after = hosts.height("v1")
    assert before <= restored.sign_state.height - GETH_REWIND - MARGIN <= after
    hosts.wait_for_blocks(2)


def test_gateway_that_speaks_tls_is_seen_from_other_hosts_once_its_certificate_is_named(
    hosts: LoopbackHosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = hosts.till("net", "cert", hosts.folders["v2"]).strip()
    monkeypatch.setenv(RPC_CA_VARIABLE, certificate)
    wait_until(lambda: hosts.url("v2").startswith("https:") and hosts.height("v2") > 0, seconds=20, what="v2 has TLS")
    card = tmp_path / "v2.json"
    card.write_text(hosts.till("validator", "card", hosts.folders["v2"]))
    for folder in (hosts.folders["v1"], hosts.plan.folder):
        plan = read_plan(folder)
        assert "v2 has this machine's time" not in told(examine(Patient(plan=plan)), Level.OK, "clocks")
        hosts.till("net", "peer", "add", folder, card)
        patient = Patient(plan=read_plan(folder), limits=Limits(disk_wrong=0))
        findings = examine(patient)
        assert told(findings, Level.WRONG) == ""
        assert "v2 has this machine's time" in told(findings, Level.OK, "clocks")
        assert "v2 at " in told(findings, Level.OK, "genesis")
        seen = {each.name: each.height for each in network_status(patient.plan).others}
        assert (seen["v2"] or 0) > 0
        # without the file nobody believes the certificate
        monkeypatch.delenv(RPC_CA_VARIABLE)
        assert {each.name: each.height for each in network_status(patient.plan).others}["v2"] is None
        monkeypatch.setenv(RPC_CA_VARIABLE, certificate)
