"""Network management messages as terminals send them, for the tests."""

from datetime import UTC, date, datetime

from tests.offchain.bridge_in.conftest import CARD, CURRENCY

NOW = datetime.now(UTC).replace(microsecond=0)
TODAY = NOW.date()
GOOD = {"card": CARD, "amount": 1_200, "currency": CURRENCY}


def number_of(day: date) -> int:
    return (day - date(1970, 1, 1)).days
