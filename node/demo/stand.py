"""A network with contracts, participants and a bridge, made for one run: of the demonstration, or of a benchmark.

Stage before: plan. Stage after: replay. Deploying and onboarding are the operator's own brownie scripts, run as an
operator runs them.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from node.bridge.keys.custody import Custody
from node.bridge.keys.vault import Vault, open_master
from node.config import load_bridge
from node.demo.plan import Plan, write_onboarding
from node.domain.errors import Unusable
from node.network.control import start, stop, wait_until_final
from node.network.init import NetworkOrder, init_network
from node.network.keys import read_account, write_secret
from node.network.plan import PLAN_FILE, NetworkPlan, read_plan

PROJECT: Final = Path(__file__).resolve().parents[2]
FINAL_SECONDS: Final = 60.0
SCRIPT_SECONDS: Final = 300.0
BRIDGE_SECONDS: Final = 30.0
STOP_SECONDS: Final = 20.0
POLL_SECONDS: Final = 0.1
TAIL_CHARACTERS: Final = 2_000
READY: Final = "bridge.json"
"""There while the bridge listens, with its ports and its process."""
STREAM: Final = 1
TILL: Final = (sys.executable, "-m", "node.cli.main")
BROWNIE: Final = (sys.executable, "-m", "scripts.brownie_shim")

Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class BridgePorts:
    """Where the bridge listens, on the loopback interface."""

    iso8583: int
    rpc: int


class Stand:
    """A run's folder: `network` (as `till net init` makes it) and `bridge` (configuration, keys, journal)."""

    def __init__(self, folder: Path, *, tell: Tell = lambda _: None) -> None:
        self.folder = folder.resolve()
        self.network_folder = self.folder / "network"
        self.bridge_folder = self.folder / "bridge"
        self._tell = tell
        self._bridge: subprocess.Popen[bytes] | None = None

    def clear(self) -> None:
        """Stops the network of an earlier run, and removes what it left here.

        Raises Unusable when somebody started its bridge again: that is theirs to stop.
        """
        running = _running_bridge(self.bridge_folder / READY)
        if running:
            raise Unusable(f"the bridge of an earlier run still runs (process {running}); stop it first")
        if (self.network_folder / PLAN_FILE).exists() and stop(read_plan(self.network_folder)):
            self._tell("stopped the network of an earlier run")
        if self.folder.exists():
            shutil.rmtree(self.folder)

    def start_network(self, validators: int) -> NetworkPlan:
        """A new network with final blocks."""
        order = NetworkOrder(folder=self.network_folder, validators=validators, accounts=2)
        plan = init_network(order, now=datetime.now(UTC), tell=self._tell)
        start(plan)
        self._tell("waiting for the first final block")
        wait_until_final(plan, blocks=1, seconds=FINAL_SECONDS)
        return plan

    def deploy(self) -> None:
        """The contracts, by scripts/deploy.py."""
        self._script("deploy", "main")

    def onboard(self, plan: Plan, *, other_streams: Mapping[int, str] = MappingProxyType({})) -> None:
        """Merchants, terminals, members, rules and prepaid points, by scripts/onboard_merchant.py.

        `other_streams` are posting addresses beside the bridge's, which posts stream 1.
        """
        order = self.folder / "plan.json"
        poster = read_account(self.network_folder / "keys" / "bridge.json").address
        write_onboarding(plan, order, posters={STREAM: poster, **other_streams})
        self._script("onboard_merchant", "plan", str(order))

    def start_bridge(self, network: NetworkPlan, plan: Plan, **tables: dict[str, Any]) -> BridgePorts:
        """Configures and starts the bridge, and waits until it listens.

        `tables` adds to, or overrides, tables of its configuration.
        """
        self._write_bridge(network, plan, tables)
        self._till(
            "bridge", "cards", "import", str(self.bridge_folder / "cards.csv"), "--config", str(self.bridge_config)
        )
        return self.restart_bridge()

    def restart_bridge(self) -> BridgePorts:
        """Starts the bridge on what is configured, and waits until it listens."""
        ready = self.bridge_folder / READY
        ready.unlink(missing_ok=True)
        with (self.bridge_folder / "bridge.log").open("ab") as log:
            self._bridge = subprocess.Popen(
                [*TILL, "bridge", "run", "--config", str(self.bridge_config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=PROJECT,
                # Ctrl-C is for the demonstration, which stops the bridge in its turn
                start_new_session=True,
            )
        deadline = time.monotonic() + BRIDGE_SECONDS
        while not ready.exists():
            if self._bridge.poll() is not None or time.monotonic() > deadline:
                raise Unusable(f"the bridge did not start: {self._tail(self.bridge_folder / 'bridge.log')}")
            time.sleep(POLL_SECONDS)
        said = json.loads(ready.read_text())
        return BridgePorts(iso8583=said["iso8583"]["port"], rpc=said["rpc"]["port"])

    @property
    def bridge_config(self) -> Path:
        """The bridge's configuration file."""
        return self.bridge_folder / "bridge.toml"

    def stop(self) -> None:
        """Stops bridge and network; what they wrote stays."""
        if self._bridge is not None:
            self._bridge.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._bridge.wait(STOP_SECONDS)
            if self._bridge.poll() is None:
                self._bridge.kill()
                self._bridge.wait()
            self._bridge = None
        if (self.network_folder / PLAN_FILE).exists():
            stop(read_plan(self.network_folder))

    def _write_bridge(self, network: NetworkPlan, plan: Plan, tables: dict[str, dict[str, Any]]) -> None:
        folder = self.bridge_folder
        folder.mkdir()
        poster = read_account(self.network_folder / "keys" / "bridge.json")
        write_secret(folder / "poster.key", poster.private_key.hex() + "\n")
        write_secret(folder / "cards.key", os.urandom(32).hex() + "\n")
        keys = [f"{till.id} {till.mac_key.hex()}\n" for shop in plan.shops for till in shop.tills if till.mac_key]
        write_secret(folder / "mac.keys", "".join(keys))
        cards = "".join(f"{plan.cards[who]},{member}\n" for who, member in plan.members.items())
        write_secret(folder / "cards.csv", "card,member\n" + cards)
        deployment = json.loads((self.network_folder / "deployment.json").read_text())
        document: dict[str, dict[str, Any]] = {
            "chain": {
                "rpc": [network.rpc_url(validator) for validator in network.validators],
                "websocket": network.rpc_url(network.validators[0]).replace("http", "ws", 1),
                "deployment": "../network/deployment.json",
                "product_sets": "../network/product-sets",
            },
            "stream": {"id": STREAM, "key_file": "poster.key"},
            "journal": {"path": "journal.sqlite", "card_key_file": "cards.key"},
            "keys": {"master_key_file": "master.key"},
            "iso8583": {"mac_key_file": "mac.keys"},
            "rpc": {
                "chain_id": network.chain_id,
                "ledger": deployment["contracts"]["RewardToken"]["address"],
            },
        }
        for name, table in tables.items():
            document[name] = {**document.get(name, {}), **table}
        self.bridge_config.write_text(_toml(document))
        self._wrap_keys()

    def _wrap_keys(self) -> None:
        """Wraps the tills' keys under a new master key, as an operator does."""
        settings = load_bridge(self.bridge_config)
        custody = Custody(settings, Vault(open_master(settings.keys)))
        custody.master.draw()
        custody.rewrap()

    def _script(self, name: str, *arguments: str) -> None:
        self._run(
            [*BROWNIE, "run", name, *arguments, "--network", str(self.network_folder)],
            self.folder / f"{name}.log",
        )

    def _till(self, *arguments: str) -> None:
        self._run([*TILL, *arguments], self.folder / f"till-{arguments[1]}.log")

    def _run(self, command: list[str], log: Path) -> None:
        with log.open("wb") as file:
            try:
                done = subprocess.run(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=file,
                    cwd=PROJECT,
                    timeout=SCRIPT_SECONDS,
                    start_new_session=True,
                )
            except subprocess.TimeoutExpired:
                raise Unusable(f"{log.stem} did not end within {SCRIPT_SECONDS:.0f} s; see {log}") from None
        if done.returncode != 0:
            raise Unusable(f"{log.stem} failed: {self._tail(log)}")

    def _tail(self, log: Path) -> str:
        return log.read_text(errors="replace").strip()[-TAIL_CHARACTERS:]


def _running_bridge(ready: Path) -> int:
    """The process of a bridge that listens, 0 if none does."""
    try:
        pid = int(json.loads(ready.read_text())["pid"])
        os.kill(pid, 0)
    except (FileNotFoundError, ProcessLookupError, ValueError, KeyError, TypeError):
        return 0
    return pid


def _toml(document: dict[str, dict[str, Any]]) -> str:
    # JSON's texts, whole numbers, booleans and lists are TOML's too
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
        for name, table in document.items()
    )
