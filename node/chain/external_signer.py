"""A signer that runs elsewhere and keeps the key: `eth_accounts` and `eth_signTransaction`, as web3signer has them.

What it signs is read back before anything else happens: each field as asked for, the signature of the account named.
So a signer that errs, or somebody between, can withhold a signature and do no more.
"""

import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import rlp
from coincurve import PublicKey
from eth_hash.auto import keccak

from node.chain.signer import DYNAMIC_FEE, Call, Signed, fields_of
from node.domain.errors import Retryable, Unusable
from node.domain.ids import Address, Hash32

HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
"""Of secp256k1: a signature with a larger s is refused by the chain (EIP-2)."""
SPARE_BYTES: Final = 8_192
"""What an answer may have beside the transaction's hexadecimal digits."""


class NotSigned(Retryable):
    """The external signer gives no signature."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SignerPlace:
    """Where it is, what its certificate is checked against (the system's authorities without), and what we show it."""

    url: str
    timeout: float
    ca_file: Path | None = None
    certificate: Path | None = None
    certificate_key: Path | None = None


class ExternalSigner:
    """One account of an external signer. Open it with `open`, close it after use."""

    def __init__(self, session: aiohttp.ClientSession, url: str, address: Address) -> None:
        self._session, self._url = session, url
        self.address = address

    def __repr__(self) -> str:
        return f"ExternalSigner(0x{self.address.hex()})"

    @staticmethod
    async def open(place: SignerPlace, address: Address | None = None) -> "ExternalSigner":
        """The signer's account `address`, or its only one. Raises Unusable when it does not answer or has it not."""
        session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=place.timeout),
            connector=aiohttp.TCPConnector(limit=2, ssl=_context(place)),
        )
        try:
            found = await _accounts(session, place.url)
            if address is None and len(found) != 1:
                raise Unusable(f"the signer at {place.url} has {len(found)} accounts; stream.signer.address says which")
            chosen = address or found[0]
            if chosen not in found:
                raise Unusable(f"the signer at {place.url} has no account 0x{chosen.hex()}")
        except BaseException:
            await session.close()
            raise
        return ExternalSigner(session, place.url, chosen)

    async def close(self) -> None:
        """Closes the connections."""
        await self._session.close()

    async def signed(self, call: Call) -> Signed:
        """The signed transaction of a call. Raises NotSigned when there is none, or it is not what was asked for."""
        wanted = {
            "from": "0x" + self.address.hex(),
            "to": "0x" + call.to.hex(),
            "nonce": hex(call.nonce),
            "gas": hex(call.gas),
            "maxFeePerGas": hex(call.max_fee),
            "maxPriorityFeePerGas": hex(call.priority_fee),
            "value": hex(call.value),
            "data": "0x" + call.data.hex(),
            "chainId": hex(call.chain_id),
            "type": "0x2",
        }
        most = 2 * len(call.data) + SPARE_BYTES
        answer = await _ask(self._session, self._url, "eth_signTransaction", [wanted], most=most)
        # some nodes answer with the transaction beside its bytes
        text = answer.get("raw") if isinstance(answer, dict) else answer
        try:
            raw = bytes.fromhex(str(text).removeprefix("0x"))
            _check(raw, call, self.address)
        except ValueError as reason:
            raise NotSigned(f"{self._url} signed something else: {reason}") from None
        return Signed(raw=raw, hash=Hash32(keccak(raw)))


def _check(raw: bytes, call: Call, address: Address) -> None:
    """Raises ValueError unless these bytes are the call's transaction, signed by the address."""
    if raw[:1] != DYNAMIC_FEE:
        raise ValueError("no transaction of type 2")
    try:
        parts: list[Any] = list(rlp.decode(raw[1:]))
    except rlp.DecodingError:
        raise ValueError("no RLP") from None
    unsigned = rlp.encode(fields_of(call))
    if len(parts) != 12 or rlp.encode(parts[:9]) != unsigned:
        raise ValueError("other fields than those asked for")
    if not all(isinstance(part, bytes) and len(part) <= 32 for part in parts[9:]):
        raise ValueError("no signature")
    odd, r, s = (int.from_bytes(part, "big") for part in parts[9:])
    if odd > 1 or s > HALF_ORDER:
        raise ValueError("a signature that no block takes")
    try:
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([odd])
        public = PublicKey.from_signature_and_message(signature, keccak(DYNAMIC_FEE + unsigned), hasher=None)
    except Exception as failure:  # libsecp256k1's binding raises bare Exception for what is no signature
        raise ValueError("no signature") from failure
    signer = keccak(public.format(compressed=False)[1:])[12:]
    if signer != address:
        raise ValueError(f"the signature is of 0x{signer.hex()}")


async def _accounts(session: aiohttp.ClientSession, url: str) -> list[Address]:
    try:
        answer = await _ask(session, url, "eth_accounts", [], most=SPARE_BYTES)
        found = [Address(bytes.fromhex(str(each).removeprefix("0x"))) for each in answer]
    except NotSigned as failure:
        raise Unusable(failure.detail) from None
    except (TypeError, ValueError):
        raise Unusable(f"what {url} answers to eth_accounts is no list of addresses") from None
    return found


async def _ask(session: aiohttp.ClientSession, url: str, method: str, params: list[Any], *, most: int) -> Any:
    """The result of a call. Raises NotSigned: no answer, a refusal, or an answer of more than `most` bytes."""
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    try:
        async with session.post(url, json=body, allow_redirects=False) as response:
            text = await response.content.read(most + 1)
            while len(text) <= most and (more := await response.content.read(most + 1 - len(text))):
                text += more
            status = response.status
    except (TimeoutError, aiohttp.ClientError, OSError) as failure:
        raise NotSigned(f"{url} does not answer: {type(failure).__name__}") from None
    if len(text) > most:
        raise NotSigned(f"{url} answers with more than {most} bytes")
    try:
        document = json.loads(text)
        if "error" in document:
            raise NotSigned(f"{url} refuses {method}: {str(document['error'].get('message'))[:200]}")
        return document["result"]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise NotSigned(f"{url} answers {method} with HTTP {status} and no result") from None


def _context(place: SignerPlace) -> ssl.SSLContext:
    """Raises Unusable when a file cannot be read or is no certificate."""
    try:
        context = ssl.create_default_context(cafile=None if place.ca_file is None else str(place.ca_file))
        if place.certificate is not None:
            context.load_cert_chain(place.certificate, place.certificate_key)
    except (OSError, ssl.SSLError) as failure:
        raise Unusable(f"the signer's certificates cannot be read: {failure}") from None
    return context
