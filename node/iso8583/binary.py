"""Bytes to messages and back, by the table, in BCD: what jPOS calls iso87binary. packager.py is the ASCII way.

The type is two bytes, the bitmap 8 (16 with the second one), numbers and lengths have two digits a byte. An odd number
of digits is filled up with a 0: on the left where the length is fixed and before a length, on the right where a length
says how many there are.
"""

import re
from functools import lru_cache
from typing import Final

from node.iso8583.packager import MAC_ELEMENT, Message, UnreadableMessage
from node.iso8583.table import TABLE, Element, Kind

_TYPE: Final = 2
_BITMAP_END: Final = 10
_SECOND_BITMAP_END: Final = 18
_SECOND: Final = 0x80
_TRACK: Final = re.compile(r"[0-9d]*", re.ASCII)
_NIBBLES: Final = str.maketrans({"=": "d", "D": "d"})


def unpack(data: bytes) -> Message:
    """The message that these bytes are, without framing and header. Raises UnreadableMessage."""
    mti = data[:_TYPE].hex()
    if len(mti) != 2 * _TYPE or not mti.isdecimal():
        raise UnreadableMessage("it does not begin with a message type", None)
    fields: dict[int, str] = {}
    try:
        end = _SECOND_BITMAP_END if data[_TYPE : _TYPE + 1] >= bytes((_SECOND,)) else _BITMAP_END
        if len(data) < end:
            raise ValueError("it ends inside its bitmap")
        position = end
        for element in _plan(data[_TYPE:end]):
            length, position = _length(data, position, element)
            end = position + size_in_bcd(element, length)
            if end > len(data):
                raise ValueError(f"it ends inside DE{element.number}")
            fields[element.number] = _read(element, data[position:end], length)
            position = end
        if position != len(data):
            raise ValueError(f"{len(data) - position} bytes follow its last element")
    except ValueError as error:
        raise UnreadableMessage(str(error), Message(mti=mti, fields=fields)) from None
    return Message(mti=mti, fields=fields)


@lru_cache(maxsize=1024)
def _plan(bitmap: bytes) -> tuple[Element, ...]:
    bits, width = int.from_bytes(bitmap, "big"), len(bitmap) * 8
    return tuple([TABLE[number] for number in range(2, width + 1) if bits >> (width - number) & 1])


def _length(data: bytes, position: int, element: Element) -> tuple[int, int]:
    """How many digits, characters or bytes the element has, and where it begins."""
    if not element.prefix:
        return element.length, position
    size = (element.prefix + 1) // 2
    digits = data[position : position + size].hex()
    if len(digits) != 2 * size or not digits.isdecimal() or int(digits) > element.length:
        raise ValueError(f"the length of DE{element.number} is wrong")
    return int(digits), position + size


def size_in_bcd(element: Element, length: int) -> int:
    """How many bytes hold the element."""
    if element.kind in (Kind.NUMERIC, Kind.TRACK):
        return (length + 1) // 2
    return 1 + length // 2 if element.kind is Kind.SIGNED else length


def _read(element: Element, raw: bytes, length: int) -> str:
    match element.kind:
        case Kind.TEXT:
            return raw.decode("latin-1")
        case Kind.BINARY:
            return raw.hex().upper()
        case Kind.SIGNED:
            sign, digits = raw[:1].decode("latin-1"), raw[1:].hex()
            if sign not in ("C", "D") or not digits.isdecimal():
                raise ValueError(f"DE{element.number} is not C or D with digits")
            return sign + digits
    nibbles = raw.hex()
    filled = length % 2 == 1
    # a length says how many digits there are: what fills them up is a 0, or an F
    wrong = filled and (nibbles[-1] not in "0f" if element.prefix else nibbles[0] != "0")
    digits = (nibbles[:-1] if element.prefix else nibbles[1:]) if filled else nibbles
    if element.kind is Kind.TRACK:
        if wrong or not _TRACK.fullmatch(digits):
            raise ValueError(f"DE{element.number} is no track")
        return digits.replace("d", "=")
    if wrong or not digits.isdecimal():
        raise ValueError(f"DE{element.number} is not numeric")
    return digits


def pack(message: Message) -> bytes:
    """The bytes of a message, fixed elements padded. Raises ValueError when a value does not fit its element."""
    numbers = sorted(message.fields)
    if any(number not in TABLE for number in numbers):
        raise ValueError("there are elements 2 to 128 only")
    width = 128 if numbers and numbers[-1] > MAC_ELEMENT else 64
    bits = sum(1 << (width - number) for number in numbers) | (1 << (width - 1) if width == 128 else 0)
    parts = [bytes.fromhex(message.mti), bits.to_bytes(width // 8, "big")]
    for number in numbers:
        parts.append(_write(TABLE[number], message.fields[number]))
    return b"".join(parts)


def _write(element: Element, value: str) -> bytes:
    size = len(value)
    if size > element.characters:
        raise ValueError(f"DE{element.number} has {size} characters, more than {element.characters}")
    if not element.prefix:
        return _write_fixed(element, value)
    prefix = bytes.fromhex(f"{size:0{2 * ((element.prefix + 1) // 2)}d}")
    if element.kind is Kind.TEXT:
        return prefix + value.encode("latin-1")
    nibbles = value.translate(_NIBBLES) if element.kind is Kind.TRACK else value
    if not (_TRACK.fullmatch(nibbles) if element.kind is Kind.TRACK else nibbles.isdecimal()):
        raise ValueError(f"DE{element.number} does not fit into half bytes")
    return prefix + bytes.fromhex(nibbles + "0" * (size % 2))


def _write_fixed(element: Element, value: str) -> bytes:
    length = element.characters
    match element.kind:
        case Kind.TEXT:
            return value.ljust(length).encode("latin-1")
        case Kind.NUMERIC:
            if not value.isdecimal():
                raise ValueError(f"DE{element.number} is not numeric")
            return bytes.fromhex(value.zfill(length + length % 2))
    if len(value) != length:
        raise ValueError(f"DE{element.number} has {len(value)} characters, not {length}")
    if element.kind is Kind.SIGNED:
        if value[0] not in "CD" or not value[1:].isdecimal():
            raise ValueError(f"DE{element.number} is not C or D with digits")
        return value[:1].encode() + bytes.fromhex(value[1:])
    return bytes.fromhex(value)
