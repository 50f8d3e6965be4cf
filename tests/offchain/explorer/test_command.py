"""`till explorer run` as a process: where it is, how it ends, and what it says when something is wrong."""

import json
import re
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from benchmarks.devchain import Chain
from tests.offchain.explorer.rows import fill
from tests.offchain.explorer.stand import LAYOUT, chain_id_of, url_of

pytestmark = [pytest.mark.anvil, pytest.mark.slow]
TILL = str(LAYOUT.venv / "bin" / "till")
SECONDS = 90


def command(chain: Chain, folder: Path, *more: str, chain_id: int | None = None) -> list[str]:
    names = ("RewardToken", "Registry", "RewardRules")
    contracts = {name: {"address": "0x" + f"{place:040x}"} for place, name in enumerate(names, 1)}
    deployment = folder / "deployment.json"
    known = {"chain_id": chain_id or chain_id_of(chain), "block": 0, "contracts": contracts}
    deployment.write_text(json.dumps(known))
    where = ("--database", str(folder / "index.sqlite"), "--sources", str(folder / "sources.sqlite"))
    return [TILL, "explorer", "run", "--rpc", url_of(chain), "--deployment", str(deployment), *where, *more]


def test_explorer_serves_and_ends_when_it_is_told(chain: Chain, tmp_path: Path) -> None:
    with subprocess.Popen(
        command(chain, tmp_path, "--port", "0"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://\S+/", process.stdout.readline())
            assert found is not None
            with pytest.raises(urllib.error.HTTPError, match="503") as empty:
                urllib.request.urlopen(found.group(0), timeout=SECONDS)
            with empty.value as answer:
                assert "The index has no block yet" in answer.read().decode()
            fill(str(tmp_path / "index.sqlite"), chain, meta={})
            with urllib.request.urlopen(found.group(0), timeout=SECONDS) as answer:
                assert "What is new" in answer.read().decode()
            process.send_signal(signal.SIGTERM)
            _, told = process.communicate(timeout=SECONDS)
            assert process.returncode == 0 and "Traceback" not in told
        finally:
            process.kill()


@pytest.mark.parametrize("wrong", ["port", "chain", "index", "compilers"])
def test_explorer_says_why_when_it_cannot_serve(wrong: str, chain: Chain, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        wanted = {
            "port": (["--port", str(taken.getsockname()[1])], None, "the explorer cannot listen on"),
            "chain": ([], 77, "the chain's id is"),
            "index": (["--database", str(tmp_path / "none" / "index.sqlite")], None, "there is no folder"),
            "compilers": (["--compilers", str(tmp_path)], None, "there is no compiler"),
        }
        more, chain_id, told = wanted[wrong]
        arguments = command(chain, tmp_path, "--port", "0", *more, chain_id=chain_id)
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 1 and told in done.stderr.lower() and "Traceback" not in done.stderr, done.stderr
