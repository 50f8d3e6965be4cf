"""Every text of the pages is in the Chinese catalogue, and no catalogue has a text that no page shows."""

import ast
from pathlib import Path

import pytest

from node.domain.payment import Tender
from node.explorer.pages import rows
from node.explorer.pages.domain_pages import _STATES
from node.explorer.pages.domain_tables import _KINDS
from node.explorer.pages.frame import CHECKED, NAVIGATION
from node.explorer.pages.validator_pages import STATES
from node.explorer.pages.words import FOLDER, LANGUAGES, catalogue, language_of

PAGES = Path(rows.__file__).parent
HEADS = (rows.BLOCK_HEADS, rows.TRANSACTION_HEADS, rows.PAYMENT_HEADS, rows.TRANSFER_HEADS)
CARDS = {"Block", "Payments", "Turnover", "Points given", "Members", "Merchants"}
FOUND = {"Block", "Transaction", "Address", "Token", "Payment", "Till", "Merchant", "Member", "Coupon"}


def texts() -> set[str]:
    """All that pages say."""
    said = {name for _, name in NAVIGATION} | {head.removeprefix("#") for heads in HEADS for head in heads}
    said |= {each.name.lower().replace("_", " ") for each in Tender} | set(_KINDS.values())
    said |= {word for _, word in _STATES} | CARDS | FOUND | {"Newer", "Older", CHECKED}
    said |= set(STATES)
    for file in PAGES.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            if getattr(node.func, "id", getattr(node.func, "attr", "")) == "say":
                said |= {
                    each.value
                    for each in _choices(node.args[0])
                    if isinstance(each, ast.Constant) and isinstance(each.value, str)
                }
    return said


def _choices(node: ast.expr) -> list[ast.expr]:
    return [node.body, node.orelse] if isinstance(node, ast.IfExp) else [node]


def test_catalogue_has_all_texts_when_it_is_the_chinese_one() -> None:
    assert texts() - set(catalogue("zh")) == set()


@pytest.mark.parametrize("language", sorted(set(LANGUAGES) - {"en"}))
def test_catalogue_has_no_others_when_pages_change(language: str) -> None:
    assert (FOLDER / f"{language}.json").exists()
    assert set(catalogue(language)) - texts() == set()
    assert all(value.strip() for value in catalogue(language).values())


@pytest.mark.parametrize(
    ("cookie", "accepted", "language"),
    [
        ("", "", "en"),
        ("", "de, zh-CN;q=0.8, en;q=0.5", "zh"),
        ("lang=vi; other=1", "zh", "vi"),
        ("lang=../../etc/passwd", "ru", "ru"),
        ("lang=<script>", "xx", "en"),
    ],
)
def test_language_of_is_a_known_one_when_anything_is_sent(cookie: str, accepted: str, language: str) -> None:
    assert language_of(cookie, accepted) == language
