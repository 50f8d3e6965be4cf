"""Makes the folder of a newcomer: a node that syncs from the genesis blocks, and validates once it is voted in.

Called by `till net join` with the join.json of any folder of the network; node/network/supervise.py runs what it
leaves behind. Before the others let it connect, one of them has to propose it.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from node.domain.errors import Unusable
from node.network.fork import check_contracts, note_told
from node.network.genesis import KEEP_BLOCKS
from node.network.hosts import FIRST_PORT, NAME, Host, host_sites
from node.network.init import check_empty, empty, fill_folder, make_block_0, make_validator
from node.network.launch import check_tools
from node.network.plan import LOOPBACK, NetworkPlan
from node.network.ticket import Ticket, read_ticket, with_prague

LONGEST_NAME: Final = 32
"""Bytes of a name in the ValidatorRegistry."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JoinOrder:
    """What is asked for: a node called `name` on `host`, its ports from `first_port` on.

    With `keep_all` it keeps every block, so that others can sync from it. `prague_time` (seconds since 1970) is for a
    ticket that was made before the fork was scheduled.
    """

    folder: Path
    ticket: Path
    name: str
    host: Host
    first_port: int = FIRST_PORT
    private_gateway: bool = False
    keep_all: bool = False
    prague_time: int | None = None


def join_network(order: JoinOrder, *, tell: Callable[[str], None] = lambda _: None) -> NetworkPlan:
    """Makes the folder. Raises Unusable when it is not empty, or the ticket does not fit.

    What was made is removed again when a later step fails.
    """
    folder = order.folder.resolve()
    check_empty(folder)
    check_tools()
    ticket = _with_fork(read_ticket(order.ticket), order.prague_time)
    _check(order, ticket)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return _fill(folder, order, ticket, tell)
    except BaseException:
        empty(folder)
        raise


def _with_fork(ticket: Ticket, at: int | None) -> Ticket:
    known = ticket.rules().prague_time
    if at is not None and known not in (None, at):
        raise Unusable(f"the network goes over to Prague at {known}, as the ticket says, not at {at}")
    if at is not None:
        ticket = replace(ticket, geth_genesis=with_prague(ticket.geth_genesis, at))
    if at is not None or known is not None:
        check_contracts(ticket.geth_genesis)
    return ticket


def _check(order: JoinOrder, ticket: Ticket) -> None:
    if not NAME.fullmatch(order.name) or len(order.name) > LONGEST_NAME:
        raise Unusable(
            f"{order.name!r} is no name for a validator: letters, digits, dots and dashes, {LONGEST_NAME} at most"
        )
    if any(peer.name == order.name for peer in ticket.peers):
        raise Unusable(f"there is a {order.name} in this network already")
    if not order.host.is_loopback and all(peer.host == LOOPBACK for peer in ticket.peers):
        raise Unusable("all validators of this network are on the machine that it was made on, and listen to no other")
    if not any(peer.keeps_all for peer in ticket.peers):
        raise Unusable("none of the peers keeps every block, so nobody can sync from them")


def _fill(folder: Path, order: JoinOrder, ticket: Ticket, tell: Callable[[str], None]) -> NetworkPlan:
    tell(f"keys of {order.name}")
    (site,) = host_sites([folder], [order.host], order.first_port, order.private_gateway)
    validator = make_validator(site, order.name, keep_blocks=0 if order.keep_all else KEEP_BLOCKS)
    tell("genesis block")
    rules, block_0 = ticket.rules(), folder / "block_0"
    found = make_block_0(block_0, ticket.geth_genesis)
    if found != rules.genesis_hash:
        raise Unusable(f"the two genesis documents do not belong together: block 0 is {found.hex()}")
    plan = NetworkPlan(
        folder=folder,
        chain_id=rules.chain_id,
        host=LOOPBACK,
        rules=rules,
        fail_points=False,
        validators=(validator,),
        others=ticket.peers,
    )
    if rules.prague_time is not None:
        note_told(plan, validator)
    fill_folder(plan, ticket, block_0)
    shutil.rmtree(block_0)
    return plan
