"""Whether every contract holds what it owes: the ledger by its replayed books, the others by their own statements.

Stage before: follow, cash. Stage after: report.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from node.audit.cash import Cash
from node.audit.findings import Finding, Findings, Kind
from node.audit.state import Replayed
from node.chain.abi_events import has_function
from node.chain.rpc import Rpc
from node.chain.views import Views
from node.domain.ids import Address

CASH, COINS, RESERVE = "cash", "coins", "reserve for points at par"
NOT_PARTS: Final = frozenset({"CashToken", "RewardToken", "NetworkAccess", "Registry", "RewardRules"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Holding:
    """What a contract holds and owes of something, smallest units."""

    part: str
    what: str
    holds: int
    owes: int

    @property
    def free(self) -> int:
        """What nobody is owed; below 0 what is missing."""
        return self.holds - self.owes


def ledger_backing(ledger: Replayed, cash: Cash | None, address: Address, supply: int) -> list[Holding]:
    """The ledger's cash, and the reserve that covers every coin, prepaid and expired unclaimed point."""
    totals = ledger.totals
    owed = totals.stored_value + totals.payable + totals.reserve + totals.deposits
    prepaid = sum(word.prepaid for word in ledger.merchants.values())
    rolled = Replayed(terms=ledger.terms, supply=ledger.supply, closed_epochs=dict(ledger.closed_epochs))
    rolled.roll_supply(ledger.epoch)
    expired = sum(units for _, units in rolled.closed_epochs.values()) - ledger.claimed
    if ledger.vague_supply:
        expired = 0  # which coins expired is not known; what is certain has to be covered
    found = [
        Holding(
            part="RewardToken",
            what=RESERVE,
            holds=totals.reserve,
            owes=(supply + prepaid + expired) // ledger.par,
        )
    ]
    if cash is not None:
        held = cash.held[int.from_bytes(address, "big")]
        found.insert(0, Holding(part="RewardToken", what=CASH, holds=held, owes=owed))
    return found


async def parts_backing(
    rpc: Rpc, parts: Mapping[str, Address], ledger: Replayed, cash: Cash, block: int
) -> list[Holding]:
    """What every other contract of the deployment holds by the replay, and owes by its own books after a block."""
    found: list[Holding] = []
    for name, address in parts.items():
        if name in NOT_PARTS:
            continue
        views = Views(rpc, address)
        number = int.from_bytes(address, "big")
        coins = ledger.account(number).rolled(ledger.epoch)[0].coins
        for what, view, held in ((CASH, "cashOwed", cash.held[number]), (COINS, "coinsOwed", coins)):
            known = has_function(name, view)
            if what == COINS and number in ledger.vague:
                continue
            if not known and not held:
                continue
            owed = int((await views.ask(f"{view}()", returns="(uint256)", block=hex(block)))[0]) if known else 0
            found.append(Holding(part=name, what=what, holds=held, owes=owed))
    return found


def check_backing(holdings: list[Holding], findings: Findings) -> None:
    """Notes every contract that holds less than it owes."""
    for each in holdings:
        if each.free < 0:
            text = f"{each.part} holds {each.holds} of {each.what} and owes {each.owes}: {-each.free} are missing"
            findings.add(Finding(kind=Kind.BACKING, subject=each.part, text=text))
