"""Takes up what the last process left in the journal: nonces, transactions on their way, entries that are not settled.

Before arrival.py, which compares it with the chain.
"""

import structlog
from sqlalchemy import Connection

from node.bridge.entry import PaymentEntry, ReversalEntry
from node.bridge.failpoint import FailPoint
from node.bridge.journal import advices, reading, transitions
from node.bridge.journal.store import Journal
from node.bridge.service import Bridge
from node.bridge.stages import Stages
from node.bridge.transaction import Sender
from node.chain.deployment import Deployment
from node.config import BridgeSettings
from node.domain.errors import Unusable
from node.domain.ids import Sequence
from node.domain.payment import Status

log = structlog.get_logger("bridge")


async def restore_sender(
    settings: BridgeSettings, deployment: Deployment, journal: Journal, sender: Sender, failpoint: FailPoint
) -> None:
    """Takes up nonces and open transactions. Raises Unusable when the journal is another stream's or ledger's."""
    identity = {
        "stream": str(settings.stream.id),
        "chain_id": str(deployment.chain_id),
        "ledger": deployment.ledger.hex(),
    }

    def take_up(connection: Connection) -> tuple[dict[str, str], int, int | None, list[reading.OpenBatch]]:
        known = reading.meta(connection)
        if not identity.keys() & known.keys():
            for name, value in identity.items():
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
    sender.restore(open_batches, next_batch=next_batch, next_nonce=next_nonce)


async def restore_entries(journal: Journal, bridge: Bridge, stages: Stages) -> None:
    """Takes up every entry that is not settled; what does not fit the window stays on the disk."""
    entries: list[tuple[Status, PaymentEntry | ReversalEntry]]
    entries = await journal.insist(lambda connection: list(reading.open_entries(connection)))
    entries += [(Status.JOURNALED, entry) for entry in await stages.backlog.take_up()]
    entries.sort(key=lambda each: each[1].sequence)
    stages.advices.update(await journal.insist(advices.on_their_way))
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
        on_disk, batches = stages.backlog.count, len(stages.sender.pending)
        log.info("taken up", entries=len(entries), on_disk=on_disk, batches=batches)
