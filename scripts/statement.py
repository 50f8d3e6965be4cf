"""What happened to a member's coins, from the ledger's own events: the entries of a statement; pure.

The ledger logs a burn of expired coins at the first touch of a new epoch, before what touched it; every other burn and
mint is followed by an event that says what it was. So whatever no event explains is what expired, or what was earned.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from node.domain.ids import MEMBER_PREFIX

NOBODY: Final = "0x" + "00" * 20
EARNED: Final = "earned"
OWED: Final = "earned earlier, paid now"
GIVEN: Final = "given by a merchant"
SPENT: Final = "spent"
RETURNED: Final = "given back"
CLAWED_BACK: Final = "clawed back"
COLLECTED: Final = "debt collected"
EXPIRED: Final = "expired"
RECEIVED: Final = "received"
SENT: Final = "sent"


@dataclass(frozen=True, kw_only=True)
class Logged:
    """An event of the ledger: its name and arguments."""

    name: str
    args: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A line of a statement; `units` above 0 came, below 0 went. `other` is a merchant's number or an address."""

    what: str
    units: int
    other: str = ""


def member_address(member: int) -> str:
    """The address that holds a member's coins."""
    return "0x" + (MEMBER_PREFIX + member.to_bytes(8, "big")).hex()


def entries_of(events: Iterable[Logged], member: int) -> Iterator[Entry]:
    """The entries that one transaction's events, in their order, mean for a member."""
    minted: list[int] = []
    burnt: list[int] = []
    for event in events:
        args = event.args
        if event.name == "Transfer":
            yield from _moved(args, member, minted, burnt)
        elif event.name in ("Refunded", "LineSettled"):
            # the burn of what was clawed back stands directly before it; what was given back is a mint
            yield from _settle(minted, RETURNED, 1)
            if args["clawedBack"] and burnt and burnt[-1] == args["clawedBack"]:
                yield Entry(what=CLAWED_BACK, units=-burnt.pop())
            yield from _settle(burnt, EXPIRED, -1)
        elif _of(args, member):
            yield from _explained(event, minted, burnt)
    yield from _settle(burnt, EXPIRED, -1)
    yield from _settle(minted, EARNED, 1)


def _moved(args: dict[str, Any], member: int, minted: list[int], burnt: list[int]) -> Iterator[Entry]:
    account, source, target = member_address(member), args["from"].lower(), args["to"].lower()
    if account not in (source, target) or not args["value"]:
        return
    if source == NOBODY:
        minted.append(args["value"])
    elif target == NOBODY:
        burnt.append(args["value"])
    elif target == account:
        yield Entry(what=RECEIVED, units=args["value"], other=args["from"])
    else:
        yield Entry(what=SENT, units=-args["value"], other=args["to"])


def _explained(event: Logged, minted: list[int], burnt: list[int]) -> Iterator[Entry]:
    """What an event of this member says of the burns and mints just before it."""
    args = event.args
    shop = f"merchant {args['merchant']}" if "merchant" in args else ""
    mints = {"PointsIssued": (GIVEN, "units"), "OwedSettled": (OWED, "points")}
    burns = {"ArrearsCollected": (COLLECTED, "points"), "PointsClawedBack": (CLAWED_BACK, "clawedBack")}
    if event.name in mints:
        what, name = mints[event.name]
        yield from _take(minted, args[name], what, 1, shop)
    elif event.name == "CoinsRestored":
        yield from _take(minted, args["current"] + args["previous"], RETURNED, 1, "")
    elif event.name in burns:
        what, name = burns[event.name]
        yield from _take(burnt, args[name], what, -1, shop)
    elif event.name == "Debited":
        yield from _take(burnt, args["coinsPrevious"] + args["coinsCurrent"], SPENT, -1, shop)


def _take(found: list[int], units: int, what: str, sign: int, other: str) -> Iterator[Entry]:
    if units and units in found:
        found.remove(units)
        yield Entry(what=what, units=sign * units, other=other)


def _settle(found: list[int], what: str, sign: int) -> Iterator[Entry]:
    while found:
        yield Entry(what=what, units=sign * found.pop(0))


def _of(args: dict[str, Any], member: int) -> bool:
    return args.get("member") == member or str(args.get("to", "")).lower() == member_address(member)
