"""Mends a geth that a SIGKILL has thrown back to its genesis block.

geth keeps the states of the newest 128 blocks in memory only. Killed within the first 128 blocks of a chain, it starts
at block 0 with later headers still on disk, takes that for an unfinished snap sync, and then ignores every new head
for ever (v1.17.8, eth/downloader/syncmode.go). With empty data it follows CometBFT's replay from block 1.
"""

import json
import shutil
import time
from collections.abc import Callable
from typing import Final

from node.network.init import init_geth
from node.network.plan import NetworkPlan, ValidatorPlan
from node.network.rpc import NoAnswer, call

ATTEMPTS: Final = 5
"""Each of 3 s at most: a machine that starts four validators at once is slow to answer."""
PAUSE_SECONDS: Final = 0.5


def was_thrown_back(
    plan: NetworkPlan, validator: ValidatorPlan, *, sleep: Callable[[float], None] = time.sleep
) -> bool:
    """Whether this validator's geth stands at block 0 although the validator has voted on blocks already.

    Raises NoAnswer when geth, which has just been started, does not say where it stands: to go on without knowing
    would leave a validator that stands for ever.
    """
    try:
        voted = json.loads((plan.home(validator.name) / "cometbft/data/priv_validator_state.json").read_text())
        height = int(voted["height"])
    except (OSError, ValueError, TypeError, KeyError):
        return False
    return height > 1 and _height_of_geth(f"http://{plan.host}:{validator.ports.geth}", sleep) == 0


def _height_of_geth(url: str, sleep: Callable[[float], None]) -> int:
    for _ in range(ATTEMPTS - 1):
        try:
            return int(call(url, "eth_blockNumber", []), 16)
        except (NoAnswer, ValueError, TypeError):
            sleep(PAUSE_SECONDS)
    try:
        return int(call(url, "eth_blockNumber", []), 16)
    except (ValueError, TypeError) as failure:
        raise NoAnswer(f"{url}: {failure}") from None


def renew_geth(plan: NetworkPlan, validator: ValidatorPlan) -> None:
    """Removes geth's data and writes block 0 anew; geth must not run. Raises Unusable when geth refuses."""
    home = plan.home(validator.name) / "geth"
    shutil.rmtree(home / "geth")
    init_geth(home, plan.folder / "genesis.json")
