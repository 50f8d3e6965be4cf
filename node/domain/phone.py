"""Phone numbers as loyalty ids: E.164 (ITU-T), however people write them; pure."""

import re
from typing import Final

_WRITTEN: Final = re.compile(r"(?:tel:)?\+[0-9 ()./-]+", re.ASCII)
_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
MOST_SIGNS: Final = 37


def is_phone(text: str) -> bool:
    """Whether it is written as an international phone number: a plus first, or `tel:` and a plus."""
    return text.startswith(("+", "tel:+"))


def normalised(text: str) -> str | None:
    """`+` and 7 to 15 digits; None for what is no international number. "+49 (170) 123-4567" is "+491701234567"."""
    if len(text) > MOST_SIGNS or not _WRITTEN.fullmatch(text):
        return None
    number = "+" + "".join([sign for sign in text if sign in "0123456789"])
    return number if _E164.fullmatch(number) else None
