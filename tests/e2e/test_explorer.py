"""A payment at a till of a real network, seen in the explorer seconds later, with a proof that anybody checks."""

import json
import re
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from node.demo.stand import TILL, Stand
from tests.e2e.test_payment_over_tcp import AMOUNT, ANNA, POINTS, small_plan
from tests.e2e.test_proofs import NOT_ANCHORED, World
from tests.network.chain import wait_until

pytestmark = [pytest.mark.chain, pytest.mark.slow]
SECONDS = 60


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    stand, plan = Stand(tmp_path_factory.mktemp("explored")), small_plan()
    try:
        network = stand.start_network(1)
        stand.deploy()
        stand.onboard(plan)
        ports = stand.start_bridge(network, plan)
        files = tmp_path_factory.mktemp("files")
        yield World(stand=stand, plan=plan, ports=ports, network=network, files=files)
    finally:
        stand.stop()


@contextmanager
def started(world: World, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """A `till` command that goes on, ended on the way out."""
    command = [*TILL, *arguments, "--network", str(world.stand.network_folder)]
    with (world.files / f"{arguments[0]}.log").open("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=SECONDS)


@pytest.fixture(scope="module")
def explorer(world: World) -> Iterator[str]:
    with started(world, "index", "run"), started(world, "explorer", "run", "--port", "0") as process:
        assert process.stdout is not None
        found = re.search(r"(http://\S+?)/$", process.stdout.readline().strip())
        assert found is not None, (world.files / "explorer.log").read_text()
        yield found.group(1)


def get(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read()


def test_payment_is_in_the_explorer_when_it_is_final(world: World, explorer: str) -> None:
    name = world.pay(ANNA)
    wait_until(lambda: get(f"{explorer}/payment/{name}")[0] == 200, seconds=SECONDS, what=f"{name} in the index")
    found = json.loads(get(f"{explorer}/v1/payments/{name}")[1])
    member = world.plan.members[ANNA]
    assert (found["amount"], found["points"], found["member"]) == (AMOUNT, POINTS, str(member))
    assert get(f"{explorer}/member/{member}")[0] == get(f"{explorer}/merchant/1")[0] == 200
    status, proof = get(f"{explorer}/payment/{name}/proof")
    assert status == 200, proof
    file: Path = world.files / "downloaded.proof.json"
    file.write_bytes(proof)
    # nobody has said here that this network's validators are to be trusted
    assert "Nobody has said" in world.till("verify", file, code=NOT_ANCHORED)
    file.write_bytes(proof[:-20])
    world.till("verify", file, code=1)


def test_validators_have_a_record_when_blocks_were_signed(world: World, explorer: str) -> None:
    def record() -> int:
        return sum(row["proposed"] or 0 for row in json.loads(get(f"{explorer}/v1/validators")[1])["rows"])

    height = json.loads(get(f"{explorer}/v1/status")[1])["height"]
    wait_until(lambda: record() >= height - 1, seconds=SECONDS, what=f"the record up to {height - 1}")
    assert "100.00 %" in get(f"{explorer}/validators")[1].decode()


def test_index_follows_when_blocks_come(world: World, explorer: str) -> None:
    before = json.loads(get(f"{explorer}/v1/status")[1])["height"]
    wait_until(
        lambda: json.loads(get(f"{explorer}/v1/status")[1])["height"] > before, seconds=SECONDS, what="another block"
    )
