"""The verifier by itself: what it prints and ends with, and that it opens no connection and needs none of the rest."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from node.cli import main as till
from node.proofs.__main__ import main
from node.proofs.anchor import write_anchor
from node.proofs.verify import verify_proof
from tests.offchain.proofs.chain_of_our_own import anchor_at
from tests.offchain.proofs.samples import ANCHOR, BALANCE, NOBODY, PAYMENT, SECOND, balance, bytes_of

PROJECT = Path(__file__).parents[3]


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """A proof and its anchor."""
    (tmp_path / "proof.json").write_bytes(bytes_of(PAYMENT))
    (tmp_path / "anchor.json").write_text(write_anchor(ANCHOR))
    return str(tmp_path / "proof.json"), str(tmp_path / "anchor.json")


def test_main_says_what_is_proved(files: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(list(files)) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["payment"], said["anchored"], said["block"]) == ("1-42", True, 40)
    assert [line["points"] for line in said["lines"]] == [77_940, 77_940] and len(said["items"]) == 5


def test_main_ends_with_what_came_of_it(
    files: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proof, _ = files
    assert main([proof]) == 3
    assert main([]) == 2
    assert main([proof, str(tmp_path / "missing.json")]) == 1
    other = tmp_path / "other.json"
    other.write_text(write_anchor(anchor_at(100, SECOND)))
    assert main([proof, str(other)]) == 1
    assert "The proof is refused: anchor: " in capsys.readouterr().err


def test_verify_proof_opens_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection is opened")

    monkeypatch.setattr(socket, "socket", refuse)
    assert verify_proof(bytes_of(PAYMENT), ANCHOR).signed.anchored


def test_verifier_loads_nothing_of_the_node_but_the_domain(files: tuple[str, str]) -> None:
    program = (
        "import sys; from node.proofs.__main__ import main; main(sys.argv[1:]);"
        "print(sorted({name.split('.')[1] for name in sys.modules if name.startswith('node.')}), file=sys.stderr);"
        "print([n for n in ('aiohttp', 'web3', 'click', 'sqlalchemy', 'rich') if n in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *files], capture_output=True, text=True, check=True, cwd=PROJECT
    )
    assert done.stderr.splitlines() == ["['domain', 'proofs']", "[]"]


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        till.main(["verify", *arguments])
    return int(ended.value.code or 0)


def test_till_verify_prints_a_table_of_each_kind(
    files: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where no demonstration has left a network
    proof, anchor = files
    assert run(proof, "--anchor", anchor) == 0
    shown = capsys.readouterr().out
    for words in ("Payment 1-42, proved", "merchant", "70 of 90 voting power", "once", "4006381333904", "0.077940"):
        assert words in shown, words
    for document, words in ((BALANCE, "3.000000, of epoch 5"), (balance(NOBODY), "is not enrolled")):
        (tmp_path / "balance.json").write_bytes(bytes_of(document))
        assert run("balance.json", "--anchor", anchor) == 0
        assert words in capsys.readouterr().out
    assert run(proof, "--json") == 3
    said = capsys.readouterr()
    assert not json.loads(said.out)["anchored"] and "Nobody has said" in said.err
    tampered = json.loads(bytes_of(PAYMENT))
    tampered["headers"][1]["commit"]["signatures"][0]["timestamp"] = "2026-11-23T03:02:55Z"
    (tmp_path / "tampered.json").write_text(json.dumps(tampered))
    assert run("tampered.json", "--anchor", anchor) == 1
    assert "The proof is refused: signatures: signature 0 of height 41 is wrong" in capsys.readouterr().err
    assert run("nothing.json") == 1
    assert run(proof, "--network", str(tmp_path)) == 1
