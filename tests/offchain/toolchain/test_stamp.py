"""When a setup step counts as done."""

from pathlib import Path

from node.network.toolchain.stamp import digest, is_done, mark


def test_digest_changes_when_a_file_changes(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    before = digest([lock])
    lock.write_text("a==1")
    with_lock = digest([lock])
    lock.write_text("a==2")
    assert len({before, with_lock, digest([lock])}) == 3


def test_digest_changes_when_a_file_in_a_folder_moves(tmp_path: Path) -> None:
    (tmp_path / "a.sol").write_text("x")
    before = digest([tmp_path])
    (tmp_path / "a.sol").rename(tmp_path / "b.sol")
    assert digest([tmp_path]) != before


def test_digest_never_reads_two_inputs_as_one() -> None:
    assert digest(["ab", "c"]) != digest(["a", "bc"])


def test_is_done_when_the_stamp_fits_and_outputs_exist(tmp_path: Path) -> None:
    stamp, output = tmp_path / "stamps" / "geth", tmp_path / "geth"
    assert not is_done(stamp, "digest", [output])
    mark(stamp, "digest")
    assert not is_done(stamp, "digest", [output])
    output.write_text("")
    assert is_done(stamp, "digest", [output])
    assert not is_done(stamp, "other", [output])


def test_is_done_is_false_when_a_link_leads_nowhere(tmp_path: Path) -> None:
    stamp, node = tmp_path / "stamp", tmp_path / "node"
    mark(stamp, "digest")
    node.symlink_to(tmp_path / "removed")
    assert not is_done(stamp, "digest", [node])
