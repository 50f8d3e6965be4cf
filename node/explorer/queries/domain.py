"""Questions about payments, members, merchants, coupons and days, on the index's tables. All are bounded.

Before it the pages and the domain's API; after it node/explorer/queries/index.py.
"""

from typing import Any

from sqlalchemy import BigInteger, Select, and_, cast, func, select

from node.explorer.queries.chain import Page
from node.indexer.tables.chain import blocks, transactions
from node.indexer.tables.coupons import campaigns, coupon_hops, coupon_pools, coupons, write_offs
from node.indexer.tables.ledger import (
    accounts,
    batches,
    days,
    ledgers,
    members,
    merchants,
    payment_lines,
    payments,
    refunds,
    rule_versions,
    skips,
    stores,
    terminals,
)
from node.indexer.tables.settlement import settlements

_SENT = and_(transactions.c.block == payments.c.block, transactions.c.position == payments.c.transaction)


def _payments() -> Select[Any]:
    return select(payments, transactions.c.hash, blocks.c.time.label("block_time")).select_from(
        payments.join(transactions, _SENT).join(blocks, blocks.c.number == payments.c.block)
    )


def payment_by_id(stream: int, sequence: int) -> Select[Any]:
    """A payment with its transaction and the time of its block."""
    return _payments().where(payments.c.stream == stream, payments.c.sequence == sequence)


def newest_payments(
    page: Page, *, member: int | None = None, merchant: int | None = None, block: int | None = None
) -> Select[Any]:
    """Payments of a member, of a merchant, of a block, or all."""
    query = _payments()
    if member is not None:
        query = query.where(payments.c.member == member)
    if merchant is not None:
        query = query.where(payments.c.merchant == merchant)
    if block is not None:
        query = query.where(payments.c.block == block)
    order = (payments.c.block.desc(), payments.c.stream, payments.c.sequence.desc())
    return query.order_by(*order).offset(page.skip).limit(page.count)


def lines_of(stream: int, sequence: int) -> Select[Any]:
    """A payment's accepted lines."""
    query = select(payment_lines).where(payment_lines.c.stream == stream, payment_lines.c.sequence == sequence)
    return query.order_by(payment_lines.c.line).limit(256)


def batch_of(block: int, log: int) -> Select[Any]:
    """The batch that an event posted."""
    return select(batches).where(batches.c.block == block, batches.c.log == log)


def batches_of(block: int) -> Select[Any]:
    """The batches in a block."""
    return select(batches).where(batches.c.block == block).order_by(batches.c.log).limit(500)


def refunds_of(stream: int, sequence: int) -> Select[Any]:
    """What was undone of a payment."""
    query = select(refunds).where(refunds.c.of_stream == stream, refunds.c.of_sequence == sequence)
    return query.order_by(refunds.c.block, refunds.c.log).limit(256)


def skips_of(stream: int, sequence: int) -> Select[Any]:
    """Why a sequence had no effect."""
    return select(skips).where(skips.c.stream == stream, skips.c.sequence == sequence).limit(10)


def merchant_by_number(number: int) -> Select[Any]:
    """A merchant."""
    return select(merchants).where(merchants.c.merchant == number)


def all_merchants(page: Page) -> Select[Any]:
    """Merchants by number."""
    return select(merchants).order_by(merchants.c.merchant).offset(page.skip).limit(page.count)


def merchants_called(text: str, count: int) -> Select[Any]:
    """Merchants whose name begins with a text; capitals do not matter."""
    query = select(merchants).where(func.lower(merchants.c.name).startswith(text.lower(), autoescape=True))
    return query.order_by(merchants.c.merchant).limit(count)


def stores_of(merchant: int) -> Select[Any]:
    """A merchant's stores."""
    return select(stores).where(stores.c.merchant == merchant).order_by(stores.c.store).limit(1_000)


def terminals_of(merchant: int, page: Page) -> Select[Any]:
    """A merchant's terminals."""
    query = select(terminals).where(terminals.c.merchant == merchant).order_by(terminals.c.number)
    return query.offset(page.skip).limit(page.count)


def terminal_called(name: str) -> Select[Any]:
    """A terminal by DE41."""
    return select(terminals).where(terminals.c.terminal == name)


def payments_at(merchant: int, terminal: int, page: Page) -> Select[Any]:
    """A terminal's payments, the newest first."""
    query = _payments().where(payments.c.merchant == merchant, payments.c.terminal == terminal)
    return query.order_by(payments.c.time.desc(), payments.c.sequence.desc()).offset(page.skip).limit(page.count)


def rules_of(merchant: int) -> Select[Any]:
    """A merchant's rule versions."""
    query = select(rule_versions).where(rule_versions.c.merchant == merchant)
    return query.order_by(rule_versions.c.version.desc()).limit(200)


def settlements_of(page: Page, *, merchant: int | None = None) -> Select[Any]:
    """Settlement statements."""
    query = select(settlements)
    if merchant is not None:
        query = query.where(settlements.c.merchant == merchant)
    order = (settlements.c.block.desc(), settlements.c.log.desc())
    return query.order_by(*order).offset(page.skip).limit(page.count)


def member_by_number(number: int) -> Select[Any]:
    """A member with the account that it has."""
    query = select(members, accounts.c.value, accounts.c.current, accounts.c.previous, accounts.c.epoch)
    query = query.add_columns(accounts.c.tier, accounts.c.flags, accounts.c.holder)
    query = query.select_from(members.outerjoin(accounts, accounts.c.member == members.c.member))
    return query.where(members.c.member == number)


def coupon_by_number(number: int) -> Select[Any]:
    """A coupon with its campaign's terms and its pool."""
    query = select(coupons, *_TERMS, coupon_pools.c.generated, coupon_pools.c.claimed)
    joined = coupons.join(campaigns, campaigns.c.campaign == coupons.c.campaign)
    query = query.select_from(joined.outerjoin(coupon_pools, coupon_pools.c.coupon == coupons.c.coupon))
    return query.where(coupons.c.coupon == number)


def hops_of(coupon: int) -> Select[Any]:
    """A coupon's trail."""
    return select(coupon_hops).where(coupon_hops.c.coupon == coupon).order_by(coupon_hops.c.hop).limit(64)


def write_offs_of(coupon: int) -> Select[Any]:
    """A coupon's write-offs."""
    query = select(write_offs).where(write_offs.c.coupon == coupon)
    return query.order_by(write_offs.c.block, write_offs.c.log).limit(256)


def coupons_of(page: Page, *, member: int | None = None, merchant: int | None = None) -> Select[Any]:
    """Coupons that a member or a merchant holds, or all."""
    query = select(coupons)
    if member is not None:
        query = query.where(coupons.c.member == member)
    if merchant is not None:
        query = query.where(coupons.c.merchant == merchant)
    return query.order_by(coupons.c.coupon).offset(page.skip).limit(page.count)


def newest_days(count: int) -> Select[Any]:
    """Statistics by day, the newest first."""
    return select(days).order_by(days.c.day.desc()).limit(count)


def all_days() -> Select[Any]:
    """What all days add up to."""
    summed = ("payments", "amount", "points_given", "points_issued", "points_redeemed", "transactions", "gas_used")
    # PostgreSQL adds whole numbers up to a decimal
    sums: list[Any] = [cast(func.sum(days.c[name]), BigInteger).label(name) for name in summed]
    return select(*sums)


def ledger_line() -> Select[Any]:
    """The ledgers."""
    return select(ledgers).order_by(ledgers.c.block).limit(16)


def holder_of(address: bytes) -> Select[Any]:
    """The ledger's account of an address."""
    return select(accounts).where(accounts.c.holder == address)


def counts() -> Select[Any]:
    """How many members and merchants there are."""
    return select(
        select(func.count()).select_from(members).scalar_subquery().label("members"),
        select(func.count()).select_from(merchants).scalar_subquery().label("merchants"),
    )


_TERMS = tuple(
    campaigns.c[name] for name in ("starts", "until", "face", "face_value", "max_uses", "cash", "share", "incentive")
)
