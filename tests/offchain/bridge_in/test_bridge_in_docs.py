"""What is written about the wire is what the code does."""

import re
from dataclasses import fields
from pathlib import Path

from node.config import Iso8583Settings, RpcSettings
from node.domain.terminal_terms import PAYMENT_TYPE, REVERSAL_TYPE
from node.iso8583.basket import read_basket
from node.iso8583.document import current

DOCS = Path(__file__).parents[3] / "docs"


def test_iso8583_page_is_current() -> None:
    page = (DOCS / "iso8583.md").read_text()
    assert current(page) == page, "run python -m node.iso8583.document docs/iso8583.md"


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
            if each.name.startswith("max_") or each.name in ("read_seconds", "idle_seconds"):
                assert f"| `{each.name}` | {getattr(settings, each.name):,}" in page


def test_rpc_page_has_the_signed_types() -> None:
    page = "".join((DOCS / "rpc.md").read_text().split())
    for types in (PAYMENT_TYPE, REVERSAL_TYPE):
        assert "".join(types.split()).partition("(")[2] in page
