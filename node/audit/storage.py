"""Words of a contract's storage, each proven by the state root of a block's header (EIP-1186).

Stage before: evidence, whose header it is. Stage after: compare.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from node.audit.evidence import EvidenceBroken, ProvenBlock, StateGone
from node.chain.rpc import Rpc, RpcRefused
from node.domain.ids import Address
from node.domain.merkle import keccak
from node.proofs.ethereum import storage_root, stored_word, trie_value
from node.proofs.refusal import ProofRefused, Step

SLOTS_AT_ONCE: Final = 200
REQUESTS_AT_ONCE: Final = 4
EMPTY: Final = b"\x80"


async def proven_words(rpc: Rpc, block: ProvenBlock, contract: Address, slots: Sequence[int]) -> dict[int, int]:
    """The words at these slots after the block. Raises EvidenceBroken, StateGone, ChainUnreachable."""
    limit = asyncio.Semaphore(REQUESTS_AT_ONCE)

    async def part(some: Sequence[int]) -> dict[int, int]:
        async with limit:
            try:
                answer = await rpc.call(
                    "eth_getProof", "0x" + contract.hex(), [f"0x{slot:064x}" for slot in some], hex(block.number)
                )
            except RpcRefused as refused:
                raise StateGone(f"the state after block {block.number} cannot be had: {refused.text}") from None
        return _checked(answer, block, contract, some)

    ordered = list(slots)
    parts = [ordered[at : at + SLOTS_AT_ONCE] for at in range(0, len(ordered), SLOTS_AT_ONCE)]
    found: dict[int, int] = {}
    for words in await asyncio.gather(*map(part, parts)):
        found |= words
    return found


def _checked(answer: Mapping[str, Any], block: ProvenBlock, contract: Address, slots: Sequence[int]) -> dict[int, int]:
    try:
        nodes = [bytes.fromhex(node[2:]) for node in answer["accountProof"]]
        account = trie_value(block.state_root, keccak(contract), nodes, Step.STATE)
        if account is None:
            raise StateGone(f"there is no contract 0x{contract.hex()}")
        root = storage_root(account)
        words = {}
        for slot, each in zip(slots, answer["storageProof"], strict=True):
            nodes = [bytes.fromhex(node[2:]) for node in each["proof"]]
            value = trie_value(root, keccak(slot.to_bytes(32, "big")), nodes, Step.STATE)
            # a development chain keeps words of 0 in its trie too
            words[slot] = 0 if value in (None, EMPTY) else stored_word(value or b"")
        return words
    except (ProofRefused, KeyError, TypeError, ValueError) as failure:
        raise EvidenceBroken(f"the state after block {block.number} is not what its header says ({failure})") from None
