"""Packing of acts: big-endian numbers behind the kind byte; pure."""

from node.domain.act import Act, ActKind


def pack(kind: ActKind, *fields: tuple[int, int], tail: bytes = b"") -> Act:
    """An act of numbers, each with its bytes. Raises ValueError when a number does not fit."""
    try:
        body = b"".join([number.to_bytes(size, "big") for number, size in fields])
    except OverflowError:
        raise ValueError(f"a number of an act of kind {kind.name} does not fit its bytes") from None
    return Act(data=bytes([kind]) + body + tail)


def unpack(data: bytes, kind: ActKind, *sizes: int, tail: bool = False) -> tuple[int, ...]:
    """The numbers of an act. Raises ValueError when it is of another kind or length."""
    end = 1 + sum(sizes)
    if data[:1] != bytes([kind]) or (len(data) < end if tail else len(data) != end):
        raise ValueError(f"these {len(data)} bytes are no act of kind {kind.name}")
    numbers, at = [], 1
    for size in sizes:
        numbers.append(int.from_bytes(data[at : at + size], "big"))
        at += size
    return tuple(numbers)
