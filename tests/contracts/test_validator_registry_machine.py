"""The ValidatorRegistry against its model: anything in any order, and what CometBFT would make of each step."""

import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from benchmarks.devchain import Chain, Reverted
from node.consensus.registry import cleaned, consensus_address, difference
from node.domain.ids import Address
from tests.contracts.governance import (
    ADD,
    ADD_OBSERVER,
    POWER,
    REMOVE,
    REMOVE_OBSERVER,
    ROTATE,
    SET_ADMIN,
    Act,
    Registry,
    account,
    governance,
    key,
    node,
    place_registries,
)
from tests.contracts.model import Refused
from tests.network.comet import apply_updates

pytestmark = [pytest.mark.anvil, pytest.mark.slow, pytest.mark.filterwarnings("ignore:A private pytest class")]
THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
PEOPLE = 7
# with three and six of the same power there are exact thirds
COUNCILS = [[10, 10, 10], [10] * 4, [25, 10, 10, 1], [10] * 6, [1, 1, 1], [10, 10], [10]]
ACTORS = st.integers(1, PEOPLE)
POWERS = st.sampled_from([0, 1, 2, 10, 11, 40, 10**6, 10**6 + 1])


class Life(RuleBasedStateMachine):
    """One life of a registry that begins with up to five validators."""

    def __init__(self, chain: Chain) -> None:
        super().__init__()
        self.chain = chain
        self.mark = chain.snapshot()

    def teardown(self) -> None:
        try:
            self.close()
        finally:
            self.chain.revert(self.mark)

    @initialize(powers=st.sampled_from(COUNCILS))
    def begin(self, powers: list[int]) -> None:
        made = governance(*powers)
        self.registry, self.accounts = place_registries(self.chain, made)
        self.model = Registry(validators=list(made.validators))
        self.comet = {each.key: each.power for each in made.validators}

    def both(self, who: int, name: str, *arguments: Any, model: Callable[[Address], None]) -> None:
        """Done by contract and model, or refused by both with the same error."""
        self.model.number = int(self.chain.request("eth_blockNumber"), 16) + 1
        sender = "0x" + account(who).hex()
        try:
            model(account(who))
        except Refused as refused:
            with pytest.raises(Reverted) as reverted:
                self.registry.send(name, *arguments, sender=sender, gas=10_000_000)
            assert reverted.value.error == refused.error, (name, arguments)
        else:
            self.registry.send(name, *arguments, sender=sender, gas=10_000_000)

    @rule(
        who=ACTORS,
        kind=st.sampled_from([ADD, ADD, REMOVE, POWER, ROTATE, ADD_OBSERVER, REMOVE_OBSERVER]),
        on=ACTORS,
        things=st.tuples(st.integers(0, PEOPLE), st.integers(0, PEOPLE)),
        power=POWERS,
        drastic=st.booleans(),
    )
    def propose(self, who: int, kind: int, on: int, things: tuple[int, int], power: int, drastic: bool) -> None:
        thing, home = things
        act = Act(
            kind=kind,
            account=account(on),
            power=power,
            key=key(thing) if thing else bytes(32),
            node_id=node(home) if home else bytes(20),
            name="x",
        )
        self.both(who, "propose", act.words(), drastic, model=lambda me: self.model.propose(me, act, drastic))

    @rule(who=ACTORS, place=st.integers(0, 40), approves=st.sampled_from([True, True, True, False]))
    def vote(self, who: int, place: int, approves: bool) -> None:
        self.vote_on(who, self.some_open(place), approves)

    @rule(who=ACTORS, number=st.integers(0, 40))
    def vote_on_anything(self, who: int, number: int) -> None:
        self.vote_on(who, number % (len(self.model.proposals) + 2), True)

    @rule(
        kind=st.sampled_from([ADD, POWER, ROTATE, ADD_OBSERVER, REMOVE]),
        on=ACTORS,
        things=st.tuples(ACTORS, ACTORS),
        power=st.sampled_from([1, 10, 12, 25]),
        approve=st.lists(st.sampled_from([True, True, True, False]), max_size=PEOPLE),
    )
    def decide(self, kind: int, on: int, things: tuple[int, int], power: int, approve: list[bool]) -> None:
        """A member of the council proposes, the others vote one after the other."""
        council = [each.account[-1] for each in self.model.validators]
        proposer = council[on % len(council)]
        before = len(self.model.proposals)
        self.propose(proposer, kind, on, things, power, True)
        if len(self.model.proposals) == before:
            return
        for who, approves in zip(council, approve, strict=False):
            self.vote_on(who, before + 1, approves)
            self.the_contract_holds_what_the_model_holds()

    def vote_on(self, who: int, number: int, approves: bool) -> None:
        self.both(who, "vote", number, approves, model=lambda me: self.model.vote(me, number, approves))

    def some_open(self, place: int) -> int:
        waiting = [number for number in self.model.proposals if self.model.is_open(number)]
        return waiting[place % len(waiting)] if waiting else place

    @rule(who=ACTORS)
    def leave(self, who: int) -> None:
        self.both(who, "leave", model=lambda me: self.model.leave(me))

    @rule(who=ACTORS, thing=st.integers(1, PEOPLE), height=st.sampled_from([5, 6]))
    def report(self, who: int, thing: int, height: int) -> None:
        culprit = consensus_address(key(thing))
        self.both(who, "reportEvidence", culprit, height, 1, model=lambda me: self.model.report(me, culprit))

    @rule(who=ACTORS, admin=ACTORS)
    def replace_admin(self, who: int, admin: int) -> None:
        act = Act(kind=SET_ADMIN, account=account(admin))
        self.both(who, "propose", act.words(), False, model=lambda me: self.model.propose(me, act, False))

    @invariant()
    def the_contract_holds_what_the_model_holds(self) -> None:
        view = self.registry.view
        found = [(each["account"], each["power"], each["key"], each["nodeId"]) for each in view("validators")]
        assert found == [
            ("0x" + each.account.hex(), each.power, each.key, each.node_id) for each in self.model.validators
        ]
        assert view("totalPower") == self.model.total > 0
        assert sorted(view("openProposals")) == [n for n in self.model.proposals if self.model.is_open(n)]

    def close(self) -> None:
        """What is looked at once, at the end of a life."""
        view = self.registry.view
        assert [each["nodeId"] for each in view("observers")] == self.model.observers
        for number in self.model.proposals:
            assert view("tally", number) == self.model.tally(number)
        for number in range(1, PEOPLE + 1):
            assert view("nodeStatus", node(number)) == self.model.status.get(node(number), 0)
            culprit = consensus_address(key(number))
            assert view("isBanned", culprit) == (culprit in self.model.banned)

    @invariant()
    def cometbft_takes_the_updates(self) -> None:
        after = cleaned([(each.key, each.power) for each in self.model.validators], [])
        self.comet = apply_updates(self.comet, difference(self.comet, after))
        assert self.comet == after

    @invariant()
    def nobody_validates_with_a_banned_key(self) -> None:
        assert not any(consensus_address(each.key) in self.model.banned for each in self.model.validators)


def test_registry_follows_its_model_when_anything_happens_in_any_order(chain: Chain) -> None:
    profile = settings(
        max_examples=300 if THOROUGH else 30,
        stateful_step_count=60 if THOROUGH else 15,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(lambda: Life(chain), settings=profile)
