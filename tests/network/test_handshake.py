"""A process killed at each step between CometBFT, application and geth: all start again, agree, and nobody helps."""

import json
import os
import shutil
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest

from node.consensus.failpoints import AT_START, BEFORE_COMMIT, BEFORE_INFO, BEFORE_INIT_CHAIN, EACH_BLOCK, FailPoints
from node.network.control import start, stop, wait_until_final
from node.network.faults import arm_fail_point, disarm, kill_process, processes_of
from node.network.init import NetworkOrder, init_network
from node.network.launch import APP, COMETBFT, GETH
from node.network.processes import is_alive
from tests.network.chain import Chain, wait_until

REACHED_SECONDS = 40
BACK_SECONDS = 90
POINTS = (BEFORE_INFO, *EACH_BLOCK)


def reach(chain: Chain, validator: str, point: str, victim: str) -> Path:
    """Arms a point, and has CometBFT ask for what it asks only at its start."""
    armed = arm_fail_point(chain.plan, validator, point, victim=victim)
    if point == BEFORE_INFO:
        kill_process(chain.plan, validator, COMETBFT)
    return armed


@pytest.mark.chain
@pytest.mark.parametrize("point", POINTS)
def test_validator_comes_back_when_its_application_is_killed(whole: Chain, point: str) -> None:
    # each time another one: all of them have been through it in the end
    validator = whole.names[POINTS.index(point) % len(whole.names)]
    before = processes_of(whole.plan, validator)[APP]
    armed = reach(whole, validator, point, APP)
    try:
        wait_until(lambda: not is_alive(before), seconds=REACHED_SECONDS, what=f"the application reached {point}")
        assert not armed.exists()
        whole.wait_for_blocks(3, seconds=BACK_SECONDS)
    finally:
        disarm([armed])


@pytest.mark.chain
@pytest.mark.parametrize(
    ("victim", "points"),
    [
        (GETH, POINTS[:4]),
        pytest.param(GETH, POINTS[4:8], marks=pytest.mark.long),
        pytest.param(GETH, POINTS[7:], marks=pytest.mark.long),
        *((COMETBFT, points) for points in (POINTS[:4], POINTS[4:8], POINTS[7:])),
    ],
    ids=lambda each: each if isinstance(each, str) else each[0],
)
def test_network_comes_back_when_an_engine_of_each_validator_is_killed(
    whole: Chain, points: tuple[str, ...], victim: str
) -> None:
    before = {name: processes_of(whole.plan, name)[victim] for name in whole.names}
    armed = [reach(whole, name, point, victim) for name, point in zip(whole.names, points, strict=True)]
    try:
        wait_until(lambda: not any(path.exists() for path in armed), seconds=BACK_SECONDS, what=f"reached: {points}")
        wait_until(lambda: not any(map(is_alive, before.values())), seconds=5, what="all four are dead")
        whole.wait_for_blocks(2, seconds=BACK_SECONDS)
    finally:
        disarm(armed)


@pytest.mark.chain
def test_chain_begins_when_processes_are_killed_in_its_first_call(tmp_path: Path) -> None:
    order = NetworkOrder(folder=tmp_path / "net", validators=4, fail_points=True)
    plan = init_network(order, now=datetime.now(UTC))
    victims = {"v1": APP, "v2": GETH, "v3": COMETBFT}
    armed = [arm_fail_point(plan, name, BEFORE_INIT_CHAIN, victim=victim) for name, victim in victims.items()]
    try:
        start(plan)
        wait_until_final(plan, blocks=2, seconds=BACK_SECONDS)
        assert not any(path.exists() for path in armed)
        chain = Chain(plan)
        chain.assert_same_chain(min(chain.height(name) for name in chain.names))
    finally:
        stop(plan)
        shutil.rmtree(tmp_path / "net", ignore_errors=True)


def test_fail_points_cover_every_step() -> None:
    assert len({*AT_START, *EACH_BLOCK}) == len(AT_START) + len(EACH_BLOCK) == 12
    assert {BEFORE_INIT_CHAIN, *POINTS} == {*AT_START, *EACH_BLOCK}


def test_fail_point_kills_the_process_that_has_the_name_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: killed.append((pid, number)))
    state = tmp_path / "state.json"
    armed = {"state": str(state), "validator": "v2", "process": COMETBFT}
    (tmp_path / BEFORE_COMMIT).write_text(json.dumps(armed))
    state.write_text(json.dumps({"validators": {"v2": {COMETBFT: {"pid": 4_000_001}}}}))
    points = FailPoints(tmp_path)
    points.reach(BEFORE_COMMIT)
    points.reach(BEFORE_COMMIT)
    assert killed == [(4_000_001, signal.SIGKILL)]
