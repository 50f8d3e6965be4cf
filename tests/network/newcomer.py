"""A node beside a running network, in a folder and under a supervisor of its own: an observer, until it is voted in."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

from node.consensus.account import ACCOUNT_FILE
from node.network.init import init_geth
from node.network.keys import make_account, make_validator_keys, write_account, write_jwt_secret
from node.network.launch import comet_config
from node.network.plan import NetworkPlan, Ports, ValidatorPlan, write_plan
from node.network.ports import free_ports

PRIVATE_KEY = "cometbft/config/priv_validator_key.json"


def make_newcomer(network: NetworkPlan, folder: Path, name: str, *, key_of: str | None = None) -> NetworkPlan:
    """A folder with one node that knows the network's validators. With `key_of` it signs with that validator's key."""
    home = folder / "validators" / name
    (home / "logs").mkdir(parents=True)
    identity = make_validator_keys(home / "cometbft" / "config", home / "cometbft" / "data")
    write_jwt_secret(home / "jwt.hex")
    account = make_account()
    write_account(home / ACCOUNT_FILE, account)
    ports = Ports(**dict(zip(Ports.__slots__, free_ports(len(Ports.__slots__), network.host), strict=True)))
    newcomer = ValidatorPlan(
        name=name,
        node_id=identity.node_id,
        address=identity.address,
        public_key=identity.public_key.hex(),
        account=account.address,
        ports=ports,
        keep_blocks=0,
    )
    if key_of is not None:
        shutil.copy(network.home(key_of) / PRIVATE_KEY, home / PRIVATE_KEY)
    plan = replace(network, folder=folder, validators=(newcomer,))
    shutil.copy(network.folder / "genesis.json", folder / "genesis.json")
    init_geth(home / "geth", folder / "genesis.json")
    config = home / "cometbft" / "config"
    shutil.copy(network.home(network.validators[0].name) / "cometbft/config/genesis.json", config / "genesis.json")
    everybody = replace(network, folder=folder, validators=(*network.validators, newcomer))
    (config / "config.toml").write_text(comet_config(everybody, newcomer))
    settings = json.loads((network.home(network.validators[0].name) / "app.json").read_text())
    settings |= {
        "name": name,
        "abci_port": ports.abci,
        "gateway_port": ports.gateway,
        "engine_port": ports.engine,
        "geth_port": ports.geth,
        "keep_blocks": 0,
        "fail_points": None,
    }
    (home / "app.json").write_text(json.dumps(settings))
    write_plan(plan)
    return plan
