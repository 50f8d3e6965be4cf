"""Mends a validator whose data is gone, or whose geth a SIGKILL has thrown back to its genesis block.

geth keeps the states of the newest 128 blocks in memory only. Killed within the first 128 blocks of a chain, it starts
at block 0 with later headers still on disk, takes that for an unfinished snap sync, and then ignores every new head
for ever (v1.17.8, eth/downloader/syncmode.go). With empty data it follows CometBFT's replay from block 1.
"""

import shutil
from pathlib import Path
from typing import Final

from node.domain.errors import Unusable
from node.network.init import GETH_GENESIS, init_geth
from node.network.plan import NetworkPlan, ValidatorPlan
from node.network.rpc import NoAnswer, call

SECRETS: Final = (
    "cometbft/config/priv_validator_key.json",
    "cometbft/config/node_key.json",
    "cometbft/data/priv_validator_state.json",
    "jwt.hex",
)


def check_secrets(plan: NetworkPlan, validator: ValidatorPlan) -> None:
    """Raises Unusable when a key or the sign state is missing: those cannot be made anew."""
    home = plan.home(validator.name)
    for name in SECRETS:
        if not (home / name).is_file():
            raise Unusable(
                f"{home / name} is missing. Data syncs again, keys and the sign state do not: put back what was there"
                " at the last vote, or have the others vote this key out and join with a new one"
            )


def prepare_geth(plan: NetworkPlan, validator: ValidatorPlan) -> None:
    """Writes block 0 if geth has no data (a disk was wiped); without it geth would begin another chain."""
    home = plan.home(validator.name) / "geth"
    if not (home / "geth" / "chaindata").is_dir():
        init_geth(home, plan.folder / GETH_GENESIS)


def must_renew(plan: NetworkPlan, validator: ValidatorPlan) -> bool:
    """Whether this validator's geth has to begin anew: it does not fit what CometBFT has on disk. geth has to run."""
    try:
        number = int(call(f"http://{plan.host}:{validator.ports.geth}", "eth_blockNumber", []), 16)
    except (NoAnswer, ValueError, TypeError):
        return False
    # thrown back; or the blocks that CometBFT had are gone, and it will fetch them from the others
    return (number == 0) == _has_blocks(plan.home(validator.name) / "cometbft" / "data" / "blockstore.db")


def renew_geth(plan: NetworkPlan, validator: ValidatorPlan) -> None:
    """Removes geth's data and writes block 0 anew; geth must not run. Raises Unusable when geth refuses."""
    home = plan.home(validator.name) / "geth"
    shutil.rmtree(home / "geth")
    init_geth(home, plan.folder / GETH_GENESIS)


def _has_blocks(store: Path) -> bool:
    # goleveldb: what is stored is in numbered files; LOG, LOCK, CURRENT and MANIFEST are always there
    return any(path.stat().st_size for path in store.glob("[0-9]*"))
