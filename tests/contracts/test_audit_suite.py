"""Audits of the whole suite: escrow with fees and payouts, coupons with incentive, cards with rebates."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.devchain import Chain
from benchmarks.escrow import COINS, VALUE
from benchmarks.world import Terms
from node.audit.findings import Kind
from node.books.export import Format
from node.domain.merkle import keccak
from tests.contracts.auditing import audit_of
from tests.contracts.suite.coupon_desk import ANN, BOB, CAT, Desk
from tests.contracts.suite.coupon_desk import SHOP as FIRST
from tests.contracts.suite.settlement_counter import ANN as PAYER
from tests.contracts.suite.settlement_counter import DAY, OTHER, SHOP, Counter
from tests.contracts.suite.value_till import ADA, Till, day_of
from tests.contracts.test_books import BEAN_CHECK, checked, exported, rows_of

pytestmark = [pytest.mark.anvil, pytest.mark.slow]
__all__ = ["Counter", "Desk"]


def sell(counter: Counter) -> None:
    """Payments in two steps of all kinds, a refund, a period that is settled, and fees that are claimed."""
    world = counter.world
    world.ledger.send("addDeposit", SHOP, 8_000, sender=world.operator)
    terms = counter.captured(amount=10_000)
    counter.captured(merchant=OTHER, amount=3_333)
    counter.captured(tender=VALUE, amount=2_000, salt=3)
    counter.captured(tender=COINS, amount=500, salt=4)
    counter.clerk("refund", terms, 1_234)
    world.registry.send("setGroups", SHOP, world.merchant, 255, sender=world.merchant)
    world["MerchantPayouts"].send("setPayout", SHOP, world.holder, sender=world.merchant)
    world.chain.set_next_time(counter.now + DAY)
    for merchant in (SHOP, OTHER):
        counter.escrow.send("settle", merchant, sender=world.stranger)
    world.chain.impersonate(counter.acquirer)
    counter.escrow.send("claimFees", world.holder, sender=counter.acquirer)


def book_slot(counter: Counter, merchant: int) -> tuple[int, int]:
    """Where the escrow keeps a merchant's fee: the slot, and the fee's place in it."""
    chain, address = counter.world.chain, counter.escrow.address
    for place in range(64):
        slot = int.from_bytes(keccak(merchant.to_bytes(32, "big") + place.to_bytes(32, "big")), "big")
        word = chain.storage(address, slot)
        for shift in (bit for bit in range(240) if word >> bit & 0x3FFF == 150):
            mark = chain.snapshot()
            chain.request("anvil_setStorageAt", address, f"0x{slot:064x}", f"0x{word + (100 << shift):064x}")
            found = counter.escrow.view("merchantTerms", merchant)[1] == 250
            chain.revert(mark)
            if found:
                return slot, shift
    raise AssertionError("the escrow keeps no fee")


@pytest.mark.usefixtures("forgotten")
def test_audit_agrees_when_an_escrow_took_fees_and_paid_out(counter: Counter) -> None:
    sell(counter)
    audit = audit_of(counter.world)
    assert audit.agrees, list(audit.findings)
    assert audit.checked["fees"] == 4
    assert audit.checked["statements"] == 2
    assert audit.checked["fee claims"] == 1
    escrow = next(each for each in audit.holdings if (each.part, each.what) == ("SettlementEscrow", "cash"))
    assert escrow.holds == escrow.owes == counter.balance(counter.escrow.address)


@pytest.mark.usefixtures("forgotten")
def test_audit_names_the_merchant_when_the_escrow_takes_another_fee(counter: Counter) -> None:
    slot, shift = book_slot(counter, SHOP)
    word = counter.world.chain.storage(counter.escrow.address, slot) + (100 << shift)
    address = counter.escrow.address
    counter.world.chain.request("anvil_setStorageAt", address, f"0x{slot:064x}", f"0x{word:064x}")
    counter.captured(amount=10_000, max_fee_bps=10_000)
    audit = audit_of(counter.world)
    assert not audit.agrees
    (found,) = audit.findings.kept[Kind.INSTRUMENT]
    assert found.subject == f"merchant {SHOP}"
    assert found.text == "the fee on 10000 is 250 on the chain, 150 by its terms"


@pytest.mark.usefixtures("forgotten")
async def test_books_of_an_escrow_balance(counter: Counter, tmp_path: Path) -> None:
    sell(counter)
    await exported(counter.twin, Format.BEANCOUNT, tmp_path / "books.beancount")
    assert checked(BEAN_CHECK, tmp_path / "books.beancount") == ""
    held = counter.balance(counter.escrow.address)
    text = (tmp_path / "books.beancount").read_text()
    fees = sum(counter.escrow.view("claimable", each) for each in (counter.platform, counter.acquirer))
    assert fees > 0 and f"balance Liabilities:Fees  -{fees / 100:.2f} ~ 0 CASH" in text
    if held - fees:
        assert f"balance Liabilities:Held:SettlementEscrow  -{(held - fees) / 100:.2f} ~ 0 CASH" in text
    await exported(counter.twin, Format.CSV, tmp_path / "tables")
    statements = (tmp_path / "tables" / "statements.csv").read_text().splitlines()
    assert len(statements) == 3
    assert f",{SHOP},settlement," in statements[1]
    assert counter.world.ledger.view("account", PAYER)["value"] == 48_000


def test_audit_agrees_when_coupons_brought_incentive(desk: Desk) -> None:
    wide = desk.given(ANN, BOB, CAT)
    narrow = desk.given(BOB, serial=1)
    desk.write_off(wide)
    desk.write_off(narrow, FIRST)
    desk.sold(desk.given(CAT, serial=2), CAT, 4_000, 5_000)
    for member, coupon in ((ANN, wide), (CAT, wide), (BOB, narrow)):
        desk.claim(member, coupon)
    audit = audit_of(desk.world)
    assert audit.agrees, list(audit.findings)
    assert audit.checked["incentives"] == 3
    assert audit.checked["incentive claims"] >= 3
    assert audit.tally.outside_payments["IncentivePools"] > 0


async def test_books_have_the_pools_points_apart_when_coupons_brought_incentive(desk: Desk, tmp_path: Path) -> None:
    coupon = desk.given(ANN, BOB, CAT)
    desk.write_off(coupon)
    desk.claim(ANN, coupon)
    await exported(desk.twin, Format.CSV, tmp_path / "tables")
    rows = {row["account"]: row for row in rows_of(tmp_path / "tables" / "rollforward.csv")}
    pools, ledger = desk.world["IncentivePools"], desk.world.ledger
    held = ledger.view("accountOf", pools.address)
    units = {name: int(rows[name]["closing"].replace(".", "")) for name in rows if "Points:" in name}
    assert units["Liabilities:Points:Held:IncentivePools"] == held["current"] + held["previous"] > 0
    apart = sum(amount for name, amount in units.items() if "Points:Held" in name)
    assert units["Liabilities:Points:Circulating"] + apart == ledger.view("totalSupply")
    await exported(desk.twin, Format.BEANCOUNT, tmp_path / "books.beancount")
    assert checked(BEAN_CHECK, tmp_path / "books.beancount") == ""


def test_audit_agrees_when_rebates_were_paid(till: Till) -> None:
    till.to_day(day_of(2024, 1, 31))
    till.counter(ADA, 100_000)
    till.to_day(day_of(2024, 4, 30))
    till.operate(till.rebates, "releaseRebates", ADA, [0])
    audit = audit_of(till.world)
    assert audit.agrees, list(audit.findings)
    assert (audit.checked["rebates promised"], audit.checked["rebates paid"]) == (1, 1)
    assert audit.ledger.totals.stored_value == till.value_of(ADA)


def test_audit_lists_points_that_nobody_known_gave(chain: Chain, terms: Terms, desk: Desk) -> None:
    world: Any = desk.world
    world.ledger.send("setDoors", world.stranger, 16, sender=world.operator)
    world.ledger.send("issue", FIRST, world.holder, 77, sender=world.stranger)
    audit = audit_of(world)
    assert audit.agrees
    (found,) = audit.findings.kept[Kind.ACCRUAL]
    assert "gave 77 units of merchant 1" in found.text
