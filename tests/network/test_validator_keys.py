"""A validator's consensus key: rotated, taken back, and left to a remote signer."""

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from node.domain.errors import Unusable
from node.network.doctor import files
from node.network.doctor.finding import Patient
from node.network.governance_acts import read_card
from node.network.init import NetworkOrder, init_network
from node.network.keys import checksum_address, make_signing_key
from node.network.launch import PROJECT
from node.network.plan import NetworkPlan, read_plan
from node.network.ports import free_ports
from node.network.rotate import (
    NEXT_KEY_FILE,
    NotInTheSet,
    make_next_key,
    next_sets,
    swap_key,
    take_back_old_key,
    write_next_card,
)
from node.network.signer import CONFIG_FILE, KEY_FILE, SIGNER_FILE, PublicKey, read_public_key, sign_here, use_signer
from node.network.signstate import STATE_PATH, SignState, put_sign_state, read_sign_state, state_in
from tests.network.chain import Chain, wait_until
from tests.network.test_doctor import wrongs

ENGINE = PROJECT / "node" / "network" / "engines" / "cometbft"
SIGNER_PROGRAM = "github.com/cometbft/cometbft/cmd/priv_val_server"


@pytest.fixture
def plan(tmp_path: Path) -> Iterator[NetworkPlan]:
    """A network of three that was never started."""
    yield init_network(NetworkOrder(folder=tmp_path / "net", validators=3), now=datetime.now(UTC))
    shutil.rmtree(tmp_path / "net")


def test_next_key_is_made_once_and_the_swap_waits_for_the_set(plan: NetworkPlan) -> None:
    key, old = make_next_key(plan, "v2"), plan.validator("v2")
    assert make_next_key(plan, "v2") == key
    assert stat.S_IMODE((plan.home("v2") / NEXT_KEY_FILE).stat().st_mode) == 0o600
    new_set, old_set = {key.public_key}, {old.public_key}
    for sets in ([set()], [old_set], [old_set | new_set], [old_set, new_set], [new_set, set()], [new_set, old_set]):
        with pytest.raises(NotInTheSet):
            swap_key(plan, "v2", sets=lambda _, sets=sets: sets)
    with pytest.raises(NotInTheSet, match="nobody says"):
        swap_key(plan, "v2")
    with pytest.raises(Unusable, match="no next key"):
        swap_key(plan, "v3", sets=lambda _: [set()])
    assert read_public_key(plan.home("v2") / KEY_FILE).public_key == old.public_key


def test_card_of_the_next_key_has_all_that_is_voted_on(plan: NetworkPlan) -> None:
    path, key, now = write_next_card(plan, "v2"), make_next_key(plan, "v2"), plan.validator("v2")
    card = read_card(path)
    assert card.key.hex() == key.public_key and card.node_id.hex() == now.node_id
    assert checksum_address(card.account) == now.account and card.name == "v2"
    swap_key(plan, "v2", sets=lambda _: [{key.public_key}])
    assert not path.exists()


def test_sign_state_only_rises_when_keys_come_and_go(plan: NetworkPlan) -> None:
    home, first = plan.home("v2"), plan.validator("v2")
    put_sign_state(home / STATE_PATH, SignState(height=70, round=1, step=3))
    second = make_next_key(plan, "v2")
    swapped = swap_key(plan, "v2", sets=lambda _: [{second.public_key}])
    assert read_sign_state(home) == SignState(height=70, round=1, step=3)
    kept = home / KEY_FILE.with_name(f"old-state-{first.address}.json")
    assert state_in(kept) == SignState(height=70, round=1, step=3) and stat.S_IMODE(kept.stat().st_mode) == 0o600
    # lost with cometbft/data, say
    put_sign_state(home / STATE_PATH, SignState(height=9, round=0, step=1))
    take_back_old_key(swapped, "v2", first.address)
    assert swap_key(swapped, "v2", sets=lambda _: [{first.public_key}]) == plan
    assert read_sign_state(home) == SignState(height=70, round=1, step=3) and not kept.exists()


def test_old_key_does_not_come_back_when_its_sign_state_is_lost(plan: NetworkPlan) -> None:
    home, first, second = plan.home("v2"), plan.validator("v2"), make_next_key(plan, "v2")
    swapped = swap_key(plan, "v2", sets=lambda _: [{second.public_key}])
    (home / KEY_FILE.with_name(f"old-state-{first.address}.json")).unlink()
    with pytest.raises(Unusable, match="could vote twice"):
        take_back_old_key(swapped, "v2", first.address)
    assert (home / KEY_FILE.with_name(f"old-key-{first.address}.json")).exists()


def test_next_key_takes_the_place_of_one_that_was_lost_or_that_cometbft_made(plan: NetworkPlan) -> None:
    home, signed = plan.home("v2"), SignState(height=70, round=0, step=3)
    put_sign_state(home / STATE_PATH, signed)
    (home / KEY_FILE).unlink()
    key = make_next_key(plan, "v2")
    plan = swap_key(plan, "v2", sets=lambda _: [{key.public_key}])
    assert read_public_key(home / KEY_FILE) == key and read_sign_state(home) == signed
    (home / KEY_FILE).unlink()
    make_signing_key(home / KEY_FILE)
    stranger, key = read_public_key(home / KEY_FILE), make_next_key(plan, "v2")
    swap_key(plan, "v2", sets=lambda _: [{key.public_key}])
    assert read_public_key(home / KEY_FILE) == key
    assert read_public_key(home / KEY_FILE.with_name(f"old-key-{stranger.address}.json")) == stranger


class Crash(BaseException):
    """Stands for a SIGKILL."""


@pytest.mark.parametrize("step", range(6))
def test_swap_that_was_killed_is_ended_by_the_same_command(
    plan: NetworkPlan, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Dies before each write in turn: there is a key and its sign state at any time, and one that is late enough."""
    home, first, second = plan.home("v2"), plan.validator("v2"), make_next_key(plan, "v2")
    signed = SignState(height=70, round=0, step=3)
    put_sign_state(home / STATE_PATH, signed)
    left = step

    def dying(self: Path, target: Path, *, real: Callable[[Path, Path], Path] = Path.replace) -> Path:
        nonlocal left
        left -= 1
        if left < 0:
            raise Crash
        return real(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", dying)
        try:
            swap_key(plan, "v2", sets=lambda _: [{second.public_key}])
            assert left == 0, "no more writes than these"
        except Crash:
            assert left == -1
    assert read_public_key(home / KEY_FILE) in (second, PublicKey(public_key=first.public_key, address=first.address))
    assert read_sign_state(home) == signed
    now = read_plan(plan.folder)
    if now.validator("v2") == first:
        if not (home / NEXT_KEY_FILE).exists():
            with pytest.raises(Unusable, match="interrupted"):
                make_next_key(now, "v2")
        now = swap_key(now, "v2", sets=lambda _: [{second.public_key}])
    assert now == read_plan(plan.folder) and now.validator("v2").address == second.address
    assert read_public_key(home / KEY_FILE) == second and read_sign_state(home) == signed
    take_back_old_key(now, "v2", first.address)


@pytest.mark.chain
def test_validator_changes_its_key_and_back_without_ever_signing_with_both(whole: Chain) -> None:
    """Nothing votes here: the set is said to have the new key, so v2 signs with one that does not count."""
    plan, old = whole.plan, whole.plan.validator("v2")
    assert next_sets(plan) == ({validator.public_key for validator in plan.validators},) * 2
    key = make_next_key(plan, "v2")
    with pytest.raises(NotInTheSet):
        swap_key(plan, "v2")
    swapped = swap_key(plan, "v2", sets=lambda _: [{key.public_key}])
    try:
        signed = read_sign_state(plan.home("v2"))
        assert read_plan(plan.folder).validator("v2").address == key.address != old.address
        assert read_public_key(plan.home("v2") / KEY_FILE) == key
        assert signed is not None and signed.height > 0
        whole.wait_for_blocks(3, seconds=90)
        assert read_sign_state(plan.home("v2")) == signed
    finally:
        take_back_old_key(swapped, "v2", old.address)
        swap_key(swapped, "v2", sets=lambda _: [{old.public_key}])
    assert read_plan(plan.folder).validator("v2") == old
    wait_until(lambda: _signed_beyond(plan, "v2", signed.height), seconds=90, what="v2 votes with its old key again")


@pytest.mark.chain
def test_validator_signs_with_cometbfts_own_remote_signer(whole: Chain, tmp_path: Path) -> None:
    """CometBFT's cmd/priv_val_server, from the module that the engine is built of."""
    program = _build_signer(tmp_path)
    plan, safe, port = whole.plan, tmp_path / "safe", free_ports(1, whole.plan.host)[0]
    address = f"tcp://{plan.host}:{port}"
    with Signer(program, plan, address, safe) as signer:
        use_signer(plan, "v3", address, safe)
        try:
            before = _state_height(safe)
            assert "priv_validator_laddr" in (plan.home("v3") / CONFIG_FILE).read_text()
            assert wrongs(files.check_keys(Patient(plan=plan))) == ""
            wait_until(lambda: signer.serves(port) and _state_height(safe) > before + 3, seconds=150, what="it signs")
            whole.wait_for_blocks(2, seconds=120)
        finally:
            signer.stop()
            sign_here(plan, "v3", safe)
    wait_until(lambda: _signed_beyond(plan, "v3", before + 3), seconds=90, what="v3 votes by itself")
    assert read_public_key(plan.home("v3") / KEY_FILE).public_key == plan.validator("v3").public_key


def test_signer_gets_the_key_and_nobody_else_keeps_it(plan: NetworkPlan, tmp_path: Path) -> None:
    safe, home = tmp_path / "safe", plan.home("v3")
    with pytest.raises(Unusable, match="form"):
        use_signer(plan, "v3", "10.0.0.3:26659", safe)
    use_signer(plan, "v3", "tcp://10.0.0.3:26659", safe)
    assert {path.name for path in safe.iterdir()} == {KEY_FILE.name, STATE_PATH.name}
    assert not (home / KEY_FILE).exists() and not (home / STATE_PATH).exists()
    assert (home / CONFIG_FILE).read_text().startswith('priv_validator_laddr = "tcp://10.0.0.3:26659"\n')
    shutil.copy(safe / KEY_FILE.name, home / KEY_FILE)
    assert "two could sign" in "".join(each.remedy for each in files.check_keys(Patient(plan=plan)))
    with pytest.raises(Unusable, match="already"):
        sign_here(plan, "v3", safe)
    (home / KEY_FILE).unlink()
    make_signing_key(home / KEY_FILE)  # as CometBFT does
    sign_here(plan, "v3", safe)
    assert not any(safe.iterdir()) and not (home / SIGNER_FILE).exists()
    assert read_public_key(home / KEY_FILE).public_key == plan.validator("v3").public_key
    assert 'laddr = "tcp://10' not in (home / CONFIG_FILE).read_text()


class Signer:
    """priv_val_server, which gives up when CometBFT does not listen for a second, and is started again by `serves`."""

    def __init__(self, program: Path, plan: NetworkPlan, address: str, safe: Path) -> None:
        keys = ["-priv-key", str(safe / KEY_FILE.name), "-priv-state", str(safe / STATE_PATH.name)]
        self._command = [str(program), "-addr", address, "-chain-id", f"tillnet-{plan.chain_id}", *keys]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Signer":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def serves(self, port: int) -> bool:
        """Whether it is connected; starts it anew when CometBFT listens and nobody is."""
        states = {each.status for each in psutil.net_connections("tcp4") if each.laddr and each.laddr.port == port}
        if "ESTABLISHED" not in states and "LISTEN" in states:
            self.stop()
            self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            wait_until(lambda: self._connects(port), seconds=5, what="the signer was started")
        return "ESTABLISHED" in states

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def _connects(self, port: int) -> bool:
        """Whether it has connected, or CometBFT has gone again."""
        states = {each.status for each in psutil.net_connections("tcp4") if each.laddr and each.laddr.port == port}
        return "ESTABLISHED" in states or "LISTEN" not in states


def _build_signer(folder: Path) -> Path:
    target = folder / "priv_val_server"
    go = PROJECT / ".till" / "tools" / "bin" / "go"
    environment = {**os.environ, "GOFLAGS": "-ldflags=-checklinkname=0", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    done = subprocess.run(
        [str(go), "build", "-o", str(target), SIGNER_PROGRAM],
        cwd=ENGINE,
        env=environment,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return target


def _state_height(folder: Path) -> int:
    return int(json.loads((folder / STATE_PATH.name).read_text())["height"])


def _signed_beyond(plan: NetworkPlan, name: str, height: int) -> bool:
    state = read_sign_state(plan.home(name))
    return state is not None and state.height > height
