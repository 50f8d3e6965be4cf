"""Who validated in block 0: no event says so, the registry's storage in genesis.json does (node/network/registries.py).

Before it the network's folder; after it apply, which makes rows of them with block 0.
"""

import json
from pathlib import Path

from node.consensus.registry import VALIDATOR_REGISTRY, Validator
from node.domain.errors import Unusable
from node.domain.ids import Address
from node.network.registries import ADDRESS_BITS, VALIDATOR_WORDS, VALIDATORS_SLOT, hashed


def first_validators(genesis: Path) -> tuple[Validator, ...]:
    """The validators in a genesis.json; none if there is no such file. Raises Unusable when it is not one."""
    if not genesis.is_file():
        return ()
    try:
        alloc = {name.lower(): entry for name, entry in json.loads(genesis.read_text())["alloc"].items()}
        said = alloc["0x" + VALIDATOR_REGISTRY.hex()]["storage"]
        storage = {int(slot, 16): int(word, 16) for slot, word in said.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unusable(f"{genesis} is no genesis of a network of ours ({type(error).__name__}: {error})") from None
    first = hashed(VALIDATORS_SLOT.to_bytes(32, "big"))
    return tuple(_validator(storage, first + place * VALIDATOR_WORDS) for place in range(storage[VALIDATORS_SLOT]))


def _validator(storage: dict[int, int], slot: int) -> Validator:
    account, key, node_id, name = (storage.get(slot + word, 0) for word in range(VALIDATOR_WORDS))
    return Validator(
        account=Address((account & (1 << ADDRESS_BITS) - 1).to_bytes(20, "big")),
        power=account >> ADDRESS_BITS & 2**64 - 1,
        key=key.to_bytes(32, "big"),
        node_id=node_id.to_bytes(32, "big")[12:],
        name=name.to_bytes(32, "big").rstrip(b"\x00").decode("utf-8", "replace"),
    )
