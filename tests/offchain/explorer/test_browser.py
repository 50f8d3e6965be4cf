"""The pages in a real Chromium: by keyboard, at a phone's width, dark and light, told to a screen reader, and live.

Pictures land in out/explorer, to be looked at.
"""

import time
from collections.abc import Iterator

import pytest

from benchmarks.devchain import Chain
from tests.offchain.explorer.browser import Browser, browser
from tests.offchain.explorer.shop_rows import ANNA, COUPON
from tests.offchain.explorer.stand import LAYOUT, Explorer, ShopOnChain

pytestmark = [pytest.mark.anvil, pytest.mark.slow]
PICTURES = LAYOUT.root / "out" / "explorer"
ENTER, TAB = "\ue007", "\ue004"
LIVE_SECONDS = 30
PAGES = {
    "home": "/", "block": "/block/4", "payment": "/payment/1-42", "coupon": f"/coupon/{COUPON}",
    "merchant": "/merchant/1", "member": f"/member/{ANNA}", "statistics": "/statistics", "validators": "/validators",
}  # fmt: skip


@pytest.fixture(scope="module")
def seen(explorer: Explorer, shop: ShopOnChain) -> Iterator[Browser]:
    with browser() as opened:
        yield opened


@pytest.fixture(autouse=True)
def as_before(request: pytest.FixtureRequest) -> None:
    opened: Browser = request.getfixturevalue("seen")
    opened.size(1280, 900)
    opened.colours("light")


def test_pages_fit_when_the_window_is_a_phones(seen: Browser, explorer: Explorer) -> None:
    seen.size(390, 844)
    for name, path in PAGES.items():
        seen.open(explorer.url + path)
        seen.shot(PICTURES / f"{name}-phone.png")
        assert seen.run("return document.documentElement.scrollWidth") <= 390, name


def test_pages_have_contrast_when_the_visitor_prefers_dark(seen: Browser, explorer: Explorer) -> None:
    seen.open(explorer.url + "/payment/1-42")
    colours = "const s = getComputedStyle(document.documentElement); return [s.color, s.backgroundColor]"
    light = seen.run(colours)
    seen.colours("dark")
    dark = seen.run(colours)
    assert light != dark
    for ink, paper in (light, dark):
        assert contrast(ink, paper) > 7
    for name, path in PAGES.items():
        seen.open(explorer.url + path)
        seen.shot(PICTURES / f"{name}-dark.png")


def test_search_works_when_only_the_keyboard_is_used(seen: Browser, explorer: Explorer) -> None:
    seen.open(explorer.url + "/")
    seen.press(TAB)
    assert seen.run("return document.activeElement.className") == "skip"
    seen.press(ENTER)
    assert seen.run("return document.activeElement.id") == "main"
    seen.open(explorer.url + "/")
    seen.press(TAB, TAB, TAB)
    assert seen.run("return document.activeElement.id") == "q"
    seen.press(*"1-42", ENTER)
    deadline = time.monotonic() + LIVE_SECONDS
    while seen.text("h1") != "Payment 1-42":
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize("name", sorted(PAGES))
def test_screen_reader_is_told_all_when_a_page_is_open(name: str, seen: Browser, explorer: Explorer) -> None:
    seen.open(explorer.url + PAGES[name])
    nodes = [node for node in seen.tree() if not node.get("ignored")]
    roles = [node["role"]["value"] for node in nodes]
    assert {"banner", "main", "contentinfo", "search", "navigation"} <= set(roles)
    assert roles.count("heading") >= 1 and seen.run("return document.documentElement.lang") == "en"
    for node in nodes:
        if node["role"]["value"] in ("link", "button", "searchbox", "textbox", "table", "image"):
            assert node["name"]["value"].strip(), node


def test_page_speaks_chinese_when_it_is_chosen(seen: Browser, explorer: Explorer) -> None:
    seen.open(explorer.url + "/language/zh?back=/payment/1-42")
    assert seen.text("h1") == "付款 1-42" and seen.run("return document.documentElement.lang") == "zh"
    seen.shot(PICTURES / "payment-chinese.png")
    seen.open(explorer.url + "/language/en?back=/")
    assert seen.text("h1") == "What is new"


def test_script_is_text_when_a_merchant_is_called_so(seen: Browser, explorer: Explorer) -> None:
    for path in ("/merchants", "/merchant/3", "/search?q=%3Cscript"):
        seen.open(explorer.url + path)
        assert seen.run("return document.title") != "owned"
        assert "<script>" in seen.text("main")


def test_home_shows_the_block_when_it_comes(chain: Chain, seen: Browser, explorer: Explorer, shop: ShopOnChain) -> None:
    seen.open(explorer.url + "/")
    before = seen.run("return document.querySelector('#blocks tbody').rows[0].cells[0].textContent")
    deadline = time.monotonic() + LIVE_SECONDS
    while True:
        chain.request("evm_mine")
        explorer.index_now(chain)
        time.sleep(1)
        now = seen.run("return document.querySelector('#blocks tbody').rows[0].cells[0].textContent")
        if int(now) > int(before):
            break
        assert time.monotonic() < deadline
    assert int(seen.text("#head")) >= int(now)
    seen.shot(PICTURES / "home-live.png")


def contrast(ink: str, paper: str) -> float:
    """The contrast of two colours, rgb(r, g, b). Source: WCAG 2.2, relative luminance."""

    def light(colour: str) -> float:
        parts = [int(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    brighter, darker = sorted((light(ink), light(paper)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)
