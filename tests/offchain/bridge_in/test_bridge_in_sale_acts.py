"""Purchases over ISO 8583 with a coupon, a certificate or the coins' discount."""

from typing import Any

import pytest

from node.domain.acts.certificate import RedeemCertificate
from node.domain.acts.coupon import WriteOff
from node.domain.acts.discount import Discount
from node.domain.assignment import Item
from node.domain.ids import MinorUnits
from node.domain.merkle import product_leaf, product_set_root, root_from_proof
from node.domain.payment import Line, Tender
from node.pos import messages
from node.pos.connection import PosConnection
from node.pos.messages import PosTerminal
from tests.offchain.bridge_in.acts import EURO_OFF, LOCAL, OF_HIDDEN, SALE, SIGNATURE, TENTH_OFF, data_of, only
from tests.offchain.bridge_in.conftest import (
    PROMOTED,
    FakeJournal,
)


async def test_a_coupon_takes_its_discount_off_the_lines_when_the_till_says_nothing(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal, basket: tuple[Item, ...]
) -> None:
    reply = await pos.purchase(terminal, **SALE, items=basket, asks={"CP": str(TENTH_OFF)})
    assert reply.approved, reply.text
    payment = only(journal)
    assert WriteOff.read(data_of(payment)) == WriteOff(coupon=TENTH_OFF, discount=MinorUnits(120))
    assert payment.lines == (
        Line(amount=MinorUnits(579), rule_version=1, tender=Tender.EXTERNAL),
        Line(amount=MinorUnits(501), rule_version=2, tender=Tender.EXTERNAL),
    )
    assert payment.authorisation is not None and payment.items_root is not None


async def test_a_coupon_for_products_proves_one_that_is_in_the_basket(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal, basket: tuple[Item, ...]
) -> None:
    assert (await pos.purchase(terminal, **SALE, items=basket, asks={"CP": str(EURO_OFF)})).approved
    told = WriteOff.read(data_of(only(journal)))
    assert (told.discount, told.product) == (100, "1000000")
    assert root_from_proof(product_leaf(told.product), told.proof) == product_set_root(PROMOTED)


async def test_a_coupon_that_pays_all_of_a_sale_comes_without_lines_and_with_the_sales_number(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal
) -> None:
    item = (Item(product="1000000", quantity=1, amount=MinorUnits(80)),)
    asks = {"CP": str(EURO_OFF)}
    assert (await pos.purchase(terminal, **{**SALE, "amount": 80}, items=item, asks=asks, local=LOCAL)).approved
    payment = only(journal)
    told = WriteOff.read(data_of(payment))
    assert payment.lines == () and (told.discount, told.amount) == (80, 0)
    assert told.sale == int("0601" + "123015" + payment.key.stan)


async def test_a_certificate_pays_its_part_and_the_rest_has_lines(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal
) -> None:
    asks = {"CE": "77", "CA": "700", "CS": SIGNATURE.hex()}
    assert (await pos.purchase(terminal, **SALE, stored_value=100, asks=asks)).approved
    payment = only(journal)
    assert RedeemCertificate.read(data_of(payment)) == RedeemCertificate(
        certificate=77, amount=MinorUnits(700), signature=SIGNATURE
    )
    assert [(line.amount, line.tender) for line in payment.lines] == [
        (100, Tender.STORED_VALUE),
        (400, Tender.EXTERNAL),
    ]


async def test_a_certificate_pays_all_that_the_tenders_leave_when_nothing_is_said(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal
) -> None:
    assert (await pos.purchase(terminal, **SALE, coin=200, asks={"CE": "77"})).approved
    payment = only(journal)
    assert RedeemCertificate.read(data_of(payment)).amount == 1_000
    assert [(line.amount, line.tender) for line in payment.lines] == [(200, Tender.COIN)]


@pytest.mark.parametrize(
    ("said", "changes", "coins", "off", "external"),
    [
        ("", {"processing_code": messages.ALL_COIN}, 1_140, 60, 0),
        ("", {"coin": 500}, 475, 25, 700),
        ("20", {"coin": 500}, 480, 20, 700),
        ("", {"coin": 39}, 38, 1, 1_161),
    ],
)
async def test_coins_pay_less_with_a_discount(
    pos: PosConnection,
    terminal: PosTerminal,
    journal: FakeJournal,
    said: str,
    changes: dict[str, Any],
    coins: int,
    off: int,
    external: int,
) -> None:
    assert (await pos.purchase(terminal, **SALE, **changes, asks={"DI": said})).approved
    payment = only(journal)
    assert Discount.read(data_of(payment)).amount == off
    sums = {tender: sum(line.amount for line in payment.lines if line.tender is tender) for tender in Tender}
    assert (sums[Tender.COIN], sums[Tender.EXTERNAL]) == (coins, external)


BAD_SALES: dict[str, tuple[dict[str, Any], str]] = {
    "a coupon of letters": ({"asks": {"CP": "ten"}}, "30"),
    "a coupon that is nothing": ({"asks": {"CP": ""}}, "30"),
    "a coupon above 64 bits": ({"asks": {"CP": str(2**64)}}, "30"),
    "a minus": ({"asks": {"CP": "-1"}}, "30"),
    "an unknown campaign": ({"asks": {"CP": str(99 << 32)}}, "25"),
    "a discount of letters": ({"asks": {"CP": str(TENTH_OFF), "CD": "1.20"}}, "30"),
    "a discount above the amount": ({"asks": {"CP": str(TENTH_OFF), "CD": "1201"}}, "13"),
    "products that are not the coupon's": ({"asks": {"CP": str(EURO_OFF)}}, "58"),
    "products that nobody published": ({"asks": {"CP": str(OF_HIDDEN)}}, "58"),
    "two acts": ({"asks": {"CP": str(TENTH_OFF), "CE": "1"}}, "12"),
    "a coupon and a discount": ({"coin": 100, "asks": {"CP": str(TENTH_OFF), "DI": ""}}, "12"),
    "a certificate of letters": ({"asks": {"CE": "x"}}, "30"),
    "a certificate that pays nothing": ({"asks": {"CE": "1", "CA": "0"}}, "13"),
    "a certificate that pays too much": ({"asks": {"CE": "1", "CA": "1201"}}, "13"),
    "a certificate beside enough coins": ({"coin": 1_200, "asks": {"CE": "1"}}, "13"),
    "a certificate and coins above the amount": ({"coin": 600, "asks": {"CE": "1", "CA": "601"}}, "13"),
    "a signature that is none": ({"asks": {"CE": "1", "CS": "zz"}}, "30"),
    "a signature that is short": ({"asks": {"CE": "1", "CS": "00"}}, "30"),
    "a discount without coins": ({"asks": {"DI": ""}}, "58"),
    "a discount on next to nothing": ({"coin": 19, "asks": {"DI": ""}}, "58"),
    "a discount of all": ({"coin": 100, "asks": {"DI": "100"}}, "58"),
    "a discount of letters on coins": ({"coin": 100, "asks": {"DI": "five"}}, "30"),
    "zero amount": ({"amount": 0, "asks": {"CP": str(TENTH_OFF)}}, "13"),
    "another currency": ({"currency": "978", "asks": {"CP": str(TENTH_OFF)}}, "13"),
    "an unknown card": ({"card": "1111222233334444", "asks": {"CP": str(TENTH_OFF)}}, "14"),
    "a tag that is too long": ({"asks": {"C": "PX"}}, "30"),
}


@pytest.mark.parametrize(("changes", "code"), BAD_SALES.values(), ids=BAD_SALES)
async def test_a_purchase_with_an_act_gets_its_response_code_when_it_is_bad(
    pos: PosConnection, terminal: PosTerminal, journal: FakeJournal, changes: dict[str, Any], code: str
) -> None:
    reply = await pos.purchase(terminal, **{**SALE, **changes})
    assert reply.response_code == code, reply.text
    assert journal.entries == []
