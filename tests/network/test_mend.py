"""Whether a geth was thrown back, asked of one that is slow to answer; and blocks that are of no use any more."""

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


REFUSAL = b"error during handshake: app block height (0) is too far below block store base (101)\n"


@pytest.mark.parametrize(
    ("before", "after", "first"),
    [
        (b"", REFUSAL, 101),
        (b"ERR something\n", b"ERR else\n" + REFUSAL + b"exit\n", 101),
        # what an earlier start said is over
        (REFUSAL, b"ERR something\n", None),
        # geth went back, but not to block 0: that is for a human to look at
        (b"", REFUSAL.replace(b"(0)", b"(7)"), None),
        (b"", b"", None),
    ],
)
def test_lacks_first_blocks_reads_what_cometbft_said_since_its_start(
    tmp_path: Path, before: bytes, after: bytes, first: int | None
) -> None:
    log = tmp_path / "cometbft.log"
    log.write_bytes(before + after)
    assert mend.lacks_first_blocks(log, len(before)) == first


def test_lacks_first_blocks_finds_the_end_of_a_log_that_was_cut_or_is_long(tmp_path: Path) -> None:
    log = tmp_path / "cometbft.log"
    log.write_bytes(REFUSAL)
    assert mend.lacks_first_blocks(log, 10_000_000) == 101
    log.write_bytes(b"x" * 300_000 + REFUSAL)
    assert mend.lacks_first_blocks(log, 7) == 101


def test_drop_blocks_leaves_the_sign_state_alone(voted: NetworkPlan) -> None:
    validator = voted.validators[0]
    data = voted.home("v1") / "cometbft" / "data"
    (data / "state.db").mkdir()
    (data / "cs.wal").mkdir()
    (data / "cs.wal" / "wal").write_bytes(b"votes")
    # an earlier attempt was broken off
    (data / "blockstore.db.gone").mkdir()
    state = data / "priv_validator_state.json"
    state.write_text('{"height": "270"}')
    mend.drop_blocks(voted, validator)
    assert list(data.iterdir()) == [state] and state.read_text() == '{"height": "270"}'


def test_drop_blocks_ends_with_the_store_so_that_it_can_be_done_again(
    voted: NetworkPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = voted.home("v1") / "cometbft" / "data"
    for name in ("state.db", "cs.wal", "evidence.db"):
        (data / name).mkdir()

    def fail(path: Path) -> None:
        raise OSError(f"{path} cannot be removed")

    monkeypatch.setattr(mend.shutil, "rmtree", fail)
    with pytest.raises(OSError, match="cannot be removed"):
        mend.drop_blocks(voted, voted.validators[0])
    assert (data / "blockstore.db" / "000001.log").read_bytes() == b"blocks"
