"""A merchant's client for its sealed line items (`lines_read`): asks page by page, each time signed by its account."""

import itertools
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import aiohttp
from coincurve import PrivateKey

from node.chain.deployment import Deployment
from node.domain.account_terms import LinesTerms
from node.domain.errors import ChainUnreachable, TillnetError, Unusable
from node.domain.terminal_terms import domain_separator

MOST_PAGES: Final = 1_000_000
SECONDS: Final = 60.0
"""For one page."""


class BridgeRefused(TillnetError):
    """The bridge refused the request."""


class LinesClient:
    """Asks the bridge at a URL. `clock` gives Unix seconds."""

    def __init__(
        self, url: str, network: Deployment, account: PrivateKey, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._url, self._account, self._clock = url, account, clock
        self._domain = domain_separator(network.chain_id, network.ledger)

    async def fetch(self, merchant: int, reader: bytes, after: int = 0) -> list[dict[str, Any]]:
        """All of a merchant's sealed line items above a sequence, as JSON.

        Raises BridgeRefused, ChainUnreachable when the bridge gives no JSON-RPC answer.
        """
        found: list[dict[str, Any]] = []
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS)) as session:
            for number in itertools.islice(itertools.count(1), MOST_PAGES):
                page = await self._page(session, number, self._terms(merchant, reader, after))
                found += page["lines"]
                if page["after"] is None:
                    return found
                if not isinstance(page["after"], int) or page["after"] <= after:
                    break
                after = page["after"]
        raise BridgeRefused("its pages do not end")

    def _terms(self, merchant: int, reader: bytes, after: int) -> LinesTerms:
        return LinesTerms(merchant=merchant, reader="0x" + reader.hex(), after=after, time=int(self._clock()))

    async def _page(self, session: aiohttp.ClientSession, number: int, terms: LinesTerms) -> dict[str, Any]:
        signature = self._account.sign_recoverable(terms.digest(self._domain), hasher=None)
        params = {"merchant": terms.merchant, "reader": terms.reader, "after": terms.after, "time": terms.time}
        request = {
            "jsonrpc": "2.0",
            "id": number,
            "method": "lines_read",
            "params": {**params, "signature": "0x" + signature.hex()},
        }
        try:
            async with session.post(self._url, json=request) as response:
                document = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as failure:
            raise ChainUnreachable(f"the bridge did not answer ({type(failure).__name__})") from None
        if "error" in document:
            raise BridgeRefused(str(document["error"].get("message", "")))
        return dict(document["result"])


def load_account(path: Path) -> PrivateKey:
    """The secp256k1 key in a file of mode 0600, 64 hexadecimal digits. Raises Unusable."""
    try:
        text = path.read_text("ascii").strip()
        if os.stat(path).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise Unusable(f"the key file {path} is open to others; chmod 600 {path}")
        return PrivateKey(bytes.fromhex(text.removeprefix("0x")))
    except OSError as error:
        raise Unusable(f"the key file {path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise Unusable(f"the key in {path} is not 64 hexadecimal digits") from None
