"""Audits that were made, as `till audit run -o` writes them into a folder (docs/audit.md); their page shows them.

Before it node/audit/report.py, which writes the documents; after it node/explorer/pages/audit_pages.py. What is in the
folder is read as strangers' text: a file that is no audit is named, not shown.
"""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

AUDIT_FORMAT: Final = "tillnet-audit-1"
SUFFIX: Final = ".json"
MOST: Final = 50
"""Audits that are read, the newest."""
MOST_BYTES: Final = 32 * 2**20
"""Of one of them; a thousand findings of each kind take some megabytes."""
DIFFERENT: Final = ("difference", "unexplained", "state", "backing", "supply", "contradicted", "instrument", "anchor")
"""Kinds of findings after which an audit does not agree."""
BAD: Final = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditRun:
    """One audit. `ran` and `time` are Unix seconds: when its file was written, and the last block's clock."""

    name: str
    ran: int
    agrees: bool
    first: int
    last: int
    time: int
    seconds: float
    rate: float
    payments: int
    differences: int
    backing: tuple[tuple[str, str, int, int], ...]
    findings: tuple[tuple[str, int, str, str], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class NoAudit:
    """A file that is none, or is larger than what is read."""

    name: str
    ran: int


class Audits:
    """The folder of audits; None where nobody named one."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._kept: dict[tuple[str, int, int], AuditRun | NoAudit] = {}

    async def newest(self) -> list[AuditRun | NoAudit]:
        """The newest of them, the newest first."""
        return await asyncio.to_thread(self._read)

    async def named(self, name: str) -> AuditRun | None:
        """One of the newest; None if it is not among them, or is no audit."""
        found = [each for each in await self.newest() if each.name == name]
        return found[0] if found and isinstance(found[0], AuditRun) else None

    def _read(self) -> list[AuditRun | NoAudit]:
        if self.folder is None or not self.folder.is_dir():
            return []
        files = [file for file in self.folder.iterdir() if file.suffix == SUFFIX and file.is_file()]
        places = sorted(((file.stat().st_mtime_ns, file.stat().st_size, file) for file in files), reverse=True)[:MOST]
        kept = self._kept
        self._kept = {
            key: kept.get(key) or _audit_in(file, written // 10**9, size)
            for written, size, file in places
            for key in [(file.name, written, size)]
        }
        return list(self._kept.values())


def _audit_in(file: Path, ran: int, size: int) -> AuditRun | NoAudit:
    name = file.name.removesuffix(SUFFIX)
    if size > MOST_BYTES:
        return NoAudit(name=name, ran=ran)
    try:
        return _read_audit(json.loads(file.read_bytes()), name, ran)
    except BAD:
        return NoAudit(name=name, ran=ran)


def _read_audit(document: Any, name: str, ran: int) -> AuditRun:
    if document["format"] != AUDIT_FORMAT or not isinstance(document["agrees"], bool):
        raise ValueError(name)
    counts = document["findings"]["counts"]
    return AuditRun(
        name=name,
        ran=ran,
        agrees=document["agrees"],
        first=int(document["blocks"]["first"]),
        last=int(document["blocks"]["last"]),
        time=int(document["time"]),
        seconds=float(document["seconds"]),
        rate=float(document["payments_per_second"]),
        payments=int(document["payments"]["looked_at"]),
        differences=sum(int(counts.get(kind, 0)) for kind in DIFFERENT),
        backing=tuple(
            (str(each["part"]), str(each["what"]), int(each["holds"]), int(each["owes"]))
            for each in document["backing"]
        ),
        findings=tuple(
            (str(each["kind"]), int(each["block"]), str(each["subject"]), str(each["text"]))
            for each in document["findings"]["list"]
        ),
    )
