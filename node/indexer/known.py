"""What the index is of: which contract is at which address, and the ledger's terms; asked once, then held for good."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from node.chain.ledger import Ledger
from node.chain.rpc import Rpc
from node.consensus.registry import ACCOUNT_REGISTRY, VALIDATOR_REGISTRY, Validator
from node.domain.errors import Unusable
from node.domain.ids import Address
from node.domain.leaf import NetworkTerms

GENESIS: Final = {"AccountRegistry": ACCOUNT_REGISTRY, "ValidatorRegistry": VALIDATOR_REGISTRY}


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """Contracts by address, what of the ledger never changes, and who validated in block 0."""

    chain_id: int
    names: Mapping[bytes, str]
    ledger: bytes
    terms: NetworkTerms
    validators: tuple[Validator, ...] = ()

    @property
    def meta(self) -> dict[str, str]:
        """What an index says it is of."""
        terms = self.terms
        return {
            "chain_id": str(self.chain_id),
            "contracts": " ".join(f"{name}=0x{address.hex()}" for address, name in sorted(self.names.items())),
            "units_per_minor_unit": str(terms.units_per_minor_unit),
            "epoch_start": str(terms.epoch_start),
            "epoch_length": str(terms.epoch_length),
            "utc_offset": str(terms.utc_offset),
            "clock_tolerance": str(terms.clock_tolerance),
        }


def contracts_in(path: Path) -> dict[bytes, str]:
    """Contracts by address in a deployment.json. Raises Unusable."""
    try:
        contracts = json.loads(path.read_text())["contracts"]
        return {bytes.fromhex(each["address"][2:]): str(name) for name, each in contracts.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unusable(f"{path} is not a deployment of Tillnet ({type(error).__name__}: {error})") from None


async def ask_known(rpc: Rpc, contracts: Mapping[bytes, str], validators: tuple[Validator, ...] = ()) -> Known:
    """What these contracts are on a chain. Raises Unusable when the ledger is not among them."""
    ledger = next((address for address, name in contracts.items() if name == "RewardToken"), None)
    if ledger is None:
        raise Unusable("the deployment names no RewardToken")
    return Known(
        chain_id=int(await rpc.call("eth_chainId"), 16),
        names={**{address: name for name, address in GENESIS.items()}, **contracts},
        ledger=ledger,
        terms=await Ledger(rpc, Address(ledger)).network_terms(),
        validators=validators,
    )
