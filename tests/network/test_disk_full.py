"""A validator whose disk is full stops in good order, the others go on, and it goes on by itself when there is room."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from node.network.control import start, stop, wait_until_final
from node.network.doctor import machine
from node.network.doctor.finding import Level, Patient
from node.network.faults import processes_of
from node.network.init import NetworkOrder, init_network
from node.network.processes import is_alive
from node.network.room import RESERVE_BYTES, RESUME_BYTES, has_room
from tests.network.chain import Chain, Sender, wait_until

POOR = "v4"
DISK_BYTES = 2 * RESUME_BYTES
PIECE = bytes(1_000_000)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Chain]:
    """Four validators, of which the last has a small disk of its own."""
    if os.geteuid() != 0:
        pytest.skip("a small disk has to be mounted, which only root may")
    plan = init_network(NetworkOrder(folder=tmp_path / "net", validators=4, accounts=1), now=datetime.now(UTC))
    home = plan.home(POOR)
    kept = home.rename(tmp_path / "kept")
    home.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(home)], capture_output=True, text=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    try:
        shutil.copytree(kept, home, dirs_exist_ok=True)
        start(plan)
        wait_until_final(plan, blocks=2, seconds=60)
        yield Chain(plan)
    finally:
        stop(plan)
        subprocess.run(["umount", str(home)], check=True)
        shutil.rmtree(tmp_path / "net")


def fill(path: Path) -> None:
    """Takes every byte that is left."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(PIECE):
            pass


@pytest.mark.chain
@pytest.mark.slow
def test_validator_stops_and_comes_back_when_its_disk_is_full(small_disk: Chain) -> None:
    chain, others = small_disk, [name for name in small_disk.names if name != POOR]
    member = Sender(chain, 1)
    before = processes_of(chain.plan, POOR)
    filler = chain.plan.home(POOR) / "filler"
    # all at once, so that the engines meet the end of the disk before anybody can stop them
    fill(filler)
    assert shutil.disk_usage(filler).free < len(PIECE)
    wait_until(lambda: not processes_of(chain.plan, POOR), seconds=60, what="it is stopped, and not started again")
    assert not any(map(is_alive, before.values()))
    chain.wait_for_blocks(5, *others, seconds=60)
    disks = [finding for finding in machine.check_disk_space(Patient(plan=chain.plan)) if POOR in finding.text]
    assert [finding.level for finding in disks] == [Level.WRONG]
    raw, tx_hash = member.sign()
    chain.send(raw, at=others[0])
    chain.wait_for_receipt(tx_hash, *others)
    assert not processes_of(chain.plan, POOR)
    filler.unlink()
    chain.wait_for_receipt(tx_hash, POOR, seconds=60)
    chain.assert_same_chain(chain.wait_for_blocks(2))


def test_has_room_asks_for_more_to_start_than_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    for free, may_go_on, may_start in (
        (RESERVE_BYTES - 1, False, False),
        (RESERVE_BYTES, True, False),
        (RESUME_BYTES, True, True),
    ):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: usage._replace(free=free))
        assert (has_room(tmp_path, running=True), has_room(tmp_path, running=False)) == (may_go_on, may_start)


def test_has_room_of_a_wiped_folder_is_that_of_the_disk_it_was_on(tmp_path: Path) -> None:
    assert has_room(tmp_path / "v2" / "gone", running=False) is has_room(tmp_path, running=False)
