"""`till net` as its user types it: what it prints, what it leaves, what it says when something is in the way."""

import json
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from node.network.keys import read_account
from node.network.plan import Ports, read_plan
from node.network.processes import read_state
from node.network.watch import BEHIND_SECONDS, STALL_SECONDS, Watch, trim_log
from tests.network.chain import Chain

PROJECT = Path(__file__).parents[2]


def till(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "node.cli.main", "net", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        timeout=150,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "net"
    if (tmp_path / "net" / "network.json").exists():
        till("down", tmp_path / "net")
    shutil.rmtree(tmp_path / "net", ignore_errors=True)


def test_init_leaves_a_folder_whose_secrets_only_the_owner_reads(folder: Path) -> None:
    done = till("init", folder, "--validators", 3, "--accounts", 2)
    assert done.returncode == 0, done.stderr
    secrets = [
        *folder.glob("keys/*.json"),
        *folder.glob("keys/accounts/*.json"),
        *folder.glob("validators/*/jwt.hex"),
        *folder.glob("validators/*/cometbft/config/*_key.json"),
        *folder.glob("validators/*/cometbft/data/priv_validator_state.json"),
    ]
    assert len(secrets) == 4 + 3 * 4
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets} == {0o600}
    operator = read_account(folder / "keys" / "operator.json")
    genesis = json.loads((folder / "genesis.json").read_text())
    assert int(genesis["alloc"][operator.address]["balance"], 16) > 0
    plan = read_plan(folder)
    ports = [port for validator in plan.validators for _, port in validator.ports]
    assert len(set(ports)) == len(ports) == 3 * len(Ports.__slots__)
    private_key = operator.private_key.hex()
    assert private_key not in done.stdout + done.stderr
    assert private_key not in repr(operator)


def test_init_refuses_when_the_folder_is_not_empty(folder: Path) -> None:
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    done = till("init", folder)
    assert done.returncode == 1
    assert "not an empty folder" in done.stderr and len(done.stderr.splitlines()) == 1
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("validators", ["0", "17"])
def test_init_refuses_when_the_number_of_validators_is_not_possible(folder: Path, validators: str) -> None:
    done = till("init", folder, "--validators", validators)
    assert done.returncode == 1 and "1 to 16" in done.stderr


@pytest.mark.parametrize("command", ["up", "down", "status", "logs"])
def test_commands_say_where_there_is_no_network(folder: Path, command: str) -> None:
    done = till(command, folder)
    assert done.returncode == 1
    assert "There is no network" in done.stderr and "Traceback" not in done.stderr


def test_up_names_the_port_when_it_is_in_use(folder: Path) -> None:
    assert till("init", folder, "--validators", 1).returncode == 0
    validator = read_plan(folder).validators[0]
    with socket.socket() as other:
        other.bind(("127.0.0.1", validator.ports.gateway))
        other.listen()
        done = till("up", folder)
    assert done.returncode == 1
    (sentence,) = done.stderr.splitlines()
    assert str(validator.ports.gateway) in sentence and "taken by another program" in sentence
    assert json.loads(till("status", folder, "--json").stdout)["running"] is False


@pytest.mark.chain
def test_one_validator_goes_up_down_and_up_again(folder: Path) -> None:
    assert till("init", folder, "--validators", 1, "--chain-id", 99).returncode == 0
    heights = []
    for _ in range(2):
        done = till("up", folder)
        assert done.returncode == 0, done.stderr
        status = json.loads(till("status", folder, "--json").stdout)
        assert status["chain_id"] == 99 and status["running"]
        heights.append(status["validators"][0]["height"])
        assert "already" in till("up", folder).stdout
        assert till("down", folder).stdout == "Stopped.\n"
    assert heights[1] > heights[0] > 0
    assert till("down", folder).stdout == "It was not running.\n"
    assert all(not validator["pids"] for validator in json.loads(till("status", folder, "--json").stdout)["validators"])


@pytest.mark.chain
def test_status_tells_what_a_program_needs(chain: Chain) -> None:
    done = till("status", chain.plan.folder, "--json")
    status = json.loads(done.stdout)
    assert status["chain_id"] == chain.plan.chain_id
    for validator in status["validators"]:
        assert set(validator) >= {"name", "height", "hash", "rpc", "pids", "memory_mb", "last_final_age_s"}
        assert set(validator["pids"]) == {"geth", "app", "cometbft"}
        assert 50 < validator["memory_mb"] < 2000
        assert validator["last_final_age_s"] < 30
    table = till("status", chain.plan.folder).stdout
    assert all(validator["rpc"] in table for validator in status["validators"])


@pytest.mark.chain
def test_validators_listen_on_loopback_only(chain: Chain) -> None:
    state = read_state(chain.plan.run_folder)
    assert state is not None
    for running in state.all():
        listening = [each.laddr for each in psutil.Process(running.pid).connections() if each.status == "LISTEN"]
        assert listening and {address.ip for address in listening} == {chain.plan.host}


@pytest.mark.chain
def test_logs_shows_the_ends_of_the_chosen_logs(chain: Chain) -> None:
    done = till("logs", chain.plan.folder, "--validator", "v1", "--process", "app", "-n", "1")
    assert done.stdout.startswith("== v1 app:") and len(done.stdout.splitlines()) == 2
    assert till("logs", chain.plan.folder, "--validator", "v9").returncode == 1
    everything = till("logs", chain.plan.folder).stdout
    assert everything.count("== ") == 13


def test_watch_names_a_validator_only_when_it_stands_while_others_go_on(folder: Path) -> None:
    till("init", folder, "--validators", 2)
    now = 0.0
    watch = Watch(read_plan(folder), clock=lambda: now)
    named = {}
    for now in range(0, 200, 5):
        named[now] = watch.judge({"v1": int(now) + 1, "v2": min(int(now), 20)})
    # it stood from 20 on; started anew, it gets as long again
    assert {now for now, stalled in named.items() if stalled} == {20 + BEHIND_SECONDS + 5, 2 * BEHIND_SECONDS + 35}
    assert all(stalled <= {"v2"} for stalled in named.values())
    replaying = Watch(read_plan(folder), clock=lambda: now)
    for now in range(0, 200, 5):
        assert replaying.judge({"v1": 1000 + int(now), "v2": 1000 if now < 10 else 500 + int(now)}) == set()
    standing = Watch(read_plan(folder), clock=lambda: now)
    seen = []
    for now in range(0, 400, 5):
        seen += [now] if standing.judge({"v1": 7, "v2": 7}) else []
    assert seen[0] > STALL_SECONDS and len(seen) <= 2


def test_trim_log_keeps_the_end_when_a_log_is_too_long(tmp_path: Path) -> None:
    path = tmp_path / "geth.log"
    with path.open("ab") as writer:
        writer.write(b"a" * 600 + b"b" * 600)
        writer.flush()
        trim_log(path, limit=1000)
        writer.write(b"c")
    assert path.read_bytes() == b"c"
    assert path.with_suffix(".log.1").read_bytes() == b"b" * 500
