"""A validator that cheats: the real application, but for what it proposes when it is told to misbehave.

`python -m tests.network.byzantine SETTINGS.json`, in place of `node.consensus`. The name of a misdeed in the file
`misdeed` beside the settings is committed once, at its next turn to propose; it also votes for whatever it is shown.
"""

import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import rlp
import structlog
from eth_hash.auto import keccak

from node.consensus import __main__ as honest
from node.consensus.engine import Engine
from node.consensus.metered import MeteredApplication
from node.consensus.payload import Payload, decode_payload, encode_payload, payload_to_json
from node.consensus.rules import Head
from node.consensus.wire import abci
from node.domain.ids import Address, Hash32

EMPTY_ROOT = bytes.fromhex("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421")
NO_UNCLES = bytes.fromhex("1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347")
FORGED_STATE = Hash32(b"\x66" * 32)
TOO_LARGE = 3_500_000
"""Bytes that CometBFT still carries in a block (4 MiB), and the rules of the network do not allow (3,000,000)."""
HUGE = 20_000_000

Misdeed = Callable[["Workshop"], Awaitable[list[bytes]]]
log = structlog.get_logger()


class Workshop:
    """What a misdeed is made of: the honest block of this height, a way to build others, and words from the file."""

    def __init__(self, engine: Engine, parent: Head, honest_block: bytes, words: list[str]) -> None:
        self.engine = engine
        self.parent = parent
        self.data = honest_block
        self.block = decode_payload(honest_block)
        self.words = words

    async def built(self, **changed: Any) -> Payload:
        """A block that geth itself built, so that all of it fits together, with another choice than the agreed one."""
        chosen = {
            "parent": self.parent,
            "timestamp": self.block.timestamp,
            "version": self.block.version,
            "randao": self.block.prev_randao,
            "fee_recipient": self.block.fee_recipient,
            "extra_data": self.block.extra_data,
            "transactions": [],
            **changed,
        }
        return await self.engine.build(**chosen)

    async def forged(self, **changed: Any) -> Payload:
        """An empty block with changed fields and the block hash that belongs to them."""
        return with_hash(replace(await self.built(), **changed))


def with_hash(empty: Payload, withdrawals_root: bytes = EMPTY_ROOT) -> Payload:
    """The payload with its header's hash (Cancun's fields; it has no transactions)."""
    header = [
        *(empty.parent_hash, NO_UNCLES, empty.fee_recipient, empty.state_root, EMPTY_ROOT, empty.receipts_root),
        *(empty.logs_bloom, 0, empty.number, empty.gas_limit, empty.gas_used, empty.timestamp, empty.extra_data),
        *(empty.prev_randao, bytes(8), empty.base_fee, withdrawals_root, empty.blob_gas_used),
        *(empty.excess_blob_gas, bytes(32)),
    ]
    return replace(empty, block_hash=Hash32(keccak(rlp.encode(header))))


async def wrong_timestamp(shop: Workshop) -> list[bytes]:
    return [encode_payload(await shop.built(timestamp=shop.block.timestamp + 1))]


async def wrong_parent(shop: Workshop) -> list[bytes]:
    return [encode_payload(await shop.forged(parent_hash=Hash32(b"\x07" * 32)))]


async def wrong_recipient(shop: Workshop) -> list[bytes]:
    return [encode_payload(await shop.built(fee_recipient=Address(b"\x66" * 20)))]


async def withdrawal(shop: Workshop) -> list[bytes]:
    # the root of a list with one withdrawal in the header, as a block that mints coin would have it
    one = keccak(rlp.encode([b"\x80", rlp.encode([0, 0, b"\x66" * 20, 10**9])]))
    return [encode_payload(with_hash(await shop.built(), withdrawals_root=one))]


async def json_with_a_withdrawal(shop: Workshop) -> list[bytes]:
    minted = {"index": "0x0", "validatorIndex": "0x0", "address": "0x" + "66" * 20, "amount": "0x3b9aca00"}
    return [json.dumps(payload_to_json(shop.block) | {"withdrawals": [minted]}).encode()]


async def doubled_field(shop: Workshop) -> list[bytes]:
    # geth's JSON takes the second, whatever its case; only the binary form is ever given to it
    return [json.dumps(payload_to_json(shop.block) | {"ParentHash": "0x" + "07" * 32}).encode()]


async def unknown_fields(shop: Workshop) -> list[bytes]:
    return [shop.data + b'{"executionRequests":[]}']


async def invalid_state(shop: Workshop) -> list[bytes]:
    return [encode_payload(await shop.forged(state_root=FORGED_STATE))]


async def false_hash(shop: Workshop) -> list[bytes]:
    return [encode_payload(replace(shop.block, block_hash=Hash32(b"\x66" * 32)))]


async def transactions(shop: Workshop) -> list[bytes]:
    """A block of exactly the raw transactions that the file names, valid in geth's eyes."""
    return [encode_payload(await shop.built(transactions=[bytes.fromhex(word[2:]) for word in shop.words]))]


async def two_payloads(shop: Workshop) -> list[bytes]:
    return [shop.data, shop.data]


async def nothing(shop: Workshop) -> list[bytes]:
    return []


async def too_large(shop: Workshop) -> list[bytes]:
    return [shop.data + os.urandom(TOO_LARGE)]


async def huge(shop: Workshop) -> list[bytes]:
    return [shop.data + os.urandom(HUGE)]


MISDEEDS: dict[str, Misdeed] = {
    each.__name__: each  # type: ignore[attr-defined]
    for each in (
        *(wrong_timestamp, wrong_parent, wrong_recipient, withdrawal, json_with_a_withdrawal, doubled_field),
        *(unknown_fields, invalid_state, false_hash, transactions, two_payloads, nothing, too_large, huge),
    )
}


class Cheat(MeteredApplication):
    """Honest until the file of misdeeds says otherwise."""

    orders = Path(sys.argv[-1]).with_name("misdeed")

    async def prepare_proposal(self, request: Any) -> Any:
        answer = await super().prepare_proposal(request)
        try:
            name, *words = self.orders.read_text().split()
        except FileNotFoundError:
            return answer
        shop = Workshop(self._engine, await self._parent_of(request.height), answer.txs[0], words)
        proposed = await MISDEEDS[name](shop)
        # said first: whoever sees the order gone reads at which height
        log.warning("misdeed.done", misdeed=name, height=request.height)
        self.orders.unlink()
        return abci.ResponsePrepareProposal(txs=proposed)

    async def process_proposal(self, request: Any) -> Any:
        return abci.ResponseProcessProposal(status=abci.ResponseProcessProposal.ACCEPT)


if __name__ == "__main__":
    honest.MeteredApplication = Cheat  # type: ignore[misc]
    sys.exit(honest.main())
