"""A validator's links to the others: which are missing, and dialing those.

The supervisor has CometBFT dial whoever is missing; CometBFT's own persistent peers are not used (v0.40.0,
p2p/switch.go). It dials them for two minutes, then after 3, 9, 27 .. seconds and at last never again; a node that the
others refuse it dials 300 times a second without end; and a name that cannot be resolved at its start it forgets.
"""

from typing import Final

from node.network.plan import NetworkPlan, PeerPlan, ValidatorPlan
from node.network.rpc import NoAnswer, call

NANOSECONDS: Final = 10**9
# CometBFT ends a silent link itself after 105 s: a ping every 60, and 45 for its answer (p2p/conn/connection.go)
DEAD_SECONDS: Final = 150.0


def missing_peers(plan: NetworkPlan, validator: ValidatorPlan) -> tuple[PeerPlan, ...]:
    """The others that a validator of this folder is not connected to. Raises NoAnswer when its CometBFT is silent."""
    connected = silences(plan, validator)
    return tuple(peer for peer in plan.peers_of(validator) if peer.node_id not in connected)


def silences(plan: NetworkPlan, validator: ValidatorPlan) -> dict[str, float]:
    """By the node id of each connected peer, the seconds since it was heard last. Raises NoAnswer.

    A link that was cut ends no connection: CometBFT goes on counting such a peer for one to two minutes.
    """
    answer = call(_url(plan, validator), "net_info", [])
    try:
        return {
            str(peer["node_info"]["id"]): int(peer["connection_status"]["RecvMonitor"]["Idle"]) / NANOSECONDS
            for peer in answer["peers"]
        }
    except (KeyError, TypeError, ValueError) as failure:
        raise NoAnswer(f"{validator.name} does not say who its peers are: {failure}") from None


def dead_links(plan: NetworkPlan, validator: ValidatorPlan) -> list[str]:
    """The names of those that CometBFT counts as connected though it should have given them up; none when it is silent.

    When two dial each other at once, one may keep for ever a connection that the other has ended (v0.40.0,
    p2p/switch.go), and refuses each further dial of the other as a duplicate. No call makes it let go.
    """
    try:
        heard = silences(plan, validator)
    except NoAnswer:
        return []
    return [peer.name for peer in plan.peers_of(validator) if heard.get(peer.node_id, 0.0) > DEAD_SECONDS]


def dial_missing(plan: NetworkPlan, validator: ValidatorPlan) -> list[str] | None:
    """Has CometBFT dial those that are missing; returns their names, None when CometBFT does not answer."""
    try:
        missing = missing_peers(plan, validator)
        if missing:
            addresses = [f"{peer.node_id}@{peer.host}:{peer.p2p}" for peer in missing]
            # it dials each after up to three seconds, by chance, so that two seldom dial each other at once. Not
            # persistent, not unconditional: that writes a map which the accepting of peers reads without a lock
            call(_url(plan, validator), "dial_peers", [addresses, False, False, False])
    except NoAnswer:
        return None
    return [peer.name for peer in missing]


def height_of_peers(plan: NetworkPlan, validator: ValidatorPlan) -> int:
    """The height of the furthest peer, as a validator's CometBFT heard from it; raises NoAnswer."""
    return max(heights_of_peers(plan, validator).values(), default=0)


def heights_of_peers(plan: NetworkPlan, validator: ValidatorPlan) -> dict[str, int]:
    """The height of each connected peer by its node id, as a validator's CometBFT heard from it; raises NoAnswer.

    CometBFT goes on hearing of it after its own consensus has failed.
    """
    answer = call(_url(plan, validator), "dump_consensus_state", [])
    try:
        # the height that a peer works on
        return {
            str(peer["node_address"]).partition("@")[0]: int(peer["peer_state"]["round_state"]["height"]) - 1
            for peer in answer["peers"]
        }
    except (KeyError, TypeError, ValueError) as failure:
        raise NoAnswer(f"{validator.name} does not say how far its peers are: {failure}") from None


def is_syncing(plan: NetworkPlan, validator: ValidatorPlan) -> bool:
    """Whether a validator still fetches blocks that the others had before; true also when it does not answer."""
    try:
        return bool(call(_url(plan, validator), "status", [])["sync_info"]["catching_up"])
    except (NoAnswer, KeyError, TypeError):
        return True


def _url(plan: NetworkPlan, validator: ValidatorPlan) -> str:
    return f"http://{plan.host}:{validator.ports.comet_rpc}"
