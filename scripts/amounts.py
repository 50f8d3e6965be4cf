"""Numbers as people type and read them: money with two decimals, coins with six, rates in per cent.

Decimal at this edge only; inside, money is int in minor units and coins are int in units of 10^-6.
"""

import re
from decimal import Decimal
from typing import Final

from scripts.trouble import Trouble

MINOR_DIGITS: Final = 2
UNIT_DIGITS: Final = 6
LONGEST: Final = 24  # characters of a number
MAX_56: Final = 2**56 - 1  # the ledger counts money and coins in 56 bits
MAX_32: Final = 2**32 - 1  # as the contracts take coefficients and multipliers
_NUMBER: Final = re.compile(r"[0-9][0-9,]*(\.[0-9]+)?")


def read_money(text: str, *, high: int = MAX_56) -> int:
    """Minor units of `1,234.50`, `high` at most. Raises Trouble for what is no amount above zero with two decimals."""
    minor = _scaled(text, MINOR_DIGITS, "an amount of money such as 1234.50")
    if minor > high:
        raise Trouble(f"{text} is too much: it may be {money(high)} at most")
    return minor


def read_coins(text: str) -> int:
    """Units of `12.5` coins. Raises Trouble for what is no amount above zero with six decimals at most."""
    units = _scaled(text, UNIT_DIGITS, "an amount of coins such as 12.5")
    if units > MAX_56:
        raise Trouble(f"{text} is too much: it may be {coins(MAX_56)} at most")
    return units


def read_coefficient(text: str, units_per_minor_unit: int) -> int:
    """Units of coin for one minor unit of money: `1%` of the price at par, or a plain number of units."""
    if not text.endswith("%"):
        return read_whole(text, "a coefficient such as 1% or 100", low=1, high=MAX_32)
    units = _decimal(text[:-1], "a rate such as 1.5%") * units_per_minor_unit / 100
    if units != int(units):
        raise Trouble(f"{text} is not a whole number of units for one minor unit of money")
    return _between(text, int(units), "a rate")


def read_percent(text: str) -> int:
    """Basis points of `1.5%`, 0% to 100%. Raises Trouble for anything else."""
    points = _decimal(text.removesuffix("%"), "a percentage such as 1.5%") * 100
    if not text.endswith("%") or points != int(points) or points > 10_000:
        raise Trouble(f"{text!r} is no percentage from 0% to 100% with two decimals at most, such as 1.5%")
    return int(points)


def read_multiplier(text: str) -> int:
    """Basis points of `5x`, or a plain number of basis points."""
    if not text.endswith("x"):
        return read_whole(text, "a multiplier such as 5x or 50000", low=1, high=MAX_32)
    points = _decimal(text[:-1], "a multiplier such as 1.5x") * 10_000
    if points != int(points):
        raise Trouble(f"{text} is finer than a basis point")
    return _between(text, int(points), "a multiplier")


def read_whole(text: str, what: str, *, low: int = 0, high: int = 2**64 - 1) -> int:
    """A whole number within bounds, decimal or 0x-hex. Raises Trouble naming `what` was expected."""
    try:
        number = int(text.replace(",", "").replace("_", ""), 16 if text.lower().startswith("0x") else 10)
    except ValueError:
        raise Trouble(f"{text!r} is not {what}") from None
    if not low <= number <= high:
        raise Trouble(f"{text} is out of bounds: {what} lies between {low} and {high}")
    return number


def money(minor: int) -> str:
    """`1,234.50` for 123450 minor units."""
    sign = "-" if minor < 0 else ""
    return f"{sign}{abs(minor) // 100:,}.{abs(minor) % 100:02d}"


def coins(units: int) -> str:
    """`12.500000` for 12500000 units."""
    sign = "-" if units < 0 else ""
    return f"{sign}{abs(units) // 10**6:,}.{abs(units) % 10**6:06d}"


def _between(text: str, number: int, what: str) -> int:
    if not number:
        raise Trouble(f"{text} is nothing: {what} lies above 0")
    if number > MAX_32:
        raise Trouble(f"{text} is too much for {what}")
    return number


def _scaled(text: str, digits: int, what: str) -> int:
    scaled = _decimal(text, what) * 10**digits
    if scaled == 0:
        raise Trouble(f"{text} is nothing: it must be more than zero")
    if scaled != int(scaled) or scaled < 0:
        raise Trouble(f"{text!r} is not {what}")
    return int(scaled)


def _decimal(text: str, what: str) -> Decimal:
    # no exponents and no endless digits: 1e400000 is a number that takes a minute to multiply
    if not _NUMBER.fullmatch(text) or len(text) > LONGEST:
        raise Trouble(f"{text[:LONGEST]!r} is not {what}")
    return Decimal(text.replace(",", ""))


def read_scaled(text: str, digits: int, what: str, *, high: int) -> int:
    """A number with at most `digits` decimals as a whole number of its smallest part, above 0 and `high` at most."""
    number = _scaled(text, digits, what)
    if number > high:
        raise Trouble(f"{text} is too much: it may be {scaled(high, digits)} at most")
    return number


def scaled(number: int, digits: int) -> str:
    """`1,234.5` for 12345 with one digit; as many decimals as there are digits."""
    whole, rest = divmod(number, 10**digits)
    return f"{whole:,}.{rest:0{digits}d}" if digits else f"{whole:,}"


def read_share(text: str, what: str, *, low: int = 0, high: int = 10_000) -> int:
    """Basis points of `1.5%`. Raises Trouble for what is finer than a basis point or out of bounds."""
    if not text.endswith("%"):
        raise Trouble(f"{text!r} is not {what} such as 1.5%")
    points = _decimal(text[:-1], f"{what} such as 1.5%") * 100
    if points != int(points):
        raise Trouble(f"{text} is finer than a basis point")
    if not low <= points <= high:
        raise Trouble(f"{text} is out of bounds: {what} lies between {low / 100:g}% and {high / 100:g}%")
    return int(points)
