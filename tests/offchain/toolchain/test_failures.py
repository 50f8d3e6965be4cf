"""Each way in which setup fails is one clear sentence."""

from pathlib import Path

import pytest

from node.network.toolchain.failures import explain


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("OSError: [Errno 28] No space left on device: '/x'", "disk is full"),
        ("npm error code ENOSPC", "disk is full"),
        ("Failed to establish a new connection: [Errno -3] Temporary failure in name resolution", "cannot be reached"),
        ("ERROR: Could not find a version that satisfies the requirement x==1", "cannot be reached"),
        ("npm error code ENOTFOUND", "cannot be reached"),
        ("dial tcp: lookup proxy on 127.0.0.1:53: no such host", "cannot be reached"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "not the one that the lock names"),
        ("npm error code EINTEGRITY", "not the one that the lock names"),
        ("SECURITY ERROR\nThis download does NOT match an earlier download recorded in go.sum.", "not the one"),
        ("npm error code EUSAGE", "lock does not fit"),
        ("PermissionError: [Errno 13] Permission denied: '.venv'", "cannot be written"),
        ("The virtual environment was not created because ensurepip is not available.", "virtual environment"),
        ("compile: signal: killed", "ran out of memory"),
        ("ModuleNotFoundError: No module named 'x'", "failed: ModuleNotFoundError: No module named 'x'"),
        ("", "failed: it said nothing"),
    ],
)
def test_explain_says_what_happened(said: str, sentence: str, tmp_path: Path) -> None:
    log = tmp_path / "pip.txt"
    log.write_text(said)
    told = str(explain("Python packages", log))
    assert sentence in told
    assert told.startswith("Python packages")
    assert str(log) in told
    assert "\n" not in told


def test_explain_names_the_place_when_a_contract_does_not_compile(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    shown = "\x1b[34m3\x1b[0m"
    log.write_text(
        f"solc returned:\n\nParserError: Expected expression.\n --> contracts/A.sol:{shown}:31:\n  |\n  | ^\n"
    )
    assert "Contracts failed: ParserError: Expected expression at contracts/A.sol:3:31 " in str(
        explain("Contracts", log)
    )


def test_explain_reads_only_the_command_that_failed(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_text("$ first\nretrying: connection refused\n$ second\ncompiler error: no such type\n")
    assert "compiler error" in str(explain("Contracts", log))
