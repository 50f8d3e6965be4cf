"""Audits of certificates, gifts, pending points, referrals and other assets: recomputed, each a term of its own."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from node.audit.instruments.assets import Assets
from node.audit.instruments.certificates import Certificates
from node.audit.instruments.claims import Claims
from node.audit.instruments.gifts import Gifts
from node.audit.instruments.said import Said
from node.books.export import Format
from tests.contracts import test_asset_refunds, test_certificates, test_gifts, test_later_points
from tests.contracts.auditing import audit_of
from tests.contracts.suite.stall import Stall
from tests.contracts.test_books import BEAN_CHECK, checked, exported
from tests.contracts.test_certificates import desk as desk
from tests.contracts.test_certificates import opened_desk as opened_desk
from tests.contracts.test_gifts import MUG
from tests.contracts.test_gifts import opened_shop as opened_shop
from tests.contracts.test_gifts import shop as shop
from tests.contracts.test_later_points import external
from tests.contracts.test_later_points import opened_till as opened_till
from tests.contracts.test_later_points import till as till

pytestmark = [pytest.mark.anvil, pytest.mark.slow]


SCENES: tuple[Callable[[test_certificates.Desk], None], ...] = (
    test_certificates.test_buy_takes_cash_value_or_payable_and_its_end_gives_it_back_there,
    test_certificates.test_split_keeps_terms_and_sum_and_each_part_is_given_on_its_own,
    test_certificates.test_give_back_fills_a_certificate_to_its_face_and_no_further,
    test_certificates.test_act_spends_a_member_s_certificate_beside_lines_that_earn,
)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__[5:25])
def test_audit_has_certificates_as_a_term_when_they_were_sold_split_spent_and_ended(
    desk: test_certificates.Desk, scene: Callable[[test_certificates.Desk], None]
) -> None:
    scene(desk)
    audit = audit_of(desk.world)
    assert audit.agrees, list(audit.findings)
    assert audit.checked["certificates"] >= 1
    assert audit.amounts.get("certificates outstanding", 0) == desk.held() == desk.contract.view("outstanding")


def test_audit_has_gifts_as_a_term_when_they_were_reserved_handed_over_and_taken_back(shop: test_gifts.Shop) -> None:
    test_gifts.test_gift_taken_back_restores_the_ages_of_now(shop)
    shop.reserve(MUG)
    audit = audit_of(shop.world)
    assert audit.agrees, list(audit.findings)
    assert audit.checked["gifts"] >= 2 and audit.checked["gifts handed over"] >= 1
    assert audit.amounts["coins reserved for gifts"] == shop.gifts.view("coinsOwed")
    assert audit.amounts["cash reserved for gifts"] == shop.gifts.view("cashOwed")


def test_audit_has_pending_points_and_referrals_as_terms_when_lines_gave_them(till: test_later_points.Till) -> None:
    till.set_terms()
    till.open()
    leaves = till.pay(external(10_000), external(20_000))
    till.wait(3)
    till.claim(*leaves)
    till.claim_referral(*leaves)
    till.refund(leaves[0], 5_000)
    till.claim(leaves[0])
    audit = audit_of(till.world)
    assert audit.agrees, list(audit.findings)
    assert (
        audit.amounts["pending points given"]
        == audit.amounts["points given for referrals"]
        == 3 * test_later_points.RATE
    )
    assert audit.amounts["pending points taken back"] == test_later_points.RATE // 2
    assert (audit.checked["pending points"], audit.checked["referrals"]) == (2, 2)


def test_audit_has_other_assets_as_a_term_when_sales_were_paid_and_refunded(stall: Stall) -> None:
    test_asset_refunds.test_refund_at_the_rate_of_the_sale_gives_back_what_was_paid(stall)
    audit = audit_of(stall.twin.world)
    assert audit.agrees, list(audit.findings)
    assert audit.checked["asset sales"] >= 1 and audit.checked["asset refunds"] >= 1
    assert audit.amounts["paid in other assets"] >= audit.amounts["refunded in other assets"] > 0


async def test_books_have_certificates_on_an_account_of_their_own(desk: test_certificates.Desk, tmp_path: Path) -> None:
    desk.buy()
    desk.buy_by_code(amount=700)
    await exported(desk.twin, Format.BEANCOUNT, tmp_path / "books.beancount")
    assert "balance Liabilities:Certificates  -12.00 ~ 0 CASH" in (tmp_path / "books.beancount").read_text()
    assert checked(BEAN_CHECK, tmp_path / "books.beancount") == ""


def said(part: str, name: str, **fields: Any) -> Said:
    return Said(part=part, name=name, fields=fields)


def cash(giver: int, taker: int, amount: int) -> Said:
    return said("CashToken", "Transfer", **{"from": giver, "to": taker, "value": amount})


HERE, BUYER, LEDGER = 7, 8, 9
SOLD = said("GiftCertificates", "CertificateSold", certificate=1, amount=500, merchant=3, until=1_000)


def redeemed(**changed: int) -> Said:
    usual = {"certificate": 1, "merchant": 3, "member": 1, "amount": 200, "left": 300}
    return said("GiftCertificates", "CertificateRedeemed", **(usual | changed))


@pytest.mark.parametrize(
    ("time", "event", "paid", "what"),
    [
        (900, redeemed(), 200, ""),
        (900, redeemed(left=301), 200, "301 are left"),
        (900, redeemed(merchant=4), 200, "for merchant 3"),
        (1_001, redeemed(), 200, "ended at 1000"),
        (900, redeemed(), 199, "worth -200 more, and -199"),
        (900, redeemed(amount=501, left=0), 501, "0 are left"),
        (900, said("GiftCertificates", "CertificateExpired", certificate=1, amount=400), 400, "500 were left"),
    ],
)
def test_certificates_name_what_is_wrong_when_the_chain_does_other_than_they_say(
    time: int, event: Said, paid: int, what: str
) -> None:
    instrument = Certificates(address=HERE)
    assert instrument.transaction(0, [SOLD, cash(BUYER, HERE, 500)]) == []
    found = instrument.transaction(time, [event, cash(HERE, LEDGER, paid)])
    assert (found == []) if not what else any(what in text for _, text in found)


def test_certificates_name_one_that_was_sold_without_money() -> None:
    assert Certificates(address=HERE).transaction(0, [SOLD])[0][1] == "they are worth 500 more, and 0 of cash came in"


PUBLISHED = said("Gifts", "GiftPublished", gift=1, terms=(250, 100, 1, 0, 0, 2, 60))
RESERVED = said("Gifts", "GiftReserved", gift=1, reservation=5, current=2_000, previous=500, cashPart=100)


@pytest.mark.parametrize(
    ("events", "what"),
    [
        ([RESERVED, said("Gifts", "GiftHandedOver", gift=1, reservation=5, amount=350)], ""),
        ([RESERVED, said("Gifts", "GiftHandedOver", gift=1, reservation=5, amount=351)], "paid 351, 350"),
        ([RESERVED, replace(RESERVED, fields={**RESERVED.fields, "reservation": 6})], "none was in stock"),
        ([replace(RESERVED, fields={**RESERVED.fields, "current": 1_999})], "2499 coins"),
        (
            [RESERVED, said("Gifts", "GiftReleased", gift=1, reservation=5, current=2_001, previous=500, cashPart=100)],
            "more went back",
        ),
        ([said("Gifts", "StockAdded", gift=1, units=3, stock=5)], "5 are in stock"),
    ],
)
def test_gifts_name_what_is_wrong_when_the_chain_does_other_than_the_catalogue(events: list[Said], what: str) -> None:
    instrument = Gifts(par=10)
    assert instrument.transaction(0, [PUBLISHED]) == []
    found = instrument.transaction(1, events)
    assert (found == []) if not what else what in found[0][1]


def test_claims_name_a_line_that_gave_more_than_its_terms(till: test_later_points.Till) -> None:
    (leaf,) = till.pay(external(10_000))
    instrument = Claims()
    terms = said("PendingRewards", "PendingSet", merchant=1, terms=(500_000, 1, 0, 2, 10**9))
    assert instrument.transaction(0, [terms]) == []
    calldata = b"\0" * 4 + b"".join(leaf.words())
    given = {"leaf": bytes(leaf.hash), "merchant": 1, "member": 2, "units": 500_000, "left": 0}
    claimed = Said(part="PendingRewards", name="PendingClaimed", fields=given, calldata=calldata)
    assert instrument.transaction(1, [claimed]) == []
    again = instrument.transaction(2, [replace(claimed, fields={**given, "units": 1})])
    assert "500001 units on the chain, 500000 at most" in again[0][1]
    assert "does not show" in instrument.transaction(3, [replace(claimed, calldata=b"")])[0][1]
    much = instrument.transaction(4, [replace(claimed, fields={**given, "units": 10**10})])
    assert "more than its budgets" in much[0][1]


SALE = (1, "0x", "0x", 3, 900, 10**18, 0, 5, 6, 1, b"")


@pytest.mark.parametrize(
    ("events", "what"),
    [
        ([said("AssetGateway", "AssetPaid", id=1, sale=SALE), cash(HERE, LEDGER, 900)], ""),
        ([said("AssetGateway", "AssetPaid", id=1, sale=SALE), cash(HERE, LEDGER, 901)], "-901 came in"),
        ([said("AssetGateway", "AssetRefunded", id=1, amount=901), cash(LEDGER, HERE, 901)], "901 more than it was"),
    ],
)
def test_assets_name_what_is_wrong_when_cash_and_sales_differ(events: list[Said], what: str) -> None:
    found = Assets(address=HERE).transaction(0, events)
    assert (found == []) if not what else what in found[0][1]
