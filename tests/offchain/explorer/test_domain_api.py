"""The domain's API: lists with cursors, three formats, its own description, and what strangers put in."""

import csv
import io
import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import polars
import pytest

from node.explorer.api.resources import resources
from tests.offchain.explorer.hostile import TEXTS
from tests.offchain.explorer.shop_rows import ANNA, BERT, COUPON, HOSTILE, PAYMENTS
from tests.offchain.explorer.stand import Explorer, ShopOnChain

pytestmark = [pytest.mark.anvil, pytest.mark.slow]


def rows(explorer: Explorer, name: str, **fields: Any) -> dict[str, Any]:
    status, said = explorer.ask(f"/v1/{name}", **fields)
    assert status == 200, said
    found: dict[str, Any] = json.loads(said)
    return found


@pytest.mark.parametrize("fields", [{}, {"order": "desc"}, {"member": ANNA}, {"merchant": 1, "order": "desc"}])
def test_cursors_give_each_row_once_when_they_are_followed(
    fields: dict[str, Any], explorer: Explorer, shop: ShopOnChain
) -> None:
    seen: list[str] = []
    cursor: dict[str, Any] = {}
    while True:
        page = rows(explorer, "payments", limit=7, **fields, **cursor)
        seen += [row["sequence"] for row in page["rows"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    wanted = [each for each in range(1, PAYMENTS + 1) if not fields.keys() & {"member", "merchant"} or each % 3]
    assert sorted(map(int, seen)) == wanted
    assert [int(each) for each in seen] == sorted(map(int, seen), reverse=fields.get("order") == "desc")


def test_payment_has_lines_when_it_is_asked_for(explorer: Explorer, shop: ShopOnChain) -> None:
    status, said = explorer.ask("/v1/payments/1-42")
    payment = json.loads(said)
    assert status == 200 and payment["member"] == str(BERT) and len(payment["lines"]) == 2
    assert explorer.ask("/v1/payments/1-4242")[0] == 404
    status, said = explorer.ask("/v1/payments/1-42/line-items")
    assert status == 403 and "till lines fetch" in json.loads(said)["detail"]


def test_files_hold_the_same_when_they_are_csv_and_parquet(explorer: Explorer, shop: ShopOnChain) -> None:
    plain = rows(explorer, "payments", limit=1000)["rows"]
    table = list(csv.DictReader(io.StringIO(explorer.ask("/v1/payments", format="csv")[1].decode())))
    assert [row["sequence"] for row in table] == [row["sequence"] for row in plain]
    frame = polars.read_parquet(io.BytesIO(explorer.ask("/v1/payments", format="parquet")[1]))
    assert frame["amount"].to_list() == [row["amount"] for row in plain]
    assert frame["member"].to_list() == [int(row["member"]) for row in plain]
    assert frame["items_root"].to_list() == [bytes.fromhex(row["items_root"][2:]) for row in plain]


def test_link_leads_on_when_a_file_is_cut(explorer: Explorer, shop: ShopOnChain) -> None:
    import urllib.request

    with urllib.request.urlopen(f"{explorer.url}/v1/payments?format=csv&limit=50") as answer:
        link = answer.headers["Link"]
    query = dict(parse_qsl(urlsplit(link[1 : link.index(">")]).query))
    rest = list(csv.reader(io.StringIO(explorer.ask("/v1/payments", **query)[1].decode())))
    assert len(rest) - 1 == PAYMENTS - 50


def test_csv_has_no_formula_when_a_name_is_one(explorer: Explorer, shop: ShopOnChain) -> None:
    from node.explorer.api.formats import _cell

    assert _cell("=HYPERLINK(1)") == "'=HYPERLINK(1)" and _cell("-12") == "-12" and _cell("@x") == "'@x"
    merchants = list(csv.DictReader(io.StringIO(explorer.ask("/v1/merchants", format="csv")[1].decode())))
    assert merchants[2]["name"] == HOSTILE


def test_openapi_describes_every_list_when_it_is_read(explorer: Explorer, shop: ShopOnChain) -> None:
    document = json.loads(explorer.ask("/v1/openapi.json")[1])
    assert document["openapi"].startswith("3.1")
    for name, resource in resources().items():
        described = document["paths"][f"/v1/{name}"]["get"]
        named = {each["name"] for each in described["parameters"]}
        assert {column.name for column in resource.filters} <= named and described["summary"]
        page = rows(explorer, name, limit=1)
        schema = document["components"]["schemas"]["".join(part.capitalize() for part in name.split("-"))]
        for row in page["rows"]:
            assert set(row) == set(schema["properties"])


@pytest.mark.parametrize("text", TEXTS)
def test_every_filter_says_no_when_a_stranger_writes_into_it(text: str, explorer: Explorer, shop: ShopOnChain) -> None:
    for name in ("payments", "coupons", "transactions", "terminals", "days"):
        own = [column.name for column in resources()[name].filters]
        for field in (*own, "limit", "cursor", "order", "format", "from_block", text[:50]):
            status, said = explorer.ask(f"/v1/{name}", **{field: text[:4_000]})
            answer = json.loads(said)
            assert (status == 400 and answer["detail"]) or answer.get("rows") == [], (name, field, said[:200])
    assert rows(explorer, "coupons", coupon=COUPON)["rows"]
