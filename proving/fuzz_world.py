"""Who takes part in fuzzing the intakes: terminals with keys, a merchant, cards, and the moment that it always is."""

from dataclasses import dataclass, field, replace
from typing import Final

from coincurve import PrivateKey

from node.domain.acts.coupon import Face
from node.domain.directory import Campaign, Directory, Merchant, Rule, Terminal
from node.domain.ids import (
    Address,
    Hash32,
    MemberId,
    MerchantId,
    MinorUnits,
    RuleVersion,
    StreamId,
    TerminalId,
    TerminalNumber,
)
from node.domain.merkle import keccak, product_set_root
from node.domain.totals import Totals

NOW: Final = 1_790_000_000
STREAM: Final = StreamId(1)
CURRENCY: Final = "840"
LIMIT: Final = MinorUnits(1_000_000)
CHAIN_ID: Final = 7_777
LEDGER: Final = Address(bytes(range(20)))
MAC_KEY: Final = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
SIGNER: Final = b"\x11" * 32
CARDS: Final = {"6011000990139424": MemberId(0xABCDEF), "9876543210": MemberId(0xFEDCBA)}
CARD: Final = next(iter(CARDS))
MERCHANT: Final = 42
GOOD: Final = ("TILL0001", "TILL2")
"""Terminals whose messages may be approved."""
ORPHANAGE: Final = 43
"""A merchant that is not active."""
SUSPENDED: Final = {"CLOSED": MERCHANT, "ORPHAN": ORPHANAGE}
"""Terminals that are not active, or whose merchant is not, with their merchants: their reversals are taken."""
MAC_TERMINALS: Final = (*GOOD, *SUSPENDED, "ELSEWHER")
PROMOTED: Final = frozenset({"1000000", "1000003"})


def _address() -> Address:
    return Address(keccak(PrivateKey(SIGNER).public_key.format(compressed=False)[1:])[12:])


def _rule(version: int, rate: int, product_set: Hash32 | None) -> Rule:
    return Rule(
        version=RuleVersion(version),
        rate=rate,
        base_rate=1_000_000,
        starts=0,
        until=0,
        budget=None,
        day_cap=None,
        product_set=product_set,
    )


def _directory() -> Directory:
    open_one = Terminal(
        id=TerminalId(GOOD[0]),
        merchant=MerchantId(MERCHANT),
        store=1,
        number=TerminalNumber(1),
        stream=STREAM,
        signer=_address(),
        floor_limit=MinorUnits(0),
        active=True,
    )
    terminals = [
        open_one,
        replace(open_one, id=TerminalId(GOOD[1]), number=TerminalNumber(2)),
        replace(open_one, id=TerminalId("CLOSED"), number=TerminalNumber(3), active=False),
        replace(open_one, id=TerminalId("ELSEWHER"), number=TerminalNumber(4), stream=StreamId(2)),
        replace(open_one, id=TerminalId("ORPHAN"), number=TerminalNumber(5), merchant=MerchantId(ORPHANAGE)),
    ]
    root = product_set_root(PROMOTED)
    merchant = Merchant(
        id=MerchantId(MERCHANT),
        active=True,
        base=RuleVersion(1),
        rules=(_rule(1, 1_000_000, None), _rule(2, 5_000_000, root)),
    )
    return Directory(
        block=17,
        currency=CURRENCY,
        max_line_amount=LIMIT,
        terminals={each.id: each for each in terminals},
        merchants={
            merchant.id: merchant,
            MerchantId(ORPHANAGE): replace(merchant, id=MerchantId(ORPHANAGE), active=False),
        },
        product_sets={root: PROMOTED},
        campaigns={
            1: Campaign(face=Face.PERCENTAGE, value=1_000, product_set=None),
            2: Campaign(face=Face.SUM, value=100, product_set=root),
        },
        discount_bps=500,
    )


_DIRECTORY: Final = _directory()


def directory() -> Directory:
    """The Registry's picture, always the same."""
    return _DIRECTORY


@dataclass
class Desk:
    """Keeps nothing but who signed on; no day was ever closed, and the open one is empty."""

    on: set[str] = field(default_factory=set)

    def signed_on(self, terminal: TerminalId) -> bool:
        """Whether it did."""
        return terminal in self.on

    async def sign(self, terminal: TerminalId, on: bool) -> None:
        """On or off."""
        (self.on.add if on else self.on.discard)(terminal)

    async def cut_over(self, terminal: TerminalId, date: int) -> None:
        """Taken."""

    async def totals(self, terminal: TerminalId, date: int | None) -> Totals | None:
        """Of the open day only."""
        return Totals() if date is None else None

    async def reconciled(self, terminal: TerminalId, date: int, claimed: Totals, balanced: bool) -> None:
        """Taken."""
