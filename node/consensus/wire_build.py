"""Generates the ABCI message classes from CometBFT's own .proto files, in the Go module cache after its build.

`python -m node.consensus.wire_build` is called by the set-up; node/consensus/wire.py imports what it writes to
node/artifacts/abci/. Nothing is done when the classes of these versions are there already.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from node.domain.errors import Unusable

COMETBFT: Final = "github.com/cometbft/cometbft@v0.40.0"
GOGOPROTO: Final = "github.com/cosmos/gogoproto@v1.7.2"
ABCI_FOLDER: Final = Path(__file__).parents[1] / "artifacts" / "abci"
STAMP: Final = "generated-from.txt"


def build_wire(go: str | None = None, target: Path = ABCI_FOLDER) -> bool:
    """Writes the message classes into `target`; returns False when they were there already.

    `go` is the Go command, by default the one on PATH. Raises Unusable when Go, the modules or protoc fail.
    """
    stamp = target / STAMP
    versions = f"{COMETBFT}\n{GOGOPROTO}\n"
    if stamp.is_file() and stamp.read_text() == versions:
        return False
    comet = _module_folder(COMETBFT, go) / "proto"
    gogo = _module_folder(GOGOPROTO, go)
    # built beside its place and renamed, so that an interrupted run leaves nothing half made
    fresh = target.with_name(f"{target.name}.{os.getpid()}")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        _run_protoc(comet, gogo, fresh)
        (fresh / STAMP).write_text(versions)
        shutil.rmtree(target, ignore_errors=True)
        fresh.rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return True


def _module_folder(module: str, go: str | None) -> Path:
    command = go or shutil.which("go")
    if command is None:
        raise Unusable("Go is not on PATH, and the ABCI message classes come from a Go module; run make setup")
    answer = subprocess.run(
        [command, "mod", "download", "-json", module], capture_output=True, text=True, cwd="/", check=False
    )
    try:
        return Path(json.loads(answer.stdout)["Dir"])
    except (ValueError, KeyError):
        raise Unusable(f"the Go module {module} cannot be had: {answer.stdout or answer.stderr}") from None


def _run_protoc(comet: Path, gogo: Path, target: Path) -> None:
    import grpc_tools

    includes = [comet, gogo, Path(grpc_tools.__path__[0]) / "_proto"]
    files = ["gogoproto/gogo.proto", *sorted(str(path.relative_to(comet)) for path in comet.rglob("*.proto"))]
    answer = subprocess.run(
        [
            sys.executable,
            "-m",
            "grpc_tools.protoc",
            *(f"-I{folder}" for folder in includes),
            f"--python_out={target}",
            *files,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        raise Unusable(f"protoc could not generate the ABCI message classes: {answer.stderr.strip()}")


if __name__ == "__main__":
    print("ABCI message classes:", "generated" if build_wire() else "up to date")
