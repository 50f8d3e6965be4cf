"""Whom a folder's validators dial: adds, moves and removes the peers of network.json, and of join.json for newcomers.

Called by `till net peer`. What `till net init` or `join` wrote is only the beginning: newcomers have to learn of each
other, and machines move. A running supervisor takes the change up within seconds (node/network/keeper.py). Whether two
nodes may connect is not decided here but by the registry.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from node.consensus.registry import MOST_PEERS, consensus_address
from node.domain.errors import Unusable
from node.network.control import one_at_a_time
from node.network.governance_acts import read_card
from node.network.hosts import parse_host
from node.network.plan import NetworkPlan, PeerPlan, as_peer, changing, read_plan, with_validator, write_plan
from node.network.ticket import TICKET_FILE, read_ticket, write_ticket

LAST_PORT: Final = 65_535

Peers = tuple[PeerPlan, ...]


def peer_of_card(path: Path, host: str | None = None) -> PeerPlan:
    """The peer that a card describes (`till validator card DIR > FILE`), at another `host` if one is given.

    Raises Unusable when the file is no card, or says nowhere where the node is dialed.
    """
    card = read_card(path)
    if card.reach is None:
        raise Unusable(
            f"{path} does not say where {card.name} is dialed; have it printed anew: till validator card DIR"
        )
    reach = card.reach
    peer = PeerPlan(
        name=card.name,
        node_id=card.node_id.hex(),
        address=consensus_address(card.key).hex().upper(),
        public_key=card.key.hex(),
        host=host if host is not None else reach.host,
        p2p=reach.p2p,
        gateway=reach.gateway,
        keeps_all=bool(reach.keeps_all),
        scheme=reach.scheme,
    )
    return _checked(peer)


def put_peer(folder: Path, peer: PeerPlan) -> NetworkPlan:
    """Adds a peer, in the place of one of the same name or node id. Raises Unusable when it runs from this folder."""

    def put(peers: Peers) -> Peers:
        others = [each for each in peers if each.name != peer.name and each.node_id != peer.node_id]
        if len(others) >= MOST_PEERS:
            raise Unusable(f"there are {len(others)} peers already, as many as the registry can list")
        place = next((at for at, each in enumerate(peers) if each not in others), len(others))
        return (*others[:place], peer, *others[place:])

    return _change(folder, put, whose=peer)


def move_peer(
    folder: Path,
    name: str,
    host: str | None = None,
    p2p: int | None = None,
    gateway: int | None = None,
    scheme: str | None = None,
) -> NetworkPlan:
    """Has a known peer dialed, and its gateway asked, elsewhere or otherwise; what is not given stays.

    Raises Unusable when nobody is called so.
    """
    known = _known(read_plan(folder), name)
    moved = replace(
        known,
        host=host or known.host,
        p2p=p2p or known.p2p,
        gateway=gateway or known.gateway,
        scheme=scheme or known.scheme,
    )
    return put_peer(folder, _checked(moved))


def tell_newcomers_of_own(folder: Path) -> None:
    """Brings join.json up to what this folder's own gateways speak, after one began to serve a certificate."""
    with changing(folder) as plan:
        ticket = read_ticket(plan.folder / TICKET_FILE)
        write_ticket(plan.folder, replace(ticket, peers=_with_own(plan, ticket.peers)))


def move_own(folder: Path, name: str, host: str) -> NetworkPlan:
    """Says where a validator of this folder is dialed, as this host moves; from its next start on it listens there.

    Where it listens on every address, or apart from its old one, that stays. Raises Unusable when it is not from here.
    """
    with one_at_a_time(read_plan(folder)), changing(folder) as plan:
        own = plan.validator(name)
        address = parse_host(name, host).address
        listen, gateway = (address if each == own.host else each for each in (own.listen, own.gateway_listen))
        changed = with_validator(plan, name, host=address, listen=listen, gateway_listen=gateway)
        ticket = read_ticket(plan.folder / TICKET_FILE)
        write_ticket(plan.folder, replace(ticket, peers=_with_own(changed, ticket.peers)))
        write_plan(changed)
    return changed


def remove_peer(folder: Path, name: str) -> NetworkPlan:
    """Forgets a peer: it is dialed no more. Raises Unusable when nobody is called so, or nobody would be left."""
    gone = _known(read_plan(folder), name)

    def forget(peers: Peers) -> Peers:
        left = tuple(each for each in peers if each.node_id != gone.node_id)
        if not left:
            raise Unusable(f"{name} is the only one; without it nobody could join, or be found again")
        return left

    return _change(folder, forget, whose=gone)


def _change(folder: Path, change: Callable[[Peers], Peers], whose: PeerPlan) -> NetworkPlan:
    with one_at_a_time(read_plan(folder)), changing(folder) as plan:
        if any(own.name == whose.name or own.node_id == whose.node_id for own in plan.validators):
            raise Unusable(f"{whose.name} runs from this folder; where it listens stands in {plan.folder}/network.json")
        changed = replace(plan, others=change(plan.others))
        ticket = read_ticket(plan.folder / TICKET_FILE)
        # the ticket first: what a crash leaves undone there shows in network.json, and the command can be given again
        write_ticket(plan.folder, replace(ticket, peers=_with_own(plan, change(ticket.peers))))
        write_plan(changed)
    return changed


def _with_own(plan: NetworkPlan, peers: Peers) -> Peers:
    """The peers of a ticket, those that run from this folder as they are now."""
    own = {each.node_id: as_peer(each, plan.scheme(each.name)) for each in plan.validators}
    return tuple(own.get(peer.node_id, peer) for peer in peers)


def _known(plan: NetworkPlan, name: str) -> PeerPlan:
    for peer in plan.others:
        if peer.name == name:
            return peer
    names = ", ".join(peer.name for peer in plan.others) or "none"
    raise Unusable(f"no peer elsewhere is called {name}; there are {names}")


def _checked(peer: PeerPlan) -> PeerPlan:
    for port in (peer.p2p, *([] if peer.gateway is None else [peer.gateway])):
        if not isinstance(port, int) or not 1 <= port <= LAST_PORT:
            raise Unusable(f"{port!r} is no port")
    return replace(peer, host=parse_host(peer.name, peer.host).address)
