"""What readers of line items are handed: JSON files, of which only their key opens anything.

    *.lines.json    a merchant's sealed line items with a reader's copies of their content keys (`till lines export`)
    *.view.json     a reader's copies of content keys, for sealed line items that it has or gets (`till lines grant`)
    *.excerpt.json  chosen items, each with its salt and its proof, sealed for one reader (`till lines excerpt`)

Hexadecimal digits begin with 0x; days are as in ISO 8601.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from node.bridge.lines.errors import BadLinesFile
from node.bridge.lines.opening import SealedLines
from node.bridge.lines.sealing import KeyName, open_for, seal_for
from node.domain.assignment import Item
from node.domain.errors import Unusable
from node.domain.ids import Hash32, MerchantId, MinorUnits, PaymentId, StreamId, parse_payment_id
from node.domain.merkle import item_leaf, root_from_proof

LINES: Final = "tillnet lines 1"
VIEW: Final = "tillnet view 1"
EXCERPT: Final = "tillnet excerpt 1"
MOST_BYTES: Final = 512_000_000
"""Of a file that is read."""
_EPOCH: Final = date(1970, 1, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownItem:
    """An item of an excerpt, with what leads from it to its payment's items root."""

    index: int
    item: Item
    salt: bytes
    proof: tuple[Hash32, ...]

    @property
    def root(self) -> Hash32:
        """The items root that it proves to belong to. Raises ValueError when a field does not fit its width."""
        return root_from_proof(item_leaf(self.item, self.index, self.salt), self.proof)


Excerpt = dict[PaymentId, tuple[ShownItem, ...]]


def day_text(day: int) -> str:
    """A day as people write it."""
    return (_EPOCH + timedelta(days=day)).isoformat()


def day_of(text: str) -> int:
    """Days since 1970 of a day as in ISO 8601. Raises ValueError."""
    return (date.fromisoformat(text) - _EPOCH).days


def lines_document(found: SealedLines) -> dict[str, Any]:
    """A payment's sealed line items as JSON."""
    return {
        "payment": found.payment,
        "merchant": found.merchant,
        "day": day_text(found.day),
        "root": "0x" + found.root.hex(),
        "sealed": "0x" + found.sealed.hex(),
        "copy": "0x" + found.copy.hex(),
    }


def lines_from(document: Mapping[str, Any]) -> SealedLines:
    """What `lines_document` made. Raises BadLinesFile."""
    try:
        parse_payment_id(document["payment"])
        return SealedLines(
            payment=PaymentId(document["payment"]),
            merchant=MerchantId(_whole(document["merchant"], 32)),
            day=day_of(document["day"]),
            root=Hash32(_bytes(document["root"])),
            sealed=_bytes(document["sealed"]),
            copy=_bytes(document["copy"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise BadLinesFile(f"line items of a payment are missing or cannot be read ({error})") from None


def write_lines(file: Path, found: Iterable[SealedLines], *, reader: bytes) -> int:
    """A file of sealed line items, a payment a line behind the first; how many there are."""
    count = 0
    with file.open("w") as out:
        out.write(json.dumps({"format": LINES, "reader": "0x" + reader.hex()}) + "\n")
        for each in found:
            out.write(json.dumps(lines_document(each)) + "\n")
            count += 1
    return count


def read_lines(file: Path) -> list[SealedLines]:
    """The sealed line items in a file. Raises BadLinesFile, Unusable."""
    head, *rest = _text(file).splitlines() or [""]
    _document(file, head, LINES)
    return [lines_from(_json(file, each)) for each in rest]


def write_view(file: Path, copies: Mapping[KeyName, bytes], *, about: Mapping[str, Any]) -> None:
    """A file with a reader's copies of content keys; `about` says whose and for what."""
    keys = [
        {
            "stream": name.stream,
            "merchant": name.merchant,
            "day": day_text(name.day),
            # a text: it passes 2^53
            "number": str(name.number),
            "copy": "0x" + copy.hex(),
        }
        for name, copy in copies.items()
    ]
    file.write_text(json.dumps({"format": VIEW, **about, "keys": keys}, indent=1) + "\n")


def read_view(file: Path) -> dict[KeyName, bytes]:
    """The copies in a view's file. Raises BadLinesFile, Unusable."""
    document = _document(file, _text(file), VIEW)
    try:
        return {
            KeyName(
                stream=StreamId(_whole(each["stream"], 32)),
                merchant=MerchantId(_whole(each["merchant"], 32)),
                day=day_of(each["day"]),
                number=_whole(int(each["number"]), 64),
            ): _bytes(each["copy"])
            for each in document["keys"]
        }
    except (KeyError, TypeError, ValueError) as error:
        raise BadLinesFile(f"{file} is no view ({error})") from None


def write_excerpt(file: Path, excerpt: Excerpt, *, merchant: int, reader: bytes) -> None:
    """A file of chosen items, sealed for one reader."""
    payments = {
        payment: [
            {
                "index": each.index,
                "product": each.item.product,
                "quantity": each.item.quantity,
                "amount": each.item.amount,
                "salt": "0x" + each.salt.hex(),
                "proof": ["0x" + sibling.hex() for sibling in each.proof],
            }
            for each in items
        ]
        for payment, items in excerpt.items()
    }
    sealed = seal_for(reader, json.dumps(payments).encode(), _about(merchant, reader))
    document = {"format": EXCERPT, "merchant": merchant, "reader": "0x" + reader.hex(), "sealed": "0x" + sealed.hex()}
    file.write_text(json.dumps(document, indent=1) + "\n")


def read_excerpt(file: Path, holder: X25519PrivateKey) -> tuple[int, Excerpt]:
    """The merchant of an excerpt's file, and the items. Raises BadLinesFile, NotForThisKey, Unusable."""
    document = _document(file, _text(file), EXCERPT)
    try:
        merchant = _whole(document["merchant"], 32)
        about = _about(merchant, holder.public_key().public_bytes_raw())
        payments = json.loads(open_for(holder, _bytes(document["sealed"]), about))
        return merchant, {PaymentId(payment): tuple(map(_shown, items)) for payment, items in payments.items()}
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise BadLinesFile(f"{file} is no excerpt ({error})") from None


def format_of(file: Path) -> str:
    """What a file says it is, LINES, VIEW or EXCERPT; empty for anything else. Raises Unusable."""
    text = _text(file)
    for said in (text, text.partition("\n")[0]):
        try:
            document = json.loads(said)
        except ValueError:
            continue
        found = document.get("format") if isinstance(document, dict) else None
        return found if found in (LINES, VIEW, EXCERPT) else ""
    return ""


def _shown(document: Mapping[str, Any]) -> ShownItem:
    return ShownItem(
        index=_whole(document["index"], 16),
        item=Item(
            product=str(document["product"]),
            quantity=_whole(document["quantity"], 32),
            amount=MinorUnits(_whole(document["amount"], 48)),
        ),
        salt=_bytes(document["salt"]),
        proof=tuple(Hash32(_bytes(each)) for each in document["proof"]),
    )


def _about(merchant: int, reader: bytes) -> bytes:
    return b"Tillnet excerpt 1\x00" + merchant.to_bytes(4, "big") + reader


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > MOST_BYTES:
            raise BadLinesFile(f"{file} is larger than {MOST_BYTES:,} bytes")
        return file.read_text("utf-8")
    except OSError as error:
        raise Unusable(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadLinesFile(f"{file} is not text") from None


def _document(file: Path, text: str, wanted: str) -> dict[str, Any]:
    document = _json(file, text)
    if document.get("format") != wanted:
        raise BadLinesFile(f"{file} does not begin as {wanted}")
    return document


def _json(file: Path, text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise BadLinesFile(f"{file} is not JSON as Tillnet writes it")
    return document


def _whole(value: Any, bits: int) -> int:
    if type(value) is not int or not 0 <= value < 2**bits:
        raise ValueError(f"{value!r} is no whole number of {bits} bits")
    return value


def _bytes(text: Any) -> bytes:
    if not isinstance(text, str) or not text.startswith("0x"):
        raise ValueError("hexadecimal digits begin with 0x")
    return bytes.fromhex(text[2:])
