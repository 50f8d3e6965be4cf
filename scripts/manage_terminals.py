"""A merchant's terminals: lists and adds them, switches them off and on, changes their keys, limits and stream.

    brownie run manage_terminals main MERCHANT --network FOLDER                        lists them
    brownie run manage_terminals add MERCHANT STORE TERMINALS [STREAM] [FLOOR] --network FOLDER
    brownie run manage_terminals off TERMINALS --network FOLDER                        takes none of their payments
    brownie run manage_terminals on TERMINALS --network FOLDER
    brownie run manage_terminals key TERMINAL ACCOUNT --network FOLDER                 the key that signs its payments
    brownie run manage_terminals retire TERMINAL --network FOLDER                      ends the key before
    brownie run manage_terminals floor TERMINALS AMOUNT --network FOLDER               what each may sell offline
    brownie run manage_terminals hand_over TERMINALS STREAM --network FOLDER           to another bridge's stream

      STORE      the store's number, from 0
      TERMINALS  ids with commas between them; for `add` each with the address that signs, if it does: S01,S02:0x..
      STREAM     the stream that they belong to (1)
      FLOOR      an amount for each terminal (0)
      ACCOUNT    an address, or the file of its key; the key before stays valid until `retire`

The operator adds, sets floor limits and hands over (when a till is quiet and its payments are final:
docs/bridges.md); the merchant's terminals group does the rest: name the key's file in TILLNET_OPERATOR_KEY.
"""

from typing import Any, Final

from scripts.amounts import MAX_32, money, read_money, read_whole
from scripts.names import ZERO, terminal_id
from scripts.onboard_merchant import TERMINAL_GAS, TERMINALS_A_CALL, parse_terminals
from scripts.open_stream import read_poster
from scripts.parties import read_merchant
from scripts.session import Session, open_session
from scripts.tables import show
from scripts.trouble import Trouble, told

GAS: Final = 150_000
EACH_GAS: Final = 80_000
PAGE: Final = 100
HEAD: Final = ("terminal", "store", "stream", "on", "floor", "key", "key before")


@told
def main(merchant: str) -> None:
    """Lists a merchant's terminals."""
    session = open_session()
    number = read_merchant(session, merchant)
    registry = session["Registry"]
    found: list[Any] = []
    while page := registry.terminals(number, len(found), PAGE):
        found += page
    show(f"Merchant {number}: {len(found):,} terminals", HEAD, [_row(each) for each in found])


@told
def add(merchant: str, store: str, terminals: str, stream: str = "1", floor: str = "0") -> None:
    """Adds terminals to a store."""
    session = open_session()
    shop, place = read_merchant(session, merchant), read_whole(store, "a store's number", high=MAX_32)
    number = read_whole(stream, "a stream's number", low=1, high=MAX_32)
    added = parse_terminals(terminals, stream=number, floor=_floor(floor))
    pipeline = session.pipeline()
    for at in range(0, len(added), TERMINALS_A_CALL):
        part = added[at : at + TERMINALS_A_CALL]
        arguments, gas = (shop, place, part), GAS + TERMINAL_GAS * len(part)
        pipeline.checked_call(f"add terminals to store {place}", session["Registry"].addTerminals, arguments, gas=gas)
    pipeline.finish()
    _show(session, [each[0] for each in added])


@told
def off(terminals: str) -> None:
    """Switches terminals off."""
    _switch(terminals, active=False)


@told
def on(terminals: str) -> None:
    """Switches terminals on."""
    _switch(terminals, active=True)


@told
def key(terminal: str, account: str) -> None:
    """Gives a terminal its next key."""
    session, id_, signer = open_session(), terminal_id(terminal), read_poster(account)
    _each(session, "give a key to", session["Registry"].rotateTerminalKey, [(id_, signer)])


@told
def retire(terminal: str) -> None:
    """Ends the key that a terminal had before."""
    session = open_session()
    _each(session, "retire the key of", session["Registry"].retireTerminalKey, [(terminal_id(terminal),)])


@told
def floor(terminals: str, amount: str) -> None:
    """Sets what terminals may sell offline."""
    session, limit = open_session(), _floor(amount)
    calls = [(id_, limit) for id_ in _ids(terminals)]
    _each(session, "set the floor limit of", session["Registry"].setFloorLimit, calls)


@told
def hand_over(terminals: str, stream: str) -> None:
    """Moves terminals to another stream."""
    session, ids = open_session(), _ids(terminals)
    number = read_whole(stream, "a stream's number", low=1, high=MAX_32)
    if int(str(session["RewardToken"].stream(number)[0]), 16) == 0:
        raise Trouble(f"nobody posts stream {number}: first brownie run open_stream")
    pipeline = session.pipeline()
    gas = GAS + EACH_GAS * len(ids)
    pipeline.checked_call("hand the terminals over", session["Registry"].handOver, (ids, number), gas=gas)
    pipeline.finish()
    _show(session, ids)


def _switch(terminals: str, *, active: bool) -> None:
    session = open_session()
    calls = [(id_, active) for id_ in _ids(terminals)]
    _each(session, "switch on" if active else "switch off", session["Registry"].setTerminalActive, calls)


def _each(session: Session, what: str, method: Any, calls: list[tuple[Any, ...]]) -> None:
    """A call for each terminal, whose id is the first argument."""
    pipeline = session.pipeline()
    for arguments in calls:
        pipeline.checked_call(f"{what} terminal {_text(arguments[0])}", method, arguments, gas=GAS)
    pipeline.finish()
    _show(session, [arguments[0] for arguments in calls])


def _show(session: Session, ids: list[bytes]) -> None:
    show("Terminals", HEAD, [_row(session["Registry"].terminal(id_)) for id_ in ids])


def _row(terminal: Any) -> tuple[str, ...]:
    id_, _, store, _, stream, active, limit, signer, before = terminal
    keys = ("none" if each == ZERO else str(each) for each in (signer, before))
    return (_text(bytes(id_)), str(store), str(stream), "yes" if active else "no", money(limit), *keys)


def _ids(text: str) -> list[bytes]:
    return list(dict.fromkeys(terminal_id(part) for part in text.split(",")))


def _floor(text: str) -> int:
    return 0 if text == "0" else read_money(text)


def _text(id_: bytes) -> str:
    return id_.rstrip(b"\0").decode("ascii")
