"""What the bridge knows of merchants, terminals and rules: a frozen picture of the Registry and the rule versions.

Built by node/chain from the chain, read by the bridge's verify stage.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from node.domain.acts.coupon import Face
from node.domain.ids import (
    Address,
    Hash32,
    MerchantId,
    MinorUnits,
    RuleVersion,
    StreamId,
    TerminalId,
    TerminalNumber,
    Units,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Terminal:
    """A point of sale. `signer` signs its JSON-RPC payments (EIP-712), None if it only speaks ISO 8583.

    `previous_signer` is the key before, still taken while a rotation is under way.
    """

    id: TerminalId
    merchant: MerchantId
    store: int
    number: TerminalNumber
    stream: StreamId
    signer: Address | None
    floor_limit: MinorUnits
    active: bool
    previous_signer: Address | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """A rule version's terms as the ledger knows them (docs/batch.md, `rule`); `rate` in units for 10,000 minor units.

    `product_set` is the root of its product set, None for a base version; `until` 0 means for ever.
    `tier_table` holds basis points by tier, empty if the rule has none.
    """

    version: RuleVersion
    rate: int
    base_rate: int
    starts: int
    until: int
    budget: Units | None
    day_cap: Units | None
    product_set: Hash32 | None
    tier_table: tuple[int, ...] = ()
    vetoed: bool = False

    def in_force(self, time: int) -> bool:
        """Whether the rule applies at this time (Unix seconds)."""
        return not self.vetoed and self.starts <= time and (self.until == 0 or time < self.until)


@dataclass(frozen=True, kw_only=True, slots=True)
class Merchant:
    """A merchant: `base` is the version that earns where no other applies."""

    id: MerchantId
    active: bool
    base: RuleVersion
    rules: tuple[Rule, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Campaign:
    """A coupon campaign as far as a till needs it: what its coupons take off, and for which products."""

    face: Face
    value: int
    product_set: Hash32 | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Directory:
    """Everything that verify looks up, at one block. `product_sets` maps a set's root to its product codes.

    `discount_bps` is the network's discount on what is paid in coins, 0 if there is none.
    """

    block: int
    currency: str
    max_line_amount: MinorUnits
    terminals: Mapping[TerminalId, Terminal] = field(default_factory=dict)
    merchants: Mapping[MerchantId, Merchant] = field(default_factory=dict)
    product_sets: Mapping[Hash32, frozenset[str]] = field(default_factory=dict)
    campaigns: Mapping[int, Campaign] = field(default_factory=dict)
    discount_bps: int = 0
