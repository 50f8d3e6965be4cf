"""What the network has to know of a raw transaction: its type, chain id, gas, sender; and which ones it takes at all.

Pure. Used by admission (gateway and gossip) and by the check of proposals. Sources: EIP-155, EIP-2718, EIP-2930,
EIP-1559; types 3 (blobs, EIP-4844) and 4 (code delegation, EIP-7702) are refused.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from coincurve import PublicKey
from Crypto.Hash import keccak

from node.consensus.errors import TransactionRefused
from node.domain.ids import Address

MAX_TRANSACTION_BYTES: Final = 128 * 1024
"""geth's pool takes no larger one (core/txpool/legacypool, txMaxSize)."""
LEGACY_FIELDS: Final = 9
# type -> (number of fields, index of chain id, index of gas limit, index of the signature's y parity); after the chain
# id comes the nonce, after the gas limit the recipient
TYPED_LAYOUTS: Final = {1: (11, 0, 3, 8), 2: (12, 0, 4, 9)}
MOST_FIELDS: Final = 12
"""A stranger's list of 100,000 items is not read to its end."""
EIP155_OFFSET: Final = 35
SENDERS_REMEMBERED: Final = 16_384
_recovered: OrderedDict[tuple[bytes, int, int, int], Address] = OrderedDict()  # what was signed, and the signature
SHORT_LIST, LONG_LIST, SHORT_STRING, LONG_STRING = 0xC0, 0xF7, 0x80, 0xB7

Span = tuple[int, int, int]
"""Start of an RLP item, start of its content, its end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Transaction:
    """A decoded raw transaction. `chain_id` is None for a legacy one without EIP-155 protection.

    `creates` says that it has no recipient, and so creates a contract.
    """

    raw: bytes
    kind: int
    chain_id: int | None
    nonce: int
    gas: int
    creates: bool
    signing_hash_input: bytes
    y_parity: int
    r: int
    s: int


def decode_transaction(raw: bytes) -> Transaction:
    """The parts of a raw transaction; raises TransactionRefused when it is malformed, too large or of another type."""
    if not raw or len(raw) > MAX_TRANSACTION_BYTES:
        raise TransactionRefused(f"it has {len(raw)} bytes, allowed are 1 to {MAX_TRANSACTION_BYTES}")
    try:
        if raw[0] >= SHORT_LIST:
            return _decode_legacy(raw)
        if raw[0] in TYPED_LAYOUTS:
            return _decode_typed(raw)
    except (IndexError, ValueError) as failure:
        raise TransactionRefused(f"it is no well-formed RLP ({failure})") from None
    raise TransactionRefused(f"type {raw[0]} is not accepted here")


def recover_sender(transaction: Transaction) -> Address:
    """The sender's address; raises TransactionRefused when the signature fits no key.

    The newest 16,384 are remembered: a transaction is looked at when it comes in, when a block is made, and when one
    is judged, and each time would cost 0.1 ms.
    """
    digest = hashlib.sha256(transaction.signing_hash_input).digest()
    key = (digest, transaction.y_parity, transaction.r, transaction.s)
    sender = _recovered.get(key)
    if sender is None:
        sender = _recovered[key] = _recover(transaction)
        if len(_recovered) > SENDERS_REMEMBERED:
            _recovered.popitem(last=False)
    return sender


def _recover(transaction: Transaction) -> Address:
    digest = keccak.new(digest_bits=256, data=transaction.signing_hash_input).digest()
    try:
        signature = transaction.r.to_bytes(32, "big") + transaction.s.to_bytes(32, "big")
        signature += bytes([transaction.y_parity])
        key = PublicKey.from_signature_and_message(signature, digest, hasher=None)
    except Exception:  # coincurve raises bare ones too
        raise TransactionRefused("its signature is not valid") from None
    public = key.format(compressed=False)[1:]
    return Address(keccak.new(digest_bits=256, data=public).digest()[12:])


def _decode_legacy(raw: bytes) -> Transaction:
    fields = _list_items(raw, 0)
    if len(fields) != LEGACY_FIELDS:
        raise ValueError(f"{len(fields)} fields")
    v, r, s = (_integer(raw, field) for field in fields[6:])
    unsigned = raw[fields[0][0] : fields[5][2]]
    chain_id = None
    if v >= EIP155_OFFSET:
        chain_id, parity = divmod(v - EIP155_OFFSET, 2)
        unsigned += _encode_integer(chain_id) + b"\x80\x80"
    else:
        parity = v - 27
    if parity not in (0, 1):
        raise ValueError(f"v is {v}")
    return Transaction(
        raw=raw,
        kind=0,
        chain_id=chain_id,
        nonce=_integer(raw, fields[0]),
        gas=_integer(raw, fields[2]),
        creates=_is_empty(fields[3]),
        signing_hash_input=_encode_list(unsigned),
        y_parity=parity,
        r=r,
        s=s,
    )


def _decode_typed(raw: bytes) -> Transaction:
    count, chain, gas, parity = TYPED_LAYOUTS[raw[0]]
    fields = _list_items(raw, 1)
    if len(fields) != count:
        raise ValueError(f"{len(fields)} fields")
    y_parity = _integer(raw, fields[parity])
    if y_parity > 1:
        raise ValueError(f"y parity is {y_parity}")
    return Transaction(
        raw=raw,
        kind=raw[0],
        chain_id=_integer(raw, fields[chain]),
        nonce=_integer(raw, fields[chain + 1]),
        gas=_integer(raw, fields[gas]),
        creates=_is_empty(fields[gas + 1]),
        signing_hash_input=raw[:1] + _encode_list(raw[fields[0][0] : fields[parity][0]]),
        y_parity=y_parity,
        r=_integer(raw, fields[parity + 1]),
        s=_integer(raw, fields[parity + 2]),
    )


def _list_items(raw: bytes, start: int) -> list[Span]:
    """The spans of the items of the list that fills `raw` from `start` to its end."""
    _, position, end = _span(raw, start)
    if raw[start] < SHORT_LIST or end != len(raw):
        raise ValueError("not one list")
    items: list[Span] = []
    while position < end:
        item = _span(raw, position)
        if item[2] > end:
            raise ValueError("an item is longer than its list")
        if len(items) == MOST_FIELDS:
            raise ValueError(f"more than {MOST_FIELDS} fields")
        items.append(item)
        position = item[2]
    return items


def _span(raw: bytes, start: int) -> Span:
    first = raw[start]
    if first < SHORT_STRING:
        return start, start, start + 1
    base, long = (SHORT_STRING, LONG_STRING) if first < SHORT_LIST else (SHORT_LIST, LONG_LIST)
    if first <= long:
        return start, start + 1, start + 1 + first - base
    content = start + 1 + first - long
    return start, content, content + int.from_bytes(raw[start + 1 : content], "big")


def _integer(raw: bytes, field: Span) -> int:
    start, content, end = field
    if raw[start] >= SHORT_LIST or end - content > 32:
        raise ValueError("not an integer")
    return int.from_bytes(raw[content:end], "big")


def _is_empty(field: Span) -> bool:
    _, content, end = field
    return content == end


def _encode_integer(value: int) -> bytes:
    if value == 0:
        return b"\x80"
    body = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return body if len(body) == 1 and body[0] < SHORT_STRING else bytes([SHORT_STRING + len(body)]) + body


def _encode_list(body: bytes) -> bytes:
    if len(body) <= LONG_LIST - SHORT_LIST:
        return bytes([SHORT_LIST + len(body)]) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([LONG_LIST + len(length)]) + length + body
