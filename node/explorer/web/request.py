"""One request as routes see it: parameters of the address and of the form, and the JSON of its body.

Before it node/explorer/web/serve.py reads the body within its bounds; after it the routes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl

from node.domain.errors import TillnetError

MAX_FIELDS: Final = 64
FORM: Final = "application/x-www-form-urlencoded"


class BadRequest(TillnetError):
    """The request cannot be answered as it is."""


class NotFound(TillnetError):
    """There is nothing at this place."""


class NotAllowed(TillnetError):
    """Only who shows a key that allows it may read this."""


class Busy(TillnetError):
    """The explorer has too much to do; try again."""


class TooLarge(TillnetError):
    """The request is too large."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What a client asked. `values` are the named parts of the path, `fields` those of query and form, one each.

    `raw` is the request of the HTTP server, for answers that go on (events).
    """

    method: str
    path: str
    fields: Mapping[str, str]
    values: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    raw: Any = None

    def text(self, name: str, default: str | None = None) -> str:
        """A field. Raises BadRequest when it is missing and there is no default."""
        found = self.fields.get(name, "").strip() or default
        if found is None:
            raise BadRequest(f"{name} is missing")
        return found

    def number(self, name: str, default: int, *, low: int = 0, high: int = 2**63 - 1) -> int:
        """A field that is a whole number. Raises BadRequest."""
        text = self.fields.get(name, "").strip()
        return default if not text else whole(text, name, low=low, high=high)

    def json(self) -> Any:
        """The body as JSON. Raises BadRequest."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise BadRequest("the body is no JSON") from None


def whole(text: str, name: str, *, low: int = 0, high: int = 2**63 - 1) -> int:
    """A whole number of digits, within bounds. Raises BadRequest."""
    if not text.isascii() or not text.isdigit() or len(text) > 20 or not low <= int(text) <= high:
        raise BadRequest(f"{name} is a number between {low} and {high}")
    return int(text)


def hexadecimal(text: str, size: int, name: str) -> bytes:
    """So many bytes, written with 0x. Raises BadRequest."""
    digits = text[2:] if text[:2] in ("0x", "0X") else ""
    try:
        if len(digits) == 2 * size and digits.isascii() and digits.isalnum():
            return bytes.fromhex(digits)
    except ValueError:
        pass
    raise BadRequest(f"{name} is 0x and {2 * size} hexadecimal digits")


def fields_of(query: str, body: bytes, kind: str) -> dict[str, str]:
    """The fields of a query and of a form. Raises BadRequest when they are too many, or no text."""
    found: dict[str, str] = {}
    texts = [query]
    if kind == FORM and body:
        try:
            texts.append(body.decode("ascii"))
        except UnicodeDecodeError:
            raise BadRequest("the form is not written as a form is") from None
    for text in texts:
        try:
            found |= parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
        except ValueError:
            raise BadRequest(f"a request has at most {MAX_FIELDS} fields, in UTF-8") from None
    if any("\x00" in value for value in found.values()):
        raise BadRequest("a field holds a zero byte")
    return found
