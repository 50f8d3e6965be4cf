"""What is still to go from a ledger to its successor, and whether what went has arrived; from the chain alone.

A ledger keeps no list of its accounts: whoever has ever had coins stands in its Transfer events, every member in
MemberEnrolled. So a move that was broken off is taken up where it stands, by asking again.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from scripts.names import ZERO
from scripts.past_events import ledger_events, past_events
from scripts.session import Session, attach
from scripts.statement import member_address

REGISTERED: Final = 1
IN_ARREARS: Final = 8
FUND: Final = 0  # the guarantee fund, as a merchant


@dataclass(frozen=True, kw_only=True)
class Left:
    """What can be sent over now, and the contracts that hold coins and go by their own call only."""

    holders: tuple[str, ...]
    debts: tuple[tuple[int, int], ...]
    merchants: tuple[int, ...]
    contracts: tuple[str, ...]

    @property
    def nothing(self) -> bool:
        return not (self.holders or self.debts or self.merchants)


def doors(session: Session) -> Any:
    """The ledger with the functions and events of its succession."""
    return attach(session.project, "Succession", session["RewardToken"].address)


def successor_of(session: Session) -> str:
    """The ledger that takes over, or the zero address."""
    return str(doors(session).successor())


def left(session: Session) -> Left:
    """What the ledger still has of others."""
    ledger = session["RewardToken"]
    members = [int(event["member"]) for event in past_events(session, "RewardToken", "MemberEnrolled")]
    holders = dict.fromkeys(session.web3.to_checksum_address(member_address(member)) for member in members)
    for event in past_events(session, "RewardToken", "Transfer"):
        holders |= dict.fromkeys((event["from"], event["to"]))
    holders.pop(ZERO, None)
    gone = {event["holder"] for event in ledger_events(session, doors(session), "HolderEmigrated")}
    people, contracts = [], []
    for holder in holders:
        if _has_something(ledger.accountOf(holder), known=holder in gone):
            (contracts if session.web3.eth.get_code(holder) else people).append(holder)
    return Left(
        holders=tuple(people),
        debts=tuple(debts(session, members)),
        merchants=tuple(_merchants(session)),
        contracts=tuple(contracts),
    )


def debts(session: Session, members: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Pairs of a merchant and one of these members that owe each other points."""
    ledger = session["RewardToken"]
    owing = {(int(e["merchant"]), int(e["member"])) for e in past_events(session, "RewardToken", "Owed")}
    count = int(session["Registry"].merchantCount())
    for member in members:
        if int(ledger.account(member)[6]) & IN_ARREARS:
            owing |= {(merchant, member) for merchant in range(1, count + 1)}
    for merchant, member in sorted(owing):
        if int(ledger.owed(merchant, member)) or int(ledger.arrears(merchant, member)):
            yield merchant, member


def pages(things: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """The same in parts of `size` at most."""
    for place in range(0, len(things), size):
        yield things[place : place + size]


def differences(old: Session, new: Session) -> list[str]:
    """What left the old ledger and did not arrive as it was, in words; none is right."""
    found = []
    for what in ("Holder", "Debt", "Merchant"):
        went = Counter(map(_frozen, ledger_events(old, doors(old), f"{what}Emigrated")))
        came = Counter(map(_frozen, ledger_events(new, doors(new), f"{what}Immigrated")))
        if went != came:
            lost, extra = (went - came).total(), (came - went).total()
            found.append(f"{lost} {what.lower()}s left and did not arrive, {extra} arrived that had not left")
    return found


def _has_something(account: Sequence[int], *, known: bool) -> bool:
    """`known`: it went over before, so it stays registered here with nothing."""
    value, current, previous, earned, _, tier, flags = map(int, account)
    if value or current or previous:
        return True
    return not known and bool(earned or tier or flags & ~IN_ARREARS)


def _merchants(session: Session) -> Iterator[int]:
    ledger = session["RewardToken"]
    gone = {int(event["merchant"]) for event in ledger_events(session, doors(session), "MerchantEmigrated")}
    for merchant in range(int(session["Registry"].merchantCount()) + 1):
        prepaid, payable, *_ = map(int, ledger.merchant(merchant)) if merchant != FUND else (0, 0)
        money = prepaid or payable or int(ledger.deposits(merchant)) or int(ledger.guaranteed(merchant))
        if money or (merchant != FUND and merchant not in gone):
            yield merchant


def _frozen(args: dict[str, Any]) -> tuple[Any, ...]:
    return tuple((name, tuple(v.values()) if isinstance(v, dict) else _plain(v)) for name, v in sorted(args.items()))


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
