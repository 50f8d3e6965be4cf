"""Mends a validator whose data is gone, or whose geth a SIGKILL has thrown back to its genesis block.

Called by node/network/keeper.py.

geth keeps the states of the newest 128 blocks in memory only. Killed within the first 128 blocks of a chain, it starts
at block 0 with later headers still on disk, takes that for an unfinished snap sync, and then ignores every new head
for ever (v1.17.8, eth/downloader/syncmode.go). With empty data it follows CometBFT's replay from block 1.

Where CometBFT has pruned block 1 it cannot replay it, says so and ends. Then its blocks are of no use here any more:
they go, and both fetch everything from the others.
"""

import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from node.domain.errors import Unusable
from node.network.init import GETH_GENESIS, init_geth
from node.network.plan import NetworkPlan, ValidatorPlan
from node.network.rpc import NoAnswer, call
from node.network.settings import SIGNER_FILE
from node.network.signstate import STATE_PATH

SIGNING: Final = ("cometbft/config/priv_validator_key.json", str(STATE_PATH))
SECRETS: Final = ("cometbft/config/node_key.json", "jwt.hex")
ATTEMPTS: Final = 5
"""Each of 3 s at most: a machine that starts four validators at once is slow to answer."""
PAUSE_SECONDS: Final = 0.5
TOO_LOW: Final = re.compile(rb"app block height \(0\) is too far below block store base \((\d+)\)")
"""What CometBFT says when it ends (v0.40.0, state/errors.go): geth is at block 0, and what comes after it is pruned."""
REFUSAL_BYTES: Final = 100_000
BLOCK_STORE: Final = "blockstore.db"


def check_secrets(plan: NetworkPlan, validator: ValidatorPlan) -> None:
    """Raises Unusable when a key or the sign state is missing: those cannot be made anew."""
    home = plan.home(validator.name)
    # with a remote signer both lie there, and not here
    signing = () if (home / SIGNER_FILE).exists() else SIGNING
    for name in (*signing, *SECRETS):
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


def must_renew(plan: NetworkPlan, validator: ValidatorPlan, *, sleep: Callable[[float], None] = time.sleep) -> bool:
    """Whether this validator's geth has to begin anew: it does not fit what CometBFT has on disk.

    geth has to run. Raises NoAnswer when it does not say where it stands: to go on without knowing would leave a
    validator that stands for ever.
    """
    number = _height_of_geth(f"http://{plan.host}:{validator.ports.geth}", sleep)
    # thrown back; or the blocks that CometBFT had are gone, and it will fetch them from the others
    return (number == 0) == _has_blocks(plan.home(validator.name) / STATE_PATH.with_name(BLOCK_STORE))


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
    init_geth(home, plan.folder / GETH_GENESIS)


def lacks_first_blocks(log: Path, since: int) -> int | None:
    """The first block that CometBFT has, if it ended because geth is at block 0 and needs earlier ones; else None.

    `since` is the size of its log, in bytes, when it was started. Raises OSError.
    """
    with log.open("rb") as file:
        size = file.seek(0, 2)
        # a log that has grown too long is cut, and shorter than before
        file.seek(max(since if since <= size else 0, size - REFUSAL_BYTES))
        found = TOO_LOW.search(file.read(REFUSAL_BYTES))
    return int(found[1]) if found else None


def drop_blocks(plan: NetworkPlan, validator: ValidatorPlan) -> None:
    """Removes CometBFT's blocks and states, never the sign state; CometBFT must not run. Raises OSError.

    Broken off, it can be done again: as long as the block store is there, CometBFT refuses it with the same words.
    """
    data = (plan.home(validator.name) / STATE_PATH).parent
    for path in data.iterdir():
        if path.name not in (STATE_PATH.name, BLOCK_STORE):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    # half a store would be one that CometBFT cannot open
    gone = (data / BLOCK_STORE).rename(data / f"{BLOCK_STORE}.gone")
    shutil.rmtree(gone)


def _has_blocks(store: Path) -> bool:
    # goleveldb: what is stored is in numbered files; LOG, LOCK, CURRENT and MANIFEST are always there
    return any(path.stat().st_size for path in store.glob("[0-9]*"))
