"""Where a network's contracts are: reads the deployment.json that scripts/deploy.py wrote."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from node.domain.errors import Unusable
from node.domain.ids import Address

DEPLOYMENT: Final = "deployment.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployment:
    """The contracts of one network; `block` is the first that may hold an event of theirs. `parts` are all by name."""

    chain_id: int
    block: int
    ledger: Address
    registry: Address
    rules: Address
    coupons: Address | None = None
    discount: Address | None = None
    access: Address | None = None
    settlement: Address | None = None
    parts: Mapping[str, Address] = field(default_factory=dict)


def load_deployment(path: Path) -> Deployment:
    """The deployment in a file. Raises Unusable when it is missing or is not one."""
    try:
        document = json.loads(path.read_text())
        contracts = document["contracts"]
        return Deployment(
            chain_id=int(document["chain_id"]),
            block=int(document["block"]),
            ledger=_address(contracts["RewardToken"]["address"]),
            registry=_address(contracts["Registry"]["address"]),
            rules=_address(contracts["RewardRules"]["address"]),
            coupons=_address_if_there(contracts, "Coupons"),
            discount=_address_if_there(contracts, "CoinDiscount"),
            access=_address_if_there(contracts, "NetworkAccess"),
            settlement=_address_if_there(contracts, "SettlementEscrow"),
            parts={name: _address(each["address"]) for name, each in contracts.items()},
        )
    except FileNotFoundError:
        raise Unusable(f"there is no deployment {path}; first brownie run deploy --network {path.parent}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Unusable(f"{path} is not a deployment of Tillnet ({type(error).__name__}: {error})") from None


def _address_if_there(contracts: Mapping[str, Any], name: str) -> Address | None:
    return _address(contracts[name]["address"]) if name in contracts else None


def _address(text: str) -> Address:
    address = bytes.fromhex(text.removeprefix("0x"))
    if len(address) != 20:
        raise ValueError(f"{text} is not an address")
    return Address(address)
