"""Which TCP ports are free, and whose.

A port is chosen once, when a network is made, and has to be free again at each start. So it is taken below the range
that the system gives to outgoing connections: one of those could sit on it at the moment of a restart.
"""

import errno
import random
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from node.domain.errors import Unusable
from node.network.plan import NetworkPlan, Ports, ValidatorPlan

EPHEMERAL_RANGE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
USUAL_EPHEMERAL_START: Final = 32_768
LOWEST: Final = 10_000
ATTEMPTS: Final = 10_000
LETTING_GO: Final = 5.0
"""Seconds that a port may still be held: a killed geth is a zombie already while its last threads free its memory."""
PAUSE: Final = 0.1


class PortInUse(Unusable):
    """A port that this network needs is taken by another program."""


def free_ports(count: int, host: str) -> list[int]:
    """Different ports that nobody listens on now; raises Unusable when there are not so many."""
    found: list[int] = []
    held = []
    try:
        for _ in range(ATTEMPTS):
            if len(found) == count:
                return found
            port = random.SystemRandom().randrange(LOWEST, _ephemeral_start())
            listener = _try_to_bind(host, port)
            if listener is not None:
                held.append(listener)
                found.append(port)
    finally:
        for listener in held:
            listener.close()
    raise Unusable(f"no {count} free ports could be found on {host}")


def ports_from(first: int) -> Ports:
    """The ports of a validator that has a machine to itself: `first` for clients, the next for validators, .."""
    return Ports(**{name: first + place for place, name in enumerate(Ports.__slots__)})


def check_ports(plan: NetworkPlan) -> None:
    """Raises PortInUse for the first port of the network that cannot be listened on here, also some seconds later.

    Raises Unusable for an address that is not of this machine.
    """
    deadline = time.monotonic() + LETTING_GO
    for validator in plan.validators:
        for purpose, address, port in listened_on(plan, validator):
            while not is_free(address, port):
                if time.monotonic() > deadline:
                    raise PortInUse(f"{address}:{port} ({purpose} of {validator.name})")
                time.sleep(PAUSE)


def listened_on(plan: NetworkPlan, validator: ValidatorPlan) -> Iterator[tuple[str, str, int]]:
    """What each port of a validator is for, and the address and port where it listens."""
    addresses = {"gateway": validator.gateway_listen, "p2p": validator.listen}
    for purpose, port in validator.ports:
        yield purpose, addresses.get(purpose, plan.host), port


def is_free(host: str, port: int) -> bool:
    """Whether a port can be listened on now."""
    listener = _try_to_bind(host, port)
    if listener is not None:
        listener.close()
    return listener is not None


def _try_to_bind(host: str, port: int) -> socket.socket | None:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    # as the engines do: connections of the last run that are still in TIME_WAIT do not count
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(1)
    except OSError as failure:
        listener.close()
        if failure.errno == errno.EADDRNOTAVAIL:
            raise Unusable(f"{host} is no address of this machine; network.json says where to listen") from None
        return None
    return listener


def _ephemeral_start() -> int:
    try:
        start = int(EPHEMERAL_RANGE.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return USUAL_EPHEMERAL_START
    return start if start > LOWEST * 2 else USUAL_EPHEMERAL_START
