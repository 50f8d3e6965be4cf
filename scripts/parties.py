"""Members, merchants and cards as people name them, what they are asked for, and the cash that a script brings.

Before: names.py and amounts.py read words and numbers. After: the scripts that people run.
"""

from decimal import Decimal
from typing import Any, Final

from web3 import Web3

from scripts.amounts import MAX_56, money, read_whole
from scripts.names import text32
from scripts.pipeline import Pipeline
from scripts.session import Session
from scripts.trouble import Trouble

REGISTERED: Final = 1
MAX_64: Final = 2**64 - 1
REASONS: Final = "reasons"
LARGEST: Final = 100  # per cent
ALLOWANCE_GAS: Final = 100_000
DEPOSIT_GAS: Final = 200_000


def read_merchant(session: Session, text: str) -> int:
    """A merchant's number. Raises Trouble when there is none."""
    number = read_whole(text, "a merchant's number", low=1, high=2**32 - 1)
    if number > session["Registry"].merchantCount():
        raise Trouble(f"there is no merchant {number}")
    return number


def read_member(session: Session, text: str) -> int:
    """A member's number. Raises Trouble when it is not registered."""
    number = read_whole(text, "a member's number", low=1)
    if not session["RewardToken"].account(number)[6] & REGISTERED:
        raise Trouble(f"no member {number} is registered on this chain")
    return number


def read_numbers(text: str, what: str) -> list[int]:
    """Numbers with commas between them, each once."""
    return list(dict.fromkeys(read_whole(part.strip(), what, low=1) for part in text.split(",")))


def read_percent(text: str) -> int:
    """Basis points of `20%` or `0.5%`. Raises Trouble for what is finer than a basis point or above 100 %."""
    try:
        points = Decimal(text.removesuffix("%")) * 100
    except ArithmeticError:
        raise Trouble(f"{text!r} is not a share such as 20%") from None
    if not text.endswith("%") or not points.is_finite() or points != int(points):
        raise Trouble(f"{text!r} is not a share such as 20% or 0.25%")
    if not 0 <= points <= LARGEST * 100:
        raise Trouble(f"{text} is out of bounds: a share lies between 0% and {LARGEST}%")
    return int(points)


def percent(points: int) -> str:
    """`0.5%` for 50 basis points."""
    return f"{points / 100:g}%"


def bring_cash(pipeline: Pipeline, session: Session, spender: Any, amount: int) -> None:
    """The money has come in: cash for it goes to whoever runs the script, who lets the contract take it."""
    if amount > MAX_56:
        raise Trouble(f"{money(amount)} is too much")
    cash, account = session["CashToken"], pipeline.account.address
    missing = amount - int(cash.balanceOf(account))
    if missing > 0:
        arguments = (account, missing, text32("value"))
        pipeline.check(f"deposit the {money(missing)} of cash that {account} lacks", cash.deposit, arguments)
        pipeline.call("deposit cash", cash.deposit, arguments, gas=DEPOSIT_GAS)
    pipeline.call("approve the contract", cash.approve, (spender.address, amount), gas=ALLOWANCE_GAS)


def kept_reason(session: Session, text: str) -> bytes:
    """The hash of a reason or a consent; the text is kept in the network's folder, never on the chain."""
    if not text.strip():
        raise Trouble("a reason is a text")
    session.check_folder()
    digest = bytes(Web3.keccak(text=text))
    folder = session.folder / REASONS
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{digest.hex()}.txt").write_text(f"{text}\n")
    return digest
