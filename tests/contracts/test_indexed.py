"""What the index says, against what the contracts say at the same block, on worlds in which anything happened.

Each life of the suite's machine (batches with acts, refunds, coupons, gifts, escrow, instalments, merges ..) is indexed
from block 0 at its end, and every row that a contract can be asked about is compared with its view, to the last unit.
"""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from benchmarks.devchain import Chain, Contract
from benchmarks.suite import Suite
from benchmarks.world import Terms
from node.indexer.rolled import rolled
from node.indexer.tables import chain as chain_tables
from node.indexer.tables import coupons, ledger, settlement
from tests.contracts.indexing import indexed, rows_of
from tests.contracts.suite.machine import all_modules, joined, mixins_of
from tests.contracts.twin import Twin
from tests.contracts.worlds import furnished

pytestmark = [pytest.mark.anvil, pytest.mark.slow, pytest.mark.filterwarnings("ignore:A private pytest class")]
SETTINGS = settings(
    max_examples=2, stateful_step_count=40, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


class IndexedRules:
    """At the end of a life: index it, and ask the contracts."""

    twin: Twin

    def close_indexed(self) -> None:
        """Every comparison."""
        world = self.twin.world
        assert isinstance(world, Suite)
        with tempfile.TemporaryDirectory() as folder:
            engine = indexed(world.chain, world, Path(folder) / "index.sqlite")
            compare(engine, world)
            engine.dispose()


def compare(engine: Any, world: Suite) -> None:
    """Rows with views."""
    compare_batches(engine)
    compare_members(engine, world)
    compare_purses(engine, world)
    compare_cash(engine, world)
    compare_escrow(engine, world["SettlementEscrow"])
    compare_plans(engine, world["InstalmentPlans"])
    compare_coupons(engine, world)
    compare_settlements(engine, world)
    compare_shares(engine, world)


def compare_batches(engine: Any) -> None:
    """Every batch was rebuilt to its root, and has as many lines as the chain says."""
    batches = rows_of(engine, ledger.batches)
    assert all(batch["rebuilt"] for batch in batches)
    assert sum(batch["leaves"] for batch in batches) == len(rows_of(engine, ledger.payment_lines))
    assert sum(b["processed"] - b["skipped"] for b in batches) == len(rows_of(engine, ledger.payments))


def compare_members(engine: Any, world: Suite) -> None:
    """Points by age, stored value, tiers, flags and debts."""
    contract = world.ledger
    epoch = contract.view("currentEpoch")
    totals = {"value": 0, "coins": 0}
    wrong = []
    for row in rows_of(engine, ledger.accounts):
        said = contract.view("accountOf", "0x" + row["holder"].hex())
        ours = rolled(row, epoch)
        totals["value"] += ours.value
        totals["coins"] += ours.coins
        have = (ours.value, ours.current, ours.previous, ours.tier, ours.flags)
        want = tuple(said[name] for name in ("value", "current", "previous", "tier", "flags"))
        if have != want:
            wrong.append((row["holder"].hex(), have, want))
        if row["member"] is not None:
            assert contract.view("account", row["member"])["tier"] == ours.tier
    assert wrong == []
    assert totals["coins"] == contract.view("totalSupply")
    assert totals["value"] == contract.view("totals")["storedValue"]
    for row in rows_of(engine, ledger.debts):
        assert row["owed"] == contract.view("owed", row["merchant"], row["member"])
        assert row["arrears"] == contract.view("arrears", row["merchant"], row["member"])


def compare_purses(engine: Any, world: Suite) -> None:
    """What merchants have and owe, and what the ledger's cash is for."""
    contract = world.ledger
    for row in rows_of(engine, ledger.merchants):
        said = contract.view("merchant", row["merchant"])
        have = tuple(row[name] for name in ("prepaid", "payable", "deposit", "guaranteed"))
        want = (
            said["prepaid"], said["payable_"],
            contract.view("deposits", row["merchant"]), contract.view("guaranteed", row["merchant"]),
        )  # fmt: skip
        assert (row["merchant"], have) == (row["merchant"], want)
    (line,) = rows_of(engine, ledger.ledgers)
    totals = contract.view("totals")
    assert [line[name] for name in ("value", "payable", "reserve", "deposits")] == [
        totals[name] for name in ("storedValue", "payable_", "reserve", "deposits")
    ]
    assert line["fund"] == contract.view("deposits", 0)
    held = world.cash.view("balanceOf", contract.address)
    day = rows_of(engine, ledger.days)[-1]
    assert (day["cash_held"], day["cash_owed"]) == (
        held,
        sum(line[n] for n in ("value", "payable", "reserve", "deposits")),
    )


def compare_cash(engine: Any, world: Suite) -> None:
    """Who holds the cash token."""
    for row in rows_of(engine, chain_tables.token_balances):
        if row["token"].hex() == world.cash.address[2:].lower():
            assert int(row["balance"]) == world.cash.view("balanceOf", "0x" + row["holder"].hex())


def compare_escrow(engine: Any, escrow: Contract) -> None:
    """What is put aside, and what of it was captured and not refunded."""
    for row in rows_of(engine, settlement.escrow_payments):
        said = escrow.view("payment", row["id"])
        assert row["capturable"] == said["capturable"]
        assert row["captured"] - row["refunded"] == said["captured"] - said["refunded"]


def compare_plans(engine: Any, plans: Contract) -> None:
    """Where each plan stands."""
    for row in rows_of(engine, settlement.instalment_plans):
        said = plans.view("standing", row["id"])
        assert [row[name] for name in ("paid", "credited", "refunded", "missed")] == [
            said[name] for name in ("paid", "credited", "refunded", "missed")
        ]
        assert row["status"] == ("open" if said["flags"] == 1 else "defaulted" if said["flags"] & 4 else "closed")


def compare_coupons(engine: Any, world: Suite) -> None:
    """Who holds what, what each pool has seen, and what merchants generated and owe."""
    statistics, pools = world["CouponStatistics"], world["IncentivePools"]
    for row in rows_of(engine, coupons.coupons):
        said = world["Coupons"].view("couponOf", row["coupon"])
        assert (row["hops"], row["uses"], row["live"]) == (said["hops"], said["uses"], said["live"])
        assert said["holder"] == (row["member"] or row["merchant"] or 0)
    for row in rows_of(engine, coupons.coupon_pools):
        said = statistics.view("poolOf", row["coupon"])
        assert (row["generated"], row["owed"]) == (said["generated"], said["owed"])
    for row in rows_of(engine, coupons.merchant_incentives):
        said = pools.view("merchantMoney", row["merchant"], bool(row["cash"]))
        assert (row["generated"], row["owed"], row["claimed"]) == (said["generated"], said["owed"], said["paid"])
    for row in rows_of(engine, coupons.campaigns):
        counts = world["Coupons"].view("campaignOf", row["campaign"])[1]
        assert (row["issued"], row["handed"], row["held"]) == (counts["issued"], counts["handed"], counts["held"])


def compare_settlements(engine: Any, world: Suite) -> None:
    """Every statement adds up, and fees that were credited and not claimed are held for their receivers."""
    for row in rows_of(engine, settlement.settlements):
        kept = row["gross"] - row["fees"] - (row["refunds"] - row["covered"])
        assert kept == row["paid_at_once"] + row["restored"] + row["net"]
    fees: dict[bytes, int] = {}
    for row in rows_of(engine, settlement.fee_moves):
        sign = 1 if row["kind"] == "FeeCredited" else -1
        fees[row["receiver"]] = fees.get(row["receiver"], 0) + sign * row["amount"]
    for receiver, amount in fees.items():
        assert amount == world["SettlementEscrow"].view("claimable", "0x" + receiver.hex())


def compare_shares(engine: Any, world: Suite) -> None:
    """What members have to claim of each coupon, by what its uses generated."""
    live = {row["coupon"]: row for row in rows_of(engine, coupons.coupon_pools)}
    epoch = world.ledger.view("currentEpoch")
    used = [row for row in rows_of(engine, coupons.write_offs) if row["funded"]]
    for row in rows_of(engine, coupons.coupon_hops):
        uses = [use for use in used if use["coupon"] == row["coupon"]]
        # what was claimed, undone or expired in between is another question
        plain = all(not use["unwound"] and not use["claimed"] and use["epoch"] + 1 >= epoch for use in uses)
        if row["member"] is not None and row["coupon"] in live and plain:
            said = world["CouponStatistics"].view("claimableOf", row["coupon"], row["member"])
            assert row["credited"] == said


@pytest.fixture(scope="module")
def busy(chain: Chain, terms: Terms) -> Twin:
    return furnished(chain, terms, Suite)


def test_index_says_what_the_contracts_say_when_anything_has_happened(busy: Twin) -> None:
    machine = joined("Indexed", [*mixins_of(all_modules()), IndexedRules], world=Suite)
    run_state_machine_as_test(lambda: machine(busy), settings=SETTINGS)
