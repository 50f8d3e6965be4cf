"""A PostgreSQL cluster of its own, for tests and benchmarks: in a folder of its own, on a Unix socket only, with the
server's default settings (a commit is on the disk when it returns).

The server refuses to run as root; started by root it runs as Debian's user `postgres`, else as `nobody`.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg

START_SECONDS: Final = 60
USER: Final = "till"
OPTIONS: Final = (
    "-c", "listen_addresses=",
    # after a crash one call for the file system, not one for each file of each test's database
    "-c", "recovery_init_sync_method=syncfs",
)  # fmt: skip
DEBIAN: Final = Path("/usr/lib/postgresql")


class NoPostgres(Exception):
    """PostgreSQL's server is not installed (Debian's package postgresql)."""


class Cluster:
    """A running server; everything of it lies in `folder`. `url(name)` makes a database."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._bin = folder, _binaries()
        self._options: dict[str, Any] = _user(folder)
        self._process: subprocess.Popen[bytes] | None = None
        initdb = [self._bin / "initdb", "-D", folder / "data", "-U", USER, "--auth", "trust", "--encoding", "UTF8"]
        ended = subprocess.run(initdb, capture_output=True, text=True, check=False, **self._options)
        if ended.returncode:
            raise RuntimeError(f"initdb: {ended.stderr.strip()}")

    def start(self) -> None:
        """Starts the server and waits until it takes connections."""
        command = [self._bin / "postgres", "-D", self.folder / "data", "-k", self.folder, *OPTIONS]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, **self._options)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(self._address("postgres")).close()
                return
            except psycopg.OperationalError as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    said = (self.folder / "server.log").read_text()[-1_000:]
                    raise RuntimeError(f"PostgreSQL does not start: {said}") from error
                time.sleep(0.05)

    def stop(self, *, at_once: bool = False) -> None:
        """Ends the server; `at_once` as a crash would: nothing is flushed, the next start recovers."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT if at_once else signal.SIGINT)
            self._process.wait(START_SECONDS)
            self._process = None

    def url(self, name: str) -> str:
        """The URL of a new, empty database."""
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')  # type: ignore[call-overload]
        return self._address(name)

    def dump(self, url: str) -> bytes:
        """All of a database as SQL, as an operator's backup has it."""
        return subprocess.run([self._bin / "pg_dump", url], capture_output=True, check=True).stdout

    def _address(self, name: str) -> str:
        return f"postgresql://{USER}@/{name}?host={self.folder}"


@contextmanager
def postgres() -> Iterator[Cluster]:
    """A fresh cluster, running; ended and removed on the way out. Raises NoPostgres."""
    _binaries()
    # a socket's path has at most 107 characters
    folder = Path(tempfile.mkdtemp(prefix="till-pg-", dir="/tmp"))
    try:
        cluster = Cluster(folder)
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(folder)


def _binaries() -> Path:
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(DEBIAN.glob("*/bin"), key=lambda path: int(path.parent.name.partition(".")[0]), reverse=True)
    for folder in folders:
        if (folder / "initdb").is_file() and (folder / "postgres").is_file():
            return folder
    raise NoPostgres("PostgreSQL is not installed (apt install postgresql)")


def _user(folder: Path) -> dict[str, Any]:
    """Whom the server runs as, for subprocess; the folder becomes that user's."""
    if os.geteuid() != 0:
        return {"cwd": folder}
    names = {each.pw_name: each for each in pwd.getpwall()}
    who = names.get("postgres") or names["nobody"]
    os.chown(folder, who.pw_uid, who.pw_gid)
    return {"cwd": folder, "user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}
