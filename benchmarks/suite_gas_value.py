"""Gas of the main acts on cards, stored value and points for merchants: name -> gas, for the common table.

Everything that a transaction costs is counted, as in benchmarks/gas.py. "Known": the words it writes are not 0.
"""

from typing import Any, Final

from benchmarks.devchain import Chain, Contract, anvil
from benchmarks.suite import Suite
from benchmarks.world import Terms

START: Final = 1_700_000_000
MONTH: Final = 31 * 86_400
MEMBER, OTHER = 9_001, 9_002
MOST: Final = 2**256 - 1
REASON: Final = b"\7" * 32


def measure() -> dict[str, int]:
    """Gas of each act, on a chain of its own."""
    with anvil(start_time=START) as chain:
        return Measure(chain).all()


class Measure:
    """A suite with a merchant that may recharge, a programme with a fund, two members and cards."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.world = world = Suite(chain, Terms(epoch_start=START - MONTH, epoch_length=12 * MONTH))
        self.shop = world.onboard()
        world.enrol(MEMBER, OTHER)
        self.cards, self.rebates, self.value = (world[name] for name in ("MemberCards", "Rebates", "StoredValue"))
        self.sale, self.corrections = world["PointSale"], world["Corrections"]
        for contract in (self.rebates, self.value, self.sale, self.corrections):
            self.operate(world.cash, "approve", contract.address, MOST)
        self.operate(world.ledger, "addDeposit", self.shop, 10**8)
        self.operate(self.value, "setLimit", self.shop, 0, 0, 10**9, 10**9)
        self.operate(self.rebates, "defineProgramme", 2_000, 5, 0)
        self.operate(self.rebates, "chooseProgramme", 0, 1)
        self.operate(self.rebates, "fundProgramme", 1, 10**7)
        self.operate(self.cards, "setKind", 1, 500, 0, 10_000, 1)
        self.operate(self.value, "fundStartingValues", 10**5)
        self.operate(self.sale, "payFund", True, 10**6)
        self.operate(self.sale, "setLine", self.shop, 10**6, 86_400, 0)
        self.operate(self.corrections, "setDayLimit", self.shop, 1, 10**9)
        self.operate(world.access, "grantRole", 2, chain.accounts[6], 0)
        world.fund(self.shop, 10**5)

    def operate(self, contract: Contract, name: str, *arguments: Any, sender: str | None = None) -> int:
        """A transaction of the operator, or of another; its gas."""
        return int(contract.send(name, *arguments, sender=sender or self.world.operator).gas)

    def all(self) -> dict[str, int]:
        """The acts in an order in which they work."""
        merchant, finance = self.world.merchant, self.chain.accounts[6]
        gas = {
            "issue_card": self.operate(self.cards, "issueCards", 0, 1, [1]),
            "activate_card": self.operate(self.cards, "activate", 1, MEMBER),
            "pay_starting_value": self.operate(self.value, "payStartingValue", 1),
            "recharge_first": self.operate(self.value, "rechargeAt", self.shop, MEMBER, 10_000, 0, sender=merchant),
            "recharge_known": self.operate(self.value, "rechargeAt", self.shop, MEMBER, 10_000, 0, sender=merchant),
            "undo_recharge": self.operate(self.value, "undoRecharge", self.shop, MEMBER, 10_000, sender=merchant),
        }
        self.operate(self.rebates, "chooseProgramme", 0, 0)
        plain = self.operate(self.value, "rechargeAt", self.shop, MEMBER, 10_000, 0, sender=merchant)
        gas["recharge_without_rebate"] = plain
        self.chain.set_next_time(self.chain.now() + MONTH)
        gas["release_rebate"] = self.operate(self.rebates, "releaseRebates", MEMBER, [0])
        self.chain.set_next_time(self.chain.now() + 2 * MONTH)
        gas["release_rebate_known"] = self.operate(self.rebates, "releaseRebates", MEMBER, [0])
        gas["lock_card"] = self.operate(self.cards, "hold", 1)
        self.operate(self.cards, "issueCards", 0, 1, [2])
        gas["replace_card"] = self.operate(self.cards, "replace", 1, 2)
        self.operate(self.value, "setCounterLimit", 10**9)
        gas["close_card"] = self.operate(self.value, "closeCardAt", 2, self.shop, REASON)
        gas["review_tier"] = self.operate(self.cards, "review", OTHER)
        gas["buy_points_ahead"] = self.operate(self.sale, "buyAhead", self.shop, 1_000, 0, True, sender=merchant)
        gas["buy_points_on_credit"] = self.operate(self.sale, "buyOnCredit", self.shop, 1_000, sender=merchant)
        gas["settle_points"] = self.operate(self.sale, "settle", self.shop, 1_000)
        arguments = (1, self.shop, OTHER, 10_000, REASON)
        gas["propose_grant"] = self.operate(self.corrections, "proposeFor", *arguments)
        terms = self.corrections.view("termsOf", 1)
        gas["approve_grant"] = self.operate(self.corrections, "approve", 1, terms, sender=merchant)
        merge = self.world["MemberMerge"]
        self.operate(merge, "proposeMerge", MEMBER, OTHER, REASON)
        gas["merge_members"] = self.operate(merge, "approveMerge", MEMBER, OTHER, [self.shop], sender=finance)
        return gas
