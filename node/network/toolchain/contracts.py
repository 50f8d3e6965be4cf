"""The contract steps: ABCI message classes for the validator application, and compiled contracts for everybody.

`brownie compile` leaves its full output in build/; what the node needs of it (names, ABIs, sizes) is written to
node/artifacts/contracts/NAME.json, so that the node never reads brownie's files.
"""

import json
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from node.network.toolchain.engines import provide_go
from node.network.toolchain.failures import SetupError
from node.network.toolchain.layout import Layout
from node.network.toolchain.work import Work

CODE_LIMIT: Final = 24_576  # bytes of deployed code, EIP-170
GENESIS_CONTRACTS: Final = frozenset({"AccountRegistry", "ValidatorRegistry"})
"""Those that stand in block 0: their artifact holds the deployed code too."""
IMPORTED: Final = re.compile(r'^(?:import|.* from|\} from) "(\.[^"]+)"', re.MULTILINE)


def build_wire(work: Work) -> None:
    """Generates the ABCI message classes from the .proto files of the CometBFT module."""
    _, environment = provide_go(work)
    path = f"{work.layout.bin}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    work.run(work.layout.python, "-m", "node.consensus.wire_build", env={**environment, "PATH": path})


def compile_contracts(work: Work) -> None:
    """Compiles contracts/ with brownie and writes the node's artifacts.

    Raises SetupError with the compiler's first error, or when a contract is larger than a block may deploy.
    """
    forget_stale_builds(work.layout)
    work.run(work.layout.bin / "brownie", "compile")
    write_artifacts(work.layout)


def forget_stale_builds(layout: Layout) -> None:
    """Removes what brownie made of contracts and interfaces of which a file is gone or has changed since.

    Brownie stumbles over the first. Of the second it sees a contract's own source and those that it names, but neither
    what a contract that it creates is made of, nor files without a contract, nor what an interface inherits: it would
    leave their old code in place. A compiler that is called in another way makes other code of the same files.
    """
    compiler = Path(__file__).with_name("solc.cjs")
    build = layout.root / "build"
    made_of = {
        file: [layout.root / path for path in json.loads(file.read_text()).get("allSourcePaths", {}).values()]
        for file in build.glob("contracts/*.json")
    }
    made_of |= {file: [layout.root / "interfaces" / f"{file.stem}.sol"] for file in build.glob("interfaces/*.json")}
    for file, named in made_of.items():
        built = file.stat().st_mtime_ns
        if not all(path.exists() and path.stat().st_mtime_ns <= built for path in {*with_imports(named), compiler}):
            file.unlink()


def with_imports(files: Iterable[Path]) -> set[Path]:
    """These sources and all that they import by a relative path, directly or not."""
    found: set[Path] = set()
    left = [file.resolve() for file in files]
    while left:
        file = left.pop()
        if file in found:
            continue
        found.add(file)
        if file.exists():
            left += [(file.parent / name).resolve() for name in IMPORTED.findall(file.read_text())]
    return found


def write_artifacts(layout: Layout) -> None:
    """Writes node/artifacts/contracts/NAME.json for every contract and interface of the project, and no others."""
    fresh = layout.artifacts.with_name("contracts.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    build = layout.root / "build"
    for file in sorted([*build.glob("contracts/*.json"), *build.glob("interfaces/*.json")]):
        compiled = json.loads(file.read_text())
        if file.parent.name == "interfaces":
            # brownie keeps no path of an interface, and there only those of interfaces/
            compiled["sourcePath"] = f"interfaces/{compiled['contractName']}.sol"
        if is_ours(compiled):
            (fresh / file.name).write_text(json.dumps(artifact_of(compiled), separators=(",", ":")))
    shutil.rmtree(layout.artifacts, ignore_errors=True)
    fresh.rename(layout.artifacts)


def is_ours(compiled: dict[str, Any]) -> bool:
    """Whether brownie's output is of a source of this project, not of a library that it imports."""
    return str(compiled.get("sourcePath", "")).startswith(("contracts/", "interfaces/"))


def artifact_of(compiled: dict[str, Any]) -> dict[str, Any]:
    """What the node keeps of one contract: name, source path, ABI, size of its deployed code; that itself if needed."""
    name = compiled["contractName"]
    size = len(str(compiled.get("deployedBytecode", ""))) // 2
    if size > CODE_LIMIT and not str(compiled["sourcePath"]).startswith("contracts/testing/"):
        raise SetupError(f"Contracts: {name} is {size} bytes, and a chain deploys {CODE_LIMIT} at most.")
    kept = {"name": name, "source": compiled["sourcePath"], "abi": compiled["abi"], "deployed_size": size}
    return kept | ({"code": compiled["deployedBytecode"]} if name in GENESIS_CONTRACTS else {})


def sources(layout: Layout) -> tuple[Path, ...]:
    """What the compiled contracts depend on."""
    files = ("brownie-config.yaml", "package-lock.json")
    return (layout.root / "contracts", layout.root / "interfaces", *(layout.root / name for name in files))
