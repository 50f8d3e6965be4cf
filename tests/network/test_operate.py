"""What an operator does with a running network beside keeping it up: watching it, changing keys, writing units."""

import configparser
import getpass
import io
import json
import os
import pty
import select
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import rlp
from eth_account import Account
from rich.console import Console

from node.domain.errors import Unusable
from node.network.besu import QBFT_MIX_HASH, export_besu, extra_data
from node.network.hold import held
from node.network.init import NetworkOrder, init_network
from node.network.launch import PROJECT
from node.network.live import Live, Usage, draw
from node.network.plan import NetworkPlan, as_peer
from node.network.status import network_status
from node.network.units import UnitOrder, write_units
from tests.network.chain import Chain


@pytest.fixture
def plan(tmp_path: Path) -> Iterator[NetworkPlan]:
    """A network of four that was never started."""
    yield init_network(NetworkOrder(folder=tmp_path / "net", validators=4), now=datetime.now(UTC))
    shutil.rmtree(tmp_path / "net")


def _drawn(plan: NetworkPlan) -> str:
    text = io.StringIO()
    Console(file=text, width=160).print(Live(plan).table())
    return text.getvalue()


def _row(text: str, name: str) -> list[str]:
    (line,) = [line for line in text.splitlines() if f" {name} " in line]
    return [cell.strip() for cell in line.strip("│").split("│")]


def test_live_table_has_dashes_when_nothing_runs(plan: NetworkPlan) -> None:
    text = _drawn(plan)
    assert "not running" in text
    for validator in plan.validators:
        name, *cells, processes = _row(text, validator.name)
        assert name == validator.name and processes == "none"
        assert [cell for place, cell in enumerate(cells) if place != 6] == ["-"] * 7
        assert int(cells[6]) >= 0  # what block 0 takes on disk


@pytest.mark.chain
def test_live_table_of_a_host_shows_those_elsewhere_and_how_far_it_is_behind(whole: Chain) -> None:
    own, *elsewhere = whole.plan.validators
    host = replace(whole.plan, validators=(own,), others=tuple(map(as_peer, elsewhere)))
    operator = replace(host, validators=(), others=tuple(map(as_peer, whole.plan.validators)))
    for plan in (host, operator):
        text = _drawn(plan)
        for peer in plan.others:
            _, height, lag, age, *rest, processes = _row(text, peer.name)
            assert int(height) > 0 and int(lag) < 5 and float(age) < 60 and processes == "elsewhere"
            assert set(rest) == {"-"}
    status = network_status(host)
    ahead = replace(status, others=tuple(replace(each, height=(each.height or 0) + 50) for each in status.others))
    table = draw(ahead, {own.name: Usage()})
    lags = [int(text) for text in table.columns[2].cells]
    assert lags[0] >= 45 and max(lags[1:]) < 5


@pytest.mark.chain
def test_live_table_shows_a_validator_that_is_away_among_the_others(whole: Chain) -> None:
    with held(whole.plan, "v2"):
        text = _drawn(whole.plan)
    assert _row(text, "v2")[-1] == "none" and _row(text, "v2")[1] == "-"
    for name in ("v1", "v3", "v4"):
        _, height, lag, age, peers, pool, memory, disk, handles, processes = _row(text, name)
        assert int(height) > 0 and int(lag) < 5 and float(age) < 60 and int(peers) == 2 and int(pool) >= 0
        assert 50 < int(memory) < 2000 and int(disk) > 0 and 30 < int(handles) < 5000 and processes == "all run"


@pytest.mark.chain
def test_status_watch_draws_on_a_terminal_again_and_again(whole: Chain) -> None:
    reader, terminal = pty.openpty()
    command = [sys.executable, "-m", "node.cli.main", "net", "status", str(whole.plan.folder)]
    process = subprocess.Popen(
        [*command, "--watch", "--interval", "0.5", "--count", "3"],
        stdout=terminal,
        stderr=terminal,
        cwd=PROJECT,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "140"},
    )
    os.close(terminal)
    seen = _read_all(reader, seconds=40)
    assert process.wait(10) == 0
    assert seen.count(b"supervisor") >= 3 and seen.count(b"v4") >= 3


def test_units_are_what_systemd_takes(plan: NetworkPlan, tmp_path: Path) -> None:
    order = UnitOrder(plan=plan, user=getpass.getuser(), backups=tmp_path / "backups", backed_up="v2")
    written = write_units(order, tmp_path / "units")
    assert [path.name for path in written] == [
        "tillnet-net.service",
        "tillnet-net-backup.service",
        "tillnet-net-backup.timer",
        "tillnet-net-index.service",
    ]
    service, backup, timer, index = (_unit(path) for path in written)
    assert service["Service"]["ExecStart"].endswith(f"-m node.network.supervise {plan.folder}")
    assert (service["Service"]["Restart"], service["Service"]["KillMode"]) == ("on-failure", "mixed")
    assert int(service["Service"]["TimeoutStopSec"]) > 90 and int(service["Service"]["LimitNOFILE"]) >= 4096
    assert index["Service"]["ExecStart"].endswith(f"-m node.cli.main index run --network {plan.folder}")
    for unit in (service, backup, index):
        assert unit["Service"]["NoNewPrivileges"] == "yes" and unit["Service"]["ProtectSystem"] == "strict"
        assert str(plan.folder) in unit["Service"]["ReadWritePaths"]
        assert (unit["Service"]["PrivateTmp"] == "no") == str(tmp_path).startswith("/tmp/")
    assert f"backup {plan.folder} v2 -o {tmp_path / 'backups'}" in written[1].read_text()
    assert timer["Timer"]["OnCalendar"] == "daily" and timer["Install"]["WantedBy"] == "timers.target"
    verifier = shutil.which("systemd-analyze")
    if verifier is None:
        pytest.skip("systemd-analyze is not installed: the units were parsed, not verified")
    done = subprocess.run([verifier, "verify", *map(str, written)], capture_output=True, text=True, check=False)
    complaints = [line for line in done.stderr.splitlines() if "tillnet" in line]
    assert complaints == [] and done.returncode == 0, done.stderr


def test_supervisor_that_systemd_starts_refuses_what_up_refuses(plan: NetworkPlan) -> None:
    (plan.home("v2") / "jwt.hex").unlink()
    command = [sys.executable, "-m", "node.network.supervise", str(plan.folder)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, timeout=30, check=False)
    assert done.returncode == 1
    assert "jwt.hex is missing" in done.stdout + done.stderr


def test_units_are_refused_for_what_they_could_not_say(plan: NetworkPlan, tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="user"):
        write_units(UnitOrder(plan=plan, user="a; b", backups=tmp_path / "backups"), tmp_path / "units")
    with pytest.raises(Unusable, match="spaces"):
        write_units(UnitOrder(plan=plan, user="till", backups=tmp_path / "my backups"), tmp_path / "units")
    assert not (tmp_path / "units").exists()


def test_units_of_a_folder_from_which_nothing_runs_are_refused(plan: NetworkPlan, tmp_path: Path) -> None:
    nothing = replace(plan, validators=(), others=tuple(map(as_peer, plan.validators)))
    with pytest.raises(Unusable, match=r"(?i)nothing runs from"):
        write_units(UnitOrder(plan=nothing, user="till", backups=tmp_path / "backups"), tmp_path / "units")
    assert not (tmp_path / "units").exists() and not (tmp_path / "backups").exists()


def test_units_run_what_they_name(plan: NetworkPlan, tmp_path: Path) -> None:
    """The commands of the units, as systemd would split them."""
    written = write_units(UnitOrder(plan=plan, user="till", backups=tmp_path / "backups"), tmp_path / "units")
    lines = [line.removeprefix("ExecStart=") for line in written[1].read_text().splitlines() if "ExecStart=" in line]
    backup, archive = (line.removeprefix("-").split() for line in lines)
    done = subprocess.run(backup, capture_output=True, text=True, cwd=PROJECT, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "backups").iterdir()] == ["v1-000000000.tar.gz"]
    done = subprocess.run(archive, capture_output=True, text=True, cwd=PROJECT, timeout=60, check=False)
    assert done.returncode == 1 and "block 1 is wanted" in done.stderr  # it does not run: nothing new, and no crash
    before = _unit(written[0])["Service"]["ExecStartPre"].split()
    assert subprocess.run(before, capture_output=True, cwd=PROJECT, timeout=60, check=False).returncode == 0


def test_besu_files_say_what_the_network_says(plan: NetworkPlan, tmp_path: Path) -> None:
    output = tmp_path / "besu"
    export_besu(plan, output)
    genesis = json.loads((output / "genesis.json").read_text())
    ours = json.loads((plan.folder / "genesis.json").read_text())
    assert genesis["config"]["chainId"] == plan.chain_id
    assert set(genesis["config"]["qbft"]) == {"blockperiodseconds", "epochlength", "requesttimeoutseconds"}
    assert (genesis["difficulty"], genesis["mixHash"]) == ("0x1", QBFT_MIX_HASH)
    assert (genesis["config"]["shanghaiTime"], genesis["config"]["cancunTime"]) == (0, 0)
    assert genesis["gasLimit"] == ours["gasLimit"]
    assert {"0x" + address for address in genesis["alloc"]} == {address.lower() for address in ours["alloc"]}
    assert all(not address.startswith("0x") and "balance" in entry for address, entry in genesis["alloc"].items())
    vanity, validators, vote, round_number, seals = rlp.decode(bytes.fromhex(genesis["extraData"][2:]))
    assert (len(vanity), vote, round_number, seals) == (32, [], b"", [])
    enodes = json.loads((output / "static-nodes.json").read_text())
    for place, validator in enumerate(plan.validators):
        file = output / validator.name / "key"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        account = Account.from_key(file.read_text().strip())
        assert validators[place] == bytes.fromhex(account.address[2:])
        assert enodes[place].endswith(f"@{plan.host}:{validator.ports.p2p}")
        assert len(enodes[place].partition("@")[0]) == len("enode://") + 128
    permissions = (output / "permissions_config.toml").read_text()
    assert all(enode in permissions for enode in enodes)
    operator = json.loads((plan.folder / "keys" / "operator.json").read_text())["address"]
    assert operator in permissions
    assert "never run" in (output / "README.md").read_text()
    with pytest.raises(Unusable, match="empty"):
        export_besu(plan, output)


@pytest.mark.parametrize("own", [0, 1])
def test_besu_files_of_a_host_or_an_operator_name_all_validators(plan: NetworkPlan, tmp_path: Path, own: int) -> None:
    here, elsewhere = plan.validators[:own], plan.validators[own:]
    others = tuple(replace(as_peer(each), host=f"10.0.0.{place}") for place, each in enumerate(elsewhere, 1))
    export_besu(replace(plan, validators=here, others=others), tmp_path / "besu")
    genesis = json.loads((tmp_path / "besu" / "genesis.json").read_text())
    _, validators, *_ = rlp.decode(bytes.fromhex(genesis["extraData"][2:]))
    enodes = json.loads((tmp_path / "besu" / "static-nodes.json").read_text())
    assert len(validators) == len(enodes) == len(plan.validators)
    assert [enode.partition("@")[2] for enode in enodes[own:]] == [f"{peer.host}:{peer.p2p}" for peer in others]


def test_extra_data_is_that_of_besus_own_example() -> None:
    """besu.hyperledger.org, Configure QBFT consensus, genesis file."""
    addresses = "64a702e6263b7297a96638cac6ae65e6541f4169 43923390ad55e90c237593b3b0e401f3b08a0318 "
    addresses += "aefdb9a738c9f433e5b6b212a6d62f6370c2f692 c7eeb9a4e00ce683cf93039b212648e01c6c6b78"
    expected = "f87aa0" + "00" * 32 + "f854" + "".join("94" + address for address in addresses.split()) + "c080c0"
    assert extra_data([bytes.fromhex(address) for address in addresses.split()]).hex() == expected


def _unit(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=False, comment_prefixes=("#",), delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(path)
    return parser


def _read_all(descriptor: int, *, seconds: float) -> bytes:
    """What a terminal shows until its program ends."""
    seen, deadline = b"", time.monotonic() + seconds
    try:
        while time.monotonic() < deadline:
            if select.select([descriptor], [], [], 0.2)[0]:
                seen += os.read(descriptor, 65_536)
    except OSError:
        pass  # the other end is closed
    finally:
        os.close(descriptor)
    return seen
