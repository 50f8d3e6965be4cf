"""Bytes to messages and back, by the table, in ASCII; fast enough for thousands of messages a second on a shared core.

binary.py is the other way to write the same. A message is four digits of MTI, 16 hexadecimal digits of bitmap (32 with
the second one) and the elements in rising order. Text is ISO 8859-1, as jPOS reads it. What the elements mean is not
looked at here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from node.domain.errors import MalformedMessage
from node.iso8583.table import TABLE, Kind

_HEX_BITMAP: Final = re.compile(r"[0-9A-Fa-f]{16}(?:[0-9A-Fa-f]{16})?", re.ASCII)
_HEX: Final = re.compile(r"[0-9A-Fa-f]*", re.ASCII)
_SIGNED: Final = re.compile(r"[CD][0-9]+", re.ASCII)
_BITMAP_END: Final = 20
_SECOND_BITMAP_END: Final = 36
MAC_ELEMENT: Final = 64
MAC_ELEMENT_2: Final = 128
MAC_CHARACTERS: Final = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """A message: its type (four digits) and its elements' text by number, padding included; binary ones as hex."""

    mti: str
    fields: Mapping[int, str] = field(default_factory=dict)


class UnreadableMessage(MalformedMessage):
    """The message cannot be read."""

    # DE39 30, as its parent. `partial` is what was read before the fault, None if not even its type was.
    def __init__(self, detail: str, partial: Message | None) -> None:
        super().__init__(detail)
        self.partial = partial


def unpack(data: bytes) -> Message:
    """The message that these bytes are, without framing and header. Raises UnreadableMessage."""
    text = data.decode("latin-1")
    mti = text[:4]
    if not (len(mti) == 4 and mti.isdecimal()):
        raise UnreadableMessage("it does not begin with a message type", None)
    fields: dict[int, str] = {}
    try:
        second = text[4:5] >= "8"
        position = _SECOND_BITMAP_END if second else _BITMAP_END
        plan = _unpack_plan(text[4:position])
        size = len(text)
        for number, prefix, length, kind in plan:
            if prefix:
                digits = text[position : position + prefix]
                if not digits.isdecimal() or int(digits) > length:
                    raise ValueError(f"the length of DE{number} is wrong")
                position += prefix
                length = int(digits)
            end = position + length
            value = text[position:end]
            if end > size:
                raise ValueError(f"it ends inside DE{number}")
            if kind is not Kind.TEXT and kind is not Kind.TRACK:
                _check(number, kind, value)
            fields[number] = value
            position = end
        if position != size:
            raise ValueError(f"{size - position} bytes follow its last element")
    except ValueError as error:
        raise UnreadableMessage(str(error), Message(mti=mti, fields=fields)) from None
    return Message(mti=mti, fields=fields)


def _check(number: int, kind: Kind, value: str) -> None:
    if kind is Kind.NUMERIC:
        # latin-1 has no decimal digits but 0 to 9; an empty LLVAR number is nothing that anyone can use
        if not value.isdecimal():
            raise ValueError(f"DE{number} is not numeric")
    elif kind is Kind.BINARY:
        if not _HEX.fullmatch(value):
            raise ValueError(f"DE{number} is not hexadecimal")
    elif not _SIGNED.fullmatch(value):
        raise ValueError(f"DE{number} is not C or D with digits")


# Terminals of one make send few different bitmaps. Bounded, for others send what they like.
@lru_cache(maxsize=1024)
def _unpack_plan(bitmap: str) -> tuple[tuple[int, int, int, Kind], ...]:
    if not _HEX_BITMAP.fullmatch(bitmap):
        raise ValueError("its bitmap is not hexadecimal")
    bits = int(bitmap, 16)
    width = len(bitmap) * 4
    plan = []
    for number in range(2, width + 1):
        if bits >> (width - number) & 1:
            element = TABLE[number]
            plan.append((number, element.prefix, element.characters, element.kind))
    return tuple(plan)


def pack(message: Message) -> bytes:
    """The bytes of a message, fixed elements padded. Raises ValueError when a value does not fit its element."""
    fields = message.fields
    numbers = tuple(sorted(fields))
    bitmap, plan = _pack_plan(numbers)
    parts = [message.mti, bitmap]
    for number, prefix, length, kind in plan:
        value = fields[number]
        size = len(value)
        if size > length:
            raise ValueError(f"DE{number} has {size} characters, more than {length}")
        if prefix:
            parts.append(f"{size:0{prefix}d}{value}")
        elif size == length:
            parts.append(value)
        elif kind is Kind.NUMERIC:
            parts.append(value.zfill(length))
        elif kind is Kind.TEXT:
            parts.append(value.ljust(length))
        else:
            raise ValueError(f"DE{number} has {size} characters, not {length}")
    return "".join(parts).encode("latin-1")


@lru_cache(maxsize=1024)
def _pack_plan(numbers: tuple[int, ...]) -> tuple[str, tuple[tuple[int, int, int, Kind], ...]]:
    if any(number not in TABLE for number in numbers):
        raise ValueError("there are elements 2 to 128 only")
    second = bool(numbers) and numbers[-1] > MAC_ELEMENT
    width = 128 if second else 64
    bits = sum(1 << (width - number) for number in numbers) | (1 << (width - 1) if second else 0)
    plan = []
    for number in numbers:
        element = TABLE[number]
        plan.append((number, element.prefix, element.characters, element.kind))
    return f"{bits:0{width // 4}X}", tuple(plan)


def mac_element(message: Message) -> int:
    """Where a MAC of this message stands: DE64, or DE128 once an element above 64 is there."""
    return MAC_ELEMENT_2 if any(number > MAC_ELEMENT for number in message.fields) else MAC_ELEMENT


def response_mti(mti: str) -> str | None:
    """The type of the reply to a message of this type, the repeat digit folded; None if it is not a request.

    0200 and 0201 give 0210, 0420 and 0421 give 0430; as jPOS' ISOMsg.setResponseMTI.
    """
    if mti[2] not in "0246":
        return None
    function = str(int(mti[2]) + 1)
    origin = {"0": "0", "1": "0", "2": "2", "3": "2", "4": "4", "5": "4"}.get(mti[3])
    return None if origin is None else mti[:2] + function + origin
