"""Validators on the ValidatorRegistry as block 0 has it, and what they do there."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from benchmarks.devchain import Chain, Contract, Event, Reverted
from node.consensus.registry import call_data
from tests.contracts.governance import Act, account, governance, place_registries


class Council:
    """Validators with these powers, and what they do."""

    def __init__(self, chain: Chain, *powers: int) -> None:
        self.chain, self.made = chain, governance(*powers)
        self.registry, self.accounts = place_registries(chain, self.made)

    def send(self, who: int, name: str, *arguments: Any) -> list[Event]:
        return self.registry.events(self.registry.send(name, *arguments, sender="0x" + account(who).hex()))

    def send_together(self, who: int, *calls: tuple[Any, ...]) -> list[str]:
        """Transactions in one block; the status of each."""
        sender, to = "0x" + account(who).hex(), self.registry.address
        self.chain.request("evm_setAutomine", False)
        try:
            hashes = []
            for call in calls:
                data = self.registry.interface.encode(*call)
                message = {"from": sender, "to": to, "data": data, "gas": "0x989680", "gasPrice": "0x0"}
                hashes.append(self.chain.request("eth_sendTransaction", message))
            self.chain.request("evm_mine")
        finally:
            self.chain.request("evm_setAutomine", True)
        receipts = [self.chain.request("eth_getTransactionReceipt", each) for each in hashes]
        assert len({receipt["blockNumber"] for receipt in receipts}) == 1
        return [receipt["status"] for receipt in receipts]

    def propose(self, who: int, act: Act, *, drastic: bool = False) -> int:
        self.send(who, "propose", act.words(), drastic)
        return int(self.registry.view("proposalCount"))

    def decide(self, act: Act, *voters: int, drastic: bool = False) -> list[Event]:
        """The first of the voters proposes; the events of the last vote."""
        number = self.propose(voters[0], act, drastic=drastic)
        events: list[Event] = []
        for who in voters[1:]:
            events = self.send(who, "vote", number, True)
        return events

    def refused(self, who: int, name: str, *arguments: Any) -> tuple[str, tuple[Any, ...]]:
        with pytest.raises(Reverted) as reverted:
            self.send(who, name, *arguments)
        return reverted.value.error, reverted.value.values

    def names(self) -> list[str]:
        return [each["name"].rstrip(b"\0").decode() for each in self.registry.view("validators")]

    def words(self, name: str, *words: bytes | int, to: Contract | None = None) -> bytes:
        message = {"to": (to or self.registry).address, "data": "0x" + call_data(name, *words).hex()}
        return bytes.fromhex(self.chain.request("eth_call", message, "latest")[2:])


@pytest.fixture
def council_of(chain: Chain) -> Iterator[Callable[..., Council]]:
    mark = chain.snapshot()
    yield lambda *powers: Council(chain, *powers)
    chain.revert(mark)


@pytest.fixture
def four(council_of: Callable[..., Council]) -> Council:
    return council_of(10, 10, 10, 10)
