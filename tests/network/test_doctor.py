"""`till net doctor`: every check is provoked, on a real folder or a real network that is broken on purpose."""

import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from node.network.doctor import CHECKS, chain, elsewhere, examine, files, machine, times
from node.network.doctor.finding import Finding, Level, Limits, Patient
from node.network.hold import held
from node.network.init import NetworkOrder, init_network
from node.network.launch import find_engine
from node.network.plan import NetworkPlan, ValidatorPlan, as_peer, with_validator
from node.network.processes import Running, RunState, note, write_state
from node.network.signstate import STATE_PATH, SignState, put_sign_state
from tests.network.chain import Chain

KEY = Path("cometbft/config/priv_validator_key.json")
NODE_KEY = Path("cometbft/config/node_key.json")
GENESIS = Path("cometbft/config/genesis.json")
PROJECT = Path(__file__).parents[2]


@pytest.fixture
def plan(tmp_path: Path) -> Iterator[NetworkPlan]:
    """A network of two that was never started."""
    yield init_network(NetworkOrder(folder=tmp_path / "net", validators=2), now=datetime.now(UTC))
    shutil.rmtree(tmp_path / "net")


def levels(findings: Iterable[Finding]) -> dict[Level, list[str]]:
    found: dict[Level, list[str]] = {level: [] for level in Level}
    for each in findings:
        found[each.level].append(each.text)
        assert (each.level is Level.OK) != bool(each.remedy), each  # whatever is not well has a remedy
    return found


def wrongs(findings: Iterable[Finding]) -> str:
    return "\n".join(levels(findings)[Level.WRONG])


def test_a_fresh_network_has_nothing_wrong(plan: NetworkPlan) -> None:
    findings = examine(Patient(plan=plan))
    assert wrongs(findings) == ""
    assert {each.check for each in findings} >= {"engines", "genesis", "keys", "jwt", "sign state", "forks", "ports"}


def test_command_ends_with_1_when_something_is_wrong(plan: NetworkPlan) -> None:
    def doctor(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "node.cli.main", "net", "doctor", str(plan.folder), *options]
        return subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, timeout=60, check=False)

    well = doctor()
    assert well.returncode == 0 and well.stdout.startswith("ok ")
    (plan.home("v1") / "jwt.hex").chmod(0o644)
    ill = doctor("--quiet")
    assert ill.returncode == 1
    assert any(line.startswith("wrong ") and "jwt.hex" in line for line in ill.stdout.splitlines())
    listed = json.loads(doctor("--json").stdout)
    assert {"level", "check", "text", "remedy"} == set(listed[0])


def test_a_check_that_cannot_be_made_is_a_finding(plan: NetworkPlan) -> None:
    (plan.home("v1") / "app.json").unlink()
    (plan.home("v2") / GENESIS).write_text("{}")
    assert wrongs(examine(Patient(plan=plan))).count("cannot be looked at") == 2


def test_engines_of_another_version_are_told(
    plan: NetworkPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pins = tmp_path / "engines"
    shutil.copytree(machine.PINS, pins, ignore=shutil.ignore_patterns("go.sum"))
    module = pins / "geth" / "go.mod"
    module.write_text(module.read_text().replace("go-ethereum v1.17.8", "go-ethereum v1.18.0"))
    monkeypatch.setattr(machine, "PINS", pins)
    found = levels(machine.check_engines(Patient(plan=plan)))
    assert found[Level.WRONG] == ["geth is v1.17.8, pinned is v1.18.0"] and len(found[Level.OK]) == 1
    assert machine.built_version(Path(find_engine("cometbft")), machine.ENGINES["cometbft"]).startswith("v")
    script = tmp_path / "geth"
    script.write_text("#!/bin/sh\n")
    assert "unknown" in machine.built_version(script, machine.ENGINES["geth"])


def test_a_machine_that_is_too_small_is_told(plan: NetworkPlan) -> None:
    much = 10**18
    full = Patient(plan=plan, limits=Limits(disk_wrong=much))
    assert "MB free" in wrongs(machine.check_disk_space(full))
    filling = Patient(plan=plan, limits=Limits(disk_warning=much))
    assert levels(machine.check_disk_space(filling))[Level.WARNING]
    small = Patient(plan=plan, limits=Limits(memory_each=much))
    assert levels(machine.check_memory(small))[Level.WARNING]
    few = Patient(plan=plan, limits=Limits(handles=2**62))
    assert levels(machine.check_file_handles(few))[Level.WARNING]


def test_a_taken_port_is_told(plan: NetworkPlan) -> None:
    with socket.socket() as other:
        other.bind((plan.host, plan.validators[1].ports.engine))
        other.listen()
        assert "engine of v2" in wrongs(machine.check_ports(Patient(plan=plan)))
    assert wrongs(machine.check_ports(Patient(plan=plan))) == ""


def test_a_port_is_taken_where_the_validator_listens(plan: NetworkPlan) -> None:
    host = with_validator(plan, "v2", listen="127.0.0.2", gateway_listen="127.0.0.2")
    with socket.socket() as other:
        other.bind(("127.0.0.2", plan.validators[1].ports.gateway))
        other.listen()
        assert "127.0.0.2" in wrongs(machine.check_ports(Patient(plan=host)))
        assert wrongs(machine.check_ports(Patient(plan=plan))) == ""


def test_the_kernel_is_asked_about_its_clock(plan: NetworkPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.clock_is_synchronised() in (True, False)
    for answer, level in ((True, Level.OK), (False, Level.WARNING), (None, Level.WARNING)):
        monkeypatch.setattr(machine, "clock_is_synchronised", lambda answer=answer: answer)
        assert levels(machine.check_time_service(Patient(plan=plan)))[level]


def test_links_to_other_hosts_that_heal_late_are_told(
    plan: NetworkPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    retries = tmp_path / "tcp_retries2"
    monkeypatch.setattr(machine, "RETRIES", retries)
    spread = replace(plan, others=(as_peer(plan.validators[1]),))
    for count, level in ((15, Level.WARNING), (6, Level.OK)):
        retries.write_text(f"{count}\n")
        assert levels(machine.check_tcp_retries(Patient(plan=spread)))[level]
    assert list(machine.check_tcp_retries(Patient(plan=plan))) == []


def test_genesis_documents_that_differ_are_told(plan: NetworkPlan) -> None:
    path = plan.home("v2") / GENESIS
    text = path.read_text()
    path.write_text(text + " ")
    assert "different" in wrongs(files.check_genesis_of_cometbft(Patient(plan=plan)))
    path.write_text(text.replace('"payload_bytes": 3000000', '"payload_bytes": 4000000'))
    assert "other rules" in wrongs(files.check_genesis_of_cometbft(Patient(plan=plan)))
    document = json.loads(text)
    document["app_hash"] = "00" * 32
    path.write_text(json.dumps(document))
    assert "another block 0" in wrongs(files.check_genesis_of_cometbft(Patient(plan=plan)))


def test_geths_genesis_that_differs_from_the_plan_is_told(plan: NetworkPlan) -> None:
    other = replace(plan, chain_id=plan.chain_id + 1)
    assert "another chain id" in wrongs(files.check_genesis_of_geth(Patient(plan=other)))


def test_a_fork_that_one_was_not_told_of_is_told(plan: NetworkPlan) -> None:
    forked = replace(plan, rules=replace(plan.rules, prague_time=2_000_000_000))
    text = wrongs(files.check_forks(Patient(plan=forked)))
    assert "v1" in text and "v2" in text
    assert wrongs(files.check_forks(Patient(plan=plan))) == ""


def test_keys_that_others_can_read_or_that_are_anothers_are_told(plan: NetworkPlan) -> None:
    one, two = plan.home("v1"), plan.home("v2")
    (one / KEY).chmod(0o640)
    assert "mode 640" in wrongs(files.check_keys(Patient(plan=plan)))
    (one / KEY).chmod(0o600)
    (one / "access.json").touch(mode=0o644)
    assert "access.json can be read by others" in wrongs(files.check_keys(Patient(plan=plan)))
    (one / "access.json").unlink()
    for name, words in ((KEY, "signs with key"), (NODE_KEY, "has node id")):
        mine = (one / name).read_bytes()
        (one / name).write_bytes((two / name).read_bytes())
        assert words in wrongs(files.check_keys(Patient(plan=plan)))
        (one / name).write_bytes(mine)
    (one / KEY).unlink()
    assert "missing" in wrongs(files.check_keys(Patient(plan=plan)))


def test_a_jwt_secret_that_is_none_is_told(plan: NetworkPlan) -> None:
    (plan.home("v1") / "jwt.hex").write_text("not hex\n")
    assert "no secret" in wrongs(files.check_jwt(Patient(plan=plan)))


def test_a_lost_sign_state_is_told(plan: NetworkPlan) -> None:
    (plan.home("v1") / STATE_PATH).unlink()
    assert "missing" in wrongs(files.check_sign_state(Patient(plan=plan)))


def test_a_stale_run_state_is_told(plan: NetworkPlan) -> None:
    gone = Running(pid=os.getpid(), born="in another life")
    write_state(plan.run_folder, RunState(supervisor=gone, validators={"v1": {"geth": note(os.getpid())}}))
    assert "run without it" in wrongs(files.check_run_state(Patient(plan=plan)))
    write_state(plan.run_folder, RunState(supervisor=note(os.getpid()), validators={}))
    assert levels(files.check_run_state(Patient(plan=plan)))[Level.WARNING]


def test_a_clock_elsewhere_is_told_by_its_date_header(plan: NetworkPlan) -> None:
    class Wrong(http.server.BaseHTTPRequestHandler):
        def date_time_string(self, timestamp: float | None = None) -> str:
            return super().date_time_string(time.time() + 600)

        def do_GET(self) -> None:
            self.send_error(405)

        def log_message(self, *_: object) -> None:
            return

    with http.server.HTTPServer((plan.host, plan.validators[1].ports.gateway), Wrong) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            text = wrongs(times.check_clocks(Patient(plan=plan)))
        finally:
            server.shutdown()
            thread.join()
    assert text.startswith("v2 is ") and "ahead" in text


@pytest.mark.chain
def test_a_running_network_has_nothing_wrong(whole: Chain) -> None:
    whole.wait_for_height(25)
    findings = examine(Patient(plan=whole.plan, limits=Limits(disk_wrong=0, block_age=60)))
    assert wrongs(findings) == ""
    assert len(findings) > 2 * len(CHECKS)


@pytest.mark.chain
def test_wrong_clocks_are_told_by_the_chain(whole: Chain) -> None:
    slow = Patient(plan=whole.plan, clock=lambda: time.time() - 600)
    assert "ahead of this clock" in wrongs(times.check_block_age(slow))
    assert wrongs(times.check_clocks(slow)).count("ahead of this machine") == 4
    fast = Patient(plan=whole.plan, clock=lambda: time.time() + 600)
    assert "s old" in wrongs(times.check_block_age(fast))
    assert wrongs(times.check_clocks(fast)).count("behind this machine") == 4
    off = Patient(plan=whole.plan, clock=lambda: time.time() + 6)
    assert len(levels(times.check_clocks(off))[Level.WARNING]) == 4


@pytest.mark.chain
def test_a_validator_that_is_away_is_told_and_so_is_an_older_sign_state(whole: Chain) -> None:
    plan, v2 = whole.plan, whole.plan.validator("v2")
    whole.wait_for_height(25)
    with held(plan, "v2"):
        path = plan.home("v2") / STATE_PATH
        kept = path.read_bytes()
        patient = Patient(plan=plan)
        assert "v2 does not answer" in wrongs(chain.check_heights(patient))
        assert "v2 lacks" in "".join(levels(files.check_run_state(patient))[Level.WARNING])
        whole.wait_for_blocks(1, "v1", "v3", "v4")
        assert sum("v2" in text for text in levels(chain.check_peers(patient))[Level.WARNING]) == 3
        put_sign_state(path, SignState(height=3, round=0, step=3))
        assert "v2 signed block" in wrongs(files.check_sign_state(patient))
        path.write_bytes(kept)
        assert wrongs(files.check_sign_state(patient)) == ""
    assert v2.name == "v2"


@pytest.mark.chain
def test_what_does_not_fit_the_running_chain_is_told(whole: Chain) -> None:
    plan = whole.plan
    stranger = _with_first(plan, replace(plan.validators[0], address="AB" * 20, node_id="cd" * 20))
    assert "v1 signed 0 of" in wrongs(chain.check_signatures(Patient(plan=stranger)))
    alone = replace(plan, validators=tuple(replace(each, node_id="cd" * 20) for each in plan.validators))
    assert wrongs(chain.check_peers(Patient(plan=alone))).count("connected to nobody") == 4
    other = replace(plan, rules=replace(plan.rules, genesis_hash=type(plan.rules.genesis_hash)(bytes(32))))
    assert wrongs(files.check_genesis_of_geth(Patient(plan=other))).count("has block 0") == 4
    spread = replace(other, validators=other.validators[:1], others=tuple(map(as_peer, other.validators[1:])))
    assert wrongs(elsewhere.check_genesis_elsewhere(Patient(plan=spread))).count("network.json says 0x0000") == 3
    versions = levels(elsewhere.check_versions_of_geth(Patient(plan=spread)))
    assert len(versions[Level.OK]) == 4 and not versions[Level.WARNING]
    busy = Patient(plan=plan, limits=Limits(handles_used=0.0))
    assert "geth of v1 has" in wrongs(machine.check_file_handles(busy))
    secret = plan.home("v3") / "jwt.hex"
    kept = secret.read_text()
    try:
        secret.write_text("ab" * 32)
        assert "geth of v3 refuses" in wrongs(files.check_jwt(Patient(plan=plan)))
    finally:
        secret.write_text(kept)
    behind = Patient(plan=plan, limits=Limits(lag_warning=-1, lag_wrong=-1))
    assert wrongs(chain.check_heights(behind)).count("blocks behind") == 4


def _with_first(plan: NetworkPlan, validator: ValidatorPlan) -> NetworkPlan:
    return replace(plan, validators=(validator, *plan.validators[1:]))
