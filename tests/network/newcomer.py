"""A node beside a running network, in a folder and under a supervisor of its own: an observer, until it is voted in."""

import shutil
from pathlib import Path

from node.network.hosts import Host
from node.network.join import JoinOrder, join_network
from node.network.plan import LOOPBACK, NetworkPlan
from node.network.ticket import TICKET_FILE

PRIVATE_KEY = "cometbft/config/priv_validator_key.json"


def make_newcomer(network: NetworkPlan, folder: Path, name: str, *, key_of: str | None = None) -> NetworkPlan:
    """A folder with one node that knows the network's validators. With `key_of` it signs with that validator's key."""
    host = Host(name=name, address=LOOPBACK)
    ticket = network.folder / TICKET_FILE
    plan = join_network(JoinOrder(folder=folder, ticket=ticket, name=name, host=host, keep_all=True))
    if key_of is not None:
        shutil.copy(network.home(key_of) / PRIVATE_KEY, plan.home(name) / PRIVATE_KEY)
    return plan
