"""What whoever verifies trusts beforehand: a chain's name, its validators at one height, and its ledger's address.

An operator publishes it once (`till prove anchor`); everything else follows from it by signatures.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from node.domain.ids import Address, Hash32
from node.proofs.comet import Validator, set_hash
from node.proofs.reading import Fields, read_document
from node.proofs.refusal import ProofRefused, Step

FORMAT: Final = "tillnet-anchor-1"
GENESIS_HEIGHT: Final = 1
_NAMES: Final = ("format", "chain_id", "height", "validators_hash", "ledger", "epoch_start", "epoch_length")


@dataclass(frozen=True, kw_only=True, slots=True)
class Anchor:
    """The validators that may sign from `height` on, by their set's hash, until they sign over to others.

    `epoch_start` and `epoch_length` (seconds) are the ledger's constants, by which points age; None where unknown.
    """

    chain_id: str
    height: int
    validators_hash: Hash32
    ledger: Address
    epoch_start: int | None = None
    epoch_length: int | None = None

    def epoch(self, time: int) -> int | None:
        """The expiry epoch of a block's time, None where the constants are unknown."""
        if self.epoch_start is None or self.epoch_length is None:
            return None
        return (time - self.epoch_start) // self.epoch_length if self.epoch_length else 0


def read_anchor(data: bytes) -> Anchor:
    """The anchor in a file. Raises ProofRefused."""
    found = Fields(read_document(data), "the anchor", _NAMES)
    if found.text("format") != FORMAT:
        raise ProofRefused(Step.DOCUMENT, f"the anchor is not of the format {FORMAT}")
    known = found["epoch_start"] is not None or found["epoch_length"] is not None
    return Anchor(
        chain_id=found.text("chain_id"),
        height=found.whole("height", 63),
        validators_hash=Hash32(found.data("validators_hash", 32)),
        ledger=Address(found.data("ledger", 20)),
        epoch_start=found.whole("epoch_start", 63) if known else None,
        epoch_length=found.whole("epoch_length", 63) if known else None,
    )


def write_anchor(anchor: Anchor) -> str:
    """What `read_anchor` reads."""
    document = {
        "format": FORMAT,
        "chain_id": anchor.chain_id,
        "height": anchor.height,
        "validators_hash": "0x" + anchor.validators_hash.hex(),
        "ledger": "0x" + anchor.ledger.hex(),
        "epoch_start": anchor.epoch_start,
        "epoch_length": anchor.epoch_length,
    }
    return json.dumps(document, indent=2) + "\n"


def anchor_of_genesis(genesis: Mapping[str, Any], ledger: Address) -> Anchor:
    """The anchor at height 1 by CometBFT's genesis document. Raises ValueError, KeyError, TypeError for another one."""
    validators = [
        Validator(key=base64.b64decode(each["pub_key"]["value"], validate=True), power=int(each["power"]))
        for each in genesis["validators"]
    ]
    # types/validator_set.go, ValidatorsByVotingPower
    ordered = sorted(validators, key=lambda each: (-each.power, each.address))
    return Anchor(
        chain_id=str(genesis["chain_id"]),
        height=int(genesis["initial_height"]),
        validators_hash=Hash32(set_hash(ordered)),
        ledger=ledger,
    )
