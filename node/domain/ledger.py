"""The ledger's words that the posting path reads and writes, and the names of what it answers; pure.

`Ledger` is the state that rewards.post_batch works on. Tests fill it as the chain is; an auditor replays from genesis.
"""

from dataclasses import dataclass, field, replace
from enum import IntEnum

from node.domain.ids import MemberId, MerchantId, RuleVersion, Sequence, StreamId, TerminalNumber
from node.domain.leaf import NetworkTerms
from node.domain.words import Account, Merchant, Rule, Stream, Supply, Totals


class Reason(IntEnum):
    """Why a payment or a refund has no effect (docs/batch.md)."""

    ALREADY_POSTED = 1
    MALFORMED = 2
    PAUSED = 3
    MERCHANT = 4
    TERMINAL = 5
    MEMBER = 6
    FROZEN = 7
    AMOUNT = 8
    TENDER = 9
    RULE = 10
    LOCKED = 11
    AUTHORISATION = 12
    STREAM_LIMIT = 13
    VALUE = 14
    COINS = 15
    PROOF = 20
    EXCEEDS = 21
    FUNDS = 22
    NOTHING = 23
    KIND = 24
    ACT = 30
    ACT_UNKNOWN = 31
    ACT_STATE = 32
    ACT_TIME = 33
    ACT_SCOPE = 34
    ACT_AMOUNT = 35
    ACT_LIMIT = 36
    ACT_STOCK = 37
    ACT_MEMBER = 38

    @property
    def consumes(self) -> bool:
        """Whether the sequence is used up all the same."""
        return self > Reason.PAUSED


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """The block that carries a batch."""

    number: int
    time: int


@dataclass(frozen=True, slots=True)
class Log:
    """An event: its name and the values of its parameters in their order, addresses as member ids, 0 for none."""

    name: str
    values: tuple[int | bytes, ...]


@dataclass(kw_only=True, slots=True)
class Ledger:
    """The ledger's words that the posting path reads and writes."""

    terms: NetworkTerms
    accounts: dict[MemberId, Account] = field(default_factory=dict)
    merchants: dict[MerchantId, Merchant] = field(default_factory=dict)
    rules: dict[tuple[MerchantId, RuleVersion], Rule] = field(default_factory=dict)
    streams: dict[StreamId, Stream] = field(default_factory=dict)
    terminals: set[tuple[MerchantId, StreamId, TerminalNumber]] = field(default_factory=set)
    posted: set[tuple[StreamId, Sequence]] = field(default_factory=set)
    caps: dict[tuple[MerchantId, RuleVersion, MemberId], tuple[int, int]] = field(default_factory=dict)
    owed: dict[tuple[MerchantId, MemberId], int] = field(default_factory=dict)
    issued: dict[tuple[MerchantId, int], int] = field(default_factory=dict)
    closed_epochs: dict[int, tuple[int, int]] = field(default_factory=dict)
    supply: Supply = field(default_factory=Supply)
    totals: Totals = field(default_factory=Totals)

    def roll_supply(self, epoch: int) -> None:
        """Moves the supply into `epoch`; books what expired to the epochs it was earned in, as (issued, expired)."""
        old = self.supply
        if old.epoch == epoch:
            return
        if old.epoch:
            issued, _ = self.closed_epochs.get(old.epoch - 1, (0, 0))
            self.closed_epochs[old.epoch - 1] = (issued, old.previous)
        skipped_one = epoch > old.epoch + 1
        self.closed_epochs[old.epoch] = (old.issued, old.current if skipped_one else 0)
        aged = 0 if skipped_one else old.current
        self.supply = replace(old, current=0, previous=aged, issued=0, epoch=epoch)

    def roll_merchant(self, merchant: MerchantId, epoch: int) -> Merchant:
        """A merchant in `epoch`; keeps aside what it issued before."""
        word = self.merchants[merchant]
        if word.epoch == epoch:
            return word
        if word.issued:
            self.issued[merchant, word.epoch] = word.issued
        word = self.merchants[merchant] = replace(word, issued=0, epoch=epoch)
        return word
