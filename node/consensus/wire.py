"""ABCI messages on the socket: the generated classes, and their framing (an unsigned varint of the length before each).

Before it comes CometBFT's socket client; after it node/consensus/server.py. Source: CometBFT v0.40.0,
abci/types/messages.go and proto/tendermint/abci/types.proto.
"""

import asyncio
import importlib
import sys
from typing import Any, Final

from node.consensus.wire_build import ABCI_FOLDER
from node.domain.errors import TillnetError, Unusable

MAX_MESSAGE_BYTES: Final = 16 * 1024 * 1024
"""Of one message. The largest is a block, of 4 MiB at most; CometBFT itself would take 100 MiB."""
MAX_VARINT_BYTES: Final = 10


class BrokenFrame(TillnetError):
    """The other side of the ABCI socket sent something that is no message."""


def _load_types() -> Any:
    # The generated files import each other as `tendermint.…`, so their folder has to be on the path.
    if not (ABCI_FOLDER / "tendermint").is_dir():
        raise Unusable("the ABCI message classes are not generated; run make setup")
    if str(ABCI_FOLDER) not in sys.path:
        sys.path.append(str(ABCI_FOLDER))
    return importlib.import_module("tendermint.abci.types_pb2")


abci: Final = _load_types()


def encode_frame(message: Any) -> bytes:
    """A message as it goes over the socket."""
    body: bytes = message.SerializeToString()
    length, head = len(body), bytearray()
    while length >= 0x80:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    head.append(length)
    return bytes(head) + body


async def read_request(reader: asyncio.StreamReader) -> Any | None:
    """The next Request, or None when the connection ended between two messages.

    Raises BrokenFrame for a length above 16 MiB or a body that does not parse.
    """
    length = shift = 0
    for position in range(MAX_VARINT_BYTES):
        byte = await reader.read(1)
        if not byte:
            if position:
                raise BrokenFrame("the connection ended inside a length")
            return None
        length |= (byte[0] & 0x7F) << shift
        shift += 7
        if byte[0] < 0x80:
            break
    if length > MAX_MESSAGE_BYTES:
        raise BrokenFrame(f"a message of {length} bytes")
    try:
        request = abci.Request()
        request.ParseFromString(await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ValueError) as failure:
        raise BrokenFrame(str(failure)) from None
    except Exception as failure:  # protobuf's DecodeError is no public base of anything
        raise BrokenFrame(str(failure)) from None
    return request
