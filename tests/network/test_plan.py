"""network.json: what is read back, and what is said of a file that is none."""

import json
from pathlib import Path
from typing import Any

import pytest

from node.domain.errors import Unusable
from node.network.plan import LOOPBACK, PLAN_FILE, NetworkPlan, Ports, ValidatorPlan, read_plan, write_plan
from tests.network.test_proposal_check import RULES


def write_plan_for_ports(folder: Path, **ports: int) -> NetworkPlan:
    """A network of one validator in `folder`, of which there is nothing but network.json."""
    chosen = Ports(**{"gateway": 1, "p2p": 2, "abci": 3, "geth": 4, "engine": 5, "comet_rpc": 6, **ports})
    validator = ValidatorPlan(
        name="v1", node_id="aa" * 20, address="BB" * 20, public_key="cc" * 32, ports=chosen, keep_blocks=0
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
