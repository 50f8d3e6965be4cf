"""The languages of the pages: a catalogue each, from English to it, in node/explorer/pages/catalogues.

English is the key and needs no catalogue. A text that a catalogue does not have is shown in English.
"""

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Final

LANGUAGES: Final[Mapping[str, str]] = {
    "en": "English",
    "zh": "中文",
    "ko": "한국어",
    "ru": "Русский",
    "vi": "Tiếng Việt",
}
FOLDER: Final = Path(__file__).with_name("catalogues")
Say = Callable[[str], str]


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """From English to a language."""
    path = FOLDER / f"{language}.json"
    found: dict[str, str] = (
        json.loads(path.read_text(encoding="utf-8")) if language in LANGUAGES and path.exists() else {}
    )
    return found


def say_in(language: str) -> Say:
    """A function from English to a language."""
    known = catalogue(language)
    return lambda text: known.get(text) or text


def language_of(cookie: str, accepted: str) -> str:
    """The language that a visitor chose, else the first known one that the browser accepts, else English."""
    for part in cookie.split(";"):
        name, _, value = part.strip().partition("=")
        if name == "lang" and value in LANGUAGES:
            return value
    for part in accepted.split(",")[:10]:
        language = part.split(";")[0].strip().lower().split("-")[0]
        if language in LANGUAGES:
            return language
    return "en"
