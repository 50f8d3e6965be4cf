"""geth, as the validator application uses it: Engine API (with JWT), block building, and the pool.

Before it come the application and the gateway; after it two loopback listeners of geth. Sources: execution-apis
src/engine/{authentication,cancun,prague}.md; geth v1.17.8 eth/catalyst/api_testing.go.
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn

import aiohttp

from node.consensus.errors import AnswerTooLarge, EngineBehind, EngineFailed, EngineUnreachable, ProposalRefused
from node.consensus.payload import PRAGUE, Payload, payload_from_json, payload_to_json
from node.consensus.rules import Head
from node.domain.ids import Address, Hash32

NO_BEACON_ROOT: Final = "0x" + "00" * 32
TOKEN_SECONDS: Final = 20
"""geth takes a token up to 60 s old; a new one well before that."""
CALL_SECONDS: Final = 30
MAX_ANSWER_BYTES: Final = 32 * 1024 * 1024
"""Of one answer to a client; a full block with its transactions has 7 MB."""
JSON_HEADERS: Final = {"Content-Type": "application/json"}


class Engine:
    """One geth. Methods raise EngineUnreachable when it does not answer, EngineFailed when it answers an error."""

    def __init__(
        self, *, auth_url: str, rpc_url: str, jwt_secret: bytes, clock: Callable[[], float] = time.time
    ) -> None:
        self._auth_url = auth_url
        self._rpc_url = rpc_url
        self._secret = jwt_secret
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._token: tuple[float, str] = (0.0, "")
        self._calls = 0

    async def close(self) -> None:
        """Ends its connections."""
        if self._session is not None:
            await self._session.close()

    async def head(self) -> Head:
        """The newest block."""
        return _head(await self.rpc("eth_getBlockByNumber", ["latest", False]))

    async def genesis_hash(self) -> Hash32:
        """The hash of block 0."""
        return _head(await self.rpc("eth_getBlockByNumber", ["0x0", False])).hash

    async def build(
        self,
        *,
        parent: Head,
        timestamp: int,
        version: int,
        randao: Hash32,
        fee_recipient: Address,
        extra_data: bytes,
        transactions: Sequence[bytes] | None,
    ) -> Payload:
        """A block on top of `parent`, which must be the head: from the pool (None), or of exactly these, in order.

        Raises ProposalRefused for one with execution requests: nobody here honours any.
        """
        attributes = {
            "timestamp": hex(timestamp),
            "prevRandao": _hex(randao),
            "suggestedFeeRecipient": _hex(fee_recipient),
            "withdrawals": [],
            "parentBeaconBlockRoot": NO_BEACON_ROOT,
        }
        listed = None if transactions is None else [_hex(raw) for raw in transactions]
        answer = await self.rpc("testing_buildBlockV1", [_hex(parent.hash), attributes, listed, _hex(extra_data)])
        if answer.get("executionRequests"):
            raise ProposalRefused("it has execution requests")
        return payload_from_json(answer["executionPayload"], version)

    async def execute(self, payload: Payload) -> bool:
        """Executes a block without making it the head; whether it is valid. Raises EngineBehind without its parent."""
        params: list[Any] = [payload_to_json(payload), [], NO_BEACON_ROOT]
        if payload.version == PRAGUE:
            # no execution requests: a block whose transactions make some has another hash, and is invalid
            answer = await self._engine("engine_newPayloadV4", [*params, []])
        else:
            answer = await self._engine("engine_newPayloadV3", params)
        if answer["status"] in ("SYNCING", "ACCEPTED"):
            raise EngineBehind(f"block {payload.number} has a parent that geth does not know")
        return bool(answer["status"] == "VALID")

    async def make_final(self, block: Hash32) -> None:
        """Makes a block head, safe and finalized. Raises EngineBehind when geth does not have it."""
        state = {name: _hex(block) for name in ("headBlockHash", "safeBlockHash", "finalizedBlockHash")}
        answer = await self._engine("engine_forkchoiceUpdatedV3", [state, None])
        if answer["payloadStatus"]["status"] != "VALID":
            raise EngineBehind(f"geth has no block {_hex(block)}")

    async def nonce(self, account: Address, *, at: Hash32) -> int:
        """How many transactions an account has sent in the state of a block."""
        return int(await self.rpc("eth_getTransactionCount", [_hex(account), {"blockHash": _hex(at)}]), 16)

    async def send_transaction(self, raw: bytes) -> None:
        """Puts a raw transaction into the pool; raises EngineFailed with the pool's reason."""
        await self.rpc("eth_sendRawTransaction", [_hex(raw)])

    async def call(self, to: Address, data: bytes, *, at: Hash32) -> bytes:
        """What a contract answers in the state of a block, final or just executed; empty without such a contract."""
        answer = await self.rpc("eth_call", [{"to": _hex(to), "data": _hex(data)}, {"blockHash": _hex(at)}])
        return bytes.fromhex(answer[2:])

    async def rpc(self, method: str, params: list[Any]) -> Any:
        """Any method of the open listener."""
        return await self._call(self._rpc_url, JSON_HEADERS, method, params)

    async def forward(self, body: bytes, took: Callable[[int], None]) -> bytes:
        """Hands a JSON-RPC body to the open listener and its answer back, both as they are.

        `took` is told of each piece of the answer as it comes, and may raise. Raises AnswerTooLarge above 32 MiB.
        """
        return await self._post(self._rpc_url, JSON_HEADERS, body, took)

    async def _engine(self, method: str, params: list[Any]) -> Any:
        headers = {**JSON_HEADERS, "Authorization": f"Bearer {self._fresh_token()}"}
        return await self._call(self._auth_url, headers, method, params)

    async def _call(self, url: str, headers: dict[str, str], method: str, params: list[Any]) -> Any:
        self._calls += 1
        body = json.dumps(
            {"jsonrpc": "2.0", "id": self._calls, "method": method, "params": params}, separators=(",", ":")
        ).encode()
        text = await self._post(url, headers, body)
        try:
            answer = json.loads(text)
            failure = answer.get("error")
        except (ValueError, AttributeError):
            raise EngineUnreachable(f"{method}: the answer is no JSON-RPC") from None
        if failure is not None:
            raise EngineFailed(f"{method}: {failure.get('message')}", int(failure.get("code", 0)))
        return answer.get("result")

    async def _post(
        self, url: str, headers: dict[str, str], body: bytes, took: Callable[[int], None] | None = None
    ) -> bytes:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=64, keepalive_timeout=60),
                timeout=aiohttp.ClientTimeout(total=CALL_SECONDS),
                auto_decompress=True,
                headers={"Accept-Encoding": "identity"},  # compressing on loopback only costs time
            )
        try:
            async with self._session.post(url, data=body, headers=headers) as response:
                text = await (response.read() if took is None else _read_bounded(response, took))
                if response.status != 200:
                    _refuse_status(response.status, text)
                return text
        except (TimeoutError, aiohttp.ClientError, OSError) as failure:
            raise EngineUnreachable(f"{type(failure).__name__} {failure}") from None

    def _fresh_token(self) -> str:
        now = self._clock()
        made, token = self._token
        if not 0 <= now - made < TOKEN_SECONDS:
            token = make_token(self._secret, int(now))
            self._token = (now, token)
        return token


def make_token(secret: bytes, issued_at: int) -> str:
    """A JWT with HS256 and only `iat` (RFC 7519; execution-apis src/engine/authentication.md)."""
    head = _base64url(b'{"alg":"HS256","typ":"JWT"}')
    claims = _base64url(json.dumps({"iat": issued_at}).encode())
    signed = f"{head}.{claims}"
    return f"{signed}.{_base64url(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


async def _read_bounded(response: aiohttp.ClientResponse, took: Callable[[int], None]) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_any():
        took(len(part))
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            raise AnswerTooLarge
        parts.append(part)
    return b"".join(parts)


def _refuse_status(status: int, text: bytes) -> NoReturn:
    raise EngineFailed(f"HTTP {status}: {text[:200].decode(errors='replace').strip()}")


def _head(block: dict[str, Any]) -> Head:
    return Head(
        number=int(block["number"], 16),
        hash=Hash32(bytes.fromhex(block["hash"][2:])),
        timestamp=int(block["timestamp"], 16),
    )


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
