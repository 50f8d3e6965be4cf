"""The order of the setup: which steps there are, what each depends on, and running those that are not done."""

import dataclasses
import fcntl
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from node.network.toolchain import contracts, engines, javascript, python_packages, shell
from node.network.toolchain.failures import SetupError
from node.network.toolchain.layout import Layout
from node.network.toolchain.progress import Progress
from node.network.toolchain.stamp import digest, is_done, mark
from node.network.toolchain.work import Work

SPACE: Final = 4 * 2**30  # bytes that a whole setup takes at its peak
INTERRUPTED: Final = 130


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """One thing to install or build. Done when its stamp holds the digest of `inputs` and `outputs` exist."""

    name: str
    title: str
    inputs: tuple[Path | str, ...]
    outputs: tuple[Path, ...]
    run: Callable[[Work], None]


def steps(layout: Layout) -> tuple[Step, ...]:
    """All steps, in the order in which they need each other."""
    root, program = layout.root, Path(__file__).parent
    return (
        Step(
            name="python",
            title="Python packages",
            inputs=(str(root), root / "requirements.lock", root / "pyproject.toml"),
            outputs=(layout.python, layout.venv / "bin" / "till"),
            run=python_packages.install,
        ),
        Step(
            name="node",
            title="Node",
            inputs=(str(root), layout.engines / "node.lock"),
            outputs=(layout.bin / "node", layout.bin / "npm"),
            run=javascript.provide_node,
        ),
        Step(
            name="npm",
            title="Node packages",
            inputs=(root / "package.json", root / "package-lock.json", root / ".npmrc"),
            outputs=(layout.node_modules / "solc", layout.bin / "anvil"),
            run=javascript.install_packages,
        ),
        Step(
            name="solc",
            title="Solidity compiler",
            inputs=(str(root), javascript.SOLC_VERSION, program / "solc.cjs", program / "javascript.py"),
            outputs=(layout.solc_folder / f"solc-v{javascript.SOLC_VERSION}",),
            run=javascript.write_compiler,
        ),
        Step(
            name="shell",
            title="Commands",
            inputs=(str(root), program / "shell.py"),
            outputs=(layout.bin / "brownie", layout.till / "activate"),
            run=shell.write_commands,
        ),
        _engine(layout, "cometbft", "CometBFT"),
        _engine(layout, "geth", "geth"),
        Step(
            name="wire",
            title="ABCI message classes",
            inputs=(root / "node" / "consensus" / "wire_build.py", layout.engines / "cometbft"),
            outputs=(root / "node" / "artifacts" / "abci" / "tendermint",),
            run=contracts.build_wire,
        ),
        Step(
            name="contracts",
            title="Contracts",
            inputs=(*contracts.sources(layout), program / "contracts.py", program / "solc.cjs"),
            outputs=(layout.artifacts, root / "build" / "contracts"),
            run=contracts.compile_contracts,
        ),
    )


def _engine(layout: Layout, name: str, title: str) -> Step:
    return Step(
        name=name,
        title=title,
        inputs=(engines.FLAGS, layout.engines / name),
        outputs=(layout.bin / name,),
        run=lambda work: engines.build(work, name),
    )


def set_up(layout: Layout, chosen: tuple[Step, ...] | None = None) -> int:
    """Runs every step that is not done, in order, and returns how many ran. Raises SetupError at the first failure."""
    with one_at_a_time(layout):
        plan = [(step, digest(step.inputs)) for step in chosen or steps(layout)]
        pending = [(step, wanted) for step, wanted in plan if not _done(layout, step, wanted)]
        if pending and shutil.disk_usage(layout.root).free < SPACE // len(plan) * len(pending):
            raise SetupError(f"The disk is nearly full: setup needs about {SPACE >> 30} GB under {layout.root}.")
        for number, (step, wanted) in enumerate(pending, start=1):
            with Progress(f"[{number}/{len(pending)}] {step.title}") as progress:
                step.run(Work(layout=layout, name=step.name, progress=progress))
            mark(layout.stamps / step.name, wanted)
        return len(pending)


@contextmanager
def one_at_a_time(layout: Layout) -> Iterator[None]:
    """Holds the setup's lock, so that two `make` in one folder do not install over each other; the second waits."""
    layout.till.mkdir(parents=True, exist_ok=True)
    with (layout.till / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another setup runs in this folder; waiting for it ...", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main(arguments: list[str]) -> None:
    """Sets up and ends the process: 0 done, 1 with one sentence, 2 wrong usage, 130 after Ctrl-C."""
    if arguments:
        print("usage: python3 -m node.network.toolchain (without arguments; it sets up what is missing)")
        sys.exit(0 if arguments[0] in ("-h", "--help") else 2)
    try:
        set_up(Layout.here())
    except SetupError as failure:
        sys.exit(f"Setup stopped. {failure}")
    except OSError as failure:
        sys.exit(f"Setup stopped. {failure.strerror or failure}: {failure.filename or 'no file named'}.")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _done(layout: Layout, step: Step, wanted: str) -> bool:
    return is_done(layout.stamps / step.name, wanted, step.outputs)
