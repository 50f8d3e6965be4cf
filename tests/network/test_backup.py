"""A validator's backup: what is in it, what a restore refuses, and a wiped validator that follows again."""

import json
import shutil
import stat
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from node.domain.errors import Unusable
from node.network.archive import decrypt, encrypt, pack, unpack
from node.network.backup import back_up, keep_newest
from node.network.farthest import GETH_REWIND, MARGIN
from node.network.fork import schedule_fork, was_told
from node.network.hold import held
from node.network.init import NetworkOrder, init_network
from node.network.plan import NetworkPlan, as_peer
from node.network.processes import is_alive, read_state
from node.network.restore import restore
from node.network.signstate import LAST_ROUND, SignState, beyond, put_sign_state, read_sign_state, write_sign_state
from tests.network.chain import Chain, wait_until
from tests.network.fake_gateway import fake_gateway, registry_answer

PASSPHRASE = b"the operator's"
STATE = "cometbft/data/priv_validator_state.json"
KEY = "cometbft/config/priv_validator_key.json"


@pytest.fixture
def resting(tmp_path: Path) -> Iterator[NetworkPlan]:
    """A network of two that was never started, with a sign state as if it had been."""
    plan = init_network(NetworkOrder(folder=tmp_path / "net", validators=2), now=datetime.now(UTC))
    _sign(plan, "v1", 50)
    yield plan
    shutil.rmtree(tmp_path / "net")


def _sign(plan: NetworkPlan, name: str, height: int) -> None:
    put_sign_state(plan.home(name) / STATE, SignState(height=height, round=0, step=3))


def _names(file: Path, folder: Path) -> set[str]:
    folder.mkdir()
    unpack(file, folder)
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("suffix", [".tar.gz", ".tar.zst"])
def test_backup_leaves_secrets_and_the_sign_state_out(resting: NetworkPlan, tmp_path: Path, suffix: str) -> None:
    if suffix.endswith("zst") and shutil.which("zstd") is None:
        pytest.skip("zstd is not installed (apt install zstd)")
    old = resting.home("v1") / "cometbft/config/old-state-AB.json"
    put_sign_state(old, SignState(height=7, round=0, step=3))
    file = back_up(resting, "v1", tmp_path / f"v1{suffix}", passphrase=PASSPHRASE)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    names = _names(file, tmp_path / "out")
    assert not names & {STATE, KEY, "jwt.hex", "cometbft/config/node_key.json"} and "secrets.enc" in names
    sealed = decrypt((tmp_path / "out" / "secrets.enc").read_bytes(), PASSPHRASE)
    assert KEY in sealed and not {STATE, old.relative_to(resting.home("v1")).as_posix()} & set(sealed)
    assert {"app.json", "cometbft/config/config.toml", "cometbft/config/genesis.json"} <= names
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["height"] == 0 and manifest["hash"] == "0x" + resting.rules.genesis_hash.hex()
    assert manifest["sign_state"] == {"height": 50, "round": 0, "step": 3}
    assert set(manifest["files"]) == names - {"manifest.json"}


def test_backup_names_itself_in_a_folder_and_old_ones_go(resting: NetworkPlan, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    assert back_up(resting, "v1", folder).name == "v1-000000000.tar.gz"
    for name in ("v1-000000009.tar.gz", "v1-000000123.tar.zst", "v2-000000001.tar.gz", "v1-notes.tar.gz"):
        (folder / name).touch()
    assert [path.name for path in keep_newest(folder, "v1", 2)] == ["v1-000000000.tar.gz"]
    assert len(list(folder.iterdir())) == 4
    with pytest.raises(Unusable, match="neither"):
        back_up(resting, "v1", tmp_path / "v1.zip")
    for target, missing in (("none", "none"), ("none/v1.tar.gz", "none")):
        with pytest.raises(Unusable, match=f"^There is no folder {tmp_path / missing}; make it first "):
            back_up(resting, "v1", tmp_path / target)


def test_secrets_open_with_their_passphrase_only() -> None:
    sealed = encrypt({"a": b"\x00key"}, PASSPHRASE, bytes(16), bytes(12))
    assert b"key" not in sealed
    assert decrypt(sealed, PASSPHRASE) == {"a": b"\x00key"}
    for data, passphrase in ((sealed, b"a thief's"), (sealed[:-1], PASSPHRASE), (b"", PASSPHRASE)):
        with pytest.raises(Unusable, match="passphrase"):
            decrypt(data, passphrase)


def test_restore_refuses_a_damaged_file(resting: NetworkPlan, tmp_path: Path) -> None:
    file = back_up(resting, "v1", tmp_path / "v1.tar.gz")
    opened = tmp_path / "opened"
    _names(file, opened)
    (opened / "app.json").write_text("{}")
    pack(opened, tmp_path / "changed.tar.gz")
    (opened / "geth" / "more").write_text("unlisted")
    pack(opened, tmp_path / "more.tar.gz")
    (tmp_path / "short.tar.gz").write_bytes(file.read_bytes()[:-2000])
    with tarfile.open(tmp_path / "outside.tar.gz", "w:gz") as tar:
        tar.add(opened / "app.json", arcname="../../outside")
    before = read_sign_state(resting.home("v1"))
    for name in ("changed", "more", "short", "outside"):
        said: list[str] = []
        with pytest.raises(Unusable, match=r"damaged"):
            restore(resting, tmp_path / f"{name}.tar.gz", tell=said.append)
        assert said == []
    assert read_sign_state(resting.home("v1")) == before
    assert not (tmp_path / "outside").exists()


def test_restore_keeps_the_sign_state_that_is_later(resting: NetworkPlan, tmp_path: Path) -> None:
    file = back_up(resting, "v1", tmp_path / "v1.tar.gz")
    _sign(resting, "v1", 80)
    assert restore(resting, file).sign_state.height == 80
    assert read_sign_state(resting.home("v1")) == SignState(height=80, round=0, step=3)


def test_restore_refuses_an_older_sign_state_when_nobody_can_be_asked(resting: NetworkPlan, tmp_path: Path) -> None:
    file = back_up(resting, "v1", tmp_path / "v1.tar.gz")
    for older in (49, None):
        if older is None:
            (resting.home("v1") / STATE).unlink()
        else:
            _sign(resting, "v1", older)
        with pytest.raises(Unusable, match="signed-up-to"):
            restore(resting, file)
        with pytest.raises(Unusable, match="too low"):
            restore(resting, file, signed_up_to=49)
    restored = restore(resting, file, signed_up_to=60)
    assert restored.sign_state == read_sign_state(resting.home("v1")) == beyond(60)


def test_restore_asks_the_hosts_elsewhere_how_far_the_chain_is(resting: NetworkPlan, tmp_path: Path) -> None:
    file = back_up(resting, "v1", tmp_path / "v1.tar.gz")
    (resting.home("v1") / STATE).unlink()
    one, two = resting.validators

    spread = replace(resting, validators=(one,), others=(as_peer(two),))
    with fake_gateway(two, 300, registry_answer(resting.validators, (10, 10))):
        assert restore(spread, file).sign_state == beyond(300 + GETH_REWIND + MARGIN)


@pytest.mark.parametrize("renamed", [1, 2])
def test_restore_takes_up_the_sign_state_that_a_crash_has_left_aside(
    resting: NetworkPlan, tmp_path: Path, renamed: int
) -> None:
    file = back_up(resting, "v1", tmp_path / "v1.tar.gz")
    _sign(resting, "v1", 80)
    data = resting.home("v1") / "cometbft" / "data"
    data.rename(data.with_name("data.old"))
    if renamed == 2:
        # what CometBFT makes of a folder that is not there, or the next one without its sign state
        data.mkdir()
    assert restore(resting, file).sign_state == SignState(height=80, round=0, step=3)
    assert read_sign_state(resting.home("v1")) == SignState(height=80, round=0, step=3)
    assert not data.with_name("data.old").exists()


def test_restore_refuses_when_the_key_is_lost_and_not_in_the_file(resting: NetworkPlan, tmp_path: Path) -> None:
    bare = back_up(resting, "v1", tmp_path / "bare.tar.gz")
    full = back_up(resting, "v1", tmp_path / "full.tar.gz", passphrase=PASSPHRASE)
    kept = (resting.home("v1") / KEY).read_bytes()
    shutil.rmtree(resting.home("v1"))
    with pytest.raises(Unusable, match="lost"):
        restore(resting, bare, signed_up_to=50)
    with pytest.raises(Unusable, match="passphrase"):
        restore(resting, full, passphrase=b"a thief's", signed_up_to=50)
    restore(resting, full, passphrase=PASSPHRASE, signed_up_to=50)
    assert (resting.home("v1") / KEY).read_bytes() == kept
    for secret in (KEY, STATE, "jwt.hex"):
        assert stat.S_IMODE((resting.home("v1") / secret).stat().st_mode) == 0o600


def test_restore_gives_another_validator_the_data_and_neither_key_nor_sign_state(
    resting: NetworkPlan, tmp_path: Path
) -> None:
    file = back_up(resting, "v1", tmp_path / "v1.tar.gz", passphrase=PASSPHRASE)
    key = (resting.home("v2") / KEY).read_bytes()
    restored = restore(resting, file, "v2", passphrase=PASSPHRASE)
    assert restored.sign_state == read_sign_state(resting.home("v2")) == SignState(height=0, round=0, step=0)
    assert (resting.home("v2") / KEY).read_bytes() == key


def test_restore_refuses_another_networks_backup(resting: NetworkPlan, tmp_path: Path) -> None:
    other = init_network(NetworkOrder(folder=tmp_path / "other", validators=1, chain_id=7), now=datetime.now(UTC))
    with pytest.raises(Unusable, match="another network"):
        restore(resting, back_up(other, "v1", tmp_path / "other.tar.gz"))


def test_restore_takes_a_backup_of_before_the_fork_and_refuses_one_that_knows_of_another(
    resting: NetworkPlan, tmp_path: Path
) -> None:
    before = back_up(resting, "v1", tmp_path / "before.tar.gz")
    at = 4_000_000_000
    forked = schedule_fork(resting, at=at)
    after = back_up(forked, "v1", tmp_path / "after.tar.gz")
    (forked.home("v1") / "forks.json").unlink()
    restore(forked, before)
    assert was_told(forked, forked.validator("v1"))
    assert json.loads((forked.home("v1") / "app.json").read_text())["prague_time"] == at
    restore(forked, after)
    for other in (None, at + 1):
        with pytest.raises(Unusable, match=f"--at {at}"):
            restore(replace(forked, rules=replace(forked.rules, prague_time=other)), after)


def test_sign_state_never_goes_back(resting: NetworkPlan) -> None:
    home = resting.home("v1")
    for earlier in (SignState(height=49, round=9, step=3), SignState(height=50, round=0, step=2)):
        with pytest.raises(Unusable, match="twice"):
            write_sign_state(home, earlier)
    write_sign_state(home, SignState(height=50, round=1, step=1))
    assert LAST_ROUND == 2**31 - 1  # CometBFT's rounds are int32


@pytest.mark.chain
def test_wiped_validator_follows_again_from_its_backup(own_chain: Chain, tmp_path: Path) -> None:
    plan = own_chain.plan
    own_chain.wait_for_blocks(3)
    file = back_up(plan, "v2", tmp_path / "v2.tar.gz", passphrase=PASSPHRASE)
    with tarfile.open(file) as tar:
        manifest = json.loads(tar.extractfile("manifest.json").read())  # type: ignore[union-attr]
    # it votes again, beyond what is in the backup
    later = SignState(height=manifest["height"] + 2, round=0, step=0)
    wait_until(lambda: _signs(plan, later), seconds=60, what="v2 votes after its backup")
    signed = read_sign_state(plan.home("v2"))
    assert signed is not None
    with held(plan, "v2"):
        shutil.rmtree(plan.home("v2"))
    # the supervisor cannot start it: it is in nobody's way
    restored = restore(plan, file, passphrase=PASSPHRASE)
    assert restored.height == manifest["height"]
    assert restored.hash == own_chain.hash_of(restored.height, at="v1")
    assert restored.sign_state >= beyond(signed.height) and restored.sign_state.step == 3
    assert restored.sign_state.height <= own_chain.height("v1") + MARGIN
    height = own_chain.wait_for_blocks(3, seconds=120)
    for number in range(1, height + 1):
        assert len({own_chain.hash_of(number, at=name) for name in own_chain.names}) == 1
    wait_until(lambda: _signs(plan, restored.sign_state), seconds=60, what="v2 votes again")


@pytest.mark.chain
def test_validator_is_held_only_while_its_holder_lives_and_the_others_go_on(own_chain: Chain) -> None:
    plan = own_chain.plan
    with held(plan, "v3"):
        state = read_state(plan.run_folder)
        assert state is not None and state.validators["v3"] == {}
        assert all(is_alive(running) for running in state.all())
        own_chain.wait_for_blocks(3, "v1", "v2", "v4")
        with pytest.raises(Unusable, match=r"(?i)another till net command"), held(plan, "v1"):
            pass
    own_chain.wait_for_blocks(2)
    hold = plan.run_folder / "holds" / "v3"
    hold.write_text(json.dumps({"pid": 1, "born": "in another life"}))
    own_chain.wait_for_blocks(2)
    assert not hold.exists()


def _signs(plan: NetworkPlan, before: SignState) -> bool:
    now = read_sign_state(plan.home("v2"))
    return now is not None and now > before
