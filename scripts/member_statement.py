"""A member's statement: what came, what went, what expired, what expires when, and which rebates are still to come.

brownie run member_statement main MEMBER [FROM] [UNTIL] --network FOLDER

  FROM, UNTIL  2026-11-01 or 2026-11-01T08:00, UTC; UNTIL does not belong to it (0 = from the beginning, until now)

brownie run member_statement csv MEMBER FILE [FROM] [UNTIL] --network FOLDER     the entries, for a spreadsheet

All of it is read from the chain's own events; nobody else needs to have kept anything.
"""

import csv as spreadsheet
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from web3 import Web3

from scripts.amounts import coins, money
from scripts.dates import date_of, time_of
from scripts.names import typed_path
from scripts.parties import read_member
from scripts.past_events import past_events
from scripts.rebates_to_come import Instalment, rebates_to_come
from scripts.redeem_gift import STATES
from scripts.revert_reason import canonical
from scripts.session import Session, open_session
from scripts.set_rule import read_time
from scripts.statement import Entry, Logged, entries_of, member_address
from scripts.tables import show
from scripts.trouble import Trouble, told

LOG_BLOCKS: Final = 5_000  # blocks of one request for logs
MERCHANTS: Final = 1_000  # whose arrears are asked for one by one


@dataclass(frozen=True, kw_only=True)
class Dated:
    """An entry with its time and transaction, and the balance after it."""

    time: int
    transaction: str
    entry: Entry
    balance: int


@told
def main(member: str, starts: str = "0", until: str = "0") -> None:
    """Prints the statement."""
    session = open_session()
    number = read_member(session, member)
    found = list(read_entries(session, number))
    first, last = read_time(starts), read_time(until) or 2**32
    inside = [each for each in found if first <= each.time < last]
    rows = [
        (
            time_of(each.time),
            each.entry.what,
            _other(session, each.entry.other),
            coins(each.entry.units),
            coins(each.balance),
        )
        for each in inside
    ]
    show(f"Statement of member {number}", ("time (UTC)", "what", "with", "coins", "balance"), rows)
    _show_sums(session, number, found, first, last)
    _show_standing(session, number)


@told
def csv(member: str, file: str, starts: str = "0", until: str = "0") -> None:
    """Writes the entries as CSV: time, what, with, coins, balance, transaction."""
    session = open_session()
    number = read_member(session, member)
    first, last = read_time(starts), read_time(until) or 2**32
    inside = [each for each in read_entries(session, number) if first <= each.time < last]
    try:
        with typed_path(file).open("w", newline="") as opened:
            writer = spreadsheet.writer(opened)
            writer.writerow(("time", "what", "with", "coins", "balance", "transaction"))
            for each in inside:
                amounts = (_plain(each.entry.units), _plain(each.balance))
                other = _other(session, each.entry.other)
                writer.writerow((time_of(each.time), each.entry.what, other, *amounts, each.transaction))
    except OSError as failure:
        raise Trouble(f"{file} cannot be written: {failure.strerror}") from None
    print(f"{len(inside):,} entries written to {file}.")


def read_entries(session: Session, member: int) -> Iterator[Dated]:
    """All entries of a member, oldest first."""
    balance = 0
    for transaction in _transactions(session, member):
        receipt = session.web3.eth.get_transaction_receipt(transaction)  # type: ignore[arg-type]
        time = int(session.web3.eth.get_block(receipt["blockNumber"])["timestamp"])
        for entry in entries_of(_events(session, receipt["logs"]), member):
            balance += entry.units
            yield Dated(time=time, transaction=transaction, entry=entry, balance=balance)


def _transactions(session: Session, member: int) -> list[str]:
    """Those that moved coins of a member, in the chain's order, each once."""
    topic = "0x" + bytes.fromhex(member_address(member)[2:]).rjust(32, b"\0").hex()
    transfer = "0x" + Web3.keccak(text="Transfer(address,address,uint256)").hex().removeprefix("0x")
    found = []
    for topics in ([transfer, topic], [transfer, None, topic]):
        found += _logs(session, topics)
    found.sort(key=lambda log: (log["blockNumber"], log["transactionIndex"]))
    return list(dict.fromkeys("0x" + bytes(log["transactionHash"]).hex() for log in found))


def _logs(session: Session, topics: Sequence[str | None]) -> list[Any]:
    """Logs of the ledger since it was deployed, a bounded number of blocks at a time."""
    first = session.first_block("RewardToken")
    newest = int(session.web3.eth.block_number)
    found: list[Any] = []
    for start in range(first, newest + 1, LOG_BLOCKS):
        query: Any = {
            "address": session["RewardToken"].address,
            "topics": list(topics),
            "fromBlock": hex(start),
            "toBlock": hex(min(start + LOG_BLOCKS - 1, newest)),
        }
        found += session.web3.eth.get_logs(query)
    return found


def _events(session: Session, logs: Sequence[Any]) -> Iterator[Logged]:
    """The ledger's own events among logs."""
    address = session["RewardToken"].address
    typed = session.web3.eth.contract(address=address, abi=session["RewardToken"].abi)
    by_topic = {bytes(Web3.keccak(text=event.signature)): event for event in _all(typed)}
    for log in logs:
        if log["address"] == address and bytes(log["topics"][0]) in by_topic:
            decoded = by_topic[bytes(log["topics"][0])]().process_log(log)
            yield Logged(name=decoded["event"], args=dict(decoded["args"]))


def _all(typed: Any) -> Iterator[Any]:
    for entry in typed.abi:
        if entry["type"] == "event":
            signature = f"{entry['name']}({','.join(canonical(item) for item in entry['inputs'])})"
            yield typed.events[signature]


# --- what is shown ----------------------------------------------------------------------------------------------------


def _show_sums(session: Session, member: int, found: Sequence[Dated], first: int, last: int) -> None:
    before = [each for each in found if each.time < first]
    inside = [each for each in found if first <= each.time < last]
    opening = before[-1].balance if before else 0
    sums: dict[str, int] = {}
    for each in inside:
        sums[each.entry.what] = sums.get(each.entry.what, 0) + each.entry.units
    closing = inside[-1].balance if inside else opening
    rows = [("opening", coins(opening)), *((what, coins(units)) for what, units in sums.items())]
    rows.append(("closing", coins(closing)))
    if last > int(session.web3.eth.get_block("latest")["timestamp"]):
        now = int(session["RewardToken"].balanceOf(session["RewardToken"].memberAccount(member)))
        if now != closing:
            rows += [("expired since, not booked yet", coins(now - closing)), ("balance now", coins(now))]
    show("Coins", ("", "coins"), rows)


def _show_standing(session: Session, member: int) -> None:
    """What expires when, debts, gifts and certificates, as they stand now."""
    ledger = session["RewardToken"]
    value, current, previous, _, epoch, tier, _ = ledger.account(member)
    length, start = int(ledger.epochLength()), int(ledger.epochStart())
    rows = [("stored value", money(value)), ("tier", str(tier))]
    for units, epochs in ((previous, 1), (current, 2)):
        if units:
            when = time_of(start + (epoch + epochs) * length) if length else "never"
            rows.append((f"expires {when}", coins(units)))
    for merchant in range(1, min(int(session["Registry"].merchantCount()), MERCHANTS) + 1):
        for what, units in (
            (f"owed to merchant {merchant}", ledger.arrears(merchant, member)),
            (f"owed by merchant {merchant}", ledger.owed(merchant, member)),
        ):
            if units:
                rows.append((what, coins(units)))
    rows += _gifts(session, member)
    rows += _certificates(session, member)
    show("Now", ("", "amount"), rows)
    if rebates := rebates_to_come(session, member):
        show("Rebates still to come", ("from (the network's day)", "instalment", "amount"), _rebates(member, rebates))
        print(f"Together {money(sum(each.amount for each in rebates))}; brownie run release_rebates pays what is due.")


def _rebates(member: int, rebates: Sequence[Instalment]) -> Iterator[tuple[str, str, str]]:
    for each in rebates:
        of = f", of member {each.promised_to}" if each.promised_to != member else ""
        yield date_of(each.day), f"{each.number} of {each.months}{of}", money(each.amount)


def _gifts(session: Session, member: int) -> list[tuple[str, str]]:
    rows = []
    for found in past_events(session, "Gifts", "GiftReserved", member=member):
        gift, _, expires, _, state, (current, previous, _) = session["Gifts"].reservation(found["reservation"])
        until = f" until {time_of(expires)}" if state == 1 else ""
        rows.append((f"gift {gift} {STATES[state]}{until}", coins(current + previous)))
    return rows


def _certificates(session: Session, member: int) -> list[tuple[str, str]]:
    """Those that the member holds, however they came to it."""
    contract, name = session["GiftCertificates"], "GiftCertificates"
    numbers = {found["certificate"] for found in past_events(session, name, "CertificateSold", member=member)}
    numbers |= {found["certificate"] for found in past_events(session, name, "CertificateGiven", to=member)}
    numbers |= {found["part"] for found in past_events(session, name, "CertificateSplit", member=member)}
    rows = []
    for number in sorted(numbers):
        value, _, merchant, until, holder, *_ = contract.certificate(number)
        if value and holder == member:
            place = f"at merchant {merchant}" if merchant else "anywhere"
            rows.append((f"certificate {number}, {place}, until {time_of(until)}", money(value)))
    return rows


def _other(session: Session, text: str) -> str:
    """A contract of the suite by its name."""
    names = {contract.address.lower(): name for name, contract in session.contracts.items()}
    return names.get(text.lower(), text)


def _plain(units: int) -> str:
    return coins(units).replace(",", "")
