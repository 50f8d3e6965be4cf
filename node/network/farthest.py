"""How far a validator may have signed that has lost its sign state, by what the others know of the chain.

CometBFT votes at height h only once it has decided h-1, for which validators with more than two thirds of the power had
precommitted. Each of those had decided h-2 before, and has it on its disk: CometBFT writes block and state down before
it goes on to the next height. Any validators with more than a third of the power have one of those among them. So when
validators with more than a third, the lost one not counted, still have what they had, the highest of them has h-2 or
more, and nothing was signed beyond two blocks after it. One that answers alone may be the one that was behind.

That holds only for what they still have. One that syncs anew has less than it had, so it does not count. geth, which
gateways ask, may have gone back 128 blocks in a crash that CometBFT's replay has not made good yet; CometBFT itself can
be asked in this folder only. It does not hold against liars: all who answer are taken, and the highest believed.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from node.consensus.registry import VALIDATOR_REGISTRY, Validator, call_data, read_validators
from node.domain.errors import Retryable, TillnetError
from node.network.links import is_syncing
from node.network.plan import NetworkPlan, PeerPlan, ValidatorPlan, as_peer, peer_url
from node.network.rpc import NoAnswer, call

MARGIN: Final = 2
"""Blocks beyond the highest of those who answer that a lost validator may have signed."""
GETH_REWIND: Final = 128
"""Blocks that geth may lack after a SIGKILL (node/network/launch.py, cache.gc)."""
MOST_AT_ONCE: Final = 16


class HeightUnknown(Retryable):
    """Too few of the other validators say how far the chain is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answer:
    """What one said: a height that it had, at most `unsure` less than what it once had, and who validates."""

    peer: PeerPlan
    height: int
    unsure: int
    members: tuple[Validator, ...]


def farthest_signed(plan: NetworkPlan, lost: ValidatorPlan) -> int:
    """The height beyond which a lost validator of this folder has signed nothing. Raises HeightUnknown."""
    own = [each for each in plan.validators if each.name != lost.name]
    with ThreadPoolExecutor(max_workers=MOST_AT_ONCE) as pool:
        answers = [*pool.map(lambda each: _ask_here(plan, each), own), *pool.map(_ask_elsewhere, plan.others)]
    found = [answer for answer in answers if answer is not None]
    if not found:
        raise HeightUnknown("none of them answers")
    highest = max(found, key=lambda answer: answer.height)
    # who is behind so far syncs anew, or stands: it may have had more, or never had what counts
    sound = [answer for answer in found if answer.height >= highest.height - GETH_REWIND]
    power, total = _power(sound, highest.members, lost), sum(member.power for member in highest.members)
    if power * 3 <= total:
        names = ", ".join(answer.peer.name for answer in sound)
        raise HeightUnknown(f"{names} have {power} of {total} of the power, and it takes more than a third")
    return max(answer.height + answer.unsure for answer in sound) + MARGIN


def _power(answers: list[_Answer], members: tuple[Validator, ...], lost: ValidatorPlan) -> int:
    by_key: Mapping[str, Validator] = {member.key.hex(): member for member in members}
    by_node: Mapping[str, Validator] = {member.node_id.hex(): member for member in members}
    found = {
        member.key: member.power
        for answer in answers
        # a key may have been rotated since network.json was written
        if (member := by_key.get(answer.peer.public_key) or by_node.get(answer.peer.node_id)) is not None
        and member.key.hex() != lost.public_key
    }
    return sum(found.values())


def _ask_here(plan: NetworkPlan, validator: ValidatorPlan) -> _Answer | None:
    """A validator of this folder, by its CometBFT; None when it does not answer, or syncs."""
    try:
        if is_syncing(plan, validator):
            return None
        status = call(f"http://{plan.host}:{validator.ports.comet_rpc}", "status", [])
        height = int(status["sync_info"]["latest_block_height"])
        members = _members(f"http://{plan.host}:{validator.ports.geth}")
    except (TillnetError, ValueError, KeyError, TypeError):
        return None
    return _Answer(peer=as_peer(validator), height=height, unsure=0, members=members)


def _ask_elsewhere(peer: PeerPlan) -> _Answer | None:
    """A validator that runs elsewhere, by its gateway; None when it does not answer."""
    url = peer_url(peer)
    try:
        if url is None:
            return None
        height = int(call(url, "eth_blockNumber", []), 16)
        return _Answer(peer=peer, height=height, unsure=GETH_REWIND, members=_members(url))
    except (TillnetError, ValueError, KeyError, TypeError):
        return None


def _members(url: str) -> tuple[Validator, ...]:
    message = {"to": "0x" + VALIDATOR_REGISTRY.hex(), "data": "0x" + call_data("validators()").hex()}
    answer = call(url, "eth_call", [message, "latest"])
    if not isinstance(answer, str):
        raise NoAnswer(f"{url}: the answer is no bytes")
    return tuple(read_validators(bytes.fromhex(answer[2:])))
