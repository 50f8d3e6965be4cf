"""Sets what a merchant's payments earn: its base, or an offer on a set of products.

    brownie run set_rule main MERCHANT COEFFICIENT --network FOLDER

      COEFFICIENT  what every payment earns: 1% of the amount at par, or units of coin for one minor unit

    brownie run set_rule offer MERCHANT MULTIPLIER PRODUCTS [BUDGET] [FROM] [UNTIL] [DAYCAP] --network FOLDER

      MULTIPLIER   5x the base, for the products of the set
      PRODUCTS     a file with one product code a line
      BUDGET       coins that the offer may give above the base, for instance 50,000 (0 = no bound)
      FROM, UNTIL  2026-11-01 or 2026-11-01T08:00, UTC; 0 = from the beginning, for ever
      DAYCAP       coins above the base for one member and day (0 = no bound)

    brownie run set_rule show MERCHANT --network FOLDER      lists them: what they give, and what is left of budgets

The merchant's offers group may do this: the operator for merchants that it administers, else name the administrator's
key file in TILLNET_OPERATOR_KEY. The set is published as FOLDER/product-sets/ROOT.txt, where the bridge reads it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from node.domain.merkle import product_set_root
from scripts.amounts import MAX_32, coins, read_coefficient, read_coins, read_multiplier, read_whole
from scripts.names import read_products, typed_path
from scripts.pipeline import Pipeline
from scripts.session import Session, open_session
from scripts.tables import show as print_table
from scripts.trouble import Trouble, told

SETS: Final = "product-sets"
BASE_GAS: Final = 400_000
OFFER_GAS: Final = 600_000
SHOWN: Final = 100  # versions
BUDGETED: Final = 2  # a rule's flag in the ledger
HEAD: Final = ("version", "what", "units for one minor unit", "products", "time", "budget left", "a day", "state")


@told
def main(merchant: str, coefficient: str) -> None:
    """Sets a merchant's base and prints its version."""
    session = open_session()
    number = _merchant(session, merchant)
    units = read_coefficient(coefficient, int(session["RewardToken"].unitsPerMinorUnit()))
    pipeline = session.pipeline()
    version = define_base(pipeline, session, number, units, version=_next_version(session, number))
    pipeline.finish()
    rows = [("base version", str(version)), ("units for one minor unit", f"{units:,}")]
    print_table(f"Merchant {number}", ("", "now"), rows)


@told
def offer(
    merchant: str,
    multiplier: str,
    products: str,
    budget: str = "0",
    starts: str = "0",
    until: str = "0",
    day_cap: str = "0",
) -> None:
    """Makes an offer on a product set and prints its version."""
    session = open_session()
    number = _merchant(session, merchant)
    codes = read_products(typed_path(products))
    root = product_set_root(codes)
    terms = {
        "multiplier_bps": read_multiplier(multiplier),
        "budget": 0 if budget == "0" else read_coins(budget),
        "starts": read_time(starts),
        "until": read_time(until),
        "day_cap": 0 if day_cap == "0" else read_coins(day_cap),
    }
    pipeline = session.pipeline()
    version = _next_version(session, number)
    define_offer(pipeline, session, number, root, publish(session, codes), version=version, **terms)
    pipeline.finish()
    rows = [
        ("offer version", str(version)),
        ("products", f"{len(codes):,}"),
        ("root", f"0x{root.hex()}"),
        ("multiplier", f"{terms['multiplier_bps'] / 10_000:g}x"),
        ("budget", coins(terms["budget"]) if terms["budget"] else "no bound"),
    ]
    print_table(f"Merchant {number}", ("", "now"), rows)


@told
def show(merchant: str) -> None:
    """Lists a merchant's versions."""
    session = open_session()
    show_rules(session, _merchant(session, merchant))


def show_rules(session: Session, merchant: int) -> None:
    """Prints a merchant's versions, the newest last."""
    rules, ledger = session["RewardRules"], session["RewardToken"]
    count, base = int(rules.versionCount(merchant)), int(rules.baseVersion(merchant))
    rows = []
    for number in range(max(1, count - SHOWN + 1), count + 1):
        coefficient, multiplier, root = rules.version(merchant, number)
        _, _, starts, until, left, cap, flags, vetoed, _ = ledger.rule(merchant, number)
        if any(bytes(root)):
            what, products = f"offer, {multiplier / 10_000:g}x", f"0x{bytes(root).hex()[:16]}.."
            state = "vetoed" if vetoed else "stands"
        else:
            what, products, state = "base", "", "the base" if number == base else "an earlier base"
        budget = coins(left) if flags & BUDGETED else ""
        times = f"{_day(starts)} to {_day(until)}" if starts or until else ""
        rows.append((str(number), what, f"{coefficient:,}", products, times, budget, coins(cap) if cap else "", state))
    print_table(f"Rules of merchant {merchant}", HEAD, rows)


def define_base(pipeline: Pipeline, session: Session, merchant: int, coefficient: int, *, version: int) -> int:
    """Sends a merchant's base: units of coin for one minor unit. `version` is the number that it gets; returned."""
    what = f"set the base of merchant {merchant}"
    pipeline.call(what, session["RewardRules"].defineBase, (merchant, coefficient, []), gas=BASE_GAS)
    return version


def define_offer(
    pipeline: Pipeline,
    session: Session,
    merchant: int,
    root: bytes,
    catalogue: str,
    *,
    version: int,
    multiplier_bps: int,
    budget: int = 0,
    starts: int = 0,
    until: int = 0,
    day_cap: int = 0,
) -> int:
    """Sends an offer on a product set; amounts in units, times in Unix seconds, 0 = none. Returns `version`."""
    terms = (multiplier_bps, root, starts, until, budget, day_cap, [], catalogue)
    pipeline.call(
        f"make an offer of merchant {merchant}", session["RewardRules"].defineRule, (merchant, terms), gas=OFFER_GAS
    )
    return version


def publish(session: Session, products: Sequence[str]) -> str:
    """Writes a product set where the bridge reads it, and returns the catalogue's name that goes on chain."""
    session.check_folder()
    folder = session.folder / SETS
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{product_set_root(products).hex()}.txt"
    (folder / name).write_text("".join(f"{product}\n" for product in sorted(products)))
    return name


def read_time(text: str) -> int:
    """Unix seconds of an ISO date or time in UTC, or 0."""
    if text == "0":
        return 0
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Trouble(f"{text!r} is no time such as 2026-11-01 or 2026-11-01T08:00") from None
    seconds = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    if not 0 <= seconds <= MAX_32:
        raise Trouble(f"{text} lies outside of 1970 to 2106")
    return seconds


def _day(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}" if seconds else ".."


def _merchant(session: Session, text: str) -> int:
    number = read_whole(text, "a merchant's number", low=1, high=2**32 - 1)
    if number > session["Registry"].merchantCount():
        raise Trouble(f"there is no merchant {number}")
    return number


def _next_version(session: Session, merchant: int) -> int:
    return int(session["RewardRules"].versionCount(merchant)) + 1
