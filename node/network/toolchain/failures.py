"""One clear sentence for each way in which a setup step can fail.

A step's command writes into its log; when it fails, what the log says is matched here.
"""

import re
from pathlib import Path
from typing import Final

# (what the log says, the sentence); the first that matches is told
SYMPTOMS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (
        re.compile(r"No space left on device|ENOSPC|disk quota exceeded", re.I),
        "The disk is full; make about 4 GB free and run it again",
    ),
    (
        re.compile(r"do not match the hashes|EINTEGRITY|checksum mismatch|SECURITY ERROR", re.I),
        "A downloaded package is not the one that the lock names; nothing was installed",
    ),
    (
        re.compile(r"npm error code EUSAGE|missing go.sum entry|updates to go.mod needed", re.I),
        "A lock does not fit what it locks; run make lock and commit the result",
    ),
    (
        re.compile(
            r"(?i:name resolution|name or service not known|no such host|connection refused|network is unreachable"
            r"|dial tcp|i/o timeout|max retries exceeded|proxyconnect|TLS handshake|certificate verify failed"
            r"|Could not find a version|No matching distribution)|(Read|Connect)TimeoutError"
            r"|\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|E40[134]|E50\d)\b"
        ),
        "The package registry cannot be reached or does not have the package; check the network and run it again",
    ),
    (
        re.compile(r"Permission denied|EACCES|Read-only file system|EROFS", re.I),
        "A file under the project's folder cannot be written; check who owns it",
    ),
    (
        re.compile(r"ensurepip is not available|No module named venv|No module named ensurepip", re.I),
        "This Python cannot make a virtual environment; install its venv package (python3.11-venv on Debian)",
    ),
    (
        re.compile(r"signal: killed|Killed|(?i:out of memory)|MemoryError"),
        "The machine ran out of memory; about 3 GB are needed",
    ),
)

COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")
COMPILER_ERROR: Final = re.compile(r"^(\w*Error: .+)\n\s*--> (\S+?):?$", re.M)
TAIL: Final = 20_000  # characters of a log that are looked at


class SetupError(Exception):
    """A setup step cannot be done; the message is one sentence for the person who typed `make`."""


def explain(title: str, log: Path) -> SetupError:
    """Reads the end of a failed step's log and says in one sentence what happened and where to read more."""
    text = log.read_text(errors="replace") if log.is_file() else ""
    text = COLOUR.sub("", text.rpartition("\n$ ")[2][-TAIL:])  # only the last command failed
    for pattern, sentence in SYMPTOMS:
        if pattern.search(text):
            return SetupError(f"{title}: {sentence} (details: {log}).")
    return SetupError(f"{title} failed: {_gist(text)[:200]} (details: {log}).")


def _gist(text: str) -> str:
    """The compiler's first error with its place, else the last line that says something."""
    error = COMPILER_ERROR.search(text)
    if error:
        return f"{error.group(1).rstrip('.')} at {error.group(2)}"
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "it said nothing")
