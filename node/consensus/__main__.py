"""Runs one validator's application: `python -m node.consensus SETTINGS.json`, started by node/network/supervise.py."""

import asyncio
import json
import resource
import signal
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import structlog
import uvloop

from node.consensus.access_files import ACCOUNT_FILE
from node.consensus.access_watch import AccessWatch
from node.consensus.account import read_account
from node.consensus.admission import Admission
from node.consensus.application import Application
from node.consensus.engine import Engine
from node.consensus.engine_metrics import EngineMetrics
from node.consensus.evidence import EVIDENCE_FILE, Evidence
from node.consensus.failpoints import FailPoints, clock_of
from node.consensus.gateway import Gateway
from node.consensus.gateway_budget import Budget
from node.consensus.gateway_callers import is_loopback
from node.consensus.gateway_door import Door
from node.consensus.gateway_listener import Listener
from node.consensus.gateway_server import LimitedServer
from node.consensus.gateway_socket import SocketProxy
from node.consensus.gossip import Gossip
from node.consensus.logs import configure_logs
from node.consensus.metered import MeteredAdmission, MeteredApplication, MeteredEngine, MeteredProposals
from node.consensus.metrics import Metrics
from node.consensus.permissions import RegistrySenders, RegistryValidators
from node.consensus.registry import ValidatorKey
from node.consensus.rules import ChainRules
from node.consensus.server import start_server
from node.domain.errors import TillnetError, Unusable

FILE_HANDLES: Final = 4096

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """One validator's application, as node/network wrote it down in `folder`. Ports are on `host`, `peers` node ids.

    `prague_time` is a fork that was scheduled after the genesis, in seconds since 1970.
    """

    folder: Path
    name: str
    host: str
    abci_port: int
    gateway_host: str
    gateway_port: int
    engine_port: int
    geth_port: int
    geth_metrics_port: int
    comet_metrics_port: int
    jwt_file: Path
    genesis_file: Path
    keep_blocks: int
    peers: list[str]
    fail_points: Path | None
    account_file: Path | None
    prague_time: int | None = None


def read_settings(path: Path) -> Settings:
    """The settings in a JSON file; raises Unusable when it cannot be read as such."""
    try:
        text = json.loads(path.read_text())
        # paths stand there relative to the file itself
        for name in ("jwt_file", "genesis_file", "fail_points"):
            text[name] = path.parent / text[name] if text[name] else None
        account = path.with_name(ACCOUNT_FILE)
        return Settings(**text, folder=path.resolve().parent, account_file=account if account.exists() else None)
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
    """Serves CometBFT and clients until SIGTERM or SIGINT; SIGHUP has it read the gateway's settings anew."""
    rules, keys = read_genesis(settings.genesis_file)
    if settings.prague_time is not None:
        rules = replace(rules, prague_time=settings.prague_time)
    metrics = Metrics()
    engine = MeteredEngine(
        metrics.chain,
        auth_url=f"http://{settings.host}:{settings.engine_port}",
        rpc_url=f"http://{settings.host}:{settings.geth_port}",
        jwt_secret=bytes.fromhex(settings.jwt_file.read_text().strip()),
    )
    policy, gossip, clock = RegistrySenders(engine), Gossip(time.monotonic), clock_of(settings.fail_points)
    fail_points = FailPoints(settings.fail_points)
    metrics.chain.gossip.set_function(lambda: gossip.count)
    proposals = MeteredProposals(
        metrics.chain,
        engine=engine,
        rules=rules,
        policy=policy,
        clock=clock,
        sleep=asyncio.sleep,
        gossip=gossip,
        fail_points=fail_points,
    )
    admission = MeteredAdmission(
        metrics.chain,
        engine=engine,
        rules=rules,
        policy=policy,
        gossip=gossip,
        head=lambda: application.current_head(),
    )
    application: Application = MeteredApplication(
        metrics.chain,
        time.monotonic,
        engine=engine,
        rules=rules,
        validators=RegistryValidators(engine, keys, settings.peers),
        proposals=proposals,
        admission=admission,
        gossip=gossip,
        evidence=Evidence(
            engine=engine,
            admission=admission,
            account=read_account(settings.account_file) if settings.account_file else None,
            chain_id=rules.chain_id,
            clock=clock,
            file=settings.folder / EVIDENCE_FILE,
        ),
        keep_blocks=settings.keep_blocks,
        clock=clock,
        fail_points=fail_points,
    )
    server = await start_server(application, gossip, host=settings.host, port=settings.abci_port)
    listener, access = await open_gateway(settings, engine, admission, application, metrics)
    log.info("application.started", name=settings.name, gateway=settings.gateway_port, abci=settings.abci_port)
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, access.look_now)
    watching = asyncio.create_task(access.run())
    ended, _ = await asyncio.wait((watching, asyncio.create_task(stop.wait())), return_when=asyncio.FIRST_COMPLETED)
    if watching in ended:
        watching.result()
    watching.cancel()
    server.close()
    await listener.stop()
    await engine.close()
    log.info("application.stopped", name=settings.name)


async def open_gateway(
    settings: Settings, engine: Engine, admission: Admission, application: Application, metrics: Metrics
) -> tuple[Listener, AccessWatch]:
    """The gateway, listening if its settings can be read."""
    _raise_file_limit()
    budget = Budget()
    door = Door(
        on_loopback=is_loopback(settings.gateway_host),
        clock=time.time,
        monotonic=time.monotonic,
        metrics=metrics.gateway,
    )
    sockets = SocketProxy(f"ws://{settings.host}:{settings.geth_port}", budget, door)
    gateway = Gateway(
        engine=engine,
        admission=admission,
        sockets=sockets,
        budget=budget,
        door=door,
        metrics=metrics,
        engine_metrics=EngineMetrics(settings.host, settings.geth_metrics_port, settings.comet_metrics_port),
        head=application.current_head,
    )
    clients = LimitedServer(gateway.handle)
    metrics.gateway.connections.set_function(lambda: len(clients.connections))
    metrics.gateway.sockets.set_function(lambda: sockets.open)
    metrics.gateway.held.set_function(lambda: budget.held)
    listener = Listener(clients, settings.gateway_host, settings.gateway_port, metrics.gateway.refused)
    access = AccessWatch(settings.folder, door, listener, metrics.gateway)
    await access.refresh()
    return listener, access


def _raise_file_limit() -> None:
    """As many file handles as connections, WebSockets and geth may need; the soft limit is often 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILE_HANDLES if hard == resource.RLIM_INFINITY else min(FILE_HANDLES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


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
