"""What payers, reporters and traders need on a development chain: tokens, prices, approvals."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from benchmarks.devchain import Contract, Receipt, Reverted, deploy
from benchmarks.suite import Suite
from node.domain.leaf import Leaf
from node.domain.merkle import proof_of
from tests.contracts.model import Refused
from tests.contracts.twin import Twin

REPORTER_ROLE: Final = 7
FEE, FALSE, NOTHING, RE_ENTERS, REFUSES, PRETENDS, REVERTS = range(1, 8)
"""Habits of contracts/testing/HostileToken.sol; 0 is none."""
STUCK: Final = {FALSE: "SafeERC20FailedOperation", REVERTS: "0x"}
"""Habits with which nothing moves, and what a transaction that needs it ends with; 0x: without a reason."""
PLENTY: Final = 2**120


class Bazaar:
    """Tokens on a twin's suite: bitcoin (8 decimals), ether (18), and a dollar (6) that can misbehave."""

    def __init__(self, twin: Twin) -> None:
        assert isinstance(twin.world, Suite)
        self.twin, self.world = twin, twin.world
        self.oracle, self.gateway = twin.world["PriceOracle"], twin.world["AssetGateway"]
        self.exchange, self.receipts = twin.world["PeerExchange"], twin.world["ReceiptMarket"]
        accounts = twin.chain.accounts
        self.reporters, self.payers, self.thief = accounts[5:8], [accounts[4], accounts[8]], accounts[9]
        operator = self.world.operator
        twin.tick()
        self.bitcoin = deploy(twin.chain, "TestToken", "Wrapped Bitcoin", "WBTC", 8, sender=operator)
        twin.tick()
        self.ether = deploy(twin.chain, "TestToken", "Wrapped Ether", "WETH", 18, sender=operator)
        twin.tick()
        self.dollar = deploy(twin.chain, "HostileToken", 6, sender=operator)
        self.tokens = {token.address: token for token in (self.bitcoin, self.ether, self.dollar)}
        twin.ledger.interface.errors |= self.dollar.interface.errors

    def send(self, contract: Contract, name: str, *arguments: Any, sender: str | None = None) -> Receipt:
        """A transaction that the models know nothing of."""
        self.twin.tick()
        return contract.send(name, *arguments, sender=sender or self.world.operator)

    def give(self, spender: Contract, *owners: str, cash: int = 0, amount: int = PLENTY) -> None:
        """Tokens, and cash, to owners who approve the spender for all."""
        for owner in owners:
            for token in self.tokens.values():
                self.send(token, "mint", owner, amount)
                self.send(token, "approve", spender.address, 2**256 - 1, sender=owner)
            if cash:
                self.send(self.world.cash, "transfer", owner, cash)
            self.send(self.world.cash, "approve", spender.address, 2**256 - 1, sender=owner)
            self.send(self.world.ledger, "approve", spender.address, 2**256 - 1, sender=owner)

    def appoint(self) -> None:
        """Gives the reporters their role."""
        for reporter in self.reporters:
            self.send(self.world.access, "grantRole", REPORTER_ROLE, reporter, 0)

    def behave(self, habit: int, refused: str | None = None, into: Contract | None = None) -> None:
        """The dollar's habit from now on, whom it refuses, and into which contract it calls back."""
        if into is not None:
            call = into.interface.encode("claim", self.dollar.address, self.thief)
            self.send(self.dollar, "setCall", into.address, bytes.fromhex(call[2:]))
        self.send(self.dollar, "behave", habit, 6)
        if refused:
            self.send(self.dollar, "refuse", refused, True)

    def check_calls_back(self, into: Contract, since: int) -> None:
        """What the dollar's call into a contract ended with, when it moved last in a block from this one on."""
        wanted = {"address": self.dollar.address, "fromBlock": hex(since), "toBlock": "latest"}
        logs = self.twin.chain.request("eth_getLogs", wanted)
        moves = [event for event in map(self.dollar.interface.event, logs) if event and event.name == "Transfer"]
        if not moves:
            return
        assert not self.dollar.view("worked")
        inside = into.address.lower() in (moves[-1].args["from"].lower(), moves[-1].args["to"].lower())
        error = into.interface.errors["0x" + bytes(self.dollar.view("answer"))[:4].hex()]["name"]
        # the contract that moves it is locked; in another one there is nothing for the token
        nothing = "NothingToDo" if into is self.gateway else "NothingToClaim"
        assert error == ("ReentrancyGuardReentrantCall" if inside else nothing)


def refusal(call: Callable[[], Any]) -> tuple[str, tuple[Any, ...]]:
    """The typed error that a call ends with, and its values."""
    try:
        call()
    except Reverted as reverted:
        return reverted.error, reverted.values
    raise AssertionError("it should have been refused")


@contextmanager
def undone_if_refused(*models: Any) -> Iterator[None]:
    """What models did before a Refused is forgotten: the contract's transaction did nothing either."""
    saved = [(model, copy.deepcopy(model.__dict__, _shared(model))) for model in models]
    try:
        yield
    except Refused:
        for model, attributes in saved:
            model.__dict__ = attributes
        raise


def _shared(model: Any) -> dict[int, Any]:
    """What deepcopy leaves alone: the models that a model refers to."""
    named = (getattr(model, name, None) for name in ("ledger", "oracle"))
    return {id(other): other for other in named if other is not None}


def check_pull(habit: int, amount: int) -> None:
    """What becomes of a pull of a token with this habit."""
    if habit in STUCK:
        raise Refused(STUCK[habit])
    if (habit == PRETENDS and amount) or (habit == FEE and amount >= 100):
        raise Refused("NotReceived")


def bazaar_of(machine: Any) -> Bazaar:
    """One bazaar for all mixins of a machine's life."""
    if not hasattr(machine, "bazaar"):
        machine.bazaar = Bazaar(machine.twin)
        machine.habit = 0
        world = machine.twin.world
        everyone = [*machine.bazaar.payers, machine.bazaar.thief]
        for spender in (world["AssetGateway"], world["PeerExchange"], world["ReceiptMarket"]):
            machine.bazaar.give(spender, *everyone, cash=10**8)
        machine.bazaar.appoint()
    found: Bazaar = machine.bazaar
    return found


def proven(twin: Twin, leaf: Leaf) -> tuple[Any, ...]:
    """ILedgerDoors.ProvenLeaf of a line that was accepted."""
    root = twin.root_of_leaf[leaf.hash]
    hashes = [other.hash for other in twin.trees[root]]
    return (*leaf.words(), root, proof_of(hashes, hashes.index(leaf.hash)))
