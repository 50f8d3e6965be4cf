"""What every contract of the network holds, and what it owes by its own books, at one block.

A contract says what it owes by the views of ICashHolder, ICoinHolder and IAssetHolder; one without them owes nothing.
The ledger owes cash by its totals, and its reserve must cover, at par, every coin, every prepaid point and every
expired point that no merchant has claimed yet.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from scripts.amounts import coins, money, scaled
from scripts.foreign_assets import Asset, listed
from scripts.past_events import past_events
from scripts.session import Session

LEDGER: Final = "RewardToken"
CASH: Final = "cash"
COINS: Final = "coins"
RESERVE: Final = "cash for coins, points and expired points at par"


@dataclass(frozen=True, kw_only=True)
class Holding:
    """What a part holds and owes of one thing, in the thing's smallest units."""

    part: str
    what: str
    holds: int
    owes: int
    decimals: int = 2

    @property
    def free(self) -> int:
        """What nobody is owed; below 0: what is missing."""
        return self.holds - self.owes

    def shown(self) -> tuple[str, ...]:
        """The row of a table."""
        numbers = (self.holds, self.owes, self.free)
        return (self.part, self.what, *(_signed(number, self.decimals) for number in numbers))


@dataclass(frozen=True, kw_only=True)
class Books:
    """What the ledger owes, minor units and units."""

    stored_value: int
    payable: int
    deposits: int
    guarantee: int
    reserve: int
    coins: int
    prepaid: int
    expired: int
    par: int

    def rows(self) -> list[tuple[str, str]]:
        """For a table."""
        return [
            ("stored value", money(self.stored_value)),
            ("payable to merchants", money(self.payable)),
            ("merchants' deposits", money(self.deposits)),
            ("guarantee fund", money(self.guarantee)),
            ("redemption reserve", money(self.reserve)),
            ("  for coins", coins(self.coins)),
            ("  for merchants' prepaid points", coins(self.prepaid)),
            ("  for expired points that are not claimed", coins(self.expired)),
        ]


def books(session: Session, block: int) -> Books:
    """The ledger's own. Its merchants are counted one by one: the network's whole prepaid points stand nowhere."""
    ledger = session[LEDGER]
    value, payable, reserve, deposits = ledger.totals(block_identifier=block)
    fund = int(ledger.deposits(0, block_identifier=block))
    merchants = range(1, int(session["Registry"].merchantCount(block_identifier=block)) + 1)
    prepaid = sum(int(ledger.merchant(number, block_identifier=block)[0]) for number in merchants)
    return Books(
        stored_value=int(value),
        payable=int(payable),
        deposits=int(deposits) - fund,
        guarantee=fund,
        reserve=int(reserve),
        coins=int(ledger.totalSupply(block_identifier=block)),
        prepaid=prepaid,
        expired=_unclaimed(session, block),
        par=int(ledger.unitsPerMinorUnit()),
    )


def holdings(session: Session, block: int, its: Books) -> Iterator[Holding]:
    """The ledger's, then those of every other contract of the deployment that holds or owes anything."""
    cash, ledger = session["CashToken"], session[LEDGER]
    all_cash = its.stored_value + its.payable + its.deposits + its.guarantee + its.reserve
    held = int(cash.balanceOf(ledger.address, block_identifier=block))
    yield Holding(part=LEDGER, what=CASH, holds=held, owes=all_cash)
    # a fraction of a minor unit is owed to nobody in money (docs/decisions/0006)
    owed = (its.coins + its.prepaid + its.expired) // its.par
    yield Holding(part=LEDGER, what=RESERVE, holds=its.reserve, owes=owed)
    assets = listed(session)
    for name, contract in session.contracts.items():
        if name != LEDGER:
            yield from _of_part(session, name, contract, assets, block)


def _of_part(session: Session, name: str, contract: Any, assets: list[Asset], block: int) -> Iterator[Holding]:
    ledger, at = session[LEDGER], {"block_identifier": block}
    held = int(session["CashToken"].balanceOf(contract.address, **at))
    owed = int(contract.cashOwed(**at)) if hasattr(contract, "cashOwed") else 0
    if held or owed or hasattr(contract, "cashOwed"):
        yield Holding(part=name, what=CASH, holds=held, owes=owed)
    held = int(ledger.balanceOf(contract.address, **at))
    owed = int(contract.coinsOwed(**at)) if hasattr(contract, "coinsOwed") else 0
    if held or owed or hasattr(contract, "coinsOwed"):
        yield Holding(part=name, what=COINS, holds=held, owes=owed, decimals=6)
    for asset in assets:
        held = int(asset.token.balanceOf(contract.address, **at))
        owed = int(contract.assetOwed(asset.address, **at)) if hasattr(contract, "assetOwed") else 0
        if held or owed:
            yield Holding(part=name, what=asset.symbol, holds=held, owes=owed, decimals=asset.decimals)


def _unclaimed(session: Session, block: int) -> int:
    """Expired points that their merchants may still claim. What the guarantee fund took is off the epoch already."""
    ledger = session[LEDGER]
    length = int(ledger.epochLength())
    if not length:
        return 0
    born = int(session.web3.eth.get_block(session.first_block(LEDGER))["timestamp"])
    first = max(born - int(ledger.epochStart()), 0) // length
    epochs = range(first, int(ledger.currentEpoch(block_identifier=block)))
    expired = sum(int(ledger.expiry(epoch, block_identifier=block)[1]) for epoch in epochs)
    claims = past_events(session, LEDGER, "ExpiredClaimed", last_block=block)
    return expired - sum(int(claim["points"]) for claim in claims if claim["merchant"])


def _signed(number: int, decimals: int) -> str:
    return f"{'-' if number < 0 else ''}{scaled(abs(number), decimals)}"
