"""Deploys Tillnet's contracts on a network and writes where they are.

    brownie run deploy --network FOLDER                      a network made by till net init
    brownie run deploy --network http://127.0.0.1:8545       anvil, or any chain (TILLNET_OPERATOR_KEY=file)
    brownie run deploy main VALUES.toml --network FOLDER     with other values than scripts/deployment.toml

Deploys NetworkAccess, CashToken, RewardToken (the ledger), Registry, RewardRules and the rest of the suite
(scripts/suite), connects them, and gives the
operator the role of operator. The roles of admin, keeper, finance and auditor go to the addresses in [roles] of the
values, if they are there, else to the operator too (keeper: to the admin; auditor: to nobody); with another as keeper
or admin, the operator's last acts are to renounce these roles. Writes
FOLDER/deployment.json:

    {"format": 1, "chain_id": 4242, "block": 3, "operator": "0x..",
     "contracts": {"RewardToken": {"address": "0x..", "artifact": "ILedger.json", "block": 3}, ...}}

`block` is the first block to look for events in; the artifacts lie in node/artifacts/contracts (the ledger's is that
of its interface, since its code is several contracts). Started again on a
network whose deployment stands, it refuses; remove deployment.json to deploy anew.
"""

import json
import tomllib
from pathlib import Path
from typing import Any, Final

from node.domain.roles import ADMIN, AUDITOR, BRIDGE, FINANCE, KEEPER, OPERATOR, REPORTER
from scripts.names import read_address, typed_path
from scripts.pipeline import Pipeline, Sent
from scripts.session import Session, abi_name, attach, open_session
from scripts.suite import PARTS, settings_of
from scripts.suite.part import Part
from scripts.tables import show
from scripts.trouble import Trouble, told

VALUES: Final = Path(__file__).with_name("deployment.toml")
FORMAT: Final = 1
TERMS: Final = (
    "units_per_minor_unit",
    "max_line_amount",
    "epoch_start",
    "epoch_length",
    "utc_offset",
    "clock_tolerance",
)
NEEDED: Final = {"cash": ("name", "symbol", "currency"), "ledger": ("name", "symbol", *TERMS)}
ROLES: Final = ("admin", "keeper", "finance", "auditor", "guardian")  # that may be another's than the operator's
DELAYED: Final = ("admin", "operator", "finance")
FOR_EVER: Final = 2**32 - 1  # seconds: an admin with this delay can cancel, and do nothing else
CREATION_GAS: Final = 16_000_000  # the ledger is three contracts in one creation, up to 48 KiB: 200 gas a byte
CALL_GAS: Final = 3_000_000
YEAR: Final = 365 * 86_400
PATIENCE: Final = 7 * 86_400  # seconds that a key or a group that was proposed waits for its second person


@told
def main(values: str = str(VALUES)) -> None:
    """Deploys on the connected network and prints the addresses."""
    session = open_session()
    if session.stands():
        raise Trouble(f"this network has a deployment: {session.deployment_file}; remove the file to deploy anew")
    session.check_folder()
    deployment = deploy(session, read_values(typed_path(values)))
    rows = [(name, entry["address"], str(entry["block"])) for name, entry in deployment["contracts"].items()]
    show("Deployed", ("contract", "address", "block"), rows)
    print(f"Written to {session.deployment_file}")
    if not session.lasts:
        print("This was an anvil that ends with this script; name a network to keep it: --network FOLDER.")


def deploy(session: Session, values: dict[str, Any]) -> dict[str, Any]:
    """Deploys, connects, and writes deployment.json, whose content it returns."""
    pipeline = session.pipeline()
    sent = create(pipeline, session.project, values)
    # brownie makes no object of a contract that has no code yet
    receipts = pipeline.finish()
    addresses = {name: creation.created for name, creation in sent.items()}
    connect(pipeline, session, addresses, roles_of(values), delays_of(values))
    pipeline.finish()
    return write_deployment(session, entries_of(sent, receipts))


def entries_of(sent: dict[str, Sent], receipts: list[Any]) -> dict[str, dict[str, Any]]:
    """The entries of deployment.json for contracts that were created."""
    blocks = {receipt["contractAddress"]: receipt["blockNumber"] for receipt in receipts if receipt["contractAddress"]}
    return {
        name: {"address": creation.created, "artifact": f"{abi_name(name)}.json", "block": blocks[creation.created]}
        for name, creation in sent.items()
    }


def write_deployment(session: Session, contracts: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Writes deployment.json at once and whole, and returns what it says."""
    deployment = {
        "format": FORMAT,
        "chain_id": session.web3.eth.chain_id,
        "block": min(int(entry["block"]) for entry in contracts.values()),
        "operator": session.operator.address,
        "contracts": contracts,
    }
    session.folder.mkdir(parents=True, exist_ok=True)
    fresh = session.deployment_file.with_suffix(".new")
    fresh.write_text(json.dumps(deployment, indent=2) + "\n")
    fresh.replace(session.deployment_file)
    return deployment


def create(pipeline: Pipeline, project: Any, values: dict[str, Any]) -> dict[str, Sent]:
    """Sends the creations in the order in which the contracts need each other's addresses."""
    cash, ledger = values["cash"], values["ledger"]
    made: dict[str, Sent] = {}

    def make(name: str, *arguments: Any) -> str:
        made[name] = pipeline.deploy(project[name], arguments, gas=CREATION_GAS)
        return made[name].created

    access = make("NetworkAccess", pipeline.account.address)
    money = make("CashToken", access, cash["name"], cash["symbol"], cash["currency"])
    kept = {"NetworkAccess": access, "CashToken": money}
    return made | create_ledger(pipeline, project, kept, values, (ledger["name"], ledger["symbol"]), terms_of(ledger))


def create_ledger(
    pipeline: Pipeline,
    project: Any,
    kept: dict[str, str],
    values: dict[str, Any],
    named: tuple[str, str],
    terms: tuple[int, ...],
) -> dict[str, Sent]:
    """Sends the creations of a ledger and of everything that belongs to it, over roles and cash that are there.

    `kept`: the addresses of NetworkAccess and CashToken; `named`: the coin's name and symbol.
    """
    made: dict[str, Sent] = {}

    def make(name: str, *arguments: Any) -> str:
        made[name] = pipeline.deploy(project[name], arguments, gas=CREATION_GAS)
        return made[name].created

    access, money = kept["NetworkAccess"], kept["CashToken"]
    succession = make("Succession", money, terms)
    coin = make("RewardToken", access, money, *named, terms, succession)
    registry = make("Registry", access, coin, values.get("registry", {}).get("patience", PATIENCE))
    make("RewardRules", access, coin, registry)
    settings = settings_of(values)
    for part in PARTS:
        addresses = kept | {name: sent.created for name, sent in made.items()}
        make(part.name, *part.arguments(addresses, settings[part.section]))
    return made


def connect(
    pipeline: Pipeline, session: Session, addresses: dict[str, str], roles: dict[str, str], delays: dict[str, int]
) -> None:
    """Sends what gives every contract its doors and every role its holder; `roles` as roles_of has them.

    `delays`: seconds that the acts of admin, operator and finance wait from then on, as delays_of has them.
    """
    operator = session.operator.address
    access = attach(session.project, "NetworkAccess", addresses["NetworkAccess"])
    connect_contracts(pipeline, session, addresses)
    admin = roles.get("admin", operator)
    keeper = roles.get("keeper", admin)
    holders = {OPERATOR: operator, FINANCE: roles.get("finance", operator), KEEPER: keeper}
    if "auditor" in roles:
        holders[AUDITOR] = roles["auditor"]
    waits = {OPERATOR: delays["operator"], FINANCE: delays["finance"]}
    for role, holder in holders.items():
        words = (role, holder, waits.get(role, 0))
        pipeline.call(f"give role {role}", access.grantRole, words, gas=CALL_GAS)
    if "guardian" in roles:
        pipeline.call("make the guardian", access.grantRole, (ADMIN, roles["guardian"], FOR_EVER), gas=CALL_GAS)
    if delays["admin"]:
        harden(pipeline, access, addresses, delays["admin"])
    pipeline.call("make the admin", access.grantRole, (ADMIN, admin, delays["admin"]), gas=CALL_GAS)
    # only when all of the above has worked: until then the operator must be able to put things right
    pipeline.finish()
    if keeper != operator:
        pipeline.call("renounce the keeper's role", access.renounceRole, (KEEPER, operator), gas=CALL_GAS)
    if admin != operator:
        pipeline.call("renounce the admin role", access.renounceRole, (ADMIN, operator), gas=CALL_GAS)


def connect_contracts(pipeline: Pipeline, session: Session, addresses: dict[str, str]) -> None:
    """Sends what gives every contract its roles and doors; people's roles are another matter."""
    access = attach(session.project, "NetworkAccess", addresses["NetworkAccess"])
    others = [addresses[name] for name in ("RewardToken", "CashToken", "Registry", "RewardRules")]
    pipeline.call("connect the contracts", access.connect, others, gas=CALL_GAS)
    for part in PARTS:
        connect_part(pipeline, session, addresses, part)


def harden(pipeline: Pipeline, access: Any, addresses: dict[str, str], delay: int) -> None:
    """Sends the delays of what an admin with none could still do at once; they count after five days (AccessManager).

    A role that is given begins when its delay is over. Only then comes the admin's own delay: nothing goes at once
    after it.
    """
    for role in (OPERATOR, FINANCE, AUDITOR, REPORTER, BRIDGE, KEEPER):
        pipeline.call(f"delay role {role}", access.setGrantDelay, (role, delay), gas=CALL_GAS)
    for name, address in addresses.items():
        pipeline.call(f"delay changes of {name}", access.setTargetAdminDelay, (address, delay), gas=CALL_GAS)


def connect_part(pipeline: Pipeline, session: Session, addresses: dict[str, str], part: Part) -> None:
    """Sends what gives one contract of the suite its roles, doors and acts."""
    access = attach(session.project, "NetworkAccess", addresses["NetworkAccess"])
    ledger = attach(session.project, "RewardToken", addresses["RewardToken"])
    contract = attach(session.project, part.name, addresses[part.name])
    for role in sorted(set(part.roles.values())):
        selectors = [contract.signatures[name] for name, its in part.roles.items() if its == role]
        arguments = (contract.address, selectors, role)
        pipeline.call(f"roles of {part.name}", access.setTargetFunctionRole, arguments, gas=CALL_GAS)
    for role in part.grants:
        pipeline.call(f"role {role} to {part.name}", access.grantRole, (role, contract.address, 0), gas=CALL_GAS)
    if part.doors:
        pipeline.call(f"doors of {part.name}", ledger.setDoors, (contract.address, part.doors), gas=CALL_GAS)
    for kind in part.acts:
        pipeline.call(f"acts of {part.name}", ledger.setActTarget, (kind, contract.address), gas=CALL_GAS)


def delays_of(values: dict[str, Any]) -> dict[str, int]:
    """Seconds in [delays], 0 for whom it does not name. Raises Trouble for others, or no whole number below a year."""
    given = values.get("delays", {})
    for name, delay in given.items():
        if name not in DELAYED:
            raise Trouble(f"[delays] names {name!r}; it may name {', '.join(DELAYED)}")
        if not isinstance(delay, int) or not 0 <= delay <= YEAR:
            raise Trouble(f"{name} of [delays] is {delay!r}, no number of seconds from 0 to {YEAR:,}")
    return {name: given.get(name, 0) for name in DELAYED}


def terms_of(ledger: dict[str, Any]) -> tuple[int, ...]:
    """The ledger's section of the values as IRewardToken.Terms. Raises Trouble for what is no whole number."""
    for name in TERMS:
        if not isinstance(ledger[name], int):
            raise Trouble(f"{name} of the values is {ledger[name]!r}, no whole number")
    return tuple(ledger[name] for name in TERMS)


def roles_of(values: dict[str, Any]) -> dict[str, str]:
    """The addresses in [roles]. Raises Trouble for a role that nobody knows or what is no address."""
    given = values.get("roles", {})
    for name in given:
        if name not in ROLES:
            raise Trouble(f"[roles] names {name!r}; it may name {', '.join(ROLES)}")
    return {name: read_address(str(address)) for name, address in given.items()}


def read_values(file: Path) -> dict[str, Any]:
    """The values in a TOML file. Raises Trouble when it is missing, no TOML, or lacks a value."""
    try:
        values = tomllib.loads(file.read_text())
    except OSError as failure:
        raise Trouble(f"{file} cannot be read: {failure.strerror}") from None
    except ValueError as failure:
        raise Trouble(f"{file} is no TOML: {failure}") from None
    for section, names in NEEDED.items():
        for name in names:
            if not isinstance(values.get(section, {}), dict) or name not in values.get(section, {}):
                raise Trouble(f"{file} lacks {name} in [{section}]")
    try:
        roles_of(values)
        delays_of(values)
        terms_of(values["ledger"])
    except Trouble as trouble:
        raise Trouble(f"{file}: {trouble}") from None
    return values
