"""Proposals, votes and what may change in a block, on a registry as block 0 has it."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from eth_hash.auto import keccak

from node.consensus.registry import (
    Observer,
    consensus_address,
    read_number,
    read_numbers,
    read_observers,
    read_validators,
)
from tests.contracts.council import Council, council_of, four
from tests.contracts.governance import (
    ADD_OBSERVER,
    MOST_POWER,
    OPEN_BLOCKS,
    POWER,
    REMOVE,
    REMOVE_OBSERVER,
    ROTATE,
    SET_ADMIN,
    Act,
    account,
    adding,
    key,
    node,
    validator,
)

__all__ = ["council_of", "four"]
pytestmark = pytest.mark.anvil
PROPOSALS_SLOT = 8


def test_the_application_reads_what_stands_in_block_0(four: Council) -> None:
    assert read_validators(four.words("validators()")) == list(four.made.validators)
    assert read_observers(four.words("observers()")) == []
    for number in range(1, 5):
        assert read_number(four.words("isValidator(address)", int.from_bytes(account(number), "big"))) == 1
        assert read_number(four.words("nodeStatus(bytes20)", node(number))) == 1
    assert read_number(four.words("nodeStatus(bytes20)", node(9))) == 0
    assert read_number(four.words("totalPower()")) == 40
    four.decide(Act(kind=ADD_OBSERVER, node_id=node(9), name="archive"), 1, 2, 3)
    assert read_observers(four.words("observers()")) == [Observer(node_id=node(9), name="archive")]
    assert read_number(four.words("nodeStatus(bytes20)", node(9))) == 2
    four.propose(1, adding(5))
    assert read_numbers(four.words("openProposals()")) == [2]


def test_vote_adds_a_validator_when_more_than_two_thirds_are_for_it(four: Council) -> None:
    number = four.propose(1, adding(5))
    four.send(2, "vote", number, True)
    assert four.names() == ["v1", "v2", "v3", "v4"]
    events = four.send(3, "vote", number, True)
    assert [event.name for event in events] == ["Voted", "Passed", "ValidatorAdded"]
    assert four.names() == ["v1", "v2", "v3", "v4", "v5"]
    assert four.refused(4, "vote", number, True) == ("ProposalClosed", (number,))
    assert list(four.registry.view("openProposals")) == []


def test_vote_is_not_enough_with_exactly_two_thirds(council_of: Callable[..., Council]) -> None:
    three = council_of(10, 10, 10)
    number = three.propose(1, adding(4))
    three.send(2, "vote", number, True)
    assert three.names() == ["v1", "v2", "v3"]
    three.send(3, "vote", number, True)
    assert three.names() == ["v1", "v2", "v3", "v4"]


def test_vote_closes_a_proposal_when_a_third_is_against_it(council_of: Callable[..., Council]) -> None:
    three = council_of(10, 10, 10)
    number = three.propose(1, adding(4))
    assert [event.name for event in three.send(2, "vote", number, False)] == ["Voted", "Rejected"]
    assert three.refused(3, "vote", number, True) == ("ProposalClosed", (number,))


def test_vote_counts_once_and_only_for_validators(four: Council) -> None:
    number = four.propose(1, adding(5))
    assert four.refused(1, "vote", number, True)[0] == "AlreadyVoted"
    for name, arguments in (
        ("vote", (number, True)),
        ("propose", (adding(6).words(), False)),
        ("leave", ()),
        ("reportEvidence", (consensus_address(key(4)), 3, 1)),
    ):
        error, (who,) = four.refused(7, name, *arguments)
        assert (error, who) == ("NotValidator", "0x" + account(7).hex())
    assert four.refused(2, "vote", 9, True) == ("ProposalClosed", (9,))


def test_vote_is_refused_when_the_proposal_has_expired(four: Council) -> None:
    number = four.propose(1, adding(5))
    expires = four.registry.view("proposal", number)["expires"]
    assert expires == int(four.chain.request("eth_blockNumber"), 16) + OPEN_BLOCKS
    four.send(2, "vote", number, True)
    # anvil would take minutes for three days of blocks: the proposal is made to end in two blocks instead
    slot = int.from_bytes(keccak(number.to_bytes(32, "big") + PROPOSALS_SLOT.to_bytes(32, "big")), "big")
    word = four.chain.storage(four.registry.address, slot)
    assert word >> 160 & (2**64 - 1) == expires
    ends = int(four.chain.request("eth_blockNumber"), 16) + 1
    word += ends - expires << 160
    four.chain.request("anvil_setStorageAt", four.registry.address, f"0x{slot:064x}", f"0x{word:064x}")
    assert four.registry.view("proposal", number)["expires"] == ends
    mark = four.chain.snapshot()
    four.send(3, "vote", number, False)
    four.chain.revert(mark)
    four.chain.request("anvil_mine", "0x1")
    assert four.refused(3, "vote", number, True) == ("ProposalClosed", (number,))


def test_propose_is_bounded_for_each_validator(four: Council) -> None:
    for number in range(5, 9):
        four.propose(1, adding(number))
    assert four.refused(1, "propose", adding(9).words(), False) == ("TooMany", (4,))
    four.propose(2, adding(9))
    # one that is closed makes room
    for who in (2, 3):
        four.send(who, "vote", 1, True)
    four.propose(1, adding(10))
    assert four.refused(1, "propose", adding(11).words(), False) == ("TooMany", (4,))
    assert sorted(four.registry.view("openProposals")) == [2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("act", "error"),
    [
        (adding(5, power=0), "BadPower"),
        (adding(5, power=MOST_POWER + 1), "BadPower"),
        (adding(5, key=bytes(32)), "BadKey"),
        (adding(5, key=key(2)), "KeyInUse"),
        (adding(5, node_id=node(2)), "BadNode"),
        (adding(5, node_id=bytes(20)), "BadNode"),
        (adding(5, account=account(2)), "AlreadyValidator"),
        (replace(adding(5), account=type(account(1))(bytes(20))), "UnknownValidator"),
        (Act(kind=REMOVE, account=account(5)), "UnknownValidator"),
        (Act(kind=POWER, account=account(5), power=5), "UnknownValidator"),
        (Act(kind=POWER, account=account(1), power=0), "BadPower"),
        (Act(kind=ROTATE, account=account(1), key=key(2), node_id=node(1)), "KeyInUse"),
        (Act(kind=ROTATE, account=account(1), key=key(9), node_id=node(2)), "BadNode"),
        (Act(kind=ADD_OBSERVER, node_id=node(1)), "BadNode"),
        (Act(kind=REMOVE_OBSERVER, node_id=node(1)), "UnknownObserver"),
    ],
)
def test_propose_refuses_what_cannot_be_done(four: Council, act: Act, error: str) -> None:
    assert four.refused(1, "propose", act.words(), True)[0] == error


def test_propose_wants_to_hear_that_it_is_drastic_when_more_than_a_third_moves(four: Council) -> None:
    assert four.refused(1, "propose", adding(5, power=14).words(), False) == ("Drastic", (14, 40))
    four.decide(adding(5, power=14), 1, 2, 3, drastic=True)
    assert four.registry.view("totalPower") == 54
    four.decide(Act(kind=POWER, account=account(1), power=28), 1, 2, 3, 4)
    assert four.refused(1, "propose", Act(kind=POWER, account=account(1), power=1).words(), False)[0] == "Drastic"


def test_a_block_moves_no_more_than_a_third_of_the_power(council_of: Callable[..., Council]) -> None:
    seven = council_of(*[10] * 7)
    numbers = [seven.propose(1, Act(kind=REMOVE, account=account(gone))) for gone in (7, 6, 4)]
    for number in numbers:
        for who in (2, 3, 4):
            seven.send(who, "vote", number, True)
    statuses = seven.send_together(5, *(("vote", number, True) for number in numbers))
    # two of seven are less than a third, three are more
    assert statuses == ["0x1", "0x1", "0x0"]
    assert seven.names() == ["v1", "v2", "v3", "v4", "v5"]
    # in a block of its own it passes
    seven.send(5, "vote", numbers[2], True)
    assert seven.names() == ["v1", "v2", "v3", "v5"]


def test_a_drastic_change_is_alone_in_its_block(four: Council) -> None:
    observer = four.propose(1, Act(kind=ADD_OBSERVER, node_id=node(9), name="archive"))
    small, large = (
        four.propose(1, Act(kind=POWER, account=account(1), power=11)),
        four.propose(1, adding(5, power=30), drastic=True),
    )
    for number in (observer, small, large):
        four.send(2, "vote", number, True)
    votes = [("vote", number, True) for number in (observer, small, large)]
    assert four.send_together(3, *votes) == ["0x1", "0x1", "0x0"]
    (passed,) = [event for event in four.send(3, "vote", large, True) if event.name == "Passed"]
    assert passed.args["id"] == large and four.registry.view("totalPower") == 71


def test_remove_leaves_the_last_validator(council_of: Callable[..., Council]) -> None:
    two = council_of(10, 10)
    events = two.decide(Act(kind=REMOVE, account=account(2)), 1, 2, drastic=True)
    assert [event.name for event in events] == ["Voted", "Passed", "ValidatorRemoved"]
    assert events[2].args["reason"] == 0
    last = "0x" + account(1).hex()
    assert two.refused(1, "propose", Act(kind=REMOVE, account=account(1)).words(), True) == ("LastValidator", (last,))
    assert two.refused(1, "leave") == ("LastValidator", (last,))
    assert two.registry.view("nodeStatus", node(2)) == 3


def test_leave_needs_nobody_else(four: Council) -> None:
    (event,) = four.send(2, "leave")
    assert (event.name, event.args["reason"]) == ("ValidatorRemoved", 1)
    assert four.names() == ["v1", "v4", "v3"]
    # and may come again, with the same key, by a vote of all three
    four.decide(adding(2), 1, 3, 4)
    assert four.names() == ["v1", "v4", "v3", "v2"]


def test_rotate_changes_key_and_node(four: Council) -> None:
    events = four.decide(Act(kind=ROTATE, account=account(4), key=key(40), node_id=node(40)), 1, 2, 3)
    assert events[-1].name == "KeyRotated"
    rotated = replace(validator(4), key=key(40), node_id=node(40))
    assert read_validators(four.words("validators()"))[3] == rotated
    assert [four.registry.view("nodeStatus", node(n)) for n in (4, 40)] == [3, 1]


def test_an_observer_becomes_a_validator_on_the_same_node(four: Council) -> None:
    four.decide(Act(kind=ADD_OBSERVER, node_id=node(5), name="v5"), 1, 2, 3)
    events = four.decide(adding(5), 1, 2, 3)
    assert [event.name for event in events[2:]] == ["ObserverRemoved", "ValidatorAdded"]
    assert events[2].args["promoted"] is True
    assert list(four.registry.view("observers")) == [] and four.registry.view("nodeStatus", node(5)) == 1


def test_set_admin_replaces_the_accounts_admin(four: Council) -> None:
    four.decide(Act(kind=SET_ADMIN, account=account(50)), 1, 2, 3)
    assert four.accounts.view("admin") == "0x" + account(50).hex()
    four.decide(Act(kind=SET_ADMIN), 1, 2, 3)
    assert int(four.accounts.view("admin"), 16) == 0


def test_there_are_64_validators_at_most(council_of: Callable[..., Council]) -> None:
    many = council_of(1_000, *[1] * 62)
    many.propose(1, adding(64, power=1))
    assert len(many.names()) == 64
    assert many.refused(1, "propose", adding(65, power=1).words(), False) == ("TooMany", (64,))
