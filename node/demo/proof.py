"""The proof of the payment that the demonstration follows, with its line items, as an operator makes one.

Stage before: check. The items come out of the bridge's journal, opened with the operator's key of line items.
"""

from pathlib import Path

from node.bridge.journal.store import existing
from node.bridge.lines.keys import load_holder
from node.bridge.lines.opening import open_lines
from node.bridge.lines.reading import one
from node.chain.deployment import DEPLOYMENT, load_deployment
from node.chain.rpc import Rpc
from node.config import load_bridge
from node.demo.stand import Stand
from node.domain.ids import PaymentId, parse_payment_id
from node.domain.line_items import LineItems
from node.explorer.prove import Consensus, prove_payment
from node.network.headers import ValidatorHeaders
from node.network.plan import NetworkPlan


async def write_proof(rpc: Rpc, stand: Stand, network: NetworkPlan, payment: PaymentId, file: Path) -> None:
    """Writes the proof of a payment of the bridge's own stream. Raises errors of the tree."""
    deployment = load_deployment(stand.network_folder / DEPLOYMENT)
    consensus = Consensus(headers=ValidatorHeaders(network))
    text = await prove_payment(rpc, deployment, payment, consensus, items=items_of(stand, payment))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def items_of(stand: Stand, payment: PaymentId) -> LineItems | None:
    """A payment's line items, None for one without. Raises errors of the tree when they do not open."""
    settings = load_bridge(stand.bridge_config)
    holder = load_holder(settings.journal.lines_key_file)
    stream, sequence = parse_payment_id(payment)
    engine = existing(settings.journal, stream)
    try:
        with engine.begin() as connection:
            found = one(connection, stream, sequence, holder.public_key().public_bytes_raw())
    finally:
        engine.dispose()
    return None if found is None else open_lines(found, holder, {})
