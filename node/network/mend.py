"""Mends a geth that a SIGKILL has thrown back to its genesis block.

geth keeps the states of the newest 128 blocks in memory only. Killed within the first 128 blocks of a chain, it starts
at block 0 with later headers still on disk, takes that for an unfinished snap sync, and then ignores every new head
for ever (v1.17.8, eth/downloader/syncmode.go). With empty data it follows CometBFT's replay from block 1.
"""

import json
import shutil

from node.network.init import init_geth
from node.network.plan import NetworkPlan, ValidatorPlan
from node.network.rpc import NoAnswer, call


def was_thrown_back(plan: NetworkPlan, validator: ValidatorPlan) -> bool:
    """Whether this validator's geth stands at block 0 although the validator has voted on blocks already."""
    try:
        number = int(call(f"http://{plan.host}:{validator.ports.geth}", "eth_blockNumber", []), 16)
        voted = json.loads((plan.home(validator.name) / "cometbft/data/priv_validator_state.json").read_text())
        height = int(voted["height"])
    except (NoAnswer, OSError, ValueError, TypeError, KeyError):
        return False
    return number == 0 and height > 1


def renew_geth(plan: NetworkPlan, validator: ValidatorPlan) -> None:
    """Removes geth's data and writes block 0 anew; geth must not run. Raises Unusable when geth refuses."""
    home = plan.home(validator.name) / "geth"
    shutil.rmtree(home / "geth")
    init_geth(home, plan.folder / "genesis.json")
