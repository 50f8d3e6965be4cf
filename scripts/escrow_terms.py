"""Payments of the escrow as scripts see them: found again by their id, signed by who pays, shown as a table.

The chain keeps a payment's terms only in the event of its authorisation, so whoever names an id needs no file: they are
read from there.
"""

import os
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, Final

from eth_abi.abi import decode
from eth_account.signers.local import LocalAccount
from web3 import Web3

from scripts.amounts import money, read_whole
from scripts.names import ZERO
from scripts.past_events import ranges
from scripts.revert_reason import canonical
from scripts.session import Session, read_key
from scripts.tables import show
from scripts.trouble import Trouble

PAYER_KEY: Final = "TILLNET_PAYER_KEY"
TENDERS: Final = ("cash", "coins", "value")
CASH, COINS, VALUE = 0, 1, 2
ID_DIGITS: Final = 64
STEP_GAS: Final = 600_000


@dataclass(frozen=True, kw_only=True)
class Terms:
    """ISettlementEscrow.Terms."""

    payer: str
    merchant: int
    member: int
    tender: int
    amount: int
    authorize_by: int
    capture_by: int
    refund_by: int
    min_fee_bps: int
    max_fee_bps: int
    min_reward: int
    salt: int

    def words(self) -> tuple[Any, ...]:
        """As the contract takes them."""
        return astuple(self)


def payer_key(session: Session) -> LocalAccount:
    """Who pays: the key file named in TILLNET_PAYER_KEY, else whoever runs the script."""
    named = os.environ.get(PAYER_KEY)
    return read_key(Path(named)) if named else session.operator


def read_id(text: str) -> bytes:
    """A payment's or plan's id. Raises Trouble for what is none."""
    digits = text.removeprefix("0x")
    try:
        found = bytes.fromhex(digits)
    except ValueError:
        found = b""
    if len(found) * 2 != ID_DIGITS:
        raise Trouble(f"{text!r} is no id: 0x and {ID_DIGITS} hexadecimal digits")
    return found


def find_payment(session: Session, text: str) -> tuple[bytes, Terms]:
    """The payment of this id. Raises Trouble when none was authorised."""
    id_ = read_id(text)
    found = event_of(session, "SettlementEscrow", "PaymentAuthorized", id_)
    if found is None:
        raise Trouble(f"no payment {text} was authorised on this chain")
    _, words = found
    return id_, Terms(**dict(zip(Terms.__dataclass_fields__, words, strict=True)))


def standing_before(session: Session, id_: bytes) -> tuple[int, int, int]:
    """What may be captured, was captured and refunded, before anything is sent.

    Asked of a block by its number: brownie keeps answers about the newest one, and the same question comes again after.
    """
    block = session.web3.eth.block_number
    capturable, captured, refunded, *_ = session["SettlementEscrow"].payment(id_, block_identifier=block)
    return capturable, captured, refunded


def event_of(session: Session, contract: str, event: str, id_: bytes) -> tuple[Any, ...] | None:
    """The plain arguments of the first event of this name that has the id as its first topic."""
    entry = next(each for each in session[contract].abi if each["type"] == "event" and each["name"] == event)
    signature = f"{event}({','.join(canonical(item) for item in entry['inputs'])})"
    topics = [Web3.to_hex(Web3.keccak(text=signature)), Web3.to_hex(id_)]
    plain = [canonical(item) for item in entry["inputs"] if not item["indexed"]]
    for first, last in ranges(session.first_block(contract), int(session.web3.eth.block_number)):
        query: Any = {"address": session[contract].address, "topics": topics, "fromBlock": first, "toBlock": last}
        if logs := session.web3.eth.get_logs(query):
            return tuple(decode(plain, bytes(logs[0]["data"])))
    return None


def known_merchant(session: Session, text: str) -> int:
    """A merchant's number. Raises Trouble when there is no such merchant."""
    number = read_whole(text, "a merchant's number", low=1, high=2**32 - 1)
    if number > session["Registry"].merchantCount():
        raise Trouble(f"there is no merchant {number}")
    return number


def show_payment(session: Session, id_: bytes, terms: Terms, *more: tuple[str, str]) -> None:
    """Prints where a payment stands."""
    capturable, captured, refunded, reward, *_ = session["SettlementEscrow"].payment(id_)
    rows = [
        ("paid by", terms.payer if terms.payer != ZERO else f"member {terms.member}, {TENDERS[terms.tender]}"),
        ("may be captured", money(capturable)),
        ("captured", money(captured)),
        ("of this refunded", money(refunded)),
        ("points given", f"{reward:,} units"),
        *more,
    ]
    show(f"Payment at merchant {terms.merchant}", ("", "now"), rows)
    # on a line of its own: a table's title is wrapped
    print(f"payment 0x{id_.hex()}")
