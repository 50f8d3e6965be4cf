"""A thin asynchronous JSON-RPC client over several gateways, tried in turn.

Reads are repeated on another gateway when one does not answer, a bounded number of times. A raw transaction is sent
to one gateway at a time by `send_raw`, never repeated silently: what to do next is the transaction stage's matter.
"""

import asyncio
import itertools
import json
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import aiohttp

from node.config import RpcAccess
from node.domain.errors import ChainUnreachable, TillnetError, Unusable

MAX_ANSWER: Final = 64 * 2**20
"""Bytes of one answer; a longer one is refused."""
PAUSE: Final = 0.1
"""Seconds between two rounds over all gateways."""
UNANSWERED: Final = (aiohttp.ClientError, TimeoutError, OSError, ValueError)
"""A gateway is away, or what it says is no answer."""


class RpcRefused(TillnetError):
    """The chain's gateway refused the call."""

    def __init__(self, code: int, text: str, data: Any = None) -> None:
        super().__init__(f"{text} ({code})")
        self.code = code
        self.text = text
        self.data = data


class ChainSilent(ChainUnreachable):
    """The chain does not answer."""


class SendResult(Enum):
    """What a gateway said to a raw transaction."""

    ACCEPTED = "accepted"
    KNOWN = "known"
    """It has this very transaction already."""
    NONCE_USED = "nonce used"
    """A block holds a transaction with this nonce: look the hashes up."""
    REFUSED = "refused"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """A gateway's answer to a raw transaction; `text` is what it said, for the log, `gateway` its place in `urls`."""

    result: SendResult
    text: str
    gateway: int


class Rpc:
    """JSON-RPC over HTTP to one chain through `urls`. Close it, or use it as an asynchronous context.

    `access` is for all of them; a URL may have a key of its own (http://:KEY@host), then `access` has none.
    """

    def __init__(
        self, urls: Sequence[str], *, timeout: float = 10.0, attempts: int = 5, access: RpcAccess | None = None
    ) -> None:
        self.urls = tuple(urls)
        self._access = access or RpcAccess()
        self._attempts = attempts
        self._preferred = 0
        self._ids = itertools.count(1)
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._session: aiohttp.ClientSession | None = None
        self._heard_at = time.monotonic()

    async def __aenter__(self) -> "Rpc":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections."""
        if self._session is not None:
            await self._session.close()

    @property
    def session(self) -> aiohttp.ClientSession:
        """The HTTP session, made at the first use inside the running loop."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=self._timeout,
                connector=aiohttp.TCPConnector(limit=64, ssl=_context(self._access)),
                headers={"Authorization": f"Bearer {self._access.key}"} if self._access.key else {},
            )
        return self._session

    @property
    def silent_seconds(self) -> float:
        """How long no gateway has answered anything, refusals included."""
        return time.monotonic() - self._heard_at

    def turn_away(self) -> None:
        """The preferred gateway answers, but stands still: prefer the next one."""
        self._preferred = (self._preferred + 1) % len(self.urls)

    async def call(self, method: str, *params: Any) -> Any:
        """The result of a call that changes nothing.

        Raises RpcRefused when a gateway answers with an error, ChainSilent when none answers in the bounded number of
        rounds.
        """
        failure = ""
        for attempt in range(self._attempts):
            for turn in range(len(self.urls)):
                index = (self._preferred + turn) % len(self.urls)
                try:
                    result = await self._post(self.urls[index], method, params)
                except UNANSWERED as error:
                    failure = f"{type(error).__name__} {error}".strip()
                    continue
                self._preferred = index
                return result
            await asyncio.sleep(PAUSE * (attempt + 1))
        raise ChainSilent(f"{method} failed at every gateway ({failure})")

    async def call_batch(self, method: str, calls: Sequence[Sequence[Any]]) -> list[Any]:
        """The results of several calls of one method, asked in one request, in the order of `calls`.

        Raises as `call` does. A gateway that takes no batches is asked one by one.
        """
        for attempt in range(self._attempts):
            for turn in range(len(self.urls)):
                index = (self._preferred + turn) % len(self.urls)
                try:
                    return await self._post_batch(self.urls[index], method, calls)
                except RpcRefused:
                    return [await self.call(method, *params) for params in calls]
                except UNANSWERED:
                    continue
            await asyncio.sleep(PAUSE * (attempt + 1))
        raise ChainSilent(f"{method} failed at every gateway")

    async def ask_all(self, method: str, *params: Any) -> dict[int, Any]:
        """What each gateway answers to a call that changes nothing, by its place in `urls`; asked once and all at the
        same time. Those that do not answer, or refuse, are left out."""

        async def ask(gateway: int, url: str) -> tuple[int, Any] | None:
            try:
                return gateway, await self._post(url, method, params)
            except (RpcRefused, *UNANSWERED):
                return None

        answers = await asyncio.gather(*[ask(gateway, url) for gateway, url in enumerate(self.urls)])
        return dict(each for each in answers if each is not None)

    async def send_raw(self, raw: bytes, *, turn: int = 0) -> Sent:
        """Gives a signed transaction to one gateway, once: the preferred one, or the `turn`-th after it."""
        gateway = (self._preferred + turn) % len(self.urls)
        try:
            await self._post(self.urls[gateway], "eth_sendRawTransaction", ("0x" + raw.hex(),))
        except RpcRefused as refusal:
            return Sent(result=classify_refusal(refusal.text), text=refusal.text[:200], gateway=gateway)
        except UNANSWERED as error:
            text = f"{type(error).__name__} {error}".strip()[:200]
            return Sent(result=SendResult.UNREACHABLE, text=text, gateway=gateway)
        return Sent(result=SendResult.ACCEPTED, text="", gateway=gateway)

    async def _post_batch(self, url: str, method: str, calls: Sequence[Sequence[Any]]) -> list[Any]:
        """Raises RpcRefused when the batch, or a call in it, is refused."""
        if not calls:
            return []
        body = [{"jsonrpc": "2.0", "id": at, "method": method, "params": list(each)} for at, each in enumerate(calls)]
        answer = await self._exchange(url, json.dumps(body))
        if isinstance(answer, dict):
            raise RpcRefused(0, "no batches")
        if any("error" in each for each in answer):
            raise RpcRefused(0, "a call of a batch was refused")
        found = {each["id"]: each.get("result") for each in answer}
        if len(found) != len(calls):
            raise ValueError("not an answer to every call of a batch")
        return [found[at] for at in range(len(calls))]

    async def _exchange(self, url: str, body: str) -> Any:
        async with self.session.post(url, data=body, headers={"content-type": "application/json"}) as response:
            if response.content_length is not None and response.content_length > MAX_ANSWER:
                raise ValueError(f"an answer of {response.content_length} bytes")
            return json.loads(await response.read())

    async def _post(self, url: str, method: str, params: Sequence[Any]) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": list(params)})
        answer = await self._exchange(url, body)
        if not isinstance(answer, dict):
            raise ValueError("not a JSON-RPC answer")
        self._heard_at = time.monotonic()
        error = answer.get("error")
        if error is not None:
            if isinstance(error, dict):
                raise RpcRefused(int(error.get("code", 0)), str(error.get("message", "")), error.get("data"))
            raise RpcRefused(0, str(error))
        return answer.get("result")


def _context(access: RpcAccess) -> ssl.SSLContext:
    context = ssl.create_default_context()
    for path in access.ca_files:
        try:
            context.load_verify_locations(path)
        except OSError as failure:
            raise Unusable(f"the certificates in {path} cannot be read: {failure.strerror or failure}") from None
    return context


def classify_refusal(text: str) -> SendResult:
    """What a node's refusal of a raw transaction means, by the words of geth, anvil and their kin."""
    lower = text.lower()
    if "already known" in lower or "already imported" in lower or "known transaction" in lower:
        return SendResult.KNOWN
    if "nonce too low" in lower:
        return SendResult.NONCE_USED
    return SendResult.REFUSED
