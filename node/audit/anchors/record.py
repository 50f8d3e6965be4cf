"""An anchor: what goes to the other chain, and what is kept of it here; pure but for the file.

97 bytes of calldata: `Tillanch 8 | version 1 = 0x01 | chain id 8 | first 8 | height 8 | block hash 32 | log root 32`,
big-endian. The log root is the tree of docs/batch.md over the receipts roots of the blocks `first` to `height`.
"""

import json
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from node.domain.errors import Unusable
from node.domain.ids import Hash32

MARK: Final = b"Tillanch"
VERSION: Final = 1
LAYOUT: Final = struct.Struct(">8sBQQQ32s32s")
MOST_BYTES: Final = 64 * 2**20


@dataclass(frozen=True, kw_only=True, slots=True)
class Anchor:
    """What is said of the blocks `first` to `height` of a chain."""

    chain_id: int
    first: int
    height: int
    block_hash: Hash32
    log_root: Hash32

    def pack(self) -> bytes:
        """The calldata."""
        return LAYOUT.pack(MARK, VERSION, self.chain_id, self.first, self.height, self.block_hash, self.log_root)

    @classmethod
    def unpack(cls, data: bytes) -> "Anchor":
        """What `pack` made. Raises ValueError for anything else."""
        if len(data) != LAYOUT.size:
            raise ValueError(f"{len(data)} bytes are no anchor")
        mark, version, chain_id, first, height, block_hash, log_root = LAYOUT.unpack(data)
        if mark != MARK or version != VERSION or first > height:
            raise ValueError("no anchor of this format")
        return cls(
            chain_id=chain_id, first=first, height=height, block_hash=Hash32(block_hash), log_root=Hash32(log_root)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """An anchor with its signed transaction on the other chain, written down before it is sent."""

    anchor: Anchor
    transaction: Hash32
    raw: bytes


def read_records(path: Path) -> list[Sent]:
    """The anchors in a file, the oldest first; none when there is no file. Raises Unusable."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise Unusable(f"{path} is larger than {MOST_BYTES:,} bytes")
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return []
    found: list[Sent] = []
    for number, line in enumerate(lines, 1):
        try:
            written = json.loads(line)
            data, raw, transaction = (bytes.fromhex(written[name]) for name in ("anchor", "raw", "transaction"))
            found.append(Sent(anchor=Anchor.unpack(data), transaction=Hash32(transaction), raw=raw))
        except (ValueError, KeyError, TypeError):
            if number == len(lines):
                break  # it was cut short while it was written, so it was never sent
            raise Unusable(f"{path}, line {number}, is no anchor") from None
    return found


def append_record(path: Path, records: Sequence[Sent], sent: Sent) -> None:
    """Writes one more anchor behind `records`, whole and on the disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with partial.open("w") as file:
        file.writelines(_line(each) for each in (*records, sent))
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def _line(sent: Sent) -> str:
    written = {"anchor": sent.anchor.pack().hex(), "transaction": sent.transaction.hex(), "raw": sent.raw.hex()}
    return json.dumps(written) + "\n"
