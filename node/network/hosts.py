"""Which machine runs which validator: reads `--hosts`, and says where each validator's folder, addresses and ports are.

Pure but for looking for free ports on loopback. Used by node/network/init.py and node/network/join.py.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from node.domain.errors import Unusable
from node.network.plan import EVERY_ADDRESS, LOOPBACK, Ports
from node.network.ports import free_ports, ports_from

FIRST_PORT: Final = 8545
"""The gateway's port where a validator has a machine to itself: what Ethereum's tools expect."""
OPERATOR_FOLDER: Final = "operator"
NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Host:
    """A machine: what its folder is called, and the name or IPv4 address at which the others find it."""

    name: str
    address: str

    @property
    def is_loopback(self) -> bool:
        """Whether it is this very machine, under an address that no other can reach."""
        return self.address == "localhost" or (_is_ip(self.address) and ipaddress.ip_address(self.address).is_loopback)


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """Where one validator runs. `host` is what the others dial; it listens on `listen` and `gateway_listen`."""

    folder: Path
    ports: Ports
    host: str = LOOPBACK
    listen: str = LOOPBACK
    gateway_listen: str = LOOPBACK


def parse_hosts(text: str) -> tuple[Host, ...]:
    """The machines in `a,b,c=10.0.0.3`. Raises Unusable for what cannot be a folder's and a machine's name."""
    hosts = []
    for item in text.split(","):
        name, _, address = item.strip().partition("=")
        hosts.append(parse_host(name, address or name))
    for name in (name.lower() for name in (host.name for host in hosts)):
        if sum(host.name.lower() == name for host in hosts) > 1:
            raise Unusable(f"{name} stands twice among the hosts; give each a name: a={LOOPBACK},b={LOOPBACK}")
        if name == OPERATOR_FOLDER:
            raise Unusable(f"no host can be called {OPERATOR_FOLDER}: that folder holds the operator's keys")
    return tuple(hosts)


def parse_host(name: str, address: str) -> Host:
    """One machine. Raises Unusable when the name or the address cannot be one."""
    for part in (name, address):
        if not NAME.fullmatch(part):
            raise Unusable(f"{part!r} is no host; give names or IPv4 addresses, as in a,b or a=10.0.0.1,b=10.0.0.2")
    if address == EVERY_ADDRESS or (re.fullmatch(r"[0-9.]+", address) and not _is_ip(address)):
        raise Unusable(f"{address} is no address at which others find a host")
    return Host(name=name, address="127.0.0.1" if address == "localhost" else address)


def loopback_sites(folder: Path, count: int, host: str) -> list[Site]:
    """`count` validators in one folder, all on this machine."""
    return [Site(folder=folder, ports=ports, host=host, listen=host, gateway_listen=host) for ports in _free(count)]


def host_sites(folders: Sequence[Path], hosts: Sequence[Host], first_port: int, private_gateways: bool) -> list[Site]:
    """One validator a machine: the same ports on each, and free ones for those that share this machine."""
    if not 1 <= first_port <= 65_535 - len(Ports.__slots__):
        raise Unusable(f"{first_port} is no port to begin with")
    free = iter(_free(sum(host.is_loopback for host in hosts)))
    sites = []
    for folder, host in zip(folders, hosts, strict=True):
        # a machine may know its own name by another address than the others do
        listen = host.address if _is_ip(host.address) else EVERY_ADDRESS
        sites.append(
            Site(
                folder=folder,
                ports=next(free) if host.is_loopback else ports_from(first_port),
                host=host.address,
                listen=listen,
                gateway_listen=LOOPBACK if private_gateways else listen,
            )
        )
    return sites


def _free(count: int) -> list[Ports]:
    each = len(Ports.__slots__)
    found = free_ports(each * count, LOOPBACK)
    return [Ports(**dict(zip(Ports.__slots__, found[place * each :], strict=False))) for place in range(count)]


def _is_ip(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).version == 4
    except ValueError:
        return False
