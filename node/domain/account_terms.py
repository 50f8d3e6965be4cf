"""What an account in a merchant's groups signs on JSON-RPC: EIP-712 typed data in the network's domain; pure.

Terminals sign other types (terminal_terms.py). A type's members are the parameters of its method, by the same names.
"""

from dataclasses import dataclass
from typing import ClassVar

from node.domain.ids import Hash32
from node.domain.merkle import keccak


@dataclass(frozen=True, kw_only=True, slots=True)
class LinesTerms:
    """That an account asks for a merchant's sealed line items: those with a sequence above `after`, with the copies of
    content keys for the X25519 key `reader` (0x and 64 hexadecimal digits); `time` in Unix seconds.
    """

    TYPE: ClassVar[str] = "Lines(uint32 merchant,string reader,uint64 after,uint64 time)"

    merchant: int
    reader: str
    after: int
    time: int

    def digest(self, domain: Hash32) -> Hash32:
        """The 32 bytes that are signed. Raises OverflowError for a number below 0 or above 256 bits."""
        parts = [keccak(self.TYPE.encode()), self.merchant.to_bytes(32, "big"), keccak(self.reader.encode())]
        parts += [self.after.to_bytes(32, "big"), self.time.to_bytes(32, "big")]
        return keccak(b"\x19\x01" + domain + keccak(b"".join(parts)))
