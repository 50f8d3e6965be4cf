"""Proofs of payments' lines, for the contracts that act on what the ledger accepted (ILedgerDoors.ProvenLeaf).

A payment is named as `till payment` names it, STREAM-SEQUENCE; all its lines are proved. The leaves are rebuilt from
the chain's own calldata and logs, so nobody needs to have kept a receipt.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from node.chain.deployment import Deployment, load_deployment
from node.chain.rpc import Rpc
from node.config import rpc_access
from node.domain.errors import TillnetError
from node.domain.ids import PaymentId, parse_payment_id
from node.domain.leaf import Leaf
from node.domain.merkle import proof_of
from node.domain.packed_leaves import hashes, leaves_of
from node.explorer.payments import UnknownPayment, ask_batch
from scripts.session import Session
from scripts.trouble import Trouble


@dataclass(frozen=True, kw_only=True)
class Proven:
    """A line: its payment's name, its leaf, and the words of ILedgerDoors.ProvenLeaf."""

    payment: str
    leaf: Leaf
    words: tuple[Any, ...]


def prove(session: Session, payments: str) -> list[Proven]:
    """The lines of payments named by ','. Raises Trouble for one that the ledger did not accept."""
    names = list(dict.fromkeys(part.strip() for part in payments.split(",")))
    for name in names:
        try:
            parse_payment_id(name)
        except (ValueError, TillnetError):
            raise Trouble(f"{name!r} is no payment such as 1-42 (stream and sequence)") from None
    try:
        return asyncio.run(_prove(_url(session), load_deployment(session.deployment_file), names))
    except UnknownPayment as failure:
        raise Trouble(f"the ledger did not accept a payment {failure}") from None
    except TillnetError as failure:
        raise Trouble(str(failure).rstrip(".")) from None


async def _prove(url: str, deployment: Deployment, names: Sequence[str]) -> list[Proven]:
    found = []
    async with Rpc([url], timeout=60, access=rpc_access()) as rpc:
        for name in names:
            batch = await ask_batch(rpc, deployment, PaymentId(name))
            tree, (_, sequence) = hashes(batch.leaves), parse_payment_id(name)
            for place, each in leaves_of(batch.leaves, sequence):
                leaf = Leaf.unpack(each)
                words = (*leaf.words(), batch.root, list(proof_of(tree, place)))
                found.append(Proven(payment=name, leaf=leaf, words=words))
    return found


def _url(session: Session) -> str:
    return str(session.web3.provider.endpoint_uri)  # type: ignore[union-attr]
