"""Where a message ends on a TCP connection: the three channels that jPOS gateways use.

Before the packager; pure, so the listener and the POS client share it.
"""

from enum import Enum

from node.domain.errors import MalformedMessage


class Framing(Enum):
    """A channel. NAC allows for a TPDU (wire.py)."""

    NAC = "nac"
    POST = "post"
    ASCII = "ascii"

    @property
    def prefix(self) -> int:
        """Bytes of length before a message."""
        return 4 if self is Framing.ASCII else 2


class FrameTooLong(MalformedMessage):
    """The length before a message is not a number, or is above the limit."""


class FrameReader:
    """Cuts a stream of bytes into messages. Frames of length 0 (keep-alive) are dropped.

    Once `fault` is set, what comes is no longer understood: the connection is of no use.
    """

    __slots__ = ("_buffer", "_framing", "_limit", "fault")

    def __init__(self, framing: Framing, limit: int) -> None:
        """`limit` is the largest message, bytes, TPDU included."""
        self._framing = framing
        self._limit = limit
        self._buffer = bytearray()
        self.fault: FrameTooLong | None = None

    @property
    def partial(self) -> bool:
        """Whether a message has begun that is not complete."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are complete now, those before a fault included."""
        buffer = self._buffer
        buffer += data
        prefix, start = self._framing.prefix, 0
        messages: list[bytes] = []
        while len(buffer) - start >= prefix:
            try:
                length = self._length(buffer[start : start + prefix])
            except FrameTooLong as fault:
                self.fault = fault
                buffer.clear()
                return messages
            end = start + prefix + length
            if len(buffer) < end:
                break
            if length:
                messages.append(bytes(buffer[start + prefix : end]))
            start = end
        del buffer[:start]
        return messages

    def _length(self, prefix: bytearray) -> int:
        if self._framing is Framing.ASCII:
            if not prefix.isdigit():
                raise FrameTooLong(repr(bytes(prefix)))
            length = int(prefix)
        else:
            length = int.from_bytes(prefix, "big")
        if length > self._limit:
            raise FrameTooLong(f"{length} bytes, at most {self._limit} are read")
        return length


def frame(framing: Framing, message: bytes) -> bytes:
    """The message with its length before it. Raises ValueError when the length does not fit."""
    if framing is Framing.ASCII:
        if len(message) > 9999:
            raise ValueError("a message of the ASCII channel has at most 9,999 bytes")
        return b"%04d" % len(message) + message
    if len(message) > 0xFFFF:
        raise ValueError("a message has at most 65,535 bytes")
    return len(message).to_bytes(2, "big") + message


def swap_tpdu(tpdu: bytes) -> bytes:
    """The TPDU of a reply: destination and source (two bytes each) change places."""
    return tpdu[:1] + tpdu[3:5] + tpdu[1:3]
