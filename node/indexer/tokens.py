"""What tokens say of themselves: name, symbol, decimals; asked once, when a token is seen for the first time."""

from typing import Any, Final

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from node.chain.rpc import RpcRefused
from node.chain.views import selector
from node.indexer.fetch import Fetcher
from node.indexer.rows import Rows

LONGEST: Final = 64


async def describe_tokens(fetcher: Fetcher, rows: Rows) -> None:
    """Fills in what new tokens among the rows say. What they do not say stays empty."""
    for row in rows.changed.get("tokens", {}).values():
        if row["block"] >= rows.first:
            row["name"] = await _text(fetcher, row["address"], "name()")
            row["symbol"] = await _text(fetcher, row["address"], "symbol()")
            decimals = await _ask(fetcher, row["address"], "decimals()", "uint8")
            row["decimals"] = decimals if isinstance(decimals, int) else None


async def _text(fetcher: Fetcher, token: bytes, function: str) -> str | None:
    said = await _ask(fetcher, token, function, "string")
    return said.replace("\x00", "\ufffd")[:LONGEST] if isinstance(said, str) else None


async def _ask(fetcher: Fetcher, token: bytes, function: str, kind: str) -> Any:
    call = {"to": "0x" + token.hex(), "data": "0x" + selector(function).hex()}
    try:
        answer = await fetcher.call("eth_call", call, "latest")
        return decode([kind], bytes.fromhex(str(answer)[2:]))[0]
    except (RpcRefused, DecodingError, UnicodeDecodeError, OverflowError, ValueError):
        return None
