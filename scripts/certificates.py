"""What the scripts of gift certificates share: secret codes, who holds one, and what is shown."""

import secrets
from typing import Any, Final

from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3 import Web3

from scripts.amounts import money, read_whole
from scripts.dates import time_of
from scripts.names import ZERO
from scripts.parties import read_member
from scripts.session import Session
from scripts.tables import show
from scripts.trouble import Trouble

GAS: Final = 600_000
DOMAIN: Final = "Tillnet GiftCertificates"
LETTERS: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # without what is easily mistaken
GROUPS: Final = 5  # of four letters: 100 bits
CODE: Final = "code"  # typed in the place of a member
BUYERS: Final = ("nobody", "account", "member", "merchant")


def new_code() -> str:
    """A secret that nobody can guess: five groups of four letters."""
    letters = "".join(secrets.choice(LETTERS) for _ in range(4 * GROUPS))
    return "-".join(letters[place : place + 4] for place in range(0, 4 * GROUPS, 4))


def code_key(code: str) -> LocalAccount:
    """The key that a code stands for: keccak-256 of its letters."""
    letters = code.upper().replace("-", "").replace(" ", "")
    if len(letters) != 4 * GROUPS or any(letter not in LETTERS for letter in letters):
        raise Trouble(f"{code!r} is no code of {GROUPS} groups of four letters")
    key: LocalAccount = Account.from_key(Web3.keccak(text=letters))
    return key


def read_holder(session: Session, text: str) -> tuple[int, str, str]:
    """Member, address of the code, and the new code in words ("" for a member)."""
    if text != CODE:
        return read_member(session, text), ZERO, ""
    code = new_code()
    return 0, str(code_key(code).address), code


def of_code(session: Session, code: str) -> tuple[int, LocalAccount]:
    """The certificate that a code is for, and its key. Raises Trouble when there is none."""
    key = code_key(code)
    number = int(session["GiftCertificates"].certificateOf(key.address))
    if not number:
        raise Trouble("there is no certificate for this code")
    return number, key


def read_certificate(session: Session, text: str) -> int:
    """A certificate's number. Raises Trouble when there is none."""
    number = read_whole(text, "a certificate's number", low=1)
    if number > session["GiftCertificates"].count():
        raise Trouble(f"there is no certificate {number}")
    return number


def holder_of(session: Session, number: int) -> int:
    """The member that holds a certificate. Raises Trouble when its code does."""
    member = int(session["GiftCertificates"].certificate(number)[4])
    if not member:
        raise Trouble(f"certificate {number} is held by its code")
    return member


def uses_of(session: Session, number: int) -> int:
    """How often a certificate was given, spent or given back: what its code signs now names this."""
    return int(session["GiftCertificates"].certificate(number)[6])


def show_certificates(session: Session, numbers: Any, code: str = "") -> None:
    """Prints what certificates are worth, where and until when; a new code, once."""
    rows = []
    for number in numbers:
        value, face, merchant, until, member, kind, _, _, buyer = session["GiftCertificates"].certificate(number)
        paid_by = Web3.to_checksum_address(f"0x{buyer:040x}") if kind == 1 else f"{BUYERS[kind]} {buyer}"
        rows.append(
            (
                str(number),
                money(value),
                money(face),
                f"merchant {merchant}" if merchant else "anywhere",
                time_of(until),
                f"member {member}" if member else "its code",
                paid_by,
            )
        )
    show("Gift certificates", ("certificate", "left", "of", "for", "until", "held by", "paid by"), rows)
    if code:
        print(f"Code: {code}. Whoever has it has the certificate; it is shown this once and kept nowhere.")
