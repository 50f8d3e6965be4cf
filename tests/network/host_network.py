"""A network with a folder for each host, as its operators and its clients see it."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from node.network.clocks import VoteClock, vote_clocks
from node.network.plan import NetworkPlan, PeerPlan, peer_url, read_plan
from node.network.rpc import call
from tests.network.chain import Chain, wait_until
from tests.network.machines import Machines

PROJECT: Final = Path(__file__).parents[2]
COMMAND_SECONDS: Final = 180
STAND_SECONDS: Final = 6


@dataclass
class HostNetwork(Chain):
    """A network with a folder for each host; `plan` is the operator's, from which nothing runs."""

    machines: Machines = field(kw_only=True)
    folders: dict[str, Path] = field(kw_only=True)
    checked: int = 0

    @property
    def names(self) -> list[str]:
        return [peer.name for peer in self.plan.others]

    def url(self, name: str = "v1") -> str:
        url = peer_url(self.peer(name))
        assert url is not None
        return url

    def ask(self, method: str, *params: Any, at: str = "v1") -> Any:
        # as the owner of the folder: a gateway with an address lets strangers only read
        return call(self.url(at), method, list(params), home=self.host_plan(at).home(at))

    def peer(self, name: str) -> PeerPlan:
        (found,) = (peer for peer in self.plan.others if peer.name == name)
        return found

    def host_plan(self, name: str) -> NetworkPlan:
        return read_plan(self.folders[name])

    def till(self, name: str, *arguments: str) -> "subprocess.Popen[str]":
        """`till net` on the machine of a validator, on its folder."""
        first, *options = arguments
        return self.net_on(int(name.removeprefix("v")), first, str(self.folders[name]), *options)

    def net_on(self, machine: int, *arguments: str) -> "subprocess.Popen[str]":
        """`till net` on a machine."""
        return self.till_on(machine, "net", *arguments)

    def till_on(self, machine: int, *arguments: str) -> "subprocess.Popen[str]":
        """`till` on a machine."""
        space = ["ip", "netns", "exec", self.machines.space(machine)]
        return subprocess.Popen(
            [*space, sys.executable, "-m", "node.cli.main", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=PROJECT,
        )

    def up(self, *names: str) -> None:
        done = {name: self.till(name, "up", "--wait", "90") for name in names or self.names}
        finish(list(done.values()))

    def down(self, *names: str) -> None:
        finish([self.till(name, "down") for name in names or self.names])

    def send(self, raw: str, *, at: str = "v1") -> str:
        """As its owner: others may only read from a gateway that does not listen on loopback."""
        return str(call(self.url(at), "eth_sendRawTransaction", [raw], home=self.host_plan(at).home(at)))

    def wrongs(self, name: str) -> str:
        """What `till net doctor` calls wrong on a validator's own machine, a line each; it ends with 1 if it does."""
        asked = self.till(name, "doctor", "--json")
        said, _ = asked.communicate(timeout=COMMAND_SECONDS)
        found = [f"{each['check']}: {each['text']}" for each in json.loads(said) if each["level"] == "wrong"]
        assert asked.returncode == bool(found), said
        return "\n".join(found)

    def wait_for_wrong(self, pattern: str, *names: str) -> None:
        """Waits until the doctor on each of these machines calls something wrong with words like these."""
        for name in names:
            wait_until(lambda name=name: re.search(pattern, self.wrongs(name)), seconds=40, what=f"{name}: {pattern}")

    def seen_at_home(self, name: str) -> int:
        """A validator's height, asked on its own machine; -1 when it does not answer."""
        (said,) = finish([self.till(name, "status", "--json")])
        height = json.loads(said)["validators"][0]["height"]
        return -1 if height is None else int(height)

    def assert_no_fork(self) -> None:
        """Every validator has the same hash at every height that was not compared before."""
        height = min(self.height(name) for name in self.names)
        for number in range(self.checked + 1, height + 1):
            hashes = {name: self.hash_of(number, at=name) for name in self.names}
            assert len(set(hashes.values())) == 1 and all(hashes.values()), (number, hashes)
        self.checked = height

    def refusals(self, name: str, node_id: str) -> int:
        """How often a validator has refused a peer."""
        log = self.host_plan(name).log(name, "app").read_text()
        return sum("peer.refused" in line and node_id in line for line in log.splitlines())

    def clock(self, name: str) -> VoteClock:
        """A validator's clock by its last vote, as v1 sees it."""
        plan = self.host_plan("v1")
        with self.machines.inside(1):
            clocks = {clock.name: clock for clock in vote_clocks(plan, plan.validators[0])}
        return clocks[name]

    def seconds_a_block(self, blocks: int) -> float:
        """The average over so many blocks, as v1 has them."""
        first = self.height() + 1
        self.wait_for_height(first, "v1")
        started = time.monotonic()
        self.wait_for_height(first + blocks, "v1", seconds=10 * blocks)
        return (time.monotonic() - started) / blocks

    def wait_until_it_stands(self, *names: str) -> int:
        """The height at which these have made no block for some seconds."""
        seen, since = -1, time.monotonic()

        def stands() -> bool:
            nonlocal seen, since
            height = max(self.height(name) for name in names)
            if height != seen:
                seen, since = height, time.monotonic()
            return time.monotonic() - since > STAND_SECONDS

        wait_until(stands, seconds=60, what="it stands")
        return seen


def finish(processes: Sequence["subprocess.Popen[str]"]) -> list[str]:
    """What each printed; fails the test when one does not end well."""
    said = [process.communicate(timeout=COMMAND_SECONDS)[0] for process in processes]
    assert all(process.returncode == 0 for process in processes), "\n".join(said)
    return said
