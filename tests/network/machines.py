"""Machines for a network of several hosts: network namespaces with addresses of their own, and links to take down.

    host 1 --+                      +-- host 3
             left bridge -- trunk -- right bridge
    host 2 --+                      +-- host 4

Both bridges stand in a namespace of their own, the hub, from which the tests ask. Nothing of it touches the network of
the machine that the tests run on.
"""

import ctypes
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

NETWORK: Final = "10.77.0"
HUB_ADDRESS: Final = f"{NETWORK}.254"
CLONE_NEWNET: Final = 0x40000000
LISTEN: Final = "0A"


class NoMachines(Exception):
    """Namespaces cannot be made here."""


class Machines:
    """The hub and its hosts, numbered from 1. Raises NoMachines without root or iproute2."""

    def __init__(self, count: int) -> None:
        if shutil.which("ip") is None:
            raise NoMachines("the command ip is missing (Debian's iproute2)")
        self._prefix = f"till{os.getpid()}"
        self._spaces: list[str] = []
        self.hub = self._make("hub")
        try:
            self._build(count)
        except BaseException:
            self.remove()
            raise

    def _build(self, count: int) -> None:
        for bridge in ("left", "right"):
            run_ip("-n", self.hub, "link", "add", bridge, "type", "bridge")
            run_ip("-n", self.hub, "link", "set", bridge, "up")
        run_ip("-n", self.hub, "link", "add", "trunk", "type", "veth", "peer", "name", "trunk2")
        for end, bridge in (("trunk", "left"), ("trunk2", "right")):
            run_ip("-n", self.hub, "link", "set", end, "master", bridge, "up")
        run_ip("-n", self.hub, "address", "add", f"{HUB_ADDRESS}/24", "dev", "left")
        for number in range(1, count + 1):
            space, port = self._make(str(number)), f"port{number}"
            run_ip("-n", self.hub, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", space)
            run_ip("-n", self.hub, "link", "set", port, "master", "right" if number in (3, 4) else "left", "up")
            run_ip("-n", space, "address", "add", f"{address(number)}/24", "dev", "eth0")
            run_ip("-n", space, "link", "set", "eth0", "up")

    def _make(self, name: str) -> str:
        space = f"{self._prefix}-{name}"
        try:
            run_ip("netns", "add", space)
        except subprocess.CalledProcessError as failure:
            raise NoMachines(f"ip netns add says: {failure.stderr.strip()}") from None
        self._spaces.append(space)
        run_ip("-n", space, "link", "set", "lo", "up")
        return space

    def space(self, number: int) -> str:
        return f"{self._prefix}-{number}"

    def cut(self, link: str) -> None:
        """Takes a link down: `trunk`, or `port4` of host 4."""
        run_ip("-n", self.hub, "link", "set", link, "down")

    def heal(self, link: str) -> None:
        run_ip("-n", self.hub, "link", "set", link, "up")

    @contextmanager
    def inside(self, number: int | None = None) -> Iterator[None]:
        """This thread, and whatever it starts, is on a host meanwhile; in the hub without a number."""
        space = self.hub if number is None else self.space(number)
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/thread-self/ns/net") as before, open(f"/run/netns/{space}") as there:
            _check(libc.setns(there.fileno(), CLONE_NEWNET))
            try:
                yield
            finally:
                _check(libc.setns(before.fileno(), CLONE_NEWNET))

    def remove(self) -> None:
        for space in self._spaces:
            run_ip("netns", "delete", space)
        self._spaces.clear()


def address(number: int) -> str:
    """The address of a host; of what stands before it from 100 on."""
    return f"{NETWORK}.{number}"


def listeners_beside(pid: int) -> set[tuple[str, int]]:
    """Addresses and ports that are listened on, on the machine where a process runs (proc(5), net/tcp)."""
    found = set()
    for protocol in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{protocol}").read_text().splitlines()[1:]:
            _, local, _, state, *_ = line.split()
            if state == LISTEN:
                ip, port = local.split(":")
                at = ".".join(map(str, reversed(bytes.fromhex(ip)))) if protocol == "tcp" else ip
                found.add((at, int(port, 16)))
    return found


def seconds_to_first_byte(host: str, port: int) -> float:
    """How long a p2p port takes to say something: CometBFT begins with its key."""
    started = time.monotonic()
    with socket.create_connection((host, port), timeout=5) as connection:
        assert connection.recv(1)
    return time.monotonic() - started


def run_ip(*arguments: str) -> None:
    """Runs the command ip."""
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


def _check(answer: int) -> None:
    if answer != 0:
        raise OSError(ctypes.get_errno(), "setns")
