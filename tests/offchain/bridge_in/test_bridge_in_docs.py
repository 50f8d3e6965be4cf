"""What is written about the wire is what the code does."""

import re
from dataclasses import fields
from pathlib import Path

from node.bridge.intake_rpc.desk import DESK
from node.bridge.intake_rpc.methods import METHODS
from node.config import Iso8583Settings, RpcSettings
from node.domain.signed_terms import SIGNED
from node.domain.terminal_terms import PaymentTerms, members_of
from node.iso8583.basket import read_basket
from node.iso8583.document import current

PARTS = ("operations", "tags", "network", "totals", "response codes", "elements")
DOCS = Path(__file__).parents[3] / "docs"


def test_pages_are_current() -> None:
    for name, parts in (("iso8583.md", PARTS), ("rpc.md", ("facts",))):
        page = (DOCS / name).read_text()
        assert all(f"<!-- {part}: generated -->" in page for part in parts)
        assert current(page) == page, f"run python -m node.iso8583.document docs/{name}"


def test_iso8583_pages_examples_can_be_read() -> None:
    examples = re.findall(r"`(48|62|63) = ([^`]+)`", (DOCS / "iso8583.md").read_text())
    assert examples
    for element, text in examples:
        basket = read_basket({int(element): text})
        assert [item.product for item in basket.items] == ["1000000", "77", "1"]
        assert [int(item.amount) for item in basket.items] == [500, 699, 1]


def test_pages_have_the_defaults_of_the_limits() -> None:
    for name, settings in (
        ("iso8583.md", Iso8583Settings()),
        ("rpc.md", RpcSettings()),
    ):
        page = (DOCS / name).read_text()
        for each in fields(settings):
            if each.name.startswith("max_") or each.name in ("read_seconds", "idle_seconds", "subscriber_queue"):
                assert f"| `{each.name}` | {getattr(settings, each.name):,}" in page


def test_rpc_page_has_the_signed_types() -> None:
    page = "".join((DOCS / "rpc.md").read_text().split())
    for kind in SIGNED:
        assert "".join(kind.TYPE.replace("(", " (").split()) in page, kind.TYPE


def test_rpc_page_has_every_method_with_its_parameters() -> None:
    rows = {line.split("`")[1]: line for line in (DOCS / "rpc.md").read_text().splitlines() if line.startswith("| `")}
    common = [member.name for member in members_of(PaymentTerms)]
    rows["terminal_sign_off"] = rows["terminal_sign_on"]
    for name, method in {**METHODS, **DESK}.items():
        names = [member.name for member in members_of(method.terms)]
        if "those of `" in rows[name]:
            names = [each for each in names if each not in common]
        assert all(each in rows[name] for each in names), name
