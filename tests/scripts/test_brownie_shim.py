"""Brownie's repairs: networks by folder and URL, its home inside the project, deployments recorded, help pages."""

import json
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts import brownie_shim
from tests.scripts.conftest import BIN, ROOT


def test_help_page_is_the_script_s_own() -> None:
    page = brownie_shim.help_page(["run", "deploy", "--help"])
    assert page is not None
    assert "brownie run deploy --network FOLDER" in page
    assert brownie_shim.help_page(["run", "deploy"]) is None
    assert brownie_shim.help_page(["compile", "--help"]) is None
    assert brownie_shim.help_page(["run", "--help"]) is None


def test_with_known_network_leaves_other_names_alone() -> None:
    arguments = ["run", "deploy", "--network", "development"]
    assert brownie_shim.with_known_network(arguments) == arguments


@pytest.mark.parametrize("where", ["http://127.0.0.1:1", "/", "no/such/folder"])
def test_register_network_ends_with_a_sentence_when_nothing_is_there(where: str) -> None:
    with pytest.raises(SystemExit, match=r"^(No chain answers|.* is not a network's folder)"):
        brownie_shim.register_network(where)


def test_register_network_ends_with_a_sentence_when_the_folder_is_broken(tmp_path: Path) -> None:
    (tmp_path / "network.json").write_text("{")
    with pytest.raises(SystemExit, match="cannot be read"):
        brownie_shim.register_network(str(tmp_path))


def test_repaired_gives_brownie_the_sources_as_a_dict() -> None:
    seen: list[Any] = []
    add = brownie_shim._repaired(lambda contract, alias: seen.append(contract))

    class Sources:
        def get(self, path: str) -> str:
            return f"source of {path}"

    build = {"allSourcePaths": {"0": "contracts/A.sol"}}
    add(SimpleNamespace(address="0x1", _build=build, _sources=Sources()))
    assert seen[0]._sources == {"contracts/A.sol": "source of contracts/A.sol"}


def test_brownie_keeps_its_files_inside_the_project(tmp_path: Path) -> None:
    environment = {**os.environ, "HOME": str(tmp_path)}
    ended = subprocess.run([BIN / "brownie", "networks", "list"], capture_output=True, text=True, env=environment)
    assert ended.returncode == 0, ended.stderr
    assert list(tmp_path.iterdir()) == []
    assert (brownie_shim.HOME / ".brownie").is_dir()


def test_the_compiler_answers_and_refuses_what_lies_outside() -> None:
    solc = ROOT / ".till" / "tools" / "solc" / "solc-v0.8.30"
    version = subprocess.run([solc, "--version"], capture_output=True, text=True)
    assert "Version: 0.8.30+commit.73712a01" in version.stdout
    source = 'pragma solidity 0.8.30; import "/etc/passwd";'
    document = {"language": "Solidity", "sources": {"A.sol": {"content": source}}}
    ended = subprocess.run([solc, "--standard-json"], input=json.dumps(document), capture_output=True, text=True)
    assert "lies outside of the project" in ended.stdout
