"""What somebody may mean who types something: a block, transaction, address, payment, till, coupon, member or merchant.

Before it the search; after it the index. At most a dozen questions whatever is typed. The chain has no STAN: a till's
name, with one after it or not, leads to the till's payments, which are looked through by time and amount.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from node.domain.ids import parse_payment_id
from node.explorer.queries import chain, domain
from node.explorer.queries.index import Index

MOST: Final = 25
_UINT64: Final = 2**64


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """Something that was found, and where it is shown."""

    kind: str
    name: str
    path: str


async def find(index: Index, text: str) -> list[Found]:
    """All that `text` may be, at most MOST."""
    found: list[Found] = []
    async for each in _all(index, text.strip()):
        if each not in found:
            found.append(each)
        if len(found) >= MOST:
            break
    return found


async def _all(index: Index, text: str) -> AsyncIterator[Found]:
    plain = text.replace(",", "").replace(" ", "")
    if text[:2] in ("0x", "0X"):
        async for each in _of_bytes(index, text[2:]):
            yield each
        return
    if plain.isascii() and plain.isdigit() and len(plain) <= 20:
        async for each in _of_number(index, int(plain)):
            yield each
    async for each in _of_payment(index, text):
        yield each
    async for each in _of_till(index, text):
        yield each
    for row in await index.rows(domain.merchants_called(text, MOST)):
        yield Found(kind="Merchant", name=row["name"], path=f"/merchant/{row['merchant']}")


async def _of_bytes(index: Index, digits: str) -> AsyncIterator[Found]:
    try:
        value = bytes.fromhex(digits)
    except ValueError:
        return
    name = "0x" + value.hex()
    if len(value) == 20:
        token = await index.row(chain.token_by_address(value))
        if token is not None:
            yield Found(kind="Token", name=token["name"] or name, path=f"/token/{name}")
        yield Found(kind="Address", name=name, path=f"/address/{name}")
    elif len(value) == 32:
        if await index.row(chain.transaction_by_hash(value)) is not None:
            yield Found(kind="Transaction", name=name, path=f"/tx/{name}")
        block = await index.row(chain.block_by_hash(value))
        if block is not None:
            yield Found(kind="Block", name=f"{block['number']:,}", path=f"/block/{block['number']}")


async def _of_number(index: Index, number: int) -> AsyncIterator[Found]:
    if number < 2**62 and await index.row(chain.block_by_number(number)) is not None:
        yield Found(kind="Block", name=f"{number:,}", path=f"/block/{number}")
    if number < 2**32 and (row := await index.row(domain.merchant_by_number(number))) is not None:
        yield Found(kind="Merchant", name=f"{number} {row['name']}".strip(), path=f"/merchant/{number}")
    if 0 < number < _UINT64:
        if await index.row(domain.member_by_number(number)) is not None:
            yield Found(kind="Member", name=str(number), path=f"/member/{number}")
        if await index.row(domain.coupon_by_number(number)) is not None:
            yield Found(kind="Coupon", name=str(number), path=f"/coupon/{number}")


async def _of_payment(index: Index, text: str) -> AsyncIterator[Found]:
    try:
        stream, sequence = parse_payment_id(text)
    except ValueError:
        return
    known = await index.row(domain.payment_by_id(stream, sequence))
    if known is not None or await index.row(domain.skips_of(stream, sequence)) is not None:
        yield Found(kind="Payment", name=text, path=f"/payment/{stream}-{sequence}")


async def _of_till(index: Index, text: str) -> AsyncIterator[Found]:
    name, _, number = text.partition(" ")
    till = await index.row(domain.terminal_called(name)) if 0 < len(name) <= 8 else None
    if till is not None and (not number or number.strip().isdigit()):
        yield Found(kind="Till", name=name, path=f"/till/{name}")
