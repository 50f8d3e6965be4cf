"""Validators that say of another that it signed two blocks at one height."""

import pytest

from node.consensus.registry import consensus_address
from tests.contracts.council import Council, council_of, four
from tests.contracts.governance import ROTATE, Act, account, adding, key, node

__all__ = ["council_of", "four"]
pytestmark = pytest.mark.anvil
DUPLICATE_VOTE = 1
CULPRIT = consensus_address(key(4))


def test_evidence_removes_a_validator_when_more_than_two_thirds_have_said_the_same(four: Council) -> None:
    report = (CULPRIT, 77, DUPLICATE_VOTE)
    assert [event.name for event in four.send(1, "reportEvidence", *report)] == ["EvidenceReported"]
    # said again, of another height too, it changes nothing
    assert four.send(1, "reportEvidence", *report) == []
    assert four.send(1, "reportEvidence", CULPRIT, 78, DUPLICATE_VOTE) == []
    assert four.registry.view("hasReported", CULPRIT, "0x" + account(1).hex())
    assert not four.registry.view("hasReported", CULPRIT, "0x" + account(2).hex())
    assert [event.name for event in four.send(2, "reportEvidence", *report)] == ["EvidenceReported"]
    assert four.names() == ["v1", "v2", "v3", "v4"]
    events = four.send(3, "reportEvidence", CULPRIT, 78, DUPLICATE_VOTE)
    assert [event.name for event in events] == ["EvidenceReported", "EvidenceAccepted", "ValidatorRemoved"]
    assert events[1].args["removed"] is True and events[2].args["reason"] == 2
    assert four.names() == ["v1", "v2", "v3"]
    assert four.registry.view("isBanned", CULPRIT)
    assert four.send(1, "reportEvidence", *report) == []


def test_evidence_of_two_of_four_takes_the_chain_from_nobody(four: Council) -> None:
    """They can stop the chain. Accusing one after the other they would be left alone on it."""
    for culprit in (3, 4):
        for who in (1, 2):
            four.send(who, "reportEvidence", consensus_address(key(culprit)), 77, DUPLICATE_VOTE)
    assert four.names() == ["v1", "v2", "v3", "v4"]
    # what the accused's own node says of it counts as well
    four.send(4, "reportEvidence", CULPRIT, 77, DUPLICATE_VOTE)
    assert four.names() == ["v1", "v2", "v3"]


def test_a_banned_key_never_validates_again_and_its_owner_may_with_another(four: Council) -> None:
    waiting = four.propose(1, Act(kind=ROTATE, account=account(1), key=key(40), node_id=node(1)))
    for who in (1, 2, 3):
        four.send(who, "reportEvidence", CULPRIT, 77, DUPLICATE_VOTE)
    assert four.refused(1, "propose", adding(4).words(), False) == ("KeyBanned", (key(4),))
    act = Act(kind=ROTATE, account=account(1), key=key(4), node_id=node(1))
    assert four.refused(1, "propose", act.words(), False) == ("KeyBanned", (key(4),))
    four.decide(adding(4, key=key(44), node_id=node(44)), 1, 2, 3)
    assert "v4" in four.names() and list(four.registry.view("openProposals")) == [waiting]


def test_evidence_against_a_key_that_was_rotated_away_bans_the_key_only(four: Council) -> None:
    four.decide(Act(kind=ROTATE, account=account(4), key=key(40), node_id=node(40)), 1, 2, 3)
    for who in (1, 2):
        four.send(who, "reportEvidence", CULPRIT, 77, DUPLICATE_VOTE)
    (_, accepted) = four.send(3, "reportEvidence", CULPRIT, 77, DUPLICATE_VOTE)
    assert (accepted.name, accepted.args["removed"]) == ("EvidenceAccepted", False)
    assert four.names() == ["v1", "v2", "v3", "v4"]
    assert four.refused(1, "reportEvidence", consensus_address(key(9)), 1, 1)[0] == "UnknownCulprit"
