"""Whether a geth was thrown back, asked of one that is slow to answer."""

from pathlib import Path
from typing import Any

import pytest

from node.network import mend
from node.network.plan import NetworkPlan
from node.network.rpc import NoAnswer
from tests.network.test_plan import write_plan_for_ports


@pytest.fixture
def voted(tmp_path: Path) -> NetworkPlan:
    """A network whose validator has blocks on disk."""
    plan = write_plan_for_ports(tmp_path)
    blocks = plan.home("v1") / "cometbft" / "data" / "blockstore.db"
    blocks.mkdir(parents=True)
    (blocks / "000001.log").write_bytes(b"blocks")
    return plan


def answer_after(failures: int, number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    left = [NoAnswer("slow")] * failures

    def call(*_: Any) -> str:
        if left:
            raise left.pop()
        return number

    monkeypatch.setattr(mend, "call", call)


@pytest.mark.parametrize(("number", "thrown_back"), [("0x0", True), ("0x27", False)])
def test_must_renew_asks_again_when_geth_is_slow(
    voted: NetworkPlan, number: str, thrown_back: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_after(mend.ATTEMPTS - 1, number, monkeypatch)
    assert mend.must_renew(voted, voted.validators[0], sleep=lambda _: None) is thrown_back


def test_must_renew_does_not_guess_when_geth_never_answers(voted: NetworkPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_after(mend.ATTEMPTS, "0x0", monkeypatch)
    with pytest.raises(NoAnswer):
        mend.must_renew(voted, voted.validators[0], sleep=lambda _: None)
