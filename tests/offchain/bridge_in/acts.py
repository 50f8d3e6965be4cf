"""What the tests of acts share: amounts, a coupon, and looks into what was journaled."""

from datetime import UTC, datetime

from node.domain.payment import Payment
from tests.offchain.bridge_in.conftest import (
    CARD,
    CURRENCY,
    EURO,
    HIDDEN,
    PRESENT,
    TENTH,
    FakeJournal,
)

LOCAL = datetime(2026, 6, 1, 12, 30, 15, tzinfo=UTC)
TENTH_OFF, EURO_OFF, A_GIFT, OF_HIDDEN = (campaign << 32 | 5 for campaign in (TENTH, EURO, PRESENT, HIDDEN))
SIGNATURE = bytes(range(65))
SALE = {"card": CARD, "amount": 1_200, "currency": CURRENCY}


def only(journal: FakeJournal) -> Payment:
    (entry,) = journal.entries
    assert isinstance(entry, Payment)
    return entry


def data_of(payment: Payment) -> bytes:
    assert payment.act is not None and payment.waits
    return payment.act.data
