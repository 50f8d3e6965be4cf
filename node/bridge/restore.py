"""Takes up what the last process left: nonces, transactions on their way, entries that are not settled."""

import structlog
from sqlalchemy import Connection

from node.bridge.entry import ReversalEntry
from node.bridge.failpoint import FailPoint
from node.bridge.journal import reading, transitions
from node.bridge.journal.store import Journal
from node.bridge.service import Bridge
from node.bridge.stages import Stages
from node.bridge.transaction import Sender
from node.chain.blocks import Block
from node.chain.deployment import Deployment
from node.chain.ledger import Ledger
from node.chain.rpc import Rpc
from node.chain.signer import TransactionSigner
from node.config import BridgeSettings
from node.domain.errors import Unusable
from node.domain.ids import Sequence, StreamId
from node.domain.payment import Status

log = structlog.get_logger("bridge")


async def restore_sender(
    settings: BridgeSettings,
    rpc: Rpc,
    ledger: Ledger,
    deployment: Deployment,
    signer: TransactionSigner,
    journal: Journal,
    sender: Sender,
    head: Block,
    failpoint: FailPoint,
) -> int:
    """Takes up nonces and open transactions; the last block that was settled."""
    identity = {
        "stream": str(settings.stream.id),
        "chain_id": str(deployment.chain_id),
        "ledger": deployment.ledger.hex(),
    }

    def take_up(connection: Connection) -> tuple[dict[str, str], int, int | None, list[reading.OpenBatch]]:
        known = reading.meta(connection)
        if transitions.LAST_BLOCK not in known:
            for name, value in (identity | {transitions.LAST_BLOCK: str(head.number)}).items():
                transitions.set_meta(connection, name, value)
            known = reading.meta(connection)
        _, batch, nonce = reading.next_numbers(connection)
        return known, batch, nonce, reading.open_batches(connection)

    failpoint.passed("before-take-up")
    known, next_batch, next_nonce, open_batches = await journal.insist(take_up)
    failpoint.passed("after-take-up")
    for name, value in identity.items():
        if known.get(name) != value:
            raise Unusable(f"the journal {journal.place} belongs to another {name}: {known.get(name)}")
    used = int(await rpc.call("eth_getTransactionCount", "0x" + signer.address.hex(), "latest"), 16)
    if next_nonce is not None and used > next_nonce:
        raise Unusable(f"the key has sent {used} transactions, the journal knows {next_nonce}; who else uses it?")
    if await ledger.is_posted(StreamId(settings.stream.id), Sequence(journal.next_sequence)):
        raise Unusable(
            f"stream {settings.stream.id} was posted beyond the journal {journal.place};"
            " restore the newest journal, or use a new stream"
        )
    sender.base_fee = head.base_fee
    sender.restore(open_batches, next_batch=next_batch, next_nonce=used if next_nonce is None else next_nonce)
    return int(known[transitions.LAST_BLOCK])


async def restore_entries(journal: Journal, bridge: Bridge, stages: Stages) -> None:
    """Takes up every entry that is not settled."""
    entries = await journal.insist(lambda connection: list(reading.open_entries(connection)))
    unanswered = await journal.insist(reading.unanswered)
    for sequence, received_at in unanswered.items():
        stages.waiting.expect(Sequence(sequence), received_at)
    for status, entry in entries:
        if status is Status.JOURNALED:
            bridge.on_entry(entry)
        elif isinstance(entry, ReversalEntry):
            stages.reversals[entry.sequence] = entry
            stages.refunds.resume(entry)
        else:
            stages.received_at[entry.sequence] = entry.received_at
    if entries:
        log.info("taken up", entries=len(entries), batches=len(stages.sender.pending))
