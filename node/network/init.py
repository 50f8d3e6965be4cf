"""Makes a network's folder: keys, genesis documents, settings, and geth's block 0 for each validator.

Called by `till net init`; node/network/supervise.py runs what it leaves behind.
"""

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from node.consensus.rules import ChainRules
from node.domain.errors import Unusable
from node.domain.ids import Address, Hash32
from node.network.genesis import (
    EXTRA_DATA,
    GAS_LIMIT,
    KEEP_BLOCKS,
    PAYLOAD_BYTES,
    TRANSACTION_GAS_CAP,
    comet_genesis,
    geth_genesis,
)
from node.network.keys import make_account, make_validator_keys, write_account, write_jwt_secret
from node.network.launch import check_tools, comet_config, find_engine
from node.network.plan import LOOPBACK, PLAN_FILE, NetworkPlan, Ports, ValidatorPlan, write_plan
from node.network.ports import free_ports

DEFAULT_CHAIN_ID: Final = 845_500
MAX_VALIDATORS: Final = 16
MAX_ACCOUNTS: Final = 1000
WEI: Final = 10**18
OPERATOR_BALANCE: Final = 1_000_000_000 * WEI
ACCOUNT_BALANCE: Final = 1_000_000 * WEI
PORTS_EACH: Final = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkOrder:
    """What is asked for. `accounts` is how many funded accounts to make beside the operator's and the bridge's."""

    folder: Path
    validators: int
    accounts: int = 0
    chain_id: int = DEFAULT_CHAIN_ID
    host: str = LOOPBACK
    fail_points: bool = False


def init_network(order: NetworkOrder, *, now: datetime, tell: Callable[[str], None] = lambda _: None) -> NetworkPlan:
    """Makes the folder and everything in it. Raises Unusable when it is not empty or something is missing.

    What was made is removed again when a later step fails.
    """
    folder = order.folder.resolve()
    if not 1 <= order.validators <= MAX_VALIDATORS:
        raise Unusable(f"a network has 1 to {MAX_VALIDATORS} validators, not {order.validators}")
    if not 0 <= order.accounts <= MAX_ACCOUNTS:
        raise Unusable(f"at most {MAX_ACCOUNTS} accounts can be made, not {order.accounts}")
    if (folder / PLAN_FILE).exists():
        raise Unusable(f"there is a network in {folder} already; start it with: till net up {folder}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Unusable(f"{folder} is not an empty folder")
    check_tools()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return _fill(folder, order, now, tell)
    except BaseException:
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        raise


def _fill(folder: Path, order: NetworkOrder, now: datetime, tell: Callable[[str], None]) -> NetworkPlan:
    names = [f"v{number}" for number in range(1, order.validators + 1)]
    tell(f"keys of {len(names)} validators, the operator and {order.accounts} accounts")
    balances, operator = _make_accounts(folder / "keys", order.accounts)
    validators = _make_validators(folder, names, order.host)
    tell("genesis block")
    genesis = folder / "genesis.json"
    genesis.write_text(json.dumps(geth_genesis(chain_id=order.chain_id, balances=balances), indent=2) + "\n")
    geth_homes = [folder / "validators" / name / "geth" for name in names]
    genesis_hash = init_geth(geth_homes[0], genesis)
    for home in geth_homes[1:]:
        shutil.copytree(geth_homes[0], home)
    rules = ChainRules(
        chain_id=order.chain_id,
        genesis_hash=genesis_hash,
        fee_recipient=operator,
        extra_data=EXTRA_DATA,
        gas_limit=GAS_LIMIT,
        transaction_gas_cap=TRANSACTION_GAS_CAP,
        payload_bytes=PAYLOAD_BYTES,
    )
    plan = NetworkPlan(
        folder=folder,
        chain_id=order.chain_id,
        host=order.host,
        rules=rules,
        fail_points=order.fail_points,
        validators=tuple(validators),
    )
    document = json.dumps(comet_genesis(rules=rules, validators=validators, time=now), indent=2) + "\n"
    for validator in validators:
        _write_settings(plan, validator, document)
    # last: a folder with this file is a whole network
    write_plan(plan)
    return plan


def _make_accounts(keys: Path, count: int) -> tuple[dict[str, int], Address]:
    """Writes the key files; returns what each account owns at genesis, and the operator's address."""
    keys.mkdir(mode=0o700)
    balances = {}
    operator, bridge = make_account(), make_account()
    for name, account in (("operator", operator), ("bridge", bridge)):
        write_account(keys / f"{name}.json", account)
        balances[account.address] = OPERATOR_BALANCE
    for number in range(1, count + 1):
        account = make_account()
        write_account(keys / "accounts" / f"{number}.json", account)
        balances[account.address] = ACCOUNT_BALANCE
    return balances, Address(bytes.fromhex(operator.address[2:]))


def _make_validators(folder: Path, names: list[str], host: str) -> list[ValidatorPlan]:
    ports = free_ports(PORTS_EACH * len(names), host)
    validators = []
    for place, name in enumerate(names):
        home = folder / "validators" / name
        (home / "logs").mkdir(parents=True)
        home.chmod(0o700)
        identity = make_validator_keys(home / "cometbft" / "config", home / "cometbft" / "data")
        write_jwt_secret(home / "jwt.hex")
        validators.append(
            ValidatorPlan(
                name=name,
                node_id=identity.node_id,
                address=identity.address,
                public_key=identity.public_key.hex(),
                ports=Ports(**dict(zip(Ports.__slots__, ports[place * PORTS_EACH :], strict=False))),
                # one validator keeps every block, or newcomers could not sync and old payments not be proved
                keep_blocks=0 if place == 0 else KEEP_BLOCKS,
            )
        )
    return validators


def init_geth(home: Path, genesis: Path) -> Hash32:
    """Writes block 0 into a data folder and returns its hash."""
    answer = subprocess.run(
        [
            find_engine("geth"),
            f"--datadir={home}",
            "--state.scheme=path",
            "--log.format=json",
            "init",
            str(genesis),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    (home / "geth" / "nodekey").unlink(missing_ok=True)
    for line in answer.stderr.splitlines():
        try:
            record: dict[str, Any] = json.loads(line)
        except ValueError:
            continue
        if record.get("msg") == "Successfully wrote genesis state":
            return Hash32(bytes.fromhex(record["hash"].removeprefix("0x")))
    raise Unusable(f"geth did not take the genesis block: {answer.stderr.strip()[-500:]}")


def _write_settings(plan: NetworkPlan, validator: ValidatorPlan, document: str) -> None:
    home = plan.home(validator.name)
    config = home / "cometbft" / "config"
    (config / "genesis.json").write_text(document)
    (config / "config.toml").write_text(comet_config(plan, validator))
    fail_points = home / "fail_points"
    if plan.fail_points:
        fail_points.mkdir()
    settings = {
        "name": validator.name,
        "host": plan.host,
        "abci_port": validator.ports.abci,
        "gateway_host": plan.host,
        "gateway_port": validator.ports.gateway,
        "engine_port": validator.ports.engine,
        "geth_port": validator.ports.geth,
        # relative to this file, so that the folder can be moved
        "jwt_file": "jwt.hex",
        "genesis_file": "cometbft/config/genesis.json",
        "keep_blocks": validator.keep_blocks,
        "prague_time": plan.rules.prague_time,
        "fail_points": fail_points.name if plan.fail_points else None,
    }
    (home / "app.json").write_text(json.dumps(settings, indent=2) + "\n")
