"""A signed transaction as a node gives it: its consensus form, who signed it, and what it pays for gas.

Used by node/chain/checked.py. Sources: EIP-155, 2718, 2930, 1559, 4844, 7702.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from coincurve import PublicKey

from node.chain.rlp import Rlp, bytes_of, data_in, encode_list, number_in, whole_in
from node.domain.errors import TillnetError
from node.domain.merkle import keccak

LEGACY, ACCESS_LIST, DYNAMIC_FEE, BLOB, DELEGATION = range(5)


class UnknownTransaction(TillnetError):
    """A transaction is of a type that came after this version of Tillnet."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedTransaction:
    """A transaction of any type. `fields` are those that are signed, without EIP-155's three; fees in wei a gas."""

    kind: int
    nonce: int
    receiver: bytes
    value: int
    gas: int
    input: bytes
    max_fee: int
    tip: int
    fields: tuple[Rlp, ...]
    v: int
    r: int
    s: int

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> "SignedTransaction":
        """The transaction in JSON-RPC's words. Raises UnknownTransaction, KeyError, ValueError."""
        kind = whole_in(said.get("type") or "0x0")
        if kind > DELEGATION:
            raise UnknownTransaction(f"type {kind}")
        if kind in (LEGACY, ACCESS_LIST):
            max_fee = tip = whole_in(said["gasPrice"])
        else:
            max_fee, tip = whole_in(said["maxFeePerGas"]), whole_in(said["maxPriorityFeePerGas"])
        parity = said.get("yParity") if kind else None
        return cls(
            kind=kind,
            nonce=whole_in(said["nonce"]),
            receiver=data_in(said["to"]) if said.get("to") else b"",
            value=whole_in(said["value"]),
            gas=whole_in(said["gas"]),
            input=data_in(said["input"]),
            max_fee=max_fee,
            tip=tip,
            fields=_fields(said, kind),
            v=whole_in(said["v"] if parity is None else parity),
            r=whole_in(said["r"]),
            s=whole_in(said["s"]),
        )

    def encoded(self) -> bytes:
        """As it stands in the block's trie."""
        signature = [bytes_of(each) for each in (self.v, self.r, self.s)]
        return self._typed([*self.fields, *signature])

    def sender(self) -> bytes:
        """The address that signed it. Raises ValueError when the signature is none."""
        fields, parity = [*self.fields], self.v
        if self.kind == LEGACY:
            parity = self.v - 27
            if self.v >= 35:
                parity = (self.v - 35) % 2
                fields += [bytes_of((self.v - 35) // 2), b"", b""]
        signature = self.r.to_bytes(32, "big") + self.s.to_bytes(32, "big") + bytes([parity])
        try:
            key = PublicKey.from_signature_and_message(signature, keccak(self._typed(fields)), hasher=None)
        except Exception as failure:  # coincurve raises a plain Exception
            raise ValueError(f"no key made this signature ({failure})") from None
        return keccak(key.format(compressed=False)[1:])[12:]

    def price(self, base_fee: int) -> int:
        """What it pays, wei a gas, in a block with this base fee."""
        return min(self.max_fee, base_fee + self.tip)

    def _typed(self, fields: Sequence[Rlp]) -> bytes:
        return (bytes([self.kind]) if self.kind else b"") + encode_list(fields)


def _fields(said: Mapping[str, Any], kind: int) -> tuple[Rlp, ...]:
    to = data_in(said["to"]) if said.get("to") else b""
    body: list[Rlp] = [number_in(said["gas"]), to, number_in(said["value"]), data_in(said["input"])]
    if kind == LEGACY:
        return (number_in(said["nonce"]), number_in(said["gasPrice"]), *body)
    fees = ["gasPrice"] if kind == ACCESS_LIST else ["maxPriorityFeePerGas", "maxFeePerGas"]
    fields: list[Rlp] = [number_in(said[name]) for name in ("chainId", "nonce", *fees)]
    fields += [*body, [[data_in(each["address"]), _all(each["storageKeys"])] for each in said.get("accessList") or ()]]
    if kind == BLOB:
        fields += [number_in(said["maxFeePerBlobGas"]), _all(said["blobVersionedHashes"])]
    elif kind == DELEGATION:
        fields.append([_delegation(each) for each in said["authorizationList"]])
    return tuple(fields)


def _all(texts: Sequence[str]) -> list[Rlp]:
    return [data_in(text) for text in texts]


def _delegation(each: Mapping[str, Any]) -> list[Rlp]:
    numbers = [number_in(each[name]) for name in ("nonce", "yParity", "r", "s")]
    return [number_in(each["chainId"]), data_in(each["address"]), *numbers]
