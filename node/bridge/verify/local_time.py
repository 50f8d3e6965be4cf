"""From a terminal's local date and time, which carry no year, to Unix seconds.

Part of verify; pure.
"""

import calendar
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from node.domain.errors import MalformedMessage

_DAY: Final = 86_400


def unix_time(date: str, time: str, *, received: int, utc_offset: int) -> int:
    """Unix seconds of MMDD and hhmmss in a zone `utc_offset` seconds east of UTC, in the year nearest to `received`.

    Raises MalformedMessage when there is no such date or time.
    """
    hour, minute, second = int(time[:2]), int(time[2:4]), int(time[4:6])
    # POSIX seconds know no leap second; terminals that send 60 mean the next minute's 0
    if hour > 23 or minute > 59 or second > 60:
        raise MalformedMessage("DE12 is no time of day")
    midnight = _nearest(date, (received + utc_offset) // _DAY)
    return midnight + hour * 3600 + minute * 60 + second - utc_offset


@lru_cache(maxsize=64)
def _nearest(date: str, received_day: int) -> int:
    month, day = int(date[:2]), int(date[2:4])
    year = datetime.fromtimestamp(received_day * _DAY, UTC).year
    candidates = [
        calendar.timegm((candidate, month, day, 0, 0, 0))
        for candidate in (year, year - 1, year + 1)
        if 1 <= month <= 12 and 1 <= day <= calendar.monthrange(candidate, month)[1]
    ]
    # 29 February of a year that is up to four years away is no date that a terminal means
    nearest = min(candidates, key=lambda at: abs(at - received_day * _DAY), default=None)
    if nearest is None:
        raise MalformedMessage("there is no such date")
    return nearest


def day_of(date: str, what: str, *, received: int, utc_offset: int) -> int:
    """Days since 1970 of MMDD, in the year nearest to `received` there. Raises MalformedMessage."""
    if not (len(date) == 4 and date.isdecimal()):
        raise MalformedMessage(f"{what} is no date")
    return _nearest(date, (received + utc_offset) // _DAY) // _DAY


def local_stamp(time: int, utc_offset: int) -> str:
    """MMDDhhmmss of Unix seconds in that zone: DE13 and DE12 as a terminal would send them."""
    return (datetime.fromtimestamp(time, UTC) + timedelta(seconds=utc_offset)).strftime("%m%d%H%M%S")
