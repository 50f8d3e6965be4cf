"""`make gas`: docs/gas.md, what each operation of the suite costs, beside figures that others publish.

Each benchmarks/suite_gas_<domain>.py has `measure(chain)` (or `measure()`, which starts its own), gas by operation.
It may name `ANCHOR`, a published figure by operation, and `BESIDE`, another operation of any domain that it is set
beside, measured in this same run. A target that is missed is written down as missed.
"""

import importlib
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.devchain import anvil
from benchmarks.gas import measure as measure_payments

HERE: Final = Path(__file__).parent
PAGE: Final = HERE.parent / "docs" / "gas.md"
START: Final = 1_700_000_000
SINGLE: Final = "OpenZeppelin ERC-20 of one transaction a payment"
HEAD: Final = """# Gas

What each operation costs: made by `make gas` on a development chain with the network's rules (Cancun). A test measures
again and compares, within 2 %. Unless a line says otherwise a figure is a whole transaction: 21,000 for itself, its
calldata, and the execution. `beside` is what the operation is set beside; "published" is the figure that its authors
publish, all others are measured in the same run. Each should be below its yardstick; one that is not says **missed**.

"""
NOTES: Final = {
    "coupons": "A hand-over writes who had the coupon into its trail, by which incentive is shared later; ERC-721 only "
    "moves it. A lot that is issued or handed over is one word, so its coupons cost next to nothing until they move. "
    "The last row is the undo that costs most: 15 merchants, the member and the data user have claimed, and each owes "
    "somebody else already. An act at a till has 900,000.",
    "escrow": "Published: base/commerce-payments, gas of the call alone, as its benchmark counts it (no 21,000, no "
    "calldata), from a caller that reads the payment's terms from its own storage. The first six are counted the same "
    "way, of a merchant that is settled by batch; what ends in `transaction` is a whole one of a person. At once means "
    "that the net goes to the merchant's payable in the ledger with the capture, from which a refund then comes: two "
    "calls of the ledger more, and the cash goes through a second pair of hands.",
    "ledger": "The coin looks at the holder's lock and at the epoch of both accounts, and still costs less than "
    "OpenZeppelin's: an account is one word in a slot that needs no hash. The compiler looks a function up in a list, "
    "22 gas an entry, so the deployed contract has the coin's standards and posting alone; all else lies behind its "
    "fallback (contracts.md), where a call costs 2,600 more the first time in a transaction. Members at a till never "
    "transfer: a payment's line in a batch is what mints and burns. Cash is OpenZeppelin's token; its deposit asks for "
    "the sender's role and tells what the bank calls it.",
    "payments": "A line of a batch, its share of everything that the transaction costs included.",
}


def main() -> None:
    """Measures everything and writes the page."""
    found = measure_all()
    PAGE.write_text(page(found))
    missed = [row for domain in found for row in rows(domain, found) if row[-1].startswith("**")]
    for operation, gas, beside, _ in missed:
        print(f"missed: {operation} {gas} is not below {beside}")
    print(f"{sum(len(figures) for figures in found.values())} figures in {PAGE.name}, {len(missed)} targets missed")


def measure_all() -> dict[str, dict[str, int]]:
    """Gas by domain and operation."""
    found = {"payments": _payments()}
    for domain in domains():
        module = _module(domain)
        if inspect.signature(module.measure).parameters:
            with anvil(start_time=START) as chain:
                found[domain] = module.measure(chain)
        else:
            found[domain] = module.measure()
    return {domain: {_words(name): gas for name, gas in figures.items()} for domain, figures in found.items()}


def domains() -> list[str]:
    """The domains that measure something, the ledger first."""
    names = sorted(file.stem.removeprefix("suite_gas_") for file in HERE.glob("suite_gas_*.py"))
    return sorted(names, key=lambda name: name != "ledger")


def page(found: Mapping[str, Mapping[str, int]]) -> str:
    """The page: a table a domain."""
    text = HEAD
    for domain in found:
        text += f"## {domain.capitalize()}\n" + (f"{NOTES[domain]}\n\n" if domain in NOTES else "\n")
        text += "| operation | gas | beside | |\n| --- | ---: | --- | --- |\n"
        text += "".join(f"| {' | '.join(row)} |\n" for row in rows(domain, found)) + "\n"
    return text.rstrip() + "\n"


def rows(domain: str, found: Mapping[str, Mapping[str, int]]) -> list[tuple[str, str, str, str]]:
    """A domain's rows: operation, gas, what it is set beside, and how it compares."""
    everything = {name: gas for figures in found.values() for name, gas in figures.items()}
    anchors, beside = _named(domain, "ANCHOR"), _named(domain, "BESIDE")
    table = []
    for name, gas in found[domain].items():
        yardstick, words = 0, ""
        if name in anchors:
            yardstick, words = anchors[name], f"published: {anchors[name]:,}"
        elif name in beside and beside[name] in everything:
            yardstick = everything[beside[name]]
            words = f"{beside[name]}: {yardstick:,}"
        share = "" if not yardstick else f"{gas * 100 // yardstick} %" if gas < yardstick else "**missed**"
        table.append((name, f"{gas:,}", words, share))
    return table


def _payments() -> dict[str, int]:
    found = measure_payments()
    names = {"openzeppelin_single_known": SINGLE, "single_known": "payment posted alone"}
    return {names.get(name, f"payment in a {_words(name)}"): gas for name, gas in found.items()}


def _named(domain: str, name: str) -> dict[str, Any]:
    if domain == "payments":
        single = {"payment posted alone": SINGLE, "payment in a batch 100 known": SINGLE}
        return single if name == "BESIDE" else {}
    table = getattr(_module(domain), name, {})
    return {_words(key): _words(value) if isinstance(value, str) else value for key, value in table.items()}


def _module(domain: str) -> Any:
    return importlib.import_module(f"benchmarks.suite_gas_{domain}")


def _words(name: str) -> str:
    return name.replace("_", " ")


if __name__ == "__main__":
    main()
