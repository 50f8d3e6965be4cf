"""Which TCP ports are free, and whose.

A port is chosen once, when a network is made, and has to be free again at each start. So it is taken below the range
that the system gives to outgoing connections: one of those could sit on it at the moment of a restart.
"""

import random
import socket
from pathlib import Path
from typing import Final

from node.domain.errors import Unusable
from node.network.plan import NetworkPlan

EPHEMERAL_RANGE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
USUAL_EPHEMERAL_START: Final = 32_768
LOWEST: Final = 10_000
ATTEMPTS: Final = 10_000


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


def check_ports(plan: NetworkPlan) -> None:
    """Raises PortInUse for the first port of the network that cannot be listened on."""
    for validator in plan.validators:
        for purpose, port in validator.ports:
            listener = _try_to_bind(plan.host, port)
            if listener is None:
                raise PortInUse(f"{plan.host}:{port} ({purpose} of {validator.name})")
            listener.close()


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
    except OSError:
        listener.close()
        return None
    return listener


def _ephemeral_start() -> int:
    try:
        start = int(EPHEMERAL_RANGE.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return USUAL_EPHEMERAL_START
    return start if start > LOWEST * 2 else USUAL_EPHEMERAL_START
