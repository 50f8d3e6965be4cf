"""Sends coins, or cash, of a key to somebody else; or coins by a signature that another key carries.

    brownie run send_coins main TO AMOUNT --network FOLDER
    brownie run send_coins cash TO AMOUNT --network FOLDER
    brownie run send_coins sign FILE TO AMOUNT [DAYS] --network FOLDER    signs, sends nothing, writes FILE
    brownie run send_coins carry FILE --network FOLDER                    sends what was signed; anybody
    brownie run send_coins void FILE --network FOLDER                     so that nobody can carry it any more

      TO      an address, the file of a key, or a member's number (coins; recharge_member puts money on a card)
      AMOUNT  for instance 12.5 coins, or 20.00 of cash
      DAYS    how long the signature is good (7)

The coins are those of the key in TILLNET_OPERATOR_KEY; `sign` and `void` are by the key in TILLNET_PAYER_KEY, if it is
set. A signature (ERC-3009) is good once. Coins keep their age. Coins in a member's account have no key: a member spends
them at a till, by gifts and certificates, and on the exchange (offer_coins).
"""

import json
import secrets
from typing import Any, Final

from scripts.amounts import coins, money, read_coins, read_money, read_whole
from scripts.dates import DAY, time_of
from scripts.escrow_terms import payer_key
from scripts.member_key import Field, sign_terms
from scripts.names import typed_path
from scripts.open_stream import read_poster
from scripts.parties import read_member
from scripts.session import Session, open_session
from scripts.tables import show
from scripts.trouble import Trouble, told

GAS: Final = 200_000
VALUE: Final = "value"
FIELDS: Final = {
    "from": "address",
    "to": "address",
    VALUE: "uint256",
    "validAfter": "uint256",
    "validBefore": "uint256",
    "nonce": "bytes32",
}
LONGEST: Final = 3_650  # days


@told
def main(to: str, amount: str) -> None:
    """Sends coins."""
    session = open_session()
    receiver, units = _receiver(session, to), read_coins(amount)
    pipeline = session.pipeline()
    method = session["RewardToken"].transfer
    pipeline.checked_call(f"send {coins(units)} coins to {receiver}", method, (receiver, units), gas=GAS)
    pipeline.finish()
    _show(session, session.operator.address, receiver)


@told
def cash(to: str, amount: str) -> None:
    """Sends cash."""
    session = open_session()
    receiver, minor = read_poster(to), read_money(amount)
    token, own = session["CashToken"], session.operator.address
    pipeline = session.pipeline()
    pipeline.checked_call(f"send {money(minor)} to {receiver}", token.transfer, (receiver, minor), gas=GAS)
    pipeline.finish()
    rows = [(each, money(token.balanceOf(each))) for each in dict.fromkeys((own, receiver))]
    show("Cash", ("account", "has now"), rows)


@told
def sign(file: str, to: str, amount: str, days: str = "7") -> None:
    """Signs a transfer of coins and writes it to a file."""
    session = open_session()
    key = payer_key(session)
    until = read_whole(days, "a number of days", low=1, high=LONGEST) * DAY
    values = {
        "from": key.address,
        "to": _receiver(session, to),
        VALUE: read_coins(amount),
        "validAfter": 0,
        "validBefore": int(session.web3.eth.get_block("latest")["timestamp"]) + until,
        "nonce": secrets.token_bytes(32),
    }
    fields: list[Field] = [(name, kind, values[name]) for name, kind in FIELDS.items()]
    signature = _signed(session, "TransferWithAuthorization", fields)
    written = values | {"nonce": f"0x{values['nonce'].hex()}", "signature": f"0x{signature.hex()}"}  # type: ignore[attr-defined]
    try:
        typed_path(file).write_text(json.dumps(written, indent=2) + "\n")
    except OSError as failure:
        raise Trouble(f"{file} cannot be written: {failure.strerror}") from None
    print(f"Signed by {key.address}, good until {time_of(values['validBefore'])} UTC; whoever has {file} may carry it.")


@told
def carry(file: str) -> None:
    """Sends a transfer that was signed."""
    session = open_session()
    values, signature = _read(file)
    pipeline = session.pipeline()
    method = session["RewardToken"].transferWithAuthorization
    pipeline.checked_call(f"carry {file}", method, (*values.values(), *_split(signature)), gas=GAS)
    pipeline.finish()
    _show(session, values["from"], values["to"])


@told
def void(file: str) -> None:
    """Makes a signed transfer void, by the key that signed it."""
    session = open_session()
    values, _ = _read(file)
    key = payer_key(session)
    if key.address != values["from"]:
        raise Trouble(f"{file} was signed by {values['from']}; name that key's file in TILLNET_PAYER_KEY")
    fields: list[Field] = [("authorizer", "address", key.address), ("nonce", "bytes32", values["nonce"])]
    signature = _signed(session, "CancelAuthorization", fields)
    pipeline = session.pipeline()
    method = session["RewardToken"].cancelAuthorization
    pipeline.checked_call(f"void {file}", method, (key.address, values["nonce"], *_split(signature)), gas=GAS)
    pipeline.finish()
    print("Void: nobody can carry it any more.")


def _receiver(session: Session, text: str) -> str:
    if text.replace(",", "").isdigit():
        return str(session["RewardToken"].memberAccount(read_member(session, text)))
    return read_poster(text)


def _signed(session: Session, primary: str, fields: list[Field]) -> bytes:
    ledger = session["RewardToken"]
    return sign_terms(session, ledger, ledger.name(), payer_key(session), primary, fields)


def _read(file: str) -> tuple[dict[str, Any], bytes]:
    try:
        written = json.loads(typed_path(file).read_text())
        values = {name: written[name] for name in FIELDS}
        values["nonce"] = bytes.fromhex(values["nonce"].removeprefix("0x"))
        signature = bytes.fromhex(written["signature"].removeprefix("0x"))
    except OSError as failure:
        raise Trouble(f"{file} cannot be read: {failure.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Trouble(f"{file} is no transfer that send_coins sign wrote") from None
    if len(signature) != 65 or len(values["nonce"]) != 32:
        raise Trouble(f"{file} is no transfer that send_coins sign wrote")
    return values, signature


def _split(signature: bytes) -> tuple[int, bytes, bytes]:
    """v, r and s."""
    return signature[64], signature[:32], signature[32:64]


def _show(session: Session, *holders: str) -> None:
    rows = [(each, coins(session["RewardToken"].balanceOf(each))) for each in dict.fromkeys(holders)]
    show("Coins", ("account", "has now"), rows)
