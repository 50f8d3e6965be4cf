"""One typed way to ask a contract's view over JSON-RPC."""

from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError

from node.chain.rpc import Rpc
from node.domain.errors import Unusable
from node.domain.ids import Address
from node.domain.merkle import keccak


def selector(signature: str) -> bytes:
    """The first four bytes of calldata."""
    return keccak(signature.encode())[:4]


class Views:
    """A deployed contract's views, asked at the latest block if not said otherwise."""

    def __init__(self, rpc: Rpc, address: Address) -> None:
        self._rpc = rpc
        self.address = address

    async def ask(self, signature: str, *arguments: Any, returns: str, block: str = "latest") -> tuple[Any, ...]:
        """What `name(types)` returns, by the types in `returns`, such as "(uint32,bool)".

        Raises ChainUnreachable; RpcRefused when the contract reverts; Unusable when no such contract is there.
        """
        types = _split(signature[signature.index("(") + 1 : -1])
        data = selector(signature) + encode(types, list(arguments))
        call = {"to": "0x" + self.address.hex(), "data": "0x" + data.hex()}
        answer = str(await self._rpc.call("eth_call", call, block))
        try:
            return tuple(decode(_split(returns[1:-1]), bytes.fromhex(answer[2:])))
        except DecodingError:
            raise Unusable(f"0x{self.address.hex()} does not answer {signature} as Tillnet's contract does") from None

    async def has(self, block: int) -> bool:
        """Whether the gateway has heard of a block. Raises ChainUnreachable, RpcRefused."""
        return await self._rpc.call("eth_getBlockByNumber", hex(block), False) is not None


def _split(types: str) -> list[str]:
    """The types between commas that are in no parentheses."""
    found, depth, start = [], 0, 0
    for at, sign in enumerate(types):
        depth += (sign == "(") - (sign == ")")
        if sign == "," and depth == 0:
            found.append(types[start:at])
            start = at + 1
    return [*found, types[start:]] if types else []
