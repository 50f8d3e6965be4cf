"""Money as people read it: minor units with the currency's decimals (ISO 4217); pure.

For receipts and answers only; everything else counts minor units.
"""

from typing import Final

# BIF, CLP, DJF, GNF, ISK, JPY, KMF, KRW, PYG, RWF, UGX, UYI, VND, VUV, XAF, XOF, XPF
_WHOLE: Final = "108 152 262 324 352 392 174 410 600 646 800 940 704 548 950 952 953"
# BHD, IQD, JOD, KWD, LYD, OMR, TND
_THOUSANDS: Final = "048 368 400 414 434 512 788"
_DECIMALS: Final = dict.fromkeys(_WHOLE.split(), 0) | dict.fromkeys(_THOUSANDS.split(), 3)


def decimals(currency: str) -> int:
    """Digits behind the point of a currency by its ISO 4217 number: 2 but for a few."""
    return _DECIMALS.get(currency, 2)


def written(amount: int, currency: str) -> str:
    """`1234` of 840 is 12.34."""
    if amount < 0:
        return "-" + written(-amount, currency)
    places = decimals(currency)
    if not places:
        return str(amount)
    whole, part = divmod(amount, 10**places)
    return f"{whole}.{part:0{places}d}"


def coins(units: int) -> str:
    """Units of 10^-6 as people read them: 1.5 for 1,500,000."""
    whole, rest = divmod(units, 10**6)
    return f"{whole}.{rest:06d}".rstrip("0").rstrip(".")
