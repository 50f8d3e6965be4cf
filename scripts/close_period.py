"""The cap of coupons: counts sales that were paid through the network, and closes a period when it is over.

    brownie run close_period --network FOLDER                     closes the period, prints what the next may issue
    brownie run close_period show --network FOLDER                prints the open period
    brownie run close_period formula MERCHANT MEMBER TURNOVER SATURATION LEAST --network FOLDER    the admin's
    brownie run close_period count LINES.json --network FOLDER    counts accepted lines by their proofs

      LINES  a list of lines of the period before, paid in coins or from stored value, each as
             {"head": "0x..", "body": "0x..", "items_root": "0x..", "authorisation": "0x..", "root": "0x..",
              "proof": ["0x..", ..]}, as a payment's proof has them; those counted before are left out

      MERCHANT, MEMBER  coupons for each that is counted        TURNOVER    one coupon for each of it, 0 = none
      SATURATION        what counts of one merchant at most     LEAST       nobody counts for less

cap = merchants * per merchant + turnover / turnover per coupon + members * per member; each merchant's turnover counts
up to the saturation, each member once, for a stored-value spend that is large enough. A period is closed by the formula
of that moment. Anybody may do each of these but `formula`.
"""

import json
from datetime import UTC, datetime
from typing import Any, Final

from scripts.amounts import MAX_32, money, read_money, read_whole
from scripts.names import typed_path
from scripts.session import Session, open_session
from scripts.tables import show as print_table
from scripts.trouble import Trouble, told

CLOSE_GAS: Final = 300_000
LINE_GAS: Final = 200_000
AT_ONCE: Final = 20
MOST: Final = 2_000
WORDS: Final = ("head", "body", "items_root", "authorisation", "root")


@told
def main() -> None:
    """Closes the period."""
    session = open_session()
    cap = session["IssuanceCap"]
    pipeline = session.pipeline()
    pipeline.check("close the period", cap.close, ())
    before = cap.period()
    pipeline.call("close the period", cap.close, (), gas=CLOSE_GAS)
    pipeline.finish()
    rows = [*_counted(before), ("coupons of the next period", f"{cap.period()[7]:,}")]
    print_table(f"Period {before[0]} is closed", ("", ""), rows)


@told
def count(lines: str) -> None:
    """Counts lines."""
    session = open_session()
    cap = session["IssuanceCap"]
    leaves = _read(lines)
    fresh = [leaf for leaf in leaves if not cap.isCounted(*_place(leaf))]
    pipeline = session.pipeline()
    for at in range(0, len(fresh), AT_ONCE):
        part = fresh[at : at + AT_ONCE]
        pipeline.checked_call("count sales", cap.countSales, (part,), gas=LINE_GAS * (len(part) + 1))
    pipeline.finish()
    rows = [("lines counted now", f"{len(fresh):,}"), ("counted before", f"{len(leaves) - len(fresh):,}")]
    print_table("Sales", ("", ""), [*rows, *_counted(cap.period())])


@told
def formula(merchant: str, member: str, turnover: str, saturation: str, least: str) -> None:
    """Sets the formula."""
    session = open_session()
    terms = (
        read_whole(merchant, "a number of coupons", high=MAX_32),
        read_whole(member, "a number of coupons", high=MAX_32),
        0 if turnover == "0" else read_money(turnover),
        read_money(saturation),
        read_money(least),
    )
    pipeline = session.pipeline()
    pipeline.checked_call("set the formula", session["IssuanceCap"].setFormula, (terms,), gas=CLOSE_GAS)
    pipeline.finish()
    _show(session)


@told
def show() -> None:
    """Prints the open period."""
    _show(open_session())


def _show(session: Session) -> None:
    cap = session["IssuanceCap"]
    it, formula = cap.period(), cap.formula()
    ends = datetime.fromtimestamp(it[1] + int(cap.periodLength()), UTC)
    rows = [
        ("ends", f"{ends:%Y-%m-%d %H:%M} UTC"),
        ("coupons that may be issued", f"{it[7]:,}"),
        ("issued", f"{it[8]:,}"),
        *_counted(it),
        ("for each merchant", f"{formula[0]:,}"),
        ("for each member", f"{formula[1]:,}"),
        ("one for each turnover of", money(formula[2]) if formula[2] else "does not count"),
        ("a merchant's turnover counts up to", money(formula[3])),
        ("nobody counts for less than", money(formula[4])),
    ]
    print_table(f"Period {it[0]}", ("", "now"), rows)


def _counted(period: Any) -> list[tuple[str, str]]:
    return [
        ("merchants that sold", f"{period[4]:,}"),
        ("members' first stored-value spends", f"{period[5]:,}"),
        ("turnover through the network", money(period[6])),
    ]


def _read(name: str) -> list[tuple[Any, ...]]:
    """ILedgerDoors.ProvenLeaf of each line in the file."""
    file = typed_path(name)
    try:
        listed = json.loads(file.read_text())
        found = [(*(_word(line[word]) for word in WORDS), [_word(one) for one in line["proof"]]) for line in listed]
    except OSError as failure:
        raise Trouble(f"{file} cannot be read: {failure.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise Trouble(f"{file} is no list of lines with {', '.join(WORDS)} and proof") from None
    if not 1 <= len(found) <= MOST:
        raise Trouble(f"{file} lists {len(found):,} lines; 1 to {MOST:,} are counted at once")
    return found


def _word(text: str) -> bytes:
    raw = bytes.fromhex(text.removeprefix("0x"))
    if len(raw) != 32:
        raise ValueError
    return raw


def _place(leaf: tuple[Any, ...]) -> tuple[int, int, int]:
    """Stream, sequence and line of a leaf (docs/batch.md)."""
    head = int.from_bytes(leaf[0], "big")
    return head >> 216 & 2**32 - 1, head >> 152 & 2**64 - 1, head >> 144 & 255
