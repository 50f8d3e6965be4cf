"""What must hold of all contracts together, computed from the chain's own logs and storage, not from any model."""

from collections import Counter
from typing import Any

from hypothesis.stateful import invariant

from benchmarks.devchain import Event
from benchmarks.suite import Suite
from node.domain.words import Account
from tests.contracts.suite.machine import Machine
from tests.contracts.twin import ACCOUNT, Twin

TO_PREPAID = {  # event: what of it became prepaid points of its merchant
    "PointsBought": "units",
    "PointsReturned": "units",
    "ExpiredClaimed": "points",
    "ArrearsCollected": "points",
    "PointsClawedBack": "clawedBack",
}
FROM_PREPAID = {"PointsIssued": "units", "OwedSettled": "points"}
BY_LEAF = ("Refunded", "LineSettled")


class BooksRules:
    """No rules, only invariants: the supply, the cash, and at the end of a life each merchant's points."""

    twin: Twin

    def setup_books(self) -> None:
        """Nothing read yet."""
        self.holders: set[int] = set()
        self.read_to = 0

    @invariant()
    def supply_is_the_sum_of_all_balances(self) -> None:
        """By age, over everybody who ever held a coin."""
        ledger = self.twin.ledger
        for event in self._events(self.read_to):
            if event.name == "Transfer":
                self.holders |= {int(event.args["from"], 16), int(event.args["to"], 16)}
        self.read_to = int(self.twin.chain.request("eth_blockNumber"), 16) + 1
        holders = sorted(self.holders - {0})
        words = self.twin.chain.storages(ledger.address, [ACCOUNT | holder for holder in holders])
        supply = ledger.view("supply")
        accounts = [Account.unpack(word).rolled(supply["epoch"])[0] for word in words]
        assert sum(account.current for account in accounts) == supply["current"]
        assert sum(account.previous for account in accounts) == supply["previous"]

    @invariant()
    def cash_is_what_is_owed(self) -> None:
        """In the ledger, and in every contract that tells what it owes."""
        cash, ledger = self.twin.world.cash, self.twin.ledger
        totals = ledger.view("totals")
        assert cash.view("balanceOf", ledger.address) == sum(totals.values())
        assert isinstance(self, Machine)
        for name, owed in self.cash_owed().items():
            assert isinstance(self.twin.world, Suite)
            held = cash.view("balanceOf", self.twin.world[name].address)
            assert held == owed, f"{name} holds {held} and owes {owed}"
            if "cashOwed" in self.twin.world[name].interface.functions:
                told = self.twin.world[name].view("cashOwed")
                assert told == owed, f"{name} says that it owes {told}, and owes {owed}"

    @invariant()
    def coins_are_what_is_owed(self) -> None:
        """In every contract that holds coins for others; they age there as what it owes does."""
        if not isinstance(self.twin.world, Suite):
            return
        for name, contract in self.twin.world.parts.items():
            if "coinsOwed" in contract.interface.functions:
                held, owed = self.twin.ledger.view("balanceOf", contract.address), contract.view("coinsOwed")
                assert held == owed, f"{name} holds {held} coins and owes {owed}"

    def close_books(self) -> None:
        """Each merchant's prepaid points are what came in less what it gave; each payment has one effect."""
        merchants: Counter[int] = Counter()
        debited: Counter[tuple[int, int]] = Counter()
        of_leaf = {leaf.hash: leaf for tree in self.twin.trees.values() for leaf in tree}
        for leaf in of_leaf.values():
            merchants[leaf.merchant] -= leaf.points if leaf.tender != 1 else 0
        for event in self._events(0):
            if event.name in TO_PREPAID:
                # merchant 0 is the guarantee fund, whose share is money
                merchants[event.args["merchant"]] += event.args[TO_PREPAID[event.name]] if event.args["merchant"] else 0
            elif event.name in FROM_PREPAID:
                merchants[event.args["merchant"]] -= event.args[FROM_PREPAID[event.name]]
            elif event.name in BY_LEAF:
                merchants[of_leaf[event.args["leaf"]].merchant] += event.args["clawedBack"]
            elif event.name == "Debited":
                debited[event.args["stream"], event.args["sequence"]] += 1
        found = {merchant: self.twin.ledger.view("merchant", merchant)["prepaid"] for merchant in merchants}
        assert found == dict(merchants)
        assert all(count == 1 for count in debited.values())
        lines = Counter((leaf.stream, leaf.sequence, leaf.line) for tree in self.twin.trees.values() for leaf in tree)
        assert all(count == 1 for count in lines.values())

    def _events(self, first: int) -> list[Event]:
        """The ledger's events from this block on."""
        ledger = self.twin.ledger
        if first > int(self.twin.chain.request("eth_blockNumber"), 16):
            return []  # a rule that sent nothing made no block
        wanted: dict[str, Any] = {"address": ledger.address, "fromBlock": hex(first), "toBlock": "latest"}
        logs = self.twin.chain.request("eth_getLogs", wanted)
        return [event for event in map(ledger.interface.event, logs) if event is not None]
