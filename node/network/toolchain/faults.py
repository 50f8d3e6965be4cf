"""Tools that only the fault tests need, built when they are first asked for: `python -m node.network.toolchain.faults`.

A proxy that delays, stalls and resets connections, and a CometBFT whose clock can be set (Go programs do not ask the C
library for the time, so libfaketime does not reach them). `make setup` needs neither.
"""

import shutil
import sys
from pathlib import Path
from typing import Final

from node.network.toolchain.engines import PACKAGES, build, provide_go
from node.network.toolchain.failures import SetupError
from node.network.toolchain.layout import Layout
from node.network.toolchain.steps import Step, set_up
from node.network.toolchain.work import Work

PROXY: Final = "toxiproxy"
SKEWED: Final = "skewed"
MODULE: Final = "github.com/cometbft/cometbft"
# where CometBFT's consensus reads the clock (v0.40.0): file, what stands there, how often, what shall stand there
PATCHES: Final = (
    ("types/time/time.go", "Canonical(time.Now())", 1, "Canonical(Skewed(time.Now()))"),
    ("state/validation.go", "time.Now()", 2, "cmttime.Skewed(time.Now())"),
    ("state/validation.go", "import (\n", 1, f'import (\n\tcmttime "{MODULE}/types/time"\n'),
)


def steps(layout: Layout) -> tuple[Step, ...]:
    """Both tools."""
    return (
        Step(
            name=PROXY,
            title="Fault proxy",
            inputs=(layout.engines / PROXY,),
            outputs=(layout.bin / PROXY,),
            run=lambda work: build(work, PROXY),
        ),
        Step(
            name=SKEWED,
            title="CometBFT with a clock to set",
            inputs=(layout.engines / "cometbft", layout.engines / SKEWED, *map(str, PATCHES)),
            outputs=(layout.bin / SKEWED,),
            run=build_skewed,
        ),
    )


def build_skewed(work: Work) -> None:
    """Builds CometBFT from a patched copy of its module. Raises SetupError when the patches do not fit."""
    engine, place = work.layout.engines / "cometbft", work.layout.tools / SKEWED
    go, environment = provide_go(work)
    source = work.run(go, "list", "-m", "-f", "{{.Dir}}", MODULE, env=environment, cwd=engine).splitlines()[-1]
    shutil.rmtree(place, ignore_errors=True)
    # the copy is of files alone: those of the module cache are read-only
    shutil.copytree(source, place / "cometbft", copy_function=shutil.copyfile, ignore=shutil.ignore_patterns("docs"))
    for folder in (place / "cometbft").rglob("*/"):
        folder.chmod(0o755)
    patch(place / "cometbft")
    shutil.copyfile(work.layout.engines / SKEWED / "skew.go", place / "cometbft" / "types" / "time" / "skew.go")
    for name in ("go.mod", "go.sum"):
        shutil.copyfile(engine / name, place / name)
    work.run(go, "mod", "edit", f"-replace={MODULE}=./cometbft", env=environment, cwd=place)
    fresh = work.layout.bin / f".{SKEWED}.new"
    work.run(go, "build", "-o", fresh, PACKAGES["cometbft"], env=environment, cwd=place)
    fresh.replace(work.layout.bin / SKEWED)


def patch(module: Path) -> None:
    """Has CometBFT's consensus read the clock by way of skew.go. Raises SetupError when its source is another one."""
    for file, before, count, after in PATCHES:
        path = module / file
        text = path.read_text()
        if text.count(before) != count:
            raise SetupError(f"CometBFT's {file} has changed: {before.strip()} is not in it {count} times.")
        path.write_text(text.replace(before, after))


def main() -> None:
    """Builds what is missing; ends with a sentence when it cannot."""
    layout = Layout.here()
    try:
        set_up(layout, steps(layout))
    except SetupError as failure:
        sys.exit(f"The tools for faults cannot be built. {failure}")


if __name__ == "__main__":
    main()
