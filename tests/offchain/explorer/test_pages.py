"""The pages: what they show, what they answer to ids that are none, and that no text of a stranger becomes markup."""

import re
from urllib.parse import quote

import pytest

from node.explorer.pages.html import Html, el
from tests.offchain.explorer.hostile import SCRIPT, TEXTS
from tests.offchain.explorer.shop_rows import ANNA, COUPON
from tests.offchain.explorer.stand import Explorer, ShopOnChain

pytestmark = [pytest.mark.anvil, pytest.mark.slow]


def page(explorer: Explorer, path: str, status: int = 200) -> str:
    got, body = explorer.ask(path)
    text = body.decode()
    assert got == status, text[-1_000:]
    assert text.startswith("<!doctype html>") and text.count("<h1>") == 1 and SCRIPT not in text
    return text


def test_pages_show_what_the_index_has_when_they_are_opened(explorer: Explorer, shop: ShopOnChain) -> None:
    assert "1-60" in page(explorer, "/") and "Corner Shop" in page(explorer, "/merchants")
    payment = page(explorer, "/payment/1-42")
    assert "20.41" in payment and "From the message to the block" in payment and "/payment/1-42/proof" in payment
    assert "had no effect" in page(explorer, "/payment/1-99")
    assert "7.654321" in page(explorer, f"/member/{ANNA}")
    coupon = page(explorer, f"/coupon/{COUPON}")
    assert "<svg" in coupon and "+ 2.300000" in coupon and "Merchant 1" in coupon
    record = page(explorer, "/validators")
    assert "98.66 %" in record and "not in time" in record and "newcomer" in record
    assert page(explorer, "/statistics").count("<svg") == 10
    assert shop.sold[:12] in page(explorer, f"/address/{shop.address}")
    assert "failed" in page(explorer, f"/tx/{shop.failed}") and "done" in page(explorer, f"/tx/{shop.sold}")
    assert "S0000102" in page(explorer, "/till/S0000102")
    for path in ("/blocks", "/block/1", "/transactions", "/tokens", "/docs", "/payments?page=2", "/merchant/2"):
        page(explorer, path)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("1-42", "/payment/1-42"),
        (str(ANNA), f"/member/{ANNA}"),
        (str(COUPON), f"/coupon/{COUPON}"),
        ("S0000101 000123", "/till/S0000101"),
        ("bak", "/merchant/2"),
    ],
)
def test_search_leads_there_when_it_is_one_thing(text: str, place: str, explorer: Explorer, shop: ShopOnChain) -> None:
    assert page(explorer, f"/search?q={quote(text)}") == page(explorer, place)


def test_search_lists_all_when_it_may_be_several_things(explorer: Explorer, shop: ShopOnChain) -> None:
    several = page(explorer, "/search?q=2")
    assert "/block/2" in several and "/merchant/2" in several
    assert "Nothing is called" in page(explorer, "/search?q=nobody", 404)


@pytest.mark.parametrize("text", TEXTS)
def test_pages_show_no_markup_when_a_stranger_writes_it(text: str, explorer: Explorer, shop: ShopOnChain) -> None:
    written = quote(text[:2_000], safe="")
    for path in ("block", "tx", "address", "token", "payment", "merchant", "till", "member", "coupon", "language"):
        got, body = explorer.ask(f"/{path}/{written[:190]}")
        assert got in (400, 404), (path, got)
        assert "<script>document" not in body.decode() and "<img src=x" not in body.decode()
    for query in ("/search?q=", "/payments?page=", "/statistics?days=", "/language/zh?back=", "/events?of=",
                  f"/address/{shop.address}/source?fn=f&a0="):  # fmt: skip
        got, body = explorer.ask(query + written)
        assert got in (200, 400, 404), (query, got)
        assert "<script>document" not in body.decode() and "<img src=x" not in body.decode()


def test_merchants_name_is_text_when_it_is_a_script(explorer: Explorer, shop: ShopOnChain) -> None:
    for path in ("/merchants", "/merchant/3", "/search?q=%3Cscript"):
        assert "&lt;script&gt;" in page(explorer, path)


def test_headers_forbid_scripts_of_others_when_any_page_is_sent(explorer: Explorer, shop: ShopOnChain) -> None:
    import urllib.request

    with urllib.request.urlopen(explorer.url + "/") as answer:
        policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "script-src 'self'" in policy


def test_source_calls_and_encodes_when_functions_are_asked(explorer: Explorer, shop: ShopOnChain) -> None:
    from tests.offchain.explorer.test_verification import verify_now

    verify_now(explorer, shop)
    path = f"/address/{shop.address}/source"
    shown = page(explorer, path)
    assert "error NotEnough(uint256 stock, uint256 wanted);" in shown
    assert re.search(r"stock\(\).*?<dd>97</dd>", shown, re.DOTALL)
    written = page(explorer, f"{path}?fn={quote('sell(uint256)')}&a0=5")
    assert "cast send" in written and f"{5:064x}" in written
    wrong = page(explorer, f"{path}?fn={quote('sell(uint256)')}&a0={quote(SCRIPT)}")
    assert "is no uint256" in wrong
    decoded = page(explorer, f"/tx/{shop.sold}")
    assert "Sold(address,uint256)" in decoded and "sell(uint256)" in decoded


def test_el_escapes_when_text_is_markup() -> None:
    assert el("p", "<b>", class_='"x"') == '<p class="&quot;x&quot;">&lt;b&gt;</p>'
    assert el("p", Html("<b></b>"), None, ["a", "&"]) == "<p><b></b>a&amp;</p>"
    with pytest.raises(ValueError, match="a link"):
        el("a", "x", href="javascript:alert(1)")
