"""A journal full of payments that no batch has yet, for the restart benchmark: made by the journal's own admission."""

import asyncio
import itertools
import time
from datetime import UTC, datetime
from typing import Final

from node.bridge.journal.admission import Admission
from node.bridge.journal.lease import Lease
from node.bridge.journal.store import Journal
from node.config import JournalSettings
from node.domain.ids import (
    Hash32,
    MemberId,
    MerchantId,
    MinorUnits,
    RuleVersion,
    StreamId,
    TerminalId,
    TerminalNumber,
)
from node.domain.payment import Line, Payment, PaymentKey, Tender
from tests.offchain.bridge_out.stand import MEMBERS, STREAM, Stand

EARNERS: Final = range(1_001, 4_001)
"""Members whose payments only earn."""
DEBITS_EVERY: Final = 10
"""One payment of so many takes stored value, of the stand's own members."""
AMOUNT: Final = 100
DEBITED: Final = 1
GROUP: Final = 500
LEASE_MS: Final = 1_000


async def fill(settings: JournalSettings, stand: Stand, payments: int) -> None:
    """Journals so many payments that only earn, and debits among them: a group at a time, as under load. Lets go of the
    journal.
    """
    debits = -(-payments // (DEBITS_EVERY - 1))
    numbers = iter(range(payments + debits))
    lease = None
    if settings.url:
        lease = Lease.open(settings.url, StreamId(STREAM), owner="fill", length_ms=LEASE_MS)
        await lease.take(asyncio.Event())
    journal = await Journal.open(settings, stream=StreamId(STREAM), fence=lease, shared=lease is not None)
    now = int(time.time())
    while group := [_payment(stand, number, now) for number in itertools.islice(numbers, GROUP)]:
        await asyncio.gather(*[journal.admit(Admission(each, b"", now * 1_000, 1)) for each in group])
    await journal.close()
    if lease is not None:
        lease.release()


def _payment(stand: Stand, number: int, now: int) -> Payment:
    place = number % len(stand.merchants)
    debits = number % DEBITS_EVERY == 0
    member = MEMBERS[number // DEBITS_EVERY % len(MEMBERS)] if debits else EARNERS[number % len(EARNERS)]
    moment = f"{datetime.fromtimestamp(now, UTC):%m%d%H%M%S}"
    amount = MinorUnits(DEBITED if debits else AMOUNT)
    tender = Tender.STORED_VALUE if debits else Tender.EXTERNAL
    said = Hash32(number.to_bytes(32, "big"))
    return Payment(
        key=PaymentKey(
            terminal=TerminalId(f"{stand.merchants[place]}T0"),
            stan=f"{number % 1_000_000:06d}",
            local_time=moment,
            amount=amount,
            mti_class="020",
        ),
        transmission_time=moment,
        body=said,
        merchant=MerchantId(stand.merchants[place]),
        terminal=TerminalNumber(0),
        member=MemberId(member),
        time=now,
        lines=(Line(amount=amount, rule_version=RuleVersion(stand.base[place]), tender=tender),),
        items_root=None,
        authorisation=said if debits else None,
    )
