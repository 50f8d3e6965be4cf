"""Makes proofs, for node/proofs/verify.py: of a payment and of a member's balance; and the anchor for them.

What it hands out it has verified itself, so a gateway that lies or a chain that is another one is found here.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from node.chain.deployment import Deployment
from node.chain.events import BATCH_POSTED
from node.chain.ledger import Ledger
from node.chain.rpc import Rpc, RpcRefused
from node.domain.errors import TillnetError, Unusable
from node.domain.ids import Hash32, MemberId, PaymentId, parse_payment_id
from node.domain.line_items import LineItems
from node.domain.merkle import proof_of
from node.domain.packed_leaves import hashes, leaves_of
from node.explorer.payments import PostedBatch, ask_batch
from node.explorer.receipt_trie import encode_header, encode_receipt, prove_entry
from node.explorer.signed_headers import lead_to
from node.network.headers import Headers, NoHeader
from node.proofs.anchor import Anchor
from node.proofs.ethereum import index_key
from node.proofs.refusal import ProofRefused
from node.proofs.verify import BALANCE_FORMAT, MEMBER_SLOT, PAYMENT_FORMAT, verify_proof

SIGNED_SECONDS: Final = 15.0
POLL_SECONDS: Final = 0.2


class NotProvable(TillnetError):
    """What was found does not make a proof; a gateway does not tell the truth, or the chain is another one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Consensus:
    """Where signed headers come from, and the height whose validators are trusted by whoever will verify."""

    headers: Headers
    since: int = 1


async def prove_payment(
    rpc: Rpc, deployment: Deployment, payment: PaymentId, consensus: Consensus, *, items: LineItems | None = None
) -> str:
    """The proof of all lines of an accepted payment, and of all of its line items if they are given.

    Raises UnknownPayment when the ledger accepted none of this name, Unusable for one without lines or with other
    items, NoHeader when nobody has what the validators signed, NotProvable.
    """
    batch = await ask_batch(rpc, deployment, payment)
    _, sequence = parse_payment_id(payment)
    tree, own = hashes(batch.leaves), leaves_of(batch.leaves, sequence)
    if not own:
        raise Unusable(f"the payment {payment} is an act alone: it has no lines, and nothing to prove")
    if items is not None and items.root != own[0][1][64:96]:
        raise Unusable(f"these are not the line items of {payment}: the chain has another root for it")
    document = {
        "format": PAYMENT_FORMAT,
        "payment": payment,
        "items": [] if items is None else _items(items),
        "lines": [{"leaf": _hex(leaf), "path": list(map(_hex, proof_of(tree, place)))} for place, leaf in own],
        "receipt": await _receipt(rpc, deployment, batch),
        **await signed_part(batch.block, consensus),
    }
    return verified(document)


async def prove_balance(
    rpc: Rpc, deployment: Deployment, member: MemberId, consensus: Consensus, *, block: int | None = None
) -> str:
    """The proof of a member's account after a block, also that it has none; the newest block but one if not said.

    Raises Unusable when the gateway has forgotten the block's state (geth keeps 128), NoHeader, NotProvable.
    """
    newest = int(await rpc.call("eth_blockNumber"), 16)
    number = max(newest - 1, 0) if block is None else block
    found = await rpc.call("eth_getBlockByNumber", hex(number), False)
    if found is None:
        raise Unusable(f"there is no block {number} yet; the newest is {newest}")
    slot = MEMBER_SLOT + member.to_bytes(8, "big")
    try:
        proof = await rpc.call("eth_getProof", _hex(deployment.ledger), [_hex(slot)], hex(number))
    except RpcRefused as refused:
        raise Unusable(f"the state of block {number} cannot be had, validators keep 128: {refused.text}") from None
    document = {
        "format": BALANCE_FORMAT,
        "ledger": _hex(deployment.ledger),
        "member": member,
        "account": proof["accountProof"],
        "storage": proof["storageProof"][0]["proof"],
        **await signed_part(found, consensus),
    }
    return verified(document)


async def make_anchor(rpc: Rpc, deployment: Deployment, headers: Headers, height: int) -> Anchor:
    """What this network's operator says is to be trusted from a height on. Raises NoHeader, Unusable."""
    header, terms = headers.header(height), await Ledger(rpc, deployment.ledger).terms()
    return Anchor(
        chain_id=header["chain_id"],
        height=height,
        validators_hash=Hash32(bytes.fromhex(header["validators_hash"])),
        ledger=deployment.ledger,
        epoch_start=terms.epoch_start,
        epoch_length=terms.epoch_length,
    )


async def _receipt(rpc: Rpc, deployment: Deployment, batch: PostedBatch) -> dict[str, Any]:
    """Where the batch's log is: the receipt's place in the block, the log's in the receipt, the nodes between."""
    receipts = await rpc.call("eth_getBlockReceipts", batch.block["hash"])
    index = next((n for n, each in enumerate(receipts) if each["transactionHash"] == batch.transaction), None)
    if index is None:
        raise NotProvable(f"block {batch.block['hash']} has no receipt of {batch.transaction}")
    entries = {index_key(n): encode_receipt(each) for n, each in enumerate(receipts)}
    root, nodes = prove_entry(entries, index_key(index))
    if _hex(root) != batch.block["receiptsRoot"]:
        raise NotProvable(f"the receipts of block {batch.block['hash']} are not those of its header")
    place = _place_of(receipts[index]["logs"], deployment, batch.root)
    return {"index": index, "log": place, "nodes": list(map(_hex, nodes))}


def _place_of(logs: Sequence[Mapping[str, Any]], deployment: Deployment, root: Hash32) -> int:
    for place, log in enumerate(logs):
        names_root = log["topics"][:1] == [BATCH_POSTED] and log["topics"][2] == _hex(root)
        if names_root and bytes.fromhex(log["address"][2:]) == deployment.ledger:
            return place
    raise NotProvable(f"no log of the ledger names the root {_hex(root)}")


async def signed_part(block: Mapping[str, Any], consensus: Consensus) -> dict[str, Any]:
    """The EVM header, and the signed headers that lead to it; waits until the next height has been decided."""
    height = int(block["number"], 16) + 1
    loop = asyncio.get_running_loop()
    deadline = loop.time() + SIGNED_SECONDS
    while True:
        try:
            headers = await asyncio.to_thread(lead_to, height, consensus.headers, since=consensus.since)
            return {"block": _hex(encode_header(block)), "headers": headers}
        except NoHeader:
            if loop.time() > deadline:
                raise
            await asyncio.sleep(POLL_SECONDS)


def _items(items: LineItems) -> list[dict[str, Any]]:
    leaves = items.leaves
    return [
        {
            "index": index,
            "product": item.product,
            "quantity": item.quantity,
            "amount": item.amount,
            "salt": _hex(salt),
            "path": list(map(_hex, proof_of(leaves, index))),
        }
        for index, (item, salt) in enumerate(zip(items.items, items.salts, strict=True))
    ]


def verified(document: dict[str, Any]) -> str:
    """A proof as it is handed out, once it was verified here. Raises NotProvable."""
    text = json.dumps(document, indent=1) + "\n"
    try:
        verify_proof(text.encode())
    except ProofRefused as refused:
        raise NotProvable(f"{refused.step}: {refused.reason}") from None
    return text


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
