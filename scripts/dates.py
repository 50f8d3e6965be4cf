"""Days of the network and moments, as people type and read them."""

from datetime import UTC, datetime, timedelta
from typing import Final

from scripts.trouble import Trouble

DAY: Final = 86_400  # seconds


def read_date(text: str, *, default: int) -> int:
    """The network's day of a date such as 2026-11-30; `default` for 0."""
    if text == "0":
        return default
    try:
        date = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise Trouble(f"{text!r} is no date such as 2026-11-30") from None
    # a day of the network is a calendar day of its own offset from UTC
    return (date - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(days=1)


def date_of(day: int) -> str:
    """The date of a network's day."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)).strftime("%Y-%m-%d") if day else "no end"


def time_of(seconds: int) -> str:
    """A moment, UTC."""
    return datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%d %H:%M") if seconds else "no end"
