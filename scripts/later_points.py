"""What the scripts of pending points and referrals share: rates, versions, and claims of many lines."""

from collections.abc import Sequence
from typing import Final

from scripts.amounts import MAX_32, read_coefficient, read_whole
from scripts.proofs import Proven
from scripts.session import Session
from scripts.trouble import Trouble

SCALE: Final = 10_000
CLAIM_GAS: Final = 150_000
LINE_GAS: Final = 250_000
LINES_A_CALL: Final = 40
COIN: Final = 1


def read_rate(session: Session, text: str) -> int:
    """Units of coin for 10,000 minor units of money: `1%` at par, or a plain number of them."""
    if text.endswith("%"):
        return read_coefficient(text, int(session["RewardToken"].unitsPerMinorUnit())) * SCALE
    return read_whole(text, "a rate such as 1% or 1000000", low=1, high=MAX_32)


def read_programme(session: Session, text: str) -> int:
    """A referral programme's number. Raises Trouble when there is none."""
    number = read_whole(text, "a programme's number", low=1, high=MAX_32)
    if number > session["Referrals"].programmeCount():
        raise Trouble(f"there is no programme {number}")
    return number


def parts(lines: Sequence[Proven]) -> list[Sequence[Proven]]:
    """Lines in calls that a block has room for."""
    return [lines[place : place + LINES_A_CALL] for place in range(0, len(lines), LINES_A_CALL)]


def claim_gas(lines: Sequence[Proven]) -> int:
    """Gas that a claim of these lines takes at most."""
    return CLAIM_GAS + LINE_GAS * len(lines)
