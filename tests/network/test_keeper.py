"""A keeper whose disk, or whose own code, fails: it tries again, or ends what it has started before it goes."""

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from node.network import keeper, links, supervise
from node.network.keeper import ValidatorKeeper
from node.network.launch import COMETBFT, GETH, START_ORDER
from node.network.plan import as_peer, read_plan, write_plan
from node.network.rpc import NoAnswer
from tests.network.test_plan import write_plan_for_ports

PATIENCE_SECONDS = 10


async def with_a_process(folder: Path) -> tuple[ValidatorKeeper, asyncio.subprocess.Process]:
    """A keeper that has started something, which stands for geth."""
    plan = write_plan_for_ports(folder)
    found = ValidatorKeeper(plan, plan.validators[0], lambda: None)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "import signal; signal.pause()")
    found._processes[GETH] = process
    return found, process


async def finish(work: "asyncio.Task[None]") -> None:
    await asyncio.wait_for(work, PATIENCE_SECONDS)


@pytest.mark.parametrize("place", ["has_room", "is_held"])
async def test_keeper_tries_again_when_the_disk_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    found, process = await with_a_process(tmp_path)
    failures = 0

    def fail(*_: object, **__: object) -> bool:
        nonlocal failures
        failures += 1
        if failures == 3:
            found.stop()
        raise OSError("the disk does not answer")

    monkeypatch.setattr(keeper, place, fail)
    await finish(asyncio.ensure_future(found.run()))
    assert failures == 3
    assert process.returncode is not None


async def test_keeper_ends_its_processes_when_it_fails_or_is_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*_: object, **__: object) -> bool:
        raise RuntimeError("a fault in here")

    monkeypatch.setattr(keeper, "has_room", break_down)
    found, process = await with_a_process(tmp_path)
    with pytest.raises(RuntimeError):
        await finish(asyncio.ensure_future(found.run()))
    assert process.returncode is not None

    waits = asyncio.Event()

    async def stay_away(_: ValidatorKeeper) -> None:
        waits.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(ValidatorKeeper, "_stay_away", stay_away)
    found, process = await with_a_process(tmp_path)
    running = asyncio.ensure_future(found.run())
    await asyncio.wait_for(waits.wait(), PATIENCE_SECONDS)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await finish(running)
    assert process.returncode is not None


async def test_keeper_takes_up_who_its_peers_are_while_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = write_plan_for_ports(tmp_path)
    found = ValidatorKeeper(plan, plan.validators[0], lambda: None)
    seen = []

    def dial(now: object, _: object) -> list[str]:
        seen.append([peer.name for peer in now.others])  # type: ignore[attr-defined]
        if len(seen) == 1:
            _add_v2(tmp_path)
        elif len(seen) == 2:
            (tmp_path / "network.json").write_text("{")
        else:
            found.stop()
        return []

    monkeypatch.setattr(keeper, "dial_missing", dial)
    monkeypatch.setattr(keeper, "dead_links", lambda *_: [])
    monkeypatch.setattr(keeper, "DIAL_SECONDS", 0.01)
    await finish(asyncio.ensure_future(found.keep_linked()))
    # a file that cannot be read changes nothing
    assert seen == [[], ["v2"], ["v2"]]


async def test_keeper_starts_only_cometbft_anew_when_a_link_is_dead_twice_in_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = write_plan_for_ports(tmp_path)
    found = ValidatorKeeper(plan, plan.validators[0], lambda: None)
    # v2 alone, then v3 alone: neither twice; then v3 again, and at once a third time, by a CometBFT not yet ended
    looks = [["v2"], [], ["v2"], ["v3"], ["v3"], ["v3"], []]
    restarts: list[tuple[int, tuple[str, ...]]] = []
    looked = 0

    def look(*_: object) -> list[str]:
        nonlocal looked
        looked += 1
        if looked == len(looks):
            found.stop()
        return looks[looked - 1]

    monkeypatch.setattr(keeper, "dial_missing", lambda *_: [])
    monkeypatch.setattr(keeper, "dead_links", look)
    monkeypatch.setattr(keeper, "DIAL_SECONDS", 0.001)
    monkeypatch.setattr(found, "restart", lambda *kinds: restarts.append((looked, kinds)))
    await finish(asyncio.ensure_future(found.keep_linked()))
    assert restarts == [(5, (COMETBFT,))]


def test_dead_links_names_whoever_is_silent_for_longer_than_cometbft_itself_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_plan_for_ports(tmp_path)
    _add_v2(tmp_path)
    plan = read_plan(tmp_path)
    idle = {"seconds": links.DEAD_SECONDS + 1}

    def answer(_: str, method: str, __: object) -> object:
        assert method == "net_info"
        nanoseconds = str(int(idle["seconds"] * links.NANOSECONDS))
        return {
            "peers": [
                {"node_info": {"id": "ee" * 20}, "connection_status": {"RecvMonitor": {"Idle": nanoseconds}}},
                {"node_info": {"id": "dd" * 20}, "connection_status": {"RecvMonitor": {"Idle": str(10**15)}}},
            ]
        }

    monkeypatch.setattr(links, "call", answer)
    # dd.. is none of ours: whoever may connect is the peer filter's business
    assert links.dead_links(plan, plan.validators[0]) == ["v2"]
    idle["seconds"] = links.DEAD_SECONDS - 1
    assert links.dead_links(plan, plan.validators[0]) == []

    def refuse(*_: object) -> object:
        raise NoAnswer("it is just starting")

    monkeypatch.setattr(links, "call", refuse)
    assert links.dead_links(plan, plan.validators[0]) == []


@pytest.mark.usefixtures("logs_as_before")
def test_supervisor_says_so_and_ends_with_1_when_one_of_its_tasks_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    write_plan_for_ports(tmp_path)
    (tmp_path / "run").mkdir()
    ended: list[str] = []

    async def fail(_: ValidatorKeeper) -> None:
        raise OSError("the disk does not answer")

    async def end(self: ValidatorKeeper, kinds: tuple[str, ...]) -> None:
        ended.extend(kinds)

    monkeypatch.setattr(ValidatorKeeper, "_keep_running", fail)
    monkeypatch.setattr(ValidatorKeeper, "_end", end)
    monkeypatch.setattr(supervise, "prepare", lambda _: None)
    monkeypatch.setattr(sys, "argv", ["supervise", str(tmp_path)])
    assert supervise.main() == 1
    assert ended == list(START_ORDER)
    said = capfd.readouterr().err
    assert "supervisor.failed" in said and "the disk does not answer" in said


def _add_v2(folder: Path) -> None:
    plan = read_plan(folder)
    second = replace(as_peer(plan.validators[0]), name="v2", node_id="ee" * 20)
    write_plan(replace(plan, others=(second,)))
