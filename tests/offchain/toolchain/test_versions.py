"""Versions as tools print them, and which tool is new enough."""

from pathlib import Path

import pytest

from node.network.toolchain.versions import GO_WANTED, find_on_path, parse


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("v20.20.2", (20, 20, 2)),
        ("go version go1.26.8 linux/amd64", (1, 26, 8)),
        ("go version go1.26rc1 linux/amd64", (1, 26)),
        ("11.19.1\n", (11, 19, 1)),
        ("no number here", None),
        ("", None),
    ],
)
def test_parse_reads_what_tools_print(said: str, version: tuple[int, ...] | None) -> None:
    assert parse(said) == version


def tool(folder: Path, name: str, body: str) -> Path:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)
    return file


@pytest.mark.parametrize(
    ("body", "taken"),
    [
        ("echo go version go1.26.0 linux/amd64", True),
        ("echo go version go1.27.1 linux/amd64", True),
        ("echo go version go1.9.9 linux/amd64", False),
        ("echo go version go1.25.9 linux/amd64", False),
        ("echo nonsense", False),
        ("exit 1", False),
    ],
)
def test_find_on_path_takes_a_tool_when_it_is_new_enough(
    body: str, taken: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = tool(tmp_path, "go", body)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_on_path("go", ["version"], GO_WANTED) == (go if taken else None)


def test_find_on_path_returns_none_when_there_is_no_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_on_path("go", ["version"], GO_WANTED) is None
