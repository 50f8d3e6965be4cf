"""The few kinds of protobuf fields that CometBFT hashes and signs; pure. After it node/proofs/comet.py.

Source: protobuf.dev, Encoding. Tags here are below 16, so that each is one byte with its kind.
"""


def varint(value: int) -> bytes:
    """A whole number, seven bits a byte, the low ones first; an int64 below 0 in two's complement."""
    value &= 2**64 - 1
    data = bytearray()
    while value >= 0x80:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*data, value])


def number(tag: int, value: int) -> bytes:
    """A varint field; proto3 leaves out a zero."""
    return bytes([tag << 3]) + varint(value) if value else b""


def fixed(tag: int, value: int) -> bytes:
    """A fixed64 field; proto3 leaves out a zero."""
    return bytes([tag << 3 | 1]) + value.to_bytes(8, "little") if value else b""


def field(tag: int, message: bytes) -> bytes:
    """An embedded message, which is there even when it is empty."""
    return bytes([tag << 3 | 2]) + varint(len(message)) + message


def octets(tag: int, data: bytes) -> bytes:
    """Bytes or a text; proto3 leaves out an empty one."""
    return field(tag, data) if data else b""
