"""`till net doctor`: looks at a network's folder, its processes and its chain, and says what is wrong and what to do.

Each check is a function from a Patient to findings: machine.py (engines, disk, memory, clock), files.py (keys, genesis
documents, sign state, run state), chain.py (heights, peers, signatures), elsewhere.py (block 0 and engines on other
hosts), times.py (clocks, here and elsewhere). No check changes anything.
"""

from collections.abc import Callable, Iterable
from typing import Final

from node.domain.errors import TillnetError
from node.network.doctor import chain, elsewhere, files, machine, times
from node.network.doctor.finding import Finding, Patient, wrong

Check = Callable[[Patient], Iterable[Finding]]

CHECKS: Final[tuple[Check, ...]] = (*machine.CHECKS, *files.CHECKS, *chain.CHECKS, *elsewhere.CHECKS, *times.CHECKS)


def examine(patient: Patient, checks: Iterable[Check] = CHECKS) -> list[Finding]:
    """All findings, in the order of the checks. A check that cannot be made is itself a finding."""
    findings: list[Finding] = []
    for check in checks:
        name = check.__name__.removeprefix("check_").replace("_", " ")
        try:
            findings += check(patient)
        except (TillnetError, OSError, ValueError, KeyError, TypeError) as failure:
            findings.append(wrong(name, f"it cannot be looked at ({failure})", "mend that first, then ask again"))
    return findings
