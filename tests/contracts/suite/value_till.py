"""A till that recharges members, for the tests of single calls."""

import datetime
from typing import Any

import pytest

from benchmarks.devchain import Contract, Reverted
from benchmarks.suite import Suite
from node.domain.ids import MemberId
from tests.contracts.twin import AUTHORISATION, Twin

ADA, BOB = MemberId(71), MemberId(72)
LAST = 2**256 - 1
DAY = 86_400
MERCHANT, STORE, TERMINAL = range(3)


class Till:
    """A suite with a merchant of 5,000.00 deposit and a limit, a programme of 20 % in five months, two members."""

    def __init__(self, twin: Twin, *, utc_offset: int) -> None:
        assert isinstance(twin.world, Suite)
        self.twin, self.world, self.ledger = twin, twin.world, twin.ledger
        self.utc_offset = utc_offset
        self.value, self.rebates, self.cards = (self.world[n] for n in ("StoredValue", "Rebates", "MemberCards"))
        self.shop = twin.onboard(terminals=2, prepaid=10**6)
        twin.base(self.shop)
        twin.enrol(ADA, BOB)
        for contract in (self.value, self.rebates):
            self.operate(self.world.cash, "approve", contract.address, LAST)
        self.operate(self.ledger, "addDeposit", self.shop, 500_000)
        self.operate(self.ledger, "addDeposit", 0, 10**6)
        self.operate(self.value, "setLimit", self.shop, MERCHANT, 0, 400_000, 300_000)
        self.operate(self.rebates, "defineProgramme", 2_000, 5, 10_000)
        self.operate(self.rebates, "chooseProgramme", 0, 1)
        self.operate(self.rebates, "fundProgramme", 1, 60_000)

    def operate(self, contract: Contract, name: str, *arguments: Any) -> Any:
        return self.send(contract, name, *arguments, sender=self.world.operator)

    def send(self, contract: Contract, name: str, *arguments: Any, sender: str) -> Any:
        self.twin.tick()
        return contract.send(name, *arguments, sender=sender)

    def counter(self, member: MemberId, amount: int, at_least: int = 0) -> None:
        self.send(self.value, "rechargeAt", self.shop, member, amount, at_least, sender=self.world.merchant)

    def act(self, data: bytes, **fields: Any) -> Any:
        """An act of the till's, as the ledger hands it over."""
        self.twin.tick()
        act = self.act_words(**fields)
        ledger = self.twin.chain.impersonate(self.ledger.address)
        return self.value.send("applyAct", act, data, sender=ledger)

    def refused_act(self, data: bytes, **fields: Any) -> int:
        """The reason with which such an act is refused."""
        self.twin.tick()
        ledger = self.twin.chain.impersonate(self.ledger.address)
        with pytest.raises(Reverted) as caught:
            self.value.send("applyAct", self.act_words(**fields), data, sender=ledger)
        assert caught.value.error == "ActRefused"
        return int(caught.value.values[0])

    def act_words(self, **fields: Any) -> tuple[Any, ...]:
        given = {
            "stream": 1, "sequence": 1, "merchant": self.shop, "terminal": 0, "member": ADA, "time": 0, "amount": 0,
            "coins": 0, "left": 10**9, "authorisation": AUTHORISATION,
        } | fields  # fmt: skip
        return tuple(given.values())

    def value_of(self, member: MemberId) -> int:
        return int(self.ledger.view("account", member)["value"])

    def programme(self) -> tuple[int, int]:
        found = self.rebates.view("programmeOf", 1)
        return found["fund"], found["promised"]

    def to_day(self, day: int) -> None:
        """The next block is at noon of this day of the network."""
        self.twin.tick(day * DAY + 43_200 - self.utc_offset - self.twin.now - 1)


def recharge_data(amount: int, at_least: int = 0, op: int = 0) -> bytes:
    return bytes([2, op]) + amount.to_bytes(6, "big") + at_least.to_bytes(6, "big")


def reversal_data(sequence: int) -> bytes:
    return b"\x82" + sequence.to_bytes(8, "big")


def refusal(contract: Contract, name: str, *arguments: Any, sender: str) -> tuple[str, tuple[Any, ...]]:
    with pytest.raises(Reverted) as caught:
        contract.view(name, *arguments, sender=sender)
    return caught.value.error, caught.value.values


def day_of(year: int, month: int, day: int) -> int:
    return (datetime.date(year, month, day) - datetime.date(1970, 1, 1)).days
