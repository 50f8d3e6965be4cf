"""A listener's wire profile: the framing, whether there is a TPDU, and how fields are written.

Between framing and the packagers; the bridge and the POS client use the same.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from node.iso8583 import binary, packager
from node.iso8583.framing import Framing
from node.iso8583.mac import MacKey
from node.iso8583.packager import MAC_CHARACTERS, Message, mac_element
from node.iso8583.retail_mac import BLOCK

TPDU_SIZE: Final = 5
_LAST_BCD_TYPE: Final = 0x2F


class Fields(Enum):
    """How a message's elements are written: jPOS' iso87ascii.xml or iso87binary.xml."""

    ASCII = "ascii"
    BCD = "bcd"

    @property
    def mac_size(self) -> int:
        """Bytes of a MAC at the end of a message."""
        return BLOCK if self is Fields.BCD else MAC_CHARACTERS

    def pack(self, message: Message) -> bytes:
        """The bytes of a message. Raises ValueError when a value does not fit its element."""
        return binary.pack(message) if self is Fields.BCD else packager.pack(message)

    def unpack(self, data: bytes) -> Message:
        """The message that these bytes are. Raises UnreadableMessage."""
        return binary.unpack(data) if self is Fields.BCD else packager.unpack(data)

    def covered(self, data: bytes) -> bytes:
        """What of a message the MAC covers: every byte before it."""
        return data[: -self.mac_size]

    def mac_in(self, data: bytes) -> str:
        """The MAC at the end of a message, 16 hexadecimal digits."""
        last = data[-self.mac_size :]
        return last.hex().upper() if self is Fields.BCD else last.decode("latin-1")

    def pack_with_mac(self, message: Message, key: MacKey) -> bytes:
        """The bytes of a message with its MAC as the last element."""
        placed = Message(mti=message.mti, fields={**message.fields, mac_element(message): "0" * MAC_CHARACTERS})
        covered = self.covered(self.pack(placed))
        mac = key.compute(covered)
        return covered + (mac if self is Fields.BCD else mac.hex().upper().encode())

    def begins(self, content: bytes) -> bool:
        """Whether these bytes begin with a message type, and not with a TPDU, whose id is 0x60 as a rule."""
        if self is Fields.ASCII:
            return content[:1].isdigit()
        return not content or content[0] <= _LAST_BCD_TYPE


class Tpdu(Enum):
    """Whether a NAC frame has a TPDU of five bytes, counted in its length and swapped in the reply."""

    OPTIONAL = "optional"
    """The first byte tells."""
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wire:
    """How messages look on a connection."""

    framing: Framing = Framing.NAC
    tpdu: Tpdu = Tpdu.OPTIONAL
    fields: Fields = Fields.ASCII

    def split(self, content: bytes) -> tuple[bytes, bytes]:
        """The TPDU of a frame (empty if there is none) and the message behind it."""
        if self.framing is not Framing.NAC or self.tpdu is Tpdu.NEVER:
            return b"", content
        if self.tpdu is Tpdu.OPTIONAL and self.fields.begins(content):
            return b"", content
        return content[:TPDU_SIZE], content[TPDU_SIZE:]
