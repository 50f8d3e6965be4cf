"""Whether a geth was thrown back, asked of one that is slow to answer."""

import json
from pathlib import Path
from typing import Any

import pytest

from node.network import mend
from node.network.plan import NetworkPlan
from node.network.rpc import NoAnswer
from tests.network.test_plan import write_plan_for_ports


@pytest.fixture
def voted(tmp_path: Path) -> NetworkPlan:
    """A network whose validator has voted at height 40."""
    plan = write_plan_for_ports(tmp_path)
    data = plan.home("v1") / "cometbft" / "data"
    data.mkdir(parents=True)
    (data / "priv_validator_state.json").write_text(json.dumps({"height": "40"}))
    return plan


def answer_after(failures: int, number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    left = [NoAnswer("slow")] * failures

    def call(*_: Any) -> str:
        if left:
            raise left.pop()
        return number

    monkeypatch.setattr(mend, "call", call)


@pytest.mark.parametrize(("number", "thrown_back"), [("0x0", True), ("0x27", False)])
def test_was_thrown_back_asks_again_when_geth_is_slow(
    voted: NetworkPlan, number: str, thrown_back: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_after(mend.ATTEMPTS - 1, number, monkeypatch)
    assert mend.was_thrown_back(voted, voted.validators[0], sleep=lambda _: None) is thrown_back


def test_was_thrown_back_does_not_guess_when_geth_never_answers(
    voted: NetworkPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_after(mend.ATTEMPTS, "0x0", monkeypatch)
    with pytest.raises(NoAnswer):
        mend.was_thrown_back(voted, voted.validators[0], sleep=lambda _: None)
