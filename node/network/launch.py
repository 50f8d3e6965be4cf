"""How each process of a validator is started: command line, files, what tells that it is ready.

Before it comes node/network/keeper.py, which runs these; CometBFT's and the application's settings are files that
node/network/settings.py writes. geth's settings here were measured; the reason stands beside each.
"""

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import node
from node.consensus.wire_build import ABCI_FOLDER, STAMP
from node.domain.errors import Unusable
from node.network.plan import NetworkPlan, ValidatorPlan
from node.network.settings import FAIL_POINTS

PROJECT: Final = Path(node.__file__).parents[1]
TOOLS: Final = PROJECT / ".till" / "tools" / "bin"
GETH_CONFIG: Final = Path(__file__).with_name("geth.toml")
GETH, APP, COMETBFT = "geth", "app", "cometbft"
START_ORDER: Final = (GETH, APP, COMETBFT)
"""Each needs the one before it; they are stopped in the opposite order."""
GETH_MEMORY: Final = {"GOMEMLIMIT": "640MiB"}
"""Full blocks leave some 350 MB alive in geth; without a limit Go lets as much again pile up before it collects."""
REHEARSED_BLOCKS: Final = 2
"""Gas of one call that only reads, in blocks' gas."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessPlan:
    """One process: its command, its log, the port it listens on once it is ready, the seconds it may take to stop."""

    kind: str
    command: tuple[str, ...]
    log: Path
    ready_port: int
    stop_seconds: float
    environment: Mapping[str, str] = field(default_factory=dict)
    """What it has in its environment unless the supervisor's own says otherwise."""


def find_engine(name: str) -> str:
    """The path of geth or cometbft: this project's own build, else the one on PATH. Raises Unusable without either."""
    own = TOOLS / name
    if own.is_file():
        return str(own)
    found = shutil.which(name)
    if found is None:
        raise Unusable(f"{name} is not built yet; run make setup")
    return found


def check_tools() -> None:
    """Raises Unusable when geth, cometbft or the ABCI message classes are missing."""
    find_engine("geth")
    find_engine("cometbft")
    if not (ABCI_FOLDER / STAMP).is_file():
        raise Unusable("the ABCI message classes are not generated yet; run make setup")


def plan_processes(plan: NetworkPlan, validator: ValidatorPlan) -> dict[str, ProcessPlan]:
    """The three processes of a validator, by kind."""
    home = plan.home(validator.name)
    ports = validator.ports
    return {
        GETH: ProcessPlan(
            kind=GETH,
            command=geth_command(plan, validator),
            log=plan.log(validator.name, GETH),
            ready_port=ports.geth,
            stop_seconds=30,
            environment=GETH_MEMORY,
        ),
        APP: ProcessPlan(
            kind=APP,
            command=(sys.executable, "-m", "node.consensus", str(home / "app.json")),
            log=plan.log(validator.name, APP),
            ready_port=ports.abci,
            stop_seconds=5,
        ),
        COMETBFT: ProcessPlan(
            kind=COMETBFT,
            command=(comet_engine(plan, validator), "start", "--home", str(home / "cometbft")),
            log=plan.log(validator.name, COMETBFT),
            ready_port=ports.comet_rpc,
            stop_seconds=10,
        ),
    }


def comet_engine(plan: NetworkPlan, validator: ValidatorPlan) -> str:
    """The CometBFT of a validator; a network with fail points may hold another one, with a fault built in."""
    faulty = plan.home(validator.name) / FAIL_POINTS / COMETBFT
    return str(faulty) if plan.fail_points and faulty.exists() else find_engine(COMETBFT)


def geth_command(plan: NetworkPlan, validator: ValidatorPlan) -> tuple[str, ...]:
    """geth with no peers, on loopback only."""
    flags = {**_chain_flags(plan, validator), **_listener_flags(plan, validator), **_pool_flags(plan)}
    # ipc: clients go through the gateway, and its path may be too long for a socket; locals: the bridge's journal and
    # gossip send again what is not final
    switches = ("nodiscover", "maxpeers=0", "http", "ws", "metrics", "ipcdisable", "txpool.nolocals", "nat=none")
    settings = (*(f"{name}={value}" for name, value in flags.items()), *switches)
    return (find_engine("geth"), *(f"--{setting}" for setting in settings))


def _chain_flags(plan: NetworkPlan, validator: ValidatorPlan) -> dict[str, object]:
    return {
        "config": GETH_CONFIG,
        "datadir": plan.home(validator.name) / "geth",
        "networkid": plan.chain_id,
        "syncmode": "full",
        "state.scheme": "path",
        # no write buffer: a SIGKILL then rewinds at most 128 blocks, not all that 256 MB can hold
        "cache.gc": 0,
        "cache": 256,
        "history.transactions": 0,
        "verbosity": 2,
        "log.format": "json",
    }


def _listener_flags(plan: NetworkPlan, validator: ValidatorPlan) -> dict[str, object]:
    ports = validator.ports
    return {
        "authrpc.addr": plan.host,
        "authrpc.port": ports.engine,
        "authrpc.jwtsecret": plan.home(validator.name) / "jwt.hex",
        "http.addr": plan.host,
        "http.port": ports.geth,
        # `testing` builds blocks for the application; the gateway never lets it through, and of `debug` only traces
        "http.api": "eth,net,web3,txpool,testing,debug",
        "ws.addr": plan.host,
        "ws.port": ports.geth,
        "ws.api": "eth,net,web3",
        "metrics.addr": plan.host,
        "metrics.port": ports.geth_metrics,
        "rpc.http-body-limit": 64 * 1024 * 1024,
        "rpc.batch-request-limit": 1000,
        "rpc.batch-response-max-size": 25_000_000,
        # all calls of one eth_simulateV1 share it; a deployment that is rehearsed takes more than a block's
        "rpc.gascap": REHEARSED_BLOCKS * plan.rules.gas_limit,
        "rpc.txfeecap": 0,
    }


def _pool_flags(plan: NetworkPlan) -> dict[str, object]:
    return {
        # 0 would be replaced by a default that leaves cheap transactions out for ever
        "miner.gasprice": 1,
        # fixed, else it drifts to 60M
        "miner.gaslimit": plan.rules.gas_limit,
        # bounds the time of building from a full pool
        "miner.recommit": "400ms",
        "txpool.pricelimit": 1,
        # a bridge sends hundreds of transactions from one account
        "txpool.accountslots": 4096,
        "txpool.accountqueue": 4096,
        "txpool.globalslots": 16384,
        "txpool.globalqueue": 16384,
    }
