"""Makes a network's folders: keys, genesis documents, settings, and geth's block 0 for each validator.

Called by `till net init`; node/network/supervise.py runs what it leaves behind. One folder for a network on one
machine; for several machines a folder each, and one of the operator's with the keys that belong on none of them.
"""

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from node.consensus.access_files import ACCOUNT_FILE
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
from node.network.hosts import FIRST_PORT, OPERATOR_FOLDER, Host, Site, host_sites, loopback_sites
from node.network.keys import make_account, make_validator_keys, write_account, write_jwt_secret
from node.network.launch import check_tools, find_engine
from node.network.plan import LOOPBACK, PLAN_FILE, NetworkPlan, ValidatorPlan, as_peer, write_plan
from node.network.registries import first_governance, registry_accounts
from node.network.settings import COMET_GENESIS, write_settings
from node.network.ticket import Ticket, write_ticket

GETH_GENESIS: Final = "genesis.json"
DEFAULT_CHAIN_ID: Final = 845_500
MAX_VALIDATORS: Final = 16
MAX_ACCOUNTS: Final = 1000
WEI: Final = 10**18
OPERATOR_BALANCE: Final = 1_000_000_000 * WEI
ACCOUNT_BALANCE: Final = 1_000_000 * WEI


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkOrder:
    """What is asked for. `accounts` is how many funded accounts to make beside the operator's and the bridge's.

    With `hosts` each of them runs one validator, with its gateway on `first_port` and the other ports after it;
    `private_gateways` answer only on their own machine. Without, `validators` run on this machine, on `host`.

    With `open_to_all` everybody may send and create contracts, else only the accounts made here until the operator
    permits others.
    """

    folder: Path
    validators: int = 0
    accounts: int = 0
    chain_id: int = DEFAULT_CHAIN_ID
    host: str = LOOPBACK
    hosts: tuple[Host, ...] = ()
    first_port: int = FIRST_PORT
    private_gateways: bool = False
    fail_points: bool = False
    open_to_all: bool = False

    @property
    def count(self) -> int:
        """How many validators there will be."""
        return len(self.hosts) or self.validators


def init_network(order: NetworkOrder, *, now: datetime, tell: Callable[[str], None] = lambda _: None) -> NetworkPlan:
    """Makes the folder and everything in it; returns its plan, the operator's when there are several hosts.

    Raises Unusable when the folder is not empty or something is missing. What was made is removed again when a later
    step fails.
    """
    folder = order.folder.resolve()
    if not 1 <= order.count <= MAX_VALIDATORS:
        raise Unusable(f"a network has 1 to {MAX_VALIDATORS} validators, not {order.count}")
    if not 0 <= order.accounts <= MAX_ACCOUNTS:
        raise Unusable(f"at most {MAX_ACCOUNTS} accounts can be made, not {order.accounts}")
    check_empty(folder)
    check_tools()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return _fill(folder, order, now, tell)
    except BaseException:
        empty(folder)
        raise


def check_empty(folder: Path) -> None:
    """Raises Unusable unless a network can be made in this folder."""
    if (folder / PLAN_FILE).exists():
        raise Unusable(f"there is a network in {folder} already; start it with: till net up {folder}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Unusable(f"{folder} is not an empty folder")


def empty(folder: Path) -> None:
    """Removes what stands in a folder that could not be finished."""
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _fill(folder: Path, order: NetworkOrder, now: datetime, tell: Callable[[str], None]) -> NetworkPlan:
    tell(f"keys of {order.count} validators, the operator and {order.accounts} accounts")
    sites, operators = _sites(folder, order)
    balances, operator = _make_accounts(operators / "keys", order.accounts)
    # one validator keeps every block, or newcomers could not sync and old payments not be proved
    validators = [
        make_validator(site, f"v{place + 1}", keep_blocks=KEEP_BLOCKS if place else 0)
        for place, site in enumerate(sites)
    ]
    tell("genesis block")
    balances |= {validator.account: ACCOUNT_BALANCE for validator in validators}
    contracts = registry_accounts(first_governance(validators, operator, balances, order.open_to_all))
    ethereum = geth_genesis(chain_id=order.chain_id, balances=balances, contracts=contracts)
    block_0 = operators / "block_0"
    rules = ChainRules(
        chain_id=order.chain_id,
        genesis_hash=make_block_0(block_0, ethereum),
        fee_recipient=operator,
        extra_data=EXTRA_DATA,
        gas_limit=GAS_LIMIT,
        transaction_gas_cap=TRANSACTION_GAS_CAP,
        payload_bytes=PAYLOAD_BYTES,
    )
    ticket = Ticket(
        geth_genesis=ethereum,
        comet_genesis=comet_genesis(rules=rules, validators=validators, time=now),
        peers=tuple(map(as_peer, validators)),
    )
    plans = _plans(order, rules, operators, list(zip(sites, validators, strict=True)))
    for plan in plans:
        fill_folder(plan, ticket, block_0)
    shutil.rmtree(block_0)
    return plans[-1]


def _sites(folder: Path, order: NetworkOrder) -> tuple[list[Site], Path]:
    """Where each validator goes, and the folder for the operator's keys."""
    if not order.hosts:
        return loopback_sites(folder, order.validators, order.host), folder
    folders = [folder / host.name for host in order.hosts]
    operators = folder / OPERATOR_FOLDER
    operators.mkdir(mode=0o700)
    return host_sites(folders, order.hosts, order.first_port, order.private_gateways), operators


def _plans(
    order: NetworkOrder, rules: ChainRules, operators: Path, placed: list[tuple[Site, ValidatorPlan]]
) -> list[NetworkPlan]:
    """One for all, or one for each host and at the end the operator's, from which nothing runs."""
    whole = NetworkPlan(
        folder=operators,
        chain_id=order.chain_id,
        host=order.host,
        rules=rules,
        fail_points=order.fail_points,
        validators=tuple(validator for _, validator in placed),
    )
    if not order.hosts:
        return [whole]
    plans = [
        replace(
            whole,
            folder=site.folder,
            validators=(validator,),
            others=tuple(as_peer(other) for _, other in placed if other is not validator),
        )
        for site, validator in placed
    ]
    return [*plans, replace(whole, validators=(), others=tuple(as_peer(each) for _, each in placed))]


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


def make_validator(site: Site, name: str, *, keep_blocks: int) -> ValidatorPlan:
    """A validator's folder with its keys, and its plan."""
    home = site.folder / "validators" / name
    (home / "logs").mkdir(parents=True)
    home.chmod(0o700)
    identity = make_validator_keys(home / "cometbft" / "config", home / "cometbft" / "data")
    write_jwt_secret(home / "jwt.hex")
    account = make_account()
    write_account(home / ACCOUNT_FILE, account)
    return ValidatorPlan(
        name=name,
        node_id=identity.node_id,
        address=identity.address,
        public_key=identity.public_key.hex(),
        account=account.address,
        ports=site.ports,
        keep_blocks=keep_blocks,
        host=site.host,
        listen=site.listen,
        gateway_listen=site.gateway_listen,
    )


def fill_folder(plan: NetworkPlan, ticket: Ticket, block_0: Path) -> None:
    """Everything in a plan's folder but keys: both genesis documents, geth's first block, settings, the plan itself."""
    (plan.folder / GETH_GENESIS).write_text(json.dumps(ticket.geth_genesis, indent=2) + "\n")
    write_ticket(plan.folder, ticket)
    for validator in plan.validators:
        home = plan.home(validator.name)
        shutil.copytree(block_0, home / "geth")
        (home / COMET_GENESIS).write_text(json.dumps(ticket.comet_genesis, indent=2) + "\n")
        write_settings(plan, validator)
    # last: a folder with this file is a whole network
    write_plan(plan)


def make_block_0(home: Path, ethereum: dict[str, Any]) -> Hash32:
    """Has geth make a data folder with nothing but block 0, to be copied; returns the block's hash."""
    home.mkdir()
    document = home.with_suffix(".json")
    document.write_text(json.dumps(ethereum))
    try:
        return init_geth(home, document)
    finally:
        document.unlink()


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
    # what ends geth is the one line that is no record
    said = [line for line in answer.stderr.splitlines() if not line.startswith("{")]
    raise Unusable(f"geth did not take the genesis block: {' '.join(said or [answer.stderr])[-500:].strip()}")
