"""What every script works with: the connected chain, the operator's account, and the deployed contracts.

`open_session()` is called inside `brownie run`, after brownie has connected. The operator's key comes from
TILLNET_OPERATOR_KEY (a key file), else from the network folder's keys/operator.json; on anvil it is derived from a
fixed text and given coin, because nothing of value is there.

deployment.json lies in the network's folder; for a network named by a URL in TILLNET_FOLDER, else in
out/networks/CHAINID.
"""

import dataclasses
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3 import Web3

from node.domain.errors import TillnetError
from node.network.keys import read_account
from scripts.brownie_shim import ROOT, TYPED
from scripts.pipeline import Pipeline
from scripts.rehearsal import Rehearsal
from scripts.trouble import Trouble

DEPLOYMENT: Final = "deployment.json"
DRY_RUN: Final = "TILLNET_DRY_RUN"
DEVELOPMENT_KEY: Final = Web3.keccak(text="the operator of a Tillnet development chain")
DEVELOPMENT_COIN: Final = 10**24  # wei


@dataclasses.dataclass(frozen=True, kw_only=True)
class Session:
    """A connected chain, who signs there, and the folder that holds its deployment.json.

    `lasts` is whether the chain outlives the script: brownie's own anvil, the default, does not.
    """

    web3: Web3
    project: Any
    folder: Path
    operator: LocalAccount
    lasts: bool

    @cached_property
    def contracts(self) -> Mapping[str, Any]:
        """The deployed contracts by name, as brownie contracts; the chain is asked about each when it is looked up.

        Raises Trouble when nothing is deployed here.
        """
        addresses = {name: entry["address"] for name, entry in self._deployment().items()}
        return Attached(self.project, addresses)

    def __getitem__(self, name: str) -> Any:
        return self.contracts[name]

    def pipeline(self, account: LocalAccount | None = None) -> Pipeline:
        """Sends transactions of the operator, or of another account; in a dry run it tries them and sends nothing."""
        maker = Rehearsal if os.environ.get(DRY_RUN, "0") not in ("", "0") else Pipeline
        return maker(web3=self.web3, account=account or self.operator)

    @property
    def deployment_file(self) -> Path:
        return self.folder / DEPLOYMENT

    def check_folder(self) -> None:
        """Raises Trouble when the folder cannot be written to: to be known before anything is sent."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder):
                pass
        except OSError as failure:
            raise Trouble(f"{self.folder} cannot be written to: {failure.strerror}") from None

    def stands(self) -> bool:
        """Whether deployment.json is there and its contracts are on this chain (anvil forgets them when it ends)."""
        if not self.deployment_file.exists():
            return False
        return all(self.web3.eth.get_code(entry["address"]) for entry in self._deployment().values())

    def first_block(self, name: str) -> int:
        """The block in which a contract was deployed: the first to look for its events in."""
        return int(self._deployment()[name]["block"])

    def _deployment(self) -> dict[str, Any]:
        try:
            written = json.loads(self.deployment_file.read_text())
            contracts: dict[str, Any] = written["contracts"]
        except FileNotFoundError:
            raise Trouble(
                f"nothing is deployed on this network (no {self.deployment_file}); first {deploy_command()}"
            ) from None
        except (ValueError, KeyError, TypeError):
            raise Trouble(f"{self.deployment_file} is no deployment; remove it, then {deploy_command()}") from None
        if written.get("chain_id") != self.web3.eth.chain_id:
            raise Trouble(f"{self.deployment_file} belongs to chain {written.get('chain_id')}, not to this one")
        return contracts


class Attached(Mapping[str, Any]):
    """Brownie contracts at known addresses, made when they are first looked up: a script needs a few of them."""

    def __init__(self, project: Any, addresses: dict[str, str]) -> None:
        self._project = project
        self._addresses = addresses
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = self._attach(name, self._addresses[name])
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._addresses

    def __iter__(self) -> Iterator[str]:
        return iter(self._addresses)

    def __len__(self) -> int:
        return len(self._addresses)

    def _attach(self, name: str, address: str) -> Any:
        from brownie.exceptions import ContractNotFound

        try:
            return attach(self._project, name, address)
        except ContractNotFound:
            raise Trouble(
                f"{name} is not at {address} on this chain; if the network was made anew, {deploy_command()}"
            ) from None


def attach(project: Any, name: str, address: str) -> Any:
    """A brownie contract at an address, without any record of it on brownie's side."""
    from brownie import Contract

    spoken = abi_name(name)
    abi = (getattr(project.interface, spoken) if spoken != name else project[name]).abi
    return Contract.from_abi(name, Web3.to_checksum_address(address), abi, persist=False)


def abi_name(name: str) -> str:
    """Whose ABI a deployed contract is spoken to with: its own, but for the ledger, whose code is several contracts."""
    return {"RewardToken": "ILedger"}.get(name, name)


def deploy_command() -> str:
    """What to type to deploy on the network that the user named."""
    return f"brownie run deploy --network {os.environ.get(TYPED, 'FOLDER')}"


def open_session() -> Session:
    """The session of this process. Raises Trouble when the operator's key is missing or may not be used."""
    from brownie import network, project
    from brownie._config import CONFIG

    if not network.is_connected():
        raise Trouble("brownie is not connected; start the script with brownie run SCRIPT --network FOLDER")
    web3 = network.web3
    named = os.environ.get("TILLNET_FOLDER")
    live = CONFIG.network_type == "live"
    default = ROOT / "out" / "networks" / (str(web3.eth.chain_id) if live else "development")
    folder = Path(named) if named else default
    return Session(
        web3=web3,
        project=project.get_loaded_projects()[0],
        folder=folder,
        operator=_operator(web3, folder),
        lasts=live,
    )


def _operator(web3: Web3, folder: Path) -> LocalAccount:
    named, own = os.environ.get("TILLNET_OPERATOR_KEY"), folder / "keys" / "operator.json"
    if named or own.exists():
        return read_key(Path(named) if named else own)
    if not web3.client_version.lower().startswith("anvil"):
        raise Trouble("the operator's key is not known; name its file in TILLNET_OPERATOR_KEY")
    operator: LocalAccount = Account.from_key(DEVELOPMENT_KEY)
    web3.provider.make_request("anvil_setBalance", [operator.address, hex(DEVELOPMENT_COIN)])  # type: ignore[arg-type]
    return operator


def read_key(file: Path) -> LocalAccount:
    """The account in a key file made by `till net init`. Raises Trouble when it is no such file."""
    try:
        account: LocalAccount = Account.from_key(read_account(file).private_key)
    except TillnetError as failure:
        raise Trouble(str(failure).rstrip(".")) from None
    return account
