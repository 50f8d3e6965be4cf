"""Moves a network from its ledger to a new one (docs/decisions/0006-successors-not-proxies.md).

    brownie run succeed --network FOLDER                    where the move stands: what is left, what has arrived
    brownie run succeed deploy [VALUES] --network FOLDER    a new ledger with the same cash, roles and terms, with
                                                            Registry, rules, suite, and the old merchants and keys
    brownie run succeed name --network FOLDER               the two name each other: earning ends on the old ledger
    brownie run succeed move [PAGE] [MOST] --network FOLDER sends accounts, debts and merchants over
    brownie run succeed adopt --network FOLDER              makes the new deployment the network's own

      VALUES   the settings of the suite, as deploy reads them (scripts/deployment.toml)
      PAGE     how many go over in one transaction (50)
      MOST     how many transactions at most (1,000); the next `move` goes on where this one ended

The new deployment stands in FOLDER/successor until `adopt`; the old one then in FOLDER/deployment-BLOCK.json. `deploy`
and `name` are an admin's; one whose acts wait announces them (scripts/schedule.py, TILLNET_FOLDER=FOLDER/successor for
those of the new contracts). Anybody may `move`. A contract's coins stay where they are: it pays out on the old ledger
first, and what it paid is moved then. Merchants set their rules and groups anew; streams are opened anew (open_stream).
Points that expired are claimed on the old ledger first, or moved by a later `move`.
"""

import dataclasses
from typing import Any, Final

from scripts.amounts import coins, money, read_whole
from scripts.backing import books, holdings
from scripts.deploy import ADMIN, VALUES, connect_contracts, create_ledger, entries_of, read_values, write_deployment
from scripts.moving import Left, differences, doors, left, pages, successor_of
from scripts.names import ZERO, typed_path
from scripts.new_registry import copy_keys, copy_merchants
from scripts.session import Session, open_session
from scripts.tables import show
from scripts.trouble import Trouble, told

PLACE: Final = "successor"
KEPT: Final = ("NetworkAccess", "CashToken")
NAME_GAS: Final = 300_000
PAGE_GAS: Final = 250_000
HOLDER_GAS: Final = 110_000
DEBT_GAS: Final = 160_000
MERCHANT_GAS: Final = 260_000
MOST_A_PAGE: Final = 60  # merchants fit into one transaction's gas
LEDGER_TERMS: Final = (
    "unitsPerMinorUnit",
    "maxLineAmount",
    "epochStart",
    "epochLength",
    "utcOffset",
    "clockTolerance",
)


@told
def main() -> None:
    """Shows where the move stands."""
    old = open_session()
    _show(old, _new(old), left(old))


@told
def deploy(values: str = str(VALUES)) -> None:
    """Deploys what comes after the ledger; started again, it brings the merchants and keys that are still lacking."""
    old = open_session()
    old.check_folder()
    _require_admin(old)
    new = _place(old)
    if not new.stands():
        _create(old, new, read_values(typed_path(values)))
    pipeline = new.pipeline()
    merchants = copy_merchants(pipeline, old, new)
    keys = copy_keys(pipeline, old, new)
    if merchants or keys:
        pipeline.finish()
    rows = [(name, contract.address) for name, contract in new.contracts.items() if name not in KEPT]
    show("Deployed beside the network's own", ("contract", "address"), rows)
    print(f"{merchants} merchants and {keys} members' keys brought over; written to {new.deployment_file}")


@told
def name() -> None:
    """Lets the ledgers name each other, the new one first; what is named already is left out."""
    old = open_session()
    new = _new(old)
    _require_admin(old)
    pipeline = old.pipeline()
    if doors(new).predecessor() == ZERO:
        arguments = (old["RewardToken"].address,)
        pipeline.call("name the predecessor", new["RewardToken"].setPredecessor, arguments, gas=NAME_GAS)
    if successor_of(old) == ZERO:
        arguments = (new["RewardToken"].address,)
        pipeline.call("name the successor", old["RewardToken"].setSuccessor, arguments, gas=NAME_GAS)
    pipeline.finish()
    print(
        f"{old['RewardToken'].address} is succeeded by {new['RewardToken'].address}; earning has ended on the old one."
    )


@told
def move(page: str = "50", most: str = "1000") -> None:
    """Sends over what is left, page by page, and checks both ledgers."""
    size = read_whole(page, "how many go over at once", low=1, high=MOST_A_PAGE)
    bound = read_whole(most, "how many transactions are sent", low=1, high=100_000)
    old = open_session()
    new = _new(old)
    _require_named(old, new)
    _send(old, left(old), size, bound)
    rest = left(old)
    _show(old, new, rest)
    if rest.nothing:
        print("Everything that can go has gone.")
    else:
        print("Not all has gone yet; run it again.")


@told
def adopt() -> None:
    """Writes the new deployment in the place of the old one, which is kept beside it."""
    old = open_session()
    new = _new(old)
    _require_named(old, new)
    if not left(old).nothing:
        raise Trouble("something is still left on the old ledger: first brownie run succeed move")
    _check(old, new)
    kept = old.folder / f"deployment-{old.first_block('RewardToken')}.json"
    if kept.exists():
        raise Trouble(f"{kept} is there already; move it away")
    kept.write_bytes(old.deployment_file.read_bytes())
    new.deployment_file.replace(old.deployment_file)
    print(f"Adopted; the old deployment is {kept}.")


def _create(old: Session, new: Session, values: dict[str, Any]) -> None:
    """Creates and connects, then writes FOLDER/successor/deployment.json."""
    new.check_folder()
    ledger = old["RewardToken"]
    terms = tuple(int(getattr(ledger, term)()) for term in LEDGER_TERMS)
    kept = {each: old[each].address for each in KEPT}
    named = (str(ledger.name()), str(ledger.symbol()))
    pipeline = old.pipeline()
    sent = create_ledger(pipeline, old.project, kept, values, named, terms)
    receipts = pipeline.finish()
    addresses = kept | {each: creation.created for each, creation in sent.items()}
    connect_contracts(pipeline, old, addresses)
    pipeline.finish()
    beside = {
        each: {"address": kept[each], "artifact": f"{each}.json", "block": old.first_block(each)} for each in KEPT
    }
    write_deployment(new, beside | entries_of(sent, receipts))


def _send(old: Session, rest: Left, size: int, bound: int) -> None:
    """At most `bound` transactions; merchants last, so that members find theirs still there meanwhile."""
    ledger, pipeline, count = doors(old), old.pipeline(), 0
    kinds: tuple[tuple[str, Any, Any, int], ...] = (
        ("accounts", ledger.emigrateHolders, rest.holders, HOLDER_GAS),
        ("debts", ledger.emigrateDebts, rest.debts, DEBT_GAS),
        ("merchants", ledger.emigrateMerchants, rest.merchants, MERCHANT_GAS),
    )
    for what, method, things, gas in kinds:
        for part in pages(things, size):
            if count == bound:
                break
            pipeline.call(f"send {len(part)} {what}", method, (list(part),), gas=PAGE_GAS + gas * len(part))
            count += 1
    if count:
        pipeline.finish()


def _show(old: Session, new: Session, rest: Left) -> None:
    block = int(old.web3.eth.block_number)
    here, there = books(old, block), books(new, block)
    rows = [
        ("stored value", money(here.stored_value), money(there.stored_value)),
        ("payable to merchants", money(here.payable), money(there.payable)),
        ("deposits", money(here.deposits), money(there.deposits)),
        ("guarantee fund", money(here.guarantee), money(there.guarantee)),
        ("redemption reserve", money(here.reserve), money(there.reserve)),
        ("coins", coins(here.coins), coins(there.coins)),
        ("prepaid points", coins(here.prepaid), coins(there.prepaid)),
        ("accounts to send", f"{len(rest.holders):,}", ""),
        ("debts to send", f"{len(rest.debts):,}", ""),
        ("merchants to send", f"{len(rest.merchants):,}", ""),
        ("contracts that hold coins", f"{len(rest.contracts):,}", ""),
    ]
    named = successor_of(old) != ZERO
    show("The move" if named else "The move, not begun", ("", "old ledger", "new ledger"), rows)
    _check(old, new)


def _check(old: Session, new: Session) -> None:
    """Raises Trouble unless all that left has arrived, and both ledgers hold what they owe."""
    block = int(old.web3.eth.block_number)
    short = [
        f"the {which} ledger lacks {each.shown()[-1].removeprefix('-')} of {each.what}"
        for which, session in (("old", old), ("new", new))
        for each in holdings(session, block, books(session, block))
        if each.free < 0
    ]
    if wrong := [*differences(old, new), *short]:
        raise Trouble(f"the move does not add up: {', '.join(wrong)}")


def _place(old: Session) -> Session:
    """The same chain and key, with the successor's deployment."""
    return dataclasses.replace(old, folder=old.folder / PLACE)


def _new(old: Session) -> Session:
    new = _place(old)
    if not new.stands():
        raise Trouble("no successor is deployed: first brownie run succeed deploy")
    return new


def _require_named(old: Session, new: Session) -> None:
    if successor_of(old) == ZERO:
        raise Trouble("the ledger has no successor yet: first brownie run succeed name")
    if successor_of(old) != new["RewardToken"].address:
        raise Trouble(f"the ledger's successor is {successor_of(old)}, which {new.deployment_file} does not name")


def _require_admin(session: Session) -> None:
    """The admin's acts at once."""
    has, delay = session["NetworkAccess"].hasRole(ADMIN, session.operator.address)
    if not has:
        raise Trouble("this is the network's admin's to do; name its key's file in TILLNET_OPERATOR_KEY")
    if delay:
        raise Trouble(f"the admin's acts wait {int(delay):,} s: announce them one by one (brownie run schedule add)")
