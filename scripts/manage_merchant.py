"""A merchant as the Registry has it: shows it and who acts for it, adds stores, closes it and opens it again.

    brownie run manage_merchant main MERCHANT --network FOLDER
    brownie run manage_merchant add_stores MERCHANT STORES [STREAM] [FLOOR] --network FOLDER
    brownie run manage_merchant close MERCHANT --network FOLDER      nothing new is sold there
    brownie run manage_merchant reopen MERCHANT --network FOLDER

      STORES  Main Street=S0000101,S0000102:0xSIGNER;Harbour=S0000201, as for onboard_merchant

Of a closed merchant no payments, authorisations, plans, recharges and write-offs are taken; what was agreed on before
goes on: captures, locked rates, instalments, refunds, payouts. The operator does all but the first. Groups are given by
grant_groups, terminals have a script of their own: manage_terminals.
"""

from typing import Final

from scripts.amounts import MAX_32, money, read_money, read_whole
from scripts.grant_groups import names_of
from scripts.onboard_merchant import STORE_GAS, TERMINAL_GAS, parse_stores, split_stores
from scripts.parties import read_merchant
from scripts.past_events import past_events
from scripts.session import Session, open_session
from scripts.tables import show
from scripts.trouble import told

GAS: Final = 150_000


@told
def main(merchant: str) -> None:
    """Shows a merchant."""
    session = open_session()
    _show(session, read_merchant(session, merchant))


@told
def add_stores(merchant: str, stores: str, stream: str = "1", floor: str = "0") -> None:
    """Adds stores with their terminals."""
    session = open_session()
    shop = read_merchant(session, merchant)
    number = read_whole(stream, "a stream's number", low=1, high=MAX_32)
    parsed = parse_stores(stores, stream=number, floor=0 if floor == "0" else read_money(floor))
    pipeline = session.pipeline()
    for chunk in split_stores(parsed):
        gas = GAS + STORE_GAS * len(chunk) + TERMINAL_GAS * sum(len(terminals) for _, terminals in chunk)
        what = f"add stores to merchant {shop}"
        pipeline.checked_call(what, session["Registry"].addStores, (shop, chunk), gas=gas)
    pipeline.finish()
    _show(session, shop)


@told
def close(merchant: str) -> None:
    """Closes a merchant."""
    _set(merchant, active=False)


@told
def reopen(merchant: str) -> None:
    """Opens a merchant again."""
    _set(merchant, active=True)


def _set(merchant: str, *, active: bool) -> None:
    session = open_session()
    shop = read_merchant(session, merchant)
    what = f"{'reopen' if active else 'close'} merchant {shop}"
    pipeline = session.pipeline()
    pipeline.checked_call(what, session["Registry"].setMerchantActive, (shop, active), gas=GAS)
    pipeline.finish()
    _show(session, shop)


def _show(session: Session, merchant: int) -> None:
    registry, ledger = session["Registry"], session["RewardToken"]
    name, active, stores, terminals = registry.merchant(merchant)
    rows = [
        ("state", "open" if active else "closed"),
        ("terminals", f"{terminals:,}"),
        ("payable", money(int(ledger.merchant(merchant)[1]))),
        ("deposit", money(int(ledger.deposits(merchant)))),
    ]
    rows += [(f"store {number}", _text(registry.storeName(merchant, number))) for number in range(stores)]
    show(f"Merchant {merchant}: {_text(name)}", ("", "now"), rows)
    told_of = past_events(session, "Registry", "GroupsSet", merchant=merchant)
    accounts = dict.fromkeys(str(event["account"]) for event in told_of)
    groups = [(account, int(registry.groupsOf(merchant, account))) for account in accounts]
    show("Who acts for it", ("account", "groups"), [(account, names_of(bits)) for account, bits in groups if bits])


def _text(name: object) -> str:
    return bytes(name).rstrip(b"\0").decode("ascii")  # type: ignore[call-overload, no-any-return]
