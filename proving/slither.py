"""`make slither`: every finding of medium or high impact has a written reason, or this ends with 1.

Reasons stand in proving/slither.toml, each for a detector and, where it does not hold everywhere, for a file or a
function. docs/slither.md is made of both: what was found, and why it stays.
"""

import json
import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final

from proving.tools import ROOT, provide

REASONS: Final = Path(__file__).with_name("slither.toml")
PAGE: Final = ROOT / "docs" / "slither.md"
WEIGHTS: Final = ("High", "Medium")
HEAD: Final = """# What slither finds

Made by `make slither`, from slither's findings in contracts/ and interfaces/ and the reasons in proving/slither.toml.
Every finding of high or medium impact stands here with the reason why it stays; one without a reason fails the command.
Of low or informational impact: {rest}.
"""


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why findings of a detector stay: everywhere, or where file and name (with * for anything) fit."""

    check: str
    why: str
    file: str = "*"
    name: str = "*"

    def holds(self, finding: dict[str, Any]) -> bool:
        """Whether it is about this finding."""
        same = self.check == finding["check"]
        return same and fnmatch(finding["file"], self.file) and fnmatch(finding["name"], self.name)


def main() -> None:
    """Runs slither and writes the page; ends with 1 when a finding has no reason, or a reason no finding."""
    said = subprocess.run(
        [provide(), "-P", ROOT / "proving" / "analyse.py"], stdout=subprocess.PIPE, text=True, check=True
    )
    ours = [each for each in json.loads(said.stdout) if each["file"].startswith(("contracts/", "interfaces/"))]
    found = [each for each in ours if not each["file"].startswith("contracts/testing/")]
    heavy = [finding for finding in found if finding["impact"] in WEIGHTS]
    reasons = read_reasons()
    open_ones = [finding for finding in heavy if reason_of(finding, reasons) is None]
    idle = [reason for reason in reasons if not any(reason_of(finding, reasons) == reason for finding in heavy)]
    for finding in open_ones:
        print(f"no reason: {finding['impact']} {finding['check']} {finding['file']} {finding['name']}", file=sys.stderr)
        print("  " + finding["text"].replace("\n", "\n  "), file=sys.stderr)
    for reason in idle:
        print(f"nothing to excuse: {reason.check} {reason.file} {reason.name}", file=sys.stderr)
    if open_ones or idle:
        sys.exit(1)
    PAGE.write_text(page(heavy, reasons, len(found) - len(heavy)))
    print(f"{len(heavy)} findings of medium or high impact, each with a reason: {PAGE.relative_to(ROOT)}")


def read_reasons(file: Path = REASONS) -> list[Reason]:
    """The reasons, the narrow ones first."""
    entries = [Reason(**entry) for entry in tomllib.loads(file.read_text())["reason"]]
    return sorted(entries, key=lambda reason: (reason.file == "*", reason.name == "*"))


def reason_of(finding: dict[str, Any], reasons: Sequence[Reason]) -> Reason | None:
    """The narrowest reason that holds, None without one."""
    return next((reason for reason in reasons if reason.holds(finding)), None)


def page(heavy: Sequence[dict[str, Any]], reasons: Sequence[Reason], rest: int) -> str:
    """The page: a heading a detector, a list a reason."""
    places: dict[tuple[str, str], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for finding in heavy:
        reason = reason_of(finding, reasons)
        assert reason is not None
        file = finding["file"].removeprefix("contracts/").removesuffix(".sol")
        places[finding["impact"], finding["check"]][reason.why].add(f"{file}.{finding['name']}")
    text = HEAD.format(rest=f"{rest} findings, not listed")
    for (impact, check), whys in sorted(places.items(), key=lambda item: (WEIGHTS.index(item[0][0]), item[0][1])):
        text += f"\n## {check} ({impact.lower()})\n"
        for why, where in sorted(whys.items()):
            text += f"{' '.join(why.split())}\n\n" + "".join(f"* {place}\n" for place in sorted(where)) + "\n"
    return text.rstrip() + "\n"


if __name__ == "__main__":
    main()
