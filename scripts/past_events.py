"""What a contract has told before: its events by name, the oldest first."""

from collections.abc import Iterator
from typing import Any, Final

from scripts.session import Session
from scripts.trouble import Trouble

PAGE: Final = 5_000  # blocks of one request


def past_events(
    session: Session, contract: str, event: str, *, last_block: int | None = None, **filters: Any
) -> list[dict[str, Any]]:
    """The arguments of every such event since the contract was deployed; `filters` are values of indexed ones.

    `last_block`: the newest block that is looked at, if not the chain's.
    """
    return _events(session, session[contract], session.first_block(contract), event, last_block, filters)


def ledger_events(session: Session, doors: Any, event: str) -> list[dict[str, Any]]:
    """The arguments of every event that the ledger writes through a contract of its code; `doors` has its ABI."""
    return _events(session, doors, session.first_block("RewardToken"), event, None, {})


def _events(
    session: Session, its: Any, born: int, event: str, last_block: int | None, filters: dict[str, Any]
) -> list[dict[str, Any]]:
    source = session.web3.eth.contract(address=its.address, abi=its.abi).events[event]
    newest = int(session.web3.eth.block_number) if last_block is None else last_block
    found: list[dict[str, Any]] = []
    for first, last in ranges(born, newest):
        logs = source.get_logs(from_block=first, to_block=last, argument_filters=filters or None)
        found += [dict(log["args"]) for log in logs]
    return found


def ranges(first: int, newest: int) -> Iterator[tuple[int, int]]:
    """The blocks from one to another in parts that a node answers for: validators refuse more than 10,000 at once."""
    for start in range(first, newest + 1, PAGE):
        yield start, min(start + PAGE - 1, newest)


def one_event(session: Session, contract: str, events: tuple[str, ...], number: int, what: str) -> dict[str, Any]:
    """The newest of these events with this id. Raises Trouble when there is none."""
    for event in events:
        if found := past_events(session, contract, event, id=number):
            return found[-1]
    raise Trouble(f"there is no {what} {number}")
