"""Runs one validator's application: `python -m node.consensus SETTINGS.json`, started by node/network/supervise.py."""

import asyncio
import json
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
import uvloop
from aiohttp import web

from node.consensus.admission import Admission
from node.consensus.application import Application
from node.consensus.engine import Engine
from node.consensus.failpoints import FailPoints
from node.consensus.gateway import Gateway
from node.consensus.gateway_budget import Budget
from node.consensus.gateway_server import LimitedServer
from node.consensus.gateway_socket import SocketProxy
from node.consensus.gossip import Gossip
from node.consensus.logs import configure_logs
from node.consensus.permissions import EveryoneMaySend, GenesisValidators, ValidatorKey
from node.consensus.proposals import Proposals
from node.consensus.rules import ChainRules
from node.consensus.server import start_server
from node.domain.errors import TillnetError, Unusable

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """One validator's application, as node/network wrote it down. Ports are on `host`."""

    name: str
    host: str
    abci_port: int
    gateway_host: str
    gateway_port: int
    engine_port: int
    geth_port: int
    jwt_file: Path
    genesis_file: Path
    keep_blocks: int
    fail_points: Path | None


def read_settings(path: Path) -> Settings:
    """The settings in a JSON file; raises Unusable when it cannot be read as such."""
    try:
        text = json.loads(path.read_text())
        # paths stand there relative to the file itself
        for name in ("jwt_file", "genesis_file", "fail_points"):
            text[name] = path.parent / text[name] if text[name] else None
        return Settings(**text)
    except (OSError, ValueError, TypeError, KeyError) as failure:
        raise Unusable(f"settings {path}: {failure}") from None


def read_genesis(path: Path) -> tuple[ChainRules, list[ValidatorKey]]:
    """The rules and the validators that stand in CometBFT's genesis document."""
    state: dict[str, Any] = json.loads(path.read_text())["app_state"]
    keys = [
        ValidatorKey(public_key=bytes.fromhex(key["public_key"]), power=int(key["power"]), node_id=key["node_id"])
        for key in state["validators"]
    ]
    return ChainRules.from_json(state["rules"]), keys


async def run(settings: Settings) -> None:
    """Serves CometBFT and clients until SIGTERM or SIGINT."""
    rules, keys = read_genesis(settings.genesis_file)
    engine = Engine(
        auth_url=f"http://{settings.host}:{settings.engine_port}",
        rpc_url=f"http://{settings.host}:{settings.geth_port}",
        jwt_secret=bytes.fromhex(settings.jwt_file.read_text().strip()),
    )
    policy, gossip = EveryoneMaySend(), Gossip(time.monotonic)
    fail_points = FailPoints(settings.fail_points)
    proposals = Proposals(
        engine=engine, rules=rules, policy=policy, clock=time.time, sleep=asyncio.sleep, fail_points=fail_points
    )
    admission = Admission(
        engine=engine, rules=rules, policy=policy, gossip=gossip, head=lambda: application.current_head()
    )
    application = Application(
        engine=engine,
        rules=rules,
        validators=GenesisValidators(keys),
        proposals=proposals,
        admission=admission,
        gossip=gossip,
        keep_blocks=settings.keep_blocks,
        clock=time.time,
        fail_points=fail_points,
    )
    server = await start_server(application, gossip, host=settings.host, port=settings.abci_port)
    budget = Budget()
    sockets = SocketProxy(f"ws://{settings.host}:{settings.geth_port}", budget)
    gateway = Gateway(engine, admission, sockets, budget)
    runner = web.ServerRunner(LimitedServer(gateway.handle))
    await runner.setup()
    await web.TCPSite(runner, settings.gateway_host, settings.gateway_port, reuse_address=True).start()
    log.info("application.started", name=settings.name, gateway=settings.gateway_port, abci=settings.abci_port)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    server.close()
    await runner.cleanup()
    await engine.close()
    log.info("application.stopped", name=settings.name)


def main() -> int:
    """Returns the process's exit code."""
    configure_logs()
    try:
        uvloop.run(run(read_settings(Path(sys.argv[1]))))
    except (TillnetError, OSError) as failure:
        log.error("application.unusable", reason=str(failure))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
