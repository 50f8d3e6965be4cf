"""The links in .till/tools/bin."""

from pathlib import Path

from node.network.toolchain.javascript import link


def test_link_replaces_what_was_there(tmp_path: Path) -> None:
    place = tmp_path / "bin" / "node"
    link(place, tmp_path / "old")
    link(place, tmp_path / "new")
    assert place.readlink() == tmp_path / "new"


def test_link_stays_when_the_tool_was_found_by_the_link_itself(tmp_path: Path) -> None:
    place = tmp_path / "bin" / "node"
    link(place, tmp_path / "node")
    link(place, place)
    assert place.readlink() == tmp_path / "node"
