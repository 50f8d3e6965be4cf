"""network.json: what is read back, and what is said of a file that is none."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from node.cli.net import net
from node.domain.errors import Unusable
from node.network.launch import GETH
from node.network.plan import LOOPBACK, PLAN_FILE, NetworkPlan, Ports, ValidatorPlan, read_plan, write_plan
from node.network.watch import trim_logs
from tests.network.proposal_stage import RULES


def write_plan_for_ports(folder: Path, **ports: int) -> NetworkPlan:
    """A network of one validator in `folder`, of which there is nothing but network.json."""
    chosen = Ports(**{name: place for place, name in enumerate(Ports.__slots__, 1)} | ports)
    validator = ValidatorPlan(
        name="v1",
        node_id="aa" * 20,
        address="BB" * 20,
        public_key="cc" * 32,
        account="0x" + "dd" * 20,
        ports=chosen,
        keep_blocks=0,
    )
    plan = NetworkPlan(
        folder=folder, chain_id=7, host=LOOPBACK, rules=RULES, fail_points=False, validators=(validator,)
    )
    write_plan(plan)
    return plan


def test_read_plan_gives_back_what_was_written(tmp_path: Path) -> None:
    assert write_plan_for_ports(tmp_path) == read_plan(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        [],
        7,
        {"format": 99},
        {"rules": {}},
        {"rules": {**RULES.to_json(), "genesis_hash": 5}},
        {"validators": []},
        {"validators": ["v1"]},
        {"validators": {"v1": 5}},
        {"host": None},
        {"chain_id": "seven"},
    ],
)
def test_read_plan_is_unusable_when_the_file_is_another_thing(tmp_path: Path, change: Any) -> None:
    write_plan_for_ports(tmp_path)
    path = tmp_path / PLAN_FILE
    text = {**json.loads(path.read_text()), **change} if isinstance(change, dict) else change
    path.write_text(json.dumps(text))
    with pytest.raises(Unusable, match=PLAN_FILE):
        read_plan(tmp_path)


def test_logs_are_shown_when_the_engines_are_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = write_plan_for_ports(tmp_path)
    monkeypatch.setattr("node.network.launch.TOOLS", tmp_path / "nothing")
    monkeypatch.setenv("PATH", str(tmp_path))
    for path in (plan.log("v1", GETH), plan.supervisor_log):
        path.parent.mkdir(parents=True)
        path.write_text("the last line")
    shown = CliRunner().invoke(net, ["logs", str(tmp_path)], catch_exceptions=False).output
    assert shown.splitlines().count("the last line") == 2
    assert CliRunner().invoke(net, ["up", str(tmp_path)]).exception.detail == "geth is not built yet; run make setup"  # type: ignore[union-attr]


def test_trim_logs_keeps_the_supervisors_log_short_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = write_plan_for_ports(tmp_path)
    plan.supervisor_log.parent.mkdir()
    plan.supervisor_log.write_bytes(b"a" * 1001)
    trim_logs(plan, limit=1000)
    assert plan.supervisor_log.read_bytes() == b""
