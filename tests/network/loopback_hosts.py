"""A network whose every host has a folder and a supervisor of its own, all on this machine's loopback."""

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.request import ProxyHandler, build_opener

from node.network.agreement import hashes_of
from node.network.control import stop
from node.network.hosts import parse_hosts
from node.network.init import NetworkOrder, init_network
from node.network.plan import LOOPBACK, NetworkPlan, read_plan
from node.network.ticket import TICKET_FILE
from tests.network.chain import Chain

PROJECT: Final = Path(__file__).parents[2]
NAMES: Final = "abcdefghij"
UP_SECONDS: Final = 90
COMMAND_SECONDS: Final = 180


@dataclass
class LoopbackHosts(Chain):
    """`plan` is the operator's, from which nothing runs; `folders` has each validator's, by its name (v1, v2 ..).

    Everything of a running network's clients (tests/network/chain.py) works, and asks each host's own gateway.
    """

    folders: dict[str, Path] = field(kw_only=True)

    @property
    def names(self) -> list[str]:
        """Everybody here, a newcomer too."""
        return list(self.folders)

    def host_plan(self, name: str) -> NetworkPlan:
        """The plan in a host's folder as it is now, with one validator."""
        return read_plan(self.folders[name])

    def home(self, name: str) -> Path:
        """The folder of one validator's files."""
        return self.host_plan(name).home(name)

    def url(self, name: str = "v1") -> str:
        plan = self.host_plan(name)
        return plan.rpc_url(plan.validator(name))

    def comet(self, name: str, path: str) -> Any:
        """The result of a GET at a validator's own CometBFT, such as `commit?height=7`; raises OSError."""
        plan = self.host_plan(name)
        url = f"http://{plan.host}:{plan.validator(name).ports.comet_rpc}/{path}"
        with build_opener(ProxyHandler({})).open(url, timeout=5) as answer:
            return json.loads(answer.read())["result"]

    def assert_same_chain(self, height: int, *names: str) -> list[str]:
        """All of them (or those named) have the same hash at every height up to this one; these hashes."""
        found = {name: hashes_of(self.url(name), 1, height) for name in names or self.names}
        common, *others = found.values()
        for place, hashes in enumerate(zip(common, *others, strict=True), start=1):
            assert len(set(hashes)) == 1, (place, dict(zip(found, hashes, strict=True)))
        return common

    def till(self, *arguments: str | Path, code: int = 0) -> str:
        """What `till ARGUMENTS` prints; on stderr if it is expected to fail."""
        return _finish(_begin(*arguments), code)

    def up(self, *names: str) -> None:
        """`till net up` in each of these folders (or all) at once, and waits until all have final blocks."""
        begun = [_begin("net", "up", self.folders[name], "--wait", str(UP_SECONDS)) for name in names or self.names]
        for each in begun:
            _finish(each, 0)

    def down(self, *names: str) -> None:
        """`till net down` in each of these folders, or all."""
        begun = [_begin("net", "down", self.folders[name]) for name in names or self.names]
        for each in begun:
            _finish(each, 0)

    def vote(self, *proposal: str | Path, by: tuple[str, ...]) -> None:
        """`till validator propose PROPOSAL` in the first's folder (which comes after its first word), voted by all."""
        kind, *rest = proposal
        first, *others = by
        said = self.till("validator", "propose", kind, self.folders[first], *rest)
        number = said.partition("Proposal ")[2].partition(",")[0]
        for name in others:
            self.till("validator", "vote", self.folders[name], number)

    def join(self, name: str, folder: Path, *options: str, ticket_of: str = "v1") -> NetworkPlan:
        """`till net join` with the join.json of a host; the newcomer is not started, and is stopped with the others."""
        ticket = self.folders[ticket_of] / TICKET_FILE
        self.till("net", "join", folder, "--with", ticket, "--name", name, "--host", LOOPBACK, *options)
        self.folders[name] = folder
        return self.host_plan(name)

    def log_ends(self) -> str:
        """The ends of every host's logs, for a test that failed."""
        return "\n".join(self.till("net", "logs", folder, "-n", "30") for folder in self.folders.values())


@contextlib.contextmanager
def loopback_hosts(folder: Path, *, count: int = 4, accounts: int = 2, start: bool = True) -> Iterator[LoopbackHosts]:
    """Makes hosts a, b, c .. in `folder`, starts each by its own `till net up`; stops and removes all at the end."""
    hosts = parse_hosts(",".join(f"{name}={LOOPBACK}" for name in NAMES[:count]))
    order = NetworkOrder(folder=folder, hosts=hosts, accounts=accounts)
    plan = init_network(order, now=datetime.now(UTC))
    network = LoopbackHosts(plan, folders={f"v{n}": folder / host.name for n, host in enumerate(hosts, start=1)})
    try:
        if start:
            network.up()
        yield network
    except BaseException:
        print(network.log_ends())
        raise
    finally:
        for each in network.folders.values():
            stop(read_plan(each))
            shutil.rmtree(each, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


def _begin(*arguments: str | Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "node.cli.main", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
    )


def _finish(process: "subprocess.Popen[str]", code: int) -> str:
    said, failed = process.communicate(timeout=COMMAND_SECONDS)
    assert process.returncode == code, said + failed
    assert "Traceback" not in failed, failed
    return failed if code else said
