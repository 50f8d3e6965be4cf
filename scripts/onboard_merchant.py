"""Onboards a merchant with its stores and terminals, or everything that a plan lists.

brownie run onboard_merchant main NAME STORES [STREAM] [ADMIN] [FLOOR] --network FOLDER

  NAME    up to 32 ASCII characters
  STORES  "Main Street=S0000101,S0000102:0xSIGNER;Harbour=S0000201": stores by ';', a store's terminals by ',',
          after ':' the address of the key by which a terminal signs JSON-RPC payments (ISO 8583 needs none)
  STREAM  the number of the bridge's stream that the terminals belong to (1)
  ADMIN   the merchant's administrator, who may then make offers (the operator)
  FLOOR   what each terminal may sell offline, for instance 50.00 (0)

brownie run onboard_merchant plan FILE.json --network FOLDER

  {"streams": [{"stream": 1, "poster": "0x..", "daily_limit": 5000000, "refund_limit": 1000000}],
   "merchants": [{"name": "Corner Shop", "coefficient": 100, "prepaid": 100000000,
                  "multiplier_bps": 50000, "budget": 50000000000,
                  "stores": [{"store": 101, "terminals": [{"id": "S0010101", "signer": null}]}]}],
   "members": [123, 456], "product_set": ["826249", "..."]}

Money in minor units, coins in units; a refund_limit that is not said is the daily_limit. Per merchant: onboarding,
the base coefficient, one offer on the product set (if multiplier_bps and product_set are there), the purchase of
prepaid points. Writes FOLDER/onboarding.json with the merchants' numbers and rule versions in the plan's order; what
earlier plans wrote there is kept under "earlier".
"""

import json
from collections.abc import Sequence
from typing import Any, Final

from node.domain.merkle import product_set_root
from node.domain.roles import BRIDGE, KEEPER
from scripts.amounts import read_money, read_whole
from scripts.fund_points import buy_points, check_points
from scripts.names import ZERO, read_address, terminal_id, text32, typed_path
from scripts.permissions import permit
from scripts.pipeline import Pipeline
from scripts.plan_file import OnboardingPlan, PlannedMerchant, PlannedStream, Store, Terminal, read_plan
from scripts.session import Session, open_session
from scripts.set_rule import define_base, define_offer, publish
from scripts.tables import show
from scripts.trouble import Trouble, told

RESULT: Final = "onboarding.json"
STORE_GAS: Final = 120_000  # upper bounds; what is not used is not paid
TERMINAL_GAS: Final = 220_000
MEMBER_GAS: Final = 60_000
MEMBERS_A_CALL: Final = 150
TERMINALS_A_CALL: Final = 40
COIN_GAS: Final = 21_000
ALL_GROUPS: Final = 255
GAS_COIN: Final = 10**18  # wei; a network's fee is a few wei a gas


@told
def main(name: str, stores: str, stream: str = "1", admin: str = "", floor: str = "0") -> None:
    """Onboards one merchant and prints its number."""
    session = open_session()
    number = read_whole(stream, "a stream's number", low=1, high=2**32 - 1)
    limit = 0 if floor in ("", "0") else read_money(floor)
    owner = read_address(admin) if admin else session.operator.address
    parsed = parse_stores(stores, stream=number, floor=limit)
    pipeline = session.pipeline()
    merchant = next_merchant(session)
    onboard(pipeline, session, merchant=merchant, name=name, admin=owner, stores=parsed)
    give_gas(pipeline, session, owner)
    pipeline.finish()
    rows = [(store.rstrip(b"\0").decode(), str(len(terminals))) for store, terminals in parsed]
    show(f"Merchant {merchant}: {name}, administrator {owner}", ("store", "terminals"), rows)


@told
def plan(file: str) -> None:
    """Onboards everything that a plan lists, and writes onboarding.json."""
    session = open_session()
    result = onboard_plan(session, read_plan(typed_path(file)))
    rows = [
        (str(entry["merchant"]), entry["name"], str(entry["base_version"]), str(entry["rule_version"] or "-"))
        for entry in result["merchants"]
    ]
    show(f"Onboarded, with {result['members']} members", ("merchant", "name", "base", "offer"), rows)
    print(f"Written to {session.folder / RESULT}; {result['gas_used']:,} gas in {result['transactions']} transactions")


def onboard_plan(session: Session, plan: OnboardingPlan) -> dict[str, Any]:
    """Puts a whole plan on chain and returns what onboarding.json holds. Waits only a few times in all."""
    session.check_folder()
    earlier = read_earlier(session)
    pipeline = session.pipeline()
    check_points(pipeline, session, sum(merchant.prepaid for merchant in plan.merchants))
    for stream in plan.streams:
        open_stream(pipeline, session, stream)
    enrol(pipeline, session, plan.members)
    first = next_merchant(session)
    root = product_set_root(plan.product_set) if plan.product_set else None
    catalogue = publish(session, plan.product_set) if root else ""
    rows = [
        onboard_planned(pipeline, session, number, merchant, root, catalogue)
        for number, merchant in enumerate(plan.merchants, start=first)
    ]
    amounts = {number: merchant.prepaid for number, merchant in enumerate(plan.merchants, start=first)}
    buy_points(pipeline, session, amounts)
    receipts = pipeline.finish()
    result = {
        "chain_id": session.web3.eth.chain_id,
        "ledger": session["RewardToken"].address,
        "merchants": rows,
        "members": len(plan.members),
        "product_set": f"0x{root.hex()}" if root else None,
        "transactions": len(receipts),
        "gas_used": pipeline.gas_used,
        "earlier": earlier,
    }
    fresh = (session.folder / RESULT).with_suffix(".new")
    fresh.write_text(json.dumps(result, indent=2) + "\n")
    fresh.replace(session.folder / RESULT)
    return result


def read_earlier(session: Session) -> list[dict[str, Any]]:
    """What earlier plans wrote to onboarding.json, oldest first. Raises Trouble when the file is something else."""
    file = session.folder / RESULT
    if not file.exists():
        return []
    try:
        last = json.loads(file.read_text())
        return [*last.pop("earlier", []), last]
    except (ValueError, TypeError, AttributeError):
        raise Trouble(f"{file} is not what a plan wrote; move it away") from None


def onboard_planned(
    pipeline: Pipeline, session: Session, number: int, planned: PlannedMerchant, root: bytes | None, catalogue: str
) -> dict[str, Any]:
    """Sends what one merchant of a plan needs but its points, and returns its row of the result."""
    operator = session.operator.address
    onboard(pipeline, session, merchant=number, name=planned.name, admin=operator, stores=planned.stores)
    base = offer = 0
    if planned.coefficient:
        base = define_base(pipeline, session, number, planned.coefficient, version=1)
    if base and root and planned.multiplier_bps:
        terms = {"multiplier_bps": planned.multiplier_bps, "budget": planned.budget}
        offer = define_offer(pipeline, session, number, root, catalogue, version=2, **terms)
    if planned.admin:
        hand_to(pipeline, session, number, planned.admin)
    return {"merchant": number, "name": planned.name, "base_version": base, "rule_version": offer}


def onboard(pipeline: Pipeline, session: Session, *, merchant: int, name: str, admin: str, stores: list[Store]) -> None:
    """Sends one merchant's onboarding; stores beyond what one transaction bears follow in others."""
    registry = session["Registry"]
    chunks = split_stores(stores)
    for place, chunk in enumerate(chunks):
        gas = 400_000 + STORE_GAS * len(chunk) + TERMINAL_GAS * sum(len(terminals) for _, terminals in chunk)
        if place == 0:
            pipeline.call(f"onboard {name}", registry.onboardMerchant, (text32(name), admin, chunk), gas=gas)
        else:
            pipeline.call(f"add stores to {name}", registry.addStores, (merchant, chunk), gas=gas)


def enrol(pipeline: Pipeline, session: Session, members: Sequence[int]) -> None:
    """Enrols members, many in one transaction."""
    for place in range(0, len(members), MEMBERS_A_CALL):
        chunk = members[place : place + MEMBERS_A_CALL]
        gas = 100_000 + MEMBER_GAS * len(chunk)
        pipeline.call("enrol members", session["Registry"].enrolMembers, (chunk,), gas=gas)


def open_stream(pipeline: Pipeline, session: Session, planned: PlannedStream) -> None:
    """Lets a bridge's key post a stream, bounds what it may debit and refund a day, and gives it coin for gas.

    An operator who is the keeper too makes it a bridge first; else the keeper has done so (set_role).
    """
    access = session["NetworkAccess"]
    if not access.hasRole(BRIDGE, planned.poster)[0] and access.hasRole(KEEPER, session.operator.address)[0]:
        arguments = (BRIDGE, planned.poster, 0)
        pipeline.call(f"make {planned.poster} a bridge", access.grantRole, arguments, gas=150_000)
    arguments = (planned.stream, planned.poster, planned.daily_limit, planned.refund_limit)
    pipeline.call(f"open stream {planned.stream}", session["RewardToken"].setStream, arguments, gas=200_000)
    give_gas(pipeline, session, planned.poster)


def hand_to(pipeline: Pipeline, session: Session, merchant: int, admin: str) -> None:
    """Makes an account the administrator of a merchant in the operator's place, and gives it coin for gas."""
    registry = session["Registry"]
    pipeline.call(
        f"give merchant {merchant} to {admin}", registry.setGroups, (merchant, admin, ALL_GROUPS), gas=150_000
    )
    arguments = (merchant, session.operator.address, 0)
    pipeline.call(f"take the operator out of merchant {merchant}", registry.setGroups, arguments, gas=150_000)
    give_gas(pipeline, session, admin)


def give_gas(pipeline: Pipeline, session: Session, account: str) -> None:
    """Permits an account to send, and gives it what it needs to pay for that, unless it is the operator's own."""
    if account != session.operator.address:
        permit(pipeline, session, account)
        pipeline.send(f"give {account} coin for gas", to=account, data="0x", gas=COIN_GAS, value=GAS_COIN)


def next_merchant(session: Session) -> int:
    """The number that the next merchant gets."""
    return int(session["Registry"].merchantCount()) + 1


def split_stores(stores: list[Store]) -> list[list[Store]]:
    """Stores in groups whose terminals fit into one transaction; at least one group."""
    groups: list[list[Store]] = [[]]
    count = 0
    for store in stores:
        if groups[-1] and count + len(store[1]) > TERMINALS_A_CALL:
            groups.append([])
            count = 0
        groups[-1].append(store)
        count += len(store[1])
    return groups


def parse_stores(text: str, *, stream: int, floor: int) -> list[Store]:
    """`Main Street=S01,S02:0x..;Harbour=S03` as the Registry takes it. Raises Trouble for anything else."""
    stores: list[Store] = []
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        name, equals, terminals = part.partition("=")
        if not equals or not terminals.strip():
            raise Trouble(f"store {part!r} has no terminals; write it as NAME=TERMINAL,TERMINAL")
        stores.append((text32(name.strip()), parse_terminals(terminals, stream=stream, floor=floor)))
    if not stores:
        raise Trouble("a merchant needs a store; write it as NAME=TERMINAL,TERMINAL")
    return stores


def parse_terminals(text: str, *, stream: int, floor: int) -> list[Terminal]:
    """`S01,S02:0x..` as the Registry takes it. Raises Trouble for anything else."""
    return [_terminal(item, stream, floor) for item in text.split(",")]


def _terminal(item: str, stream: int, floor: int) -> Terminal:
    identity, _, signer = item.strip().partition(":")
    return terminal_id(identity), stream, read_address(signer) if signer else ZERO, floor
