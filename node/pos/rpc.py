"""A terminal that speaks JSON-RPC: signs its payments (EIP-712) and posts them over HTTP.

Used by the demo, the benchmark and the tests, beside node/pos/connection.py.
"""

import itertools
import json
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
from coincurve import PrivateKey

from node.domain.assignment import Item
from node.domain.errors import ChainUnreachable
from node.domain.ids import Address, PaymentId
from node.domain.merkle import keccak
from node.domain.terminal_terms import (
    PaymentTerms,
    RefundTerms,
    ReversalTerms,
    Terms,
    digest,
    domain_separator,
    members_of,
)
from node.iso8583.basket import write_items

_APPROVED: Final = "00"


@dataclass(frozen=True, kw_only=True, slots=True)
class RpcTerminal:
    """A terminal and the key that signs for it; never printed."""

    id: str
    key: PrivateKey = field(repr=False)

    @property
    def address(self) -> Address:
        """What the Registry knows as the terminal's signer."""
        return Address(keccak(self.key.public_key.format(compressed=False)[1:])[12:])


@dataclass(frozen=True, kw_only=True, slots=True)
class RpcReply:
    """A reply: `result` or `error` as JSON-RPC has them; `sent_at` and `received_at` are the clock's, seconds."""

    result: Mapping[str, Any] | None
    error: Mapping[str, Any] | None
    request: Mapping[str, Any] = field(repr=False)
    sent_at: float
    received_at: float

    @property
    def response_code(self) -> str:
        """DE39 of the outcome, whether result or error; empty for what is not about a payment."""
        if self.result is not None:
            return str(self.result.get("responseCode", ""))
        return str(((self.error or {}).get("data") or {}).get("responseCode", ""))

    @property
    def approved(self) -> bool:
        """Whether it says 00."""
        return self.response_code == _APPROVED

    @property
    def payment_id(self) -> PaymentId | None:
        """The payment's id, if there is one."""
        name = None if self.result is None else self.result.get("paymentId")
        return None if name is None else PaymentId(name)

    @property
    def facts(self) -> Mapping[str, str]:
        """What an act or a refund did."""
        return {} if self.result is None else dict(self.result.get("facts", {}))

    @property
    def duplicate(self) -> bool:
        """Whether the bridge had had this message before."""
        return self.result is not None and bool(self.result.get("duplicate"))


class RpcConnection:
    """A client of one bridge's JSON-RPC; an async context manager. Times are `clock` readings."""

    def __init__(
        self,
        url: str,
        *,
        chain_id: int,
        ledger: Address,
        timeout: float = 25.0,
        clock: Callable[[], float] = time.time,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`tls` has what an https URL needs beyond the system's authorities: others, and the gateway's certificate."""
        self._url, self._tls = url, tls
        self._domain = domain_separator(chain_id, ledger)
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._numbers = itertools.count(1)

    async def __aenter__(self) -> Self:
        connector = None if self._tls is None else aiohttp.TCPConnector(ssl=self._tls)
        self._session = aiohttp.ClientSession(timeout=self._timeout, connector=connector)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def purchase(
        self,
        terminal: RpcTerminal,
        *,
        stan: str,
        card: str,
        amount: int,
        currency: str,
        items: Sequence[Item] = (),
        coin: int = 0,
        stored_value: int = 0,
        pin_result: str = "0",
        at: int | None = None,
    ) -> RpcReply:
        """`payment_submit`; amounts in minor units, `at` the terminal's clock in Unix seconds."""
        terms = PaymentTerms(
            terminal=terminal.id,
            stan=stan,
            time=int(self._clock()) if at is None else at,
            card=card,
            currency=currency,
            amount=amount,
            coin=coin,
            stored_value=stored_value,
            pin_result=pin_result,
            items=write_items(items),
        )
        return await self.submit(terms, self.sign(terminal, terms))

    async def submit(self, terms: PaymentTerms, signature: bytes) -> RpcReply:
        """`payment_submit` of terms with whatever signature."""
        params = {member.name: getattr(terms, member.attribute) for member in members_of(PaymentTerms)}
        return await self.call("payment_submit", {**params, "signature": "0x" + signature.hex()})

    async def reverse(self, terminal: RpcTerminal, *, stan: str, original: RpcReply, at: int | None = None) -> RpcReply:
        """`payment_reverse` of a purchase that was sent with `purchase`."""
        was = original.request["params"]
        terms = ReversalTerms(
            terminal=terminal.id,
            stan=stan,
            time=int(self._clock()) if at is None else at,
            original_stan=was["stan"],
            original_time=was["time"],
            amount=was["amount"],
        )
        return await self.send("payment_reverse", terminal, terms)

    async def refund(
        self,
        terminal: RpcTerminal,
        *,
        stan: str,
        payment: PaymentId,
        amount: int,
        currency: str,
        card: str = "",
        at: int | None = None,
    ) -> RpcReply:
        """`payment_refund` of a part of a payment."""
        terms = RefundTerms(
            terminal=terminal.id,
            stan=stan,
            time=int(self._clock()) if at is None else at,
            card=card,
            currency=currency,
            amount=amount,
            payment_id=payment,
        )
        return await self.send("payment_refund", terminal, terms)

    async def send(self, method: str, terminal: RpcTerminal, terms: Terms) -> RpcReply:
        """A method with its terms, signed by the terminal."""
        params = {member.name: getattr(terms, member.attribute) for member in members_of(type(terms))}
        return await self.call(method, {**params, "signature": "0x" + self.sign(terminal, terms).hex()})

    async def repeat(self, reply: RpcReply) -> RpcReply:
        """The same request again."""
        return await self.call(reply.request["method"], reply.request["params"])

    async def status(self, payment: PaymentId) -> RpcReply:
        """`payment_status`."""
        return await self.call("payment_status", {"paymentId": payment})

    async def health(self) -> RpcReply:
        """`bridge_health`."""
        return await self.call("bridge_health", {})

    def sign(self, terminal: RpcTerminal, terms: Terms) -> bytes:
        """The 65 bytes of the terminal's signature."""
        return terminal.key.sign_recoverable(digest(self._domain, terms), hasher=None)

    async def call(self, method: str, params: Mapping[str, Any]) -> RpcReply:
        """One call. Raises ChainUnreachable when the bridge gives no JSON-RPC answer."""
        if self._session is None:
            raise ValueError("use it as an async context manager")
        request = {"jsonrpc": "2.0", "id": next(self._numbers), "method": method, "params": params}
        sent_at = self._clock()
        try:
            async with self._session.post(self._url, json=request) as response:
                document = json.loads(await response.read())
        except (aiohttp.ClientError, TimeoutError, ValueError) as failure:
            raise ChainUnreachable(f"the bridge did not answer ({type(failure).__name__})") from None
        return RpcReply(
            result=document.get("result"),
            error=document.get("error"),
            request=request,
            sent_at=sent_at,
            received_at=self._clock(),
        )
