"""Stamps: a step is done when the digest of its inputs stands in its stamp and its outputs are there."""

import hashlib
from collections.abc import Iterable
from pathlib import Path


def digest(inputs: Iterable[Path | str]) -> str:
    """SHA-256 over the inputs in their order: text as it is, a file by its content, a folder by all its files.

    A path that does not exist counts as such, so that its appearance changes the digest.
    """
    total = hashlib.sha256()
    for item in inputs:
        if isinstance(item, str):
            _add(total, b"text", item.encode())
        elif item.is_dir():
            for file in sorted(path for path in item.rglob("*") if path.is_file()):
                _add(total, str(file.relative_to(item)).encode(), file.read_bytes())
        elif item.is_file():
            _add(total, item.name.encode(), item.read_bytes())
        else:
            _add(total, item.name.encode(), b"absent")
    return total.hexdigest()


def is_done(stamp: Path, wanted: str, outputs: Iterable[Path]) -> bool:
    """Whether the stamp holds this digest and every output exists (a link that leads nowhere does not)."""
    return stamp.is_file() and stamp.read_text() == wanted and all(path.exists() for path in outputs)


def mark(stamp: Path, done: str) -> None:
    """Writes the stamp in one move, so that a kill in between leaves the step undone."""
    stamp.parent.mkdir(parents=True, exist_ok=True)
    fresh = stamp.with_suffix(".new")
    fresh.write_text(done)
    fresh.replace(stamp)


def _add(total: "hashlib._Hash", name: bytes, content: bytes) -> None:
    # lengths first: two files never read as one
    for part in (name, content):
        total.update(len(part).to_bytes(8, "big"))
        total.update(part)
