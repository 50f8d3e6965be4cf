"""What the questions are answered with: frozen pictures of a payment, a member, a merchant and a block.

Money in minor units, points in units of 10^-6 coin, times in Unix seconds, hashes and accounts as hex.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from node.domain.ids import MemberId, MerchantId, PaymentId


@dataclass(frozen=True, kw_only=True, slots=True)
class LineAnswer:
    """A line that the ledger accepted; `leaf` is its hash under the batch's root.

    `owed` are points that the merchant's prepaid points did not cover then. `refunded` of `amount` is undone, and with
    it `points_undone`: taken back from the member, set off against what was owed, or in arrears.
    """

    line: int
    tender: str
    amount: int
    rule_version: int
    rate: int
    tier_bps: int
    points: int
    owed: int
    leaf: str
    refunded: int
    points_undone: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentAnswer:
    """A payment as the chain has it. `outcome` is "final", or why the ledger skipped it. `act` are its act's bytes."""

    payment: PaymentId
    outcome: str
    merchant: MerchantId
    terminal: int
    member: MemberId
    time: int
    lines: tuple[LineAnswer, ...]
    items_root: str | None
    authorisation: str | None
    block: int
    block_hash: str
    block_time: int
    transaction: str
    root: str
    act: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class MemberAnswer:
    """A member's account. `expires_next` is the part of `points` that ends with this epoch."""

    member: MemberId
    account: str
    points: int
    expires_next: int
    stored_value: int
    tier: int
    state: str
    block: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleAnswer:
    """A rule version; rates in units for one minor unit times 10,000, `budget_left` None without a budget."""

    version: int
    base: bool
    rate: int
    base_rate: int
    budget_left: int | None
    starts: int
    until: int
    vetoed: bool
    product_set: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class MerchantAnswer:
    """A merchant's accounts and offers."""

    merchant: MerchantId
    name: str
    active: bool
    stores: int
    terminals: int
    prepaid: int
    issued_this_epoch: int
    payable: int
    turnover: int
    deposit: int
    rules: tuple[RuleAnswer, ...]
    block: int


@dataclass(frozen=True, kw_only=True, slots=True)
class EvidenceAnswer:
    """What a transaction says of a validator that signed two blocks at `height`.

    `culprit` is its consensus address. `reporter` says so, None once more than two thirds of the power have: then its
    key is banned, and `removed` whether it validated with that key.
    """

    culprit: str
    height: int
    reporter: str | None
    removed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class BlockAnswer:
    """A block; `payments` and `refunds` are how many entries its batches looked at, by stream."""

    number: int
    hash: str
    parent: str
    time: int
    gas_used: int
    gas_limit: int
    transactions: tuple[str, ...]
    payments: Mapping[int, int]
    refunds: Mapping[int, int]
    skipped: int
    evidence: tuple[EvidenceAnswer, ...]
