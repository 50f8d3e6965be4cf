"""No call order lets a member end with more than was paid in, issued or given to it: from the ledger's own logs.

A member is itself and everybody that was merged into it. Two things are added up for it:

- the money of its stored value, by who brought it or took it: it must be exactly what the account holds;
- what it brought to a counterpart that only keeps or sells (tills, the escrow, plans, gifts): it never gets more back.

So what it has, with what was paid out to it, is bounded by what came from outside, from merchants and from others.
"""

from collections import Counter
from typing import Any

from hypothesis.stateful import invariant

from benchmarks.devchain import Event
from benchmarks.suite import Suite
from node.domain.ids import MEMBER_PREFIX
from node.domain.payment import Tender
from node.domain.words import Account
from tests.contracts.twin import MEMBER, Twin

TILL = "till"
KEEPERS = ("SettlementEscrow", "InstalmentPlans", "Gifts", "Advices")
"""Contracts that give a member back what they took from it, and never more."""
PREFIX = int.from_bytes(MEMBER_PREFIX, "big")


class PursesRules:
    """No rules, only invariants."""

    twin: Twin

    def setup_purses(self) -> None:
        """Nothing read yet. Money by (member, counterpart) in minor units, coins in units."""
        assert isinstance(self.twin.world, Suite)
        self.purse_parts = {contract.address.lower(): name for name, contract in self.twin.world.parts.items()}
        self.money_came: Counter[tuple[int, str]] = Counter()
        self.money_went: Counter[tuple[int, str]] = Counter()
        self.coins_came: Counter[tuple[int, str]] = Counter()
        self.coins_went: Counter[tuple[int, str]] = Counter()
        self.merged_into: dict[int, int] = {}
        self.purses_read_to = 0

    @invariant()
    def purses_hold_what_came_in(self) -> None:
        """Exactly, for stored value; and nobody gives a member more than it took."""
        self._read_purses()
        money, coins = self._of_survivors(self.money_came), self._of_survivors(self.coins_came)
        money_out, coins_out = self._of_survivors(self.money_went), self._of_survivors(self.coins_went)
        for counterpart in (TILL, *KEEPERS):
            for member in {each for each, who in (*money, *coins) if who == counterpart}:
                place = member, counterpart
                assert money[place] <= money_out[place], (place, money[place], money_out[place])
                assert coins[place] <= coins_out[place], (place, coins[place], coins_out[place])
        given = self._totals(money, money_out)
        coins_given = self._totals(coins, coins_out)
        par, epoch = self.twin.model.par, self.twin.ledger.view("supply")["epoch"]
        members = sorted(set(given) | set(coins_given) | set(self.merged_into))
        words = self.twin.chain.storages(self.twin.ledger.address, [MEMBER | member for member in members])
        for member, word in zip(members, words, strict=True):
            account, _ = Account.unpack(word).rolled(epoch)
            assert account.value == given[member], (member, account.value, given[member])
            assert account.coins <= coins_given[member], (member, account.coins, coins_given[member])
            bound = par * self._from_outside(money, member) + self._from_outside(coins, member)
            paid_out = par * sum(money_out[member, who] for who in ("StoredValue", "Corrections"))
            assert par * account.value + account.coins + paid_out <= bound, (member, account, paid_out, bound)

    # --- inside ---

    def _read_purses(self) -> None:
        newest = int(self.twin.chain.request("eth_blockNumber"), 16)
        if self.purses_read_to > newest:
            return  # a rule that sent nothing made no block
        ledger = self.twin.ledger
        wanted = {"address": ledger.address, "fromBlock": hex(self.purses_read_to), "toBlock": "latest"}
        for log in self.twin.chain.request("eth_getLogs", wanted):
            event = ledger.interface.event(log)
            if event is not None:
                self._book(event)
        self.purses_read_to = newest + 1

    def _book(self, event: Event) -> None:
        args = event.args
        if event.name == "MembersMerged":
            self.merged_into[args["from"]] = args["into"]
            # a Transfer told of them too, but they came to nobody else
            self.coins_went[args["from"], ""] -= args["coins"]
            self.coins_came[args["into"], ""] -= args["coins"]
        elif event.name == "Recharged":
            self.money_came[args["member"], self._who(args["payer"])] += args["amount"]
        elif event.name == "ValueTaken":
            self.money_went[args["member"], self._who(args["part"])] += args["amount"]
        elif event.name == "Debited":
            self.money_went[args["member"], TILL] += args["value"]
            self.coins_went[args["member"], TILL] += args["coinsPrevious"] + args["coinsCurrent"]
        elif event.name == "Refunded":
            self._book_refund(args)
        elif event.name == "CoinsRestored":
            # beside it a Transfer tells of the same coins, as of new ones
            units = args["current"] + args["previous"]
            self.coins_came[args["member"], self._who(args["part"])] += units
            self.coins_came[args["member"], ""] -= units
        elif event.name == "Transfer":
            self._book_transfer(int(args["from"], 16), int(args["to"], 16), args["value"])

    def _book_refund(self, args: dict[str, Any]) -> None:
        tree = self.twin.trees[self.twin.root_of_leaf[args["leaf"]]]
        leaf = next(each for each in tree if each.hash == args["leaf"])
        if leaf.tender == Tender.STORED_VALUE:
            self.money_came[leaf.member, TILL] += args["amount"]
        elif leaf.tender == Tender.COIN:
            units = args["amount"] * self.twin.model.par
            self.coins_came[leaf.member, TILL] += units
            self.coins_came[leaf.member, ""] -= units

    def _book_transfer(self, giver: int, taker: int, units: int) -> None:
        """Coins that a till burns are told by Debited too; what expires and is clawed back only goes."""
        if taker >> 64 == PREFIX:
            self.coins_came[taker & 2**64 - 1, self._who(giver)] += units
        if giver >> 64 == PREFIX and taker:
            self.coins_went[giver & 2**64 - 1, self._who(taker)] += units

    def _who(self, address: int | str) -> str:
        """A contract's name; empty for everybody else."""
        text = address.lower() if isinstance(address, str) else f"0x{address:040x}"
        return self.purse_parts.get(text, "")

    def _survivor_in_purses(self, member: int) -> int:
        while member in self.merged_into:
            member = self.merged_into[member]
        return member

    def _of_survivors(self, sums: Counter[tuple[int, str]]) -> Counter[tuple[int, str]]:
        found: Counter[tuple[int, str]] = Counter()
        for (member, who), amount in sums.items():
            found[self._survivor_in_purses(member), who] += amount
        return found

    @staticmethod
    def _totals(came: Counter[tuple[int, str]], went: Counter[tuple[int, str]]) -> Counter[int]:
        found: Counter[int] = Counter()
        for (member, _), amount in came.items():
            found[member] += amount
        for (member, _), amount in went.items():
            found[member] -= amount
        return found

    @staticmethod
    def _from_outside(came: Counter[tuple[int, str]], member: int) -> int:
        """All but what only came back."""
        return sum(amount for (one, who), amount in came.items() if one == member and who not in (TILL, *KEEPERS))
