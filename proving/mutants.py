"""`make mutants`: changes the contracts a little, one change at a time, and runs the tests that should notice.

    python -m proving.mutants [--sample 30 | --each 2 | --all] [--seed 1] [--only SUBSTRING]

A mutant is compiled alone, without the optimiser's detour over Yul unless its stack is too deep for that (`yul`), and
put into a scratch build folder (TILLNET_CONTRACTS); the project's own build is not touched. docs/mutants.md gets the
result: how many were noticed, and each survivor with the reason in proving/mutants.toml. A survivor without a reason
ends this with 1.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

from proving.mutations import Mutant, mutants_of

ROOT: Final = Path(__file__).resolve().parents[1]
BUILD: Final = ROOT / "build" / "contracts"
SCRATCH: Final = ROOT / ".till" / "mutants"
TABLE: Final = Path(__file__).with_name("mutants.toml")
PAGE: Final = ROOT / "docs" / "mutants.md"
SOLC: Final = (ROOT / ".till" / "tools" / "bin" / "node", ROOT / "node" / "network" / "toolchain" / "solc.cjs")
PATIENCE: Final = 300  # seconds for the tests of one mutant; one that hangs was noticed
HEAD: Final = """# Mutants

Made by `make mutants`: the arithmetic and the checks of the contracts are changed, one change at a time, and the tests
that go with the file must notice. {killed} of {tried} mutants were noticed ({stillborn} more do not compile, or compile
to the same code), of {all} that there are of the {files} files named in proving/mutants.toml (`--all` tries them all;
this was {sample}).

| file | tried | noticed |
| --- | ---: | ---: |
{rows}
## Survivors
"""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A file to change, what to compile then, and the tests that should notice; `thorough` ones if others do not.

    Code that is compiled over Yul takes up to a minute each time.
    """

    file: str
    source: str
    contract: str
    tests: list[str]
    thorough: list[str] = field(default_factory=list)
    part: str = ""
    yul: bool = False


def main() -> None:
    """Tries a sample of the mutants, or all."""
    chosen = arguments()
    table = tomllib.loads(TABLE.read_text())
    targets = {entry["file"]: Target(**entry) for entry in table["target"]}
    reasons = {entry["id"]: entry["why"] for entry in table.get("survivor", [])}
    everything = [each for file in targets for each in mutants_of(file, (ROOT / file).read_text())]
    mutants = [each for each in everything if chosen.only in each.id]
    if not mutants:
        sys.exit(f"no mutant's id contains {chosen.only!r}")
    if not chosen.all:
        mutants = sampled(mutants, chosen)
    results: dict[str, str] = {}
    sound: set[str] = set()
    for number, mutant in enumerate(mutants, start=1):
        target, began = targets[mutant.file], time.monotonic()
        if target.file not in sound:
            prove_sound(target)
            sound.add(target.file)
        result = results[mutant.id] = judge(target, mutant.applied((ROOT / mutant.file).read_text()))
        print(f"{number}/{len(mutants)} {result} in {time.monotonic() - began:.0f} s: {mutant.id}", flush=True)
        # written each time, so that whoever ends it early has what was found
        tried = f"{number} of a sample of {len(mutants)} with seed {chosen.seed}"
        sample = "all of them" if chosen.all else tried
        text = page(mutants[:number], results, reasons, total=len(everything), files=len(targets), sample=sample)
        PAGE.write_text(text)
    unexplained = [id for id, result in results.items() if result == "survived" and id not in reasons]
    print(f"{Counter(results.values())}: {PAGE.relative_to(ROOT)}")
    if unexplained:
        sys.exit("survivors without a reason:\n" + "\n".join(unexplained))


def arguments() -> argparse.Namespace:
    """What was typed."""
    parser = argparse.ArgumentParser(prog="mutants", description="Changes the contracts; the tests must notice.")
    parser.add_argument("--sample", type=int, default=30, help="how many to try (30)")
    parser.add_argument("--each", type=int, default=0, help="so many of each file instead, one of each file at first")
    parser.add_argument("--seed", type=int, default=1, help="which ones (1)")
    parser.add_argument("--all", action="store_true", help="try every mutant; takes hours")
    parser.add_argument("--only", default="", help="those whose id contains this")
    return parser.parse_args()


def sampled(mutants: Sequence[Mutant], chosen: argparse.Namespace) -> list[Mutant]:
    """Some of the mutants: of all together, or of each file by turns."""
    chance = random.Random(chosen.seed)
    if not chosen.each:
        return chance.sample(mutants, min(chosen.sample, len(mutants)))
    files = list(dict.fromkeys(mutant.file for mutant in mutants))
    of_file = {file: [mutant for mutant in mutants if mutant.file == file] for file in files}
    drawn = [chance.sample(each, min(chosen.each, len(each))) for each in of_file.values()]
    return [mutant for turn in zip_longest(*drawn) for mutant in turn if mutant is not None]


def prove_sound(target: Target) -> None:
    """Ends everything when the file as it is does not compile or its tests do not pass."""
    found = judge(target, (ROOT / target.file).read_text())
    if found == "stillborn":
        sys.exit(f"{target.source} does not compile this way (`yul` in {TABLE.name}?)")
    if found != "survived":
        said = (SCRATCH / "last.txt").read_text()[-2_000:]
        sys.exit(f"the tests of {target.file} fail without any change:\n{said}")


def judge(target: Target, text: str) -> str:
    """`noticed`, `survived`, or `stillborn` when the text does not compile or compiles to the same code."""
    made = compiled(target, text)
    original = SCRATCH / "original" / f"{target.contract}.json"
    if made is None:
        return "stillborn"
    if text == (ROOT / target.file).read_text():
        original.parent.mkdir(parents=True, exist_ok=True)
        original.write_text(json.dumps(made))
    elif made["bytecode"][:-200] == json.loads(original.read_text())["bytecode"][:-200]:
        return "stillborn"
    build = lay_out(target.contract, made)
    if not passes(target, build, target.tests):
        return "noticed"
    if text == (ROOT / target.file).read_text() or not target.thorough or passes(target, build, target.thorough):
        return "survived"
    return "noticed"


def compiled(target: Target, text: str) -> dict[str, Any] | None:
    """Byte code of the target's contract with this text for its file, None when it does not compile."""
    sources = {target.source: {"content": (ROOT / target.source).read_text()}, target.file: {"content": text}}
    asked = {
        "language": "Solidity",
        "sources": sources,
        "settings": {
            "optimizer": {"enabled": True, "runs": 800 if target.yul else 1},  # for size: without Yul code is larger
            "viaIR": target.yul,
            "evmVersion": "cancun",
            "metadata": {"appendCBOR": False},
            "remappings": ["@openzeppelin=node_modules/@openzeppelin"],
            "outputSelection": {
                target.source: {target.contract: ["evm.bytecode.object", "evm.deployedBytecode.object"]}
            },
        },
    }
    said = subprocess.run(
        [*SOLC, "--standard-json"], input=json.dumps(asked), capture_output=True, text=True, check=True, cwd=ROOT
    )
    answer = json.loads(said.stdout)
    if any(problem["severity"] == "error" for problem in answer.get("errors", [])):
        return None
    evm = answer["contracts"][target.source][target.contract]["evm"]
    return {"bytecode": evm["bytecode"]["object"], "deployedBytecode": evm["deployedBytecode"]["object"]}


def lay_out(contract: str, made: dict[str, Any]) -> Path:
    """A build folder like the project's, with this contract's code in the place of its own."""
    build = SCRATCH / "build"
    build.mkdir(parents=True, exist_ok=True)
    for file in build.iterdir():
        file.unlink()
    for file in BUILD.glob("*.json"):
        if file.stem != contract:
            (build / file.name).symlink_to(file)
    whole = json.loads((BUILD / f"{contract}.json").read_text())
    (build / f"{contract}.json").write_text(json.dumps(whole | made))
    return build


def passes(target: Target, build: Path, names: Sequence[str]) -> bool:
    """Whether the tests pass with this build folder."""
    tests = [f"tests/contracts/{name}" for name in names]
    environment = {**os.environ, "TILLNET_CONTRACTS": str(build), "PYTHONPATH": str(ROOT)}
    if target.part:
        environment["TILLNET_SWAPPED"] = f"{target.part}={target.contract}"
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "proving.swapped", "-p", "no:cacheprovider", *tests]
    try:
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return False
    (SCRATCH / "last.txt").write_text(done.stdout + done.stderr)
    return done.returncode == 0


def page(
    mutants: Sequence[Mutant], results: dict[str, str], reasons: dict[str, str], *, total: int, files: int, sample: str
) -> str:
    """docs/mutants.md."""
    tried = [mutant for mutant in mutants if results[mutant.id] != "stillborn"]
    noticed = Counter(mutant.file for mutant in tried if results[mutant.id] == "noticed")
    of_file = Counter(mutant.file for mutant in tried)
    rows = "".join(f"| {file} | {count} | {noticed[file]} |\n" for file, count in sorted(of_file.items()))
    text = HEAD.format(
        killed=noticed.total(),
        tried=len(tried),
        stillborn=len(mutants) - len(tried),
        all=total,
        files=files,
        sample=sample,
        rows=rows,
    )
    survivors = [mutant for mutant in tried if results[mutant.id] == "survived"]
    if not survivors:
        return text + "None.\n"
    return text + "".join(
        f"* `{mutant.id}`, in `{mutant.line}`: {reasons.get(mutant.id, 'no reason yet')}\n" for mutant in survivors
    )


if __name__ == "__main__":
    main()
