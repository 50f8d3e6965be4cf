"""DIR/join.json: all that a newcomer needs to know of a network, and nothing secret.

Written beside every network.json; read by node/network/join.py.
"""

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from node.consensus.rules import ChainRules
from node.domain.errors import Unusable
from node.network.plan import PeerPlan

TICKET_FILE: Final = "join.json"
FORMAT: Final = 1
LARGEST_BYTES: Final = 16_000_000
PRAGUE_FIELD: Final = "pragueTime"
"""In the `config` of geth's genesis document."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticket:
    """Both genesis documents, and the validators that a newcomer dials.

    A fork that was scheduled later stands in geth's genesis document only: everybody's CometBFT keeps the first one.
    """

    geth_genesis: dict[str, Any]
    comet_genesis: dict[str, Any]
    peers: tuple[PeerPlan, ...]

    def rules(self) -> ChainRules:
        """The rules that the genesis documents name. Raises Unusable when they name none."""
        try:
            rules = ChainRules.from_json(self.comet_genesis["app_state"]["rules"])
            prague = self.geth_genesis["config"].get(PRAGUE_FIELD)
            return rules if prague is None else replace(rules, prague_time=int(prague))
        except (KeyError, TypeError, ValueError, AttributeError) as failure:
            raise Unusable(f"the genesis document names no rules: {failure}") from None


def with_prague(geth_genesis: dict[str, Any], at: int | None) -> dict[str, Any]:
    """geth's genesis document with Prague from timestamp `at` on (seconds since 1970), or without it.

    The hash of block 0 is the same.
    """
    config = {name: value for name, value in geth_genesis["config"].items() if name != PRAGUE_FIELD}
    if at is not None:
        config[PRAGUE_FIELD] = at
    return {**geth_genesis, "config": config}


def write_ticket(folder: Path, ticket: Ticket) -> None:
    """Writes join.json, whole or not at all."""
    text = {
        "format": FORMAT,
        "peers": [asdict(peer) for peer in ticket.peers],
        "geth_genesis": ticket.geth_genesis,
        "comet_genesis": ticket.comet_genesis,
    }
    fresh = folder / f"{TICKET_FILE}.{os.getpid()}"
    fresh.write_text(json.dumps(text, indent=2) + "\n")
    fresh.replace(folder / TICKET_FILE)


def read_ticket(path: Path) -> Ticket:
    """What a join.json says; raises Unusable for a file that is none."""
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise Unusable(f"{path} is too large to be a {TICKET_FILE}")
        text: Any = json.loads(path.read_text())
        if text["format"] != FORMAT:
            raise Unusable(f"{path} has format {text['format']}, this program knows {FORMAT}")
        peers = tuple(PeerPlan(**peer) for peer in text["peers"])
        ticket = Ticket(geth_genesis=text["geth_genesis"], comet_genesis=text["comet_genesis"], peers=peers)
    except OSError as failure:
        raise Unusable(f"{path} cannot be read: {failure.strerror}") from None
    except (ValueError, KeyError, TypeError) as failure:
        raise Unusable(f"{path} is no {TICKET_FILE}: {failure}") from None
    if not peers:
        raise Unusable(f"{path} names nobody to join")
    return ticket
