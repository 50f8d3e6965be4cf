"""Who is counted among all that is owed, and with how much: the tree of sums, and the ledger's totals above it."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.domain.errors import Unusable
from node.domain.ids import Address
from node.domain.merkle import keccak
from node.domain.words import Account
from node.explorer.liabilities import Liabilities, liabilities_json, member_address, prove_liability, read_liabilities
from node.explorer.prove import NotProvable
from node.explorer.receipt_trie import encode_header
from node.proofs.liability import ProvenLiability
from node.proofs.refusal import ProofRefused, Step
from node.proofs.sum_tree import Beside, Holding, Sums, join, levels_of, path_of, sums_from_path
from node.proofs.verify import verify_proof
from tests.offchain.proofs.chain_of_our_own import EPOCH, State, anchor_at, block, signed_header, state_of
from tests.offchain.proofs.samples import FIRST, bytes_of

NUMBER = 30
MEMBERS = {
    7: Account(value=1_000, current=5_000_000, previous=250_000, epoch=EPOCH, flags=1),
    8: Account(current=3_000_000, previous=70, epoch=EPOCH - 1, flags=1),  # the old ones have expired
    9: Account(value=20, epoch=EPOCH, flags=1 | 8),
    10: Account(current=9, epoch=EPOCH - 2, flags=1),  # all have expired
    11: Account(value=1, current=2, epoch=EPOCH, flags=1),
}
# block NUMBER is of second 1,800,000,030
ANCHOR = anchor_at(1, FIRST, epoch_length=360_000_000)


def holdings_of(members: dict[int, Account]) -> tuple[Holding, ...]:
    rolled = {member: account.rolled(EPOCH)[0] for member, account in members.items()}
    return tuple(
        Holding(account=member_address(member), points=account.coins, value=account.value, salt=bytes([member]) * 16)
        for member, account in rolled.items()
        if account.coins or account.value
    )


def listed(state: State, holdings: tuple[Holding, ...]) -> Liabilities:
    app_hash = keccak(encode_header(block(NUMBER, state_root=state.root)))
    common = state.common(NUMBER, [signed_header(NUMBER + 1, FIRST, app_hash=app_hash)])
    return Liabilities(holdings=holdings, arrears={member_address(9): 5}, common=common)


FOUND = listed(state_of(MEMBERS), holdings_of(MEMBERS))
PROOF: dict[str, Any] = json.loads(prove_liability(FOUND, member_address(8)))


@pytest.mark.parametrize(
    ("member", "points", "value"), [(7, 5_250_000, 1_000), (8, 3_000_000, 0), (9, 0, 20), (11, 2, 1)]
)
def test_verify_proof_says_what_a_member_is_counted_with(member: int, points: int, value: int) -> None:
    proven = verify_proof(prove_liability(FOUND, member_address(member)).encode(), ANCHOR)
    assert isinstance(proven, ProvenLiability)
    assert (proven.holding.account, proven.holding.points, proven.holding.value) == (
        member_address(member),
        points,
        value,
    )
    assert (proven.root.points, proven.root.value, proven.epoch) == (8_250_002, 1_021, EPOCH)
    assert proven.root == levels_of([each.leaf for each in FOUND.holdings])[-1][0]


@pytest.mark.parametrize("member", [10, 12])
def test_prove_liability_refuses_a_member_who_is_owed_nothing(member: int) -> None:
    with pytest.raises(Unusable, match="owed nothing"):
        prove_liability(FOUND, member_address(member))


def test_liabilities_are_read_as_they_were_written() -> None:
    assert read_liabilities(liabilities_json(FOUND)) == FOUND
    for text in ("", "[]", "{}", json.dumps(PROOF), json.dumps({"format": "tillnet-liabilities-1"})):
        with pytest.raises(Unusable, match="no list of liabilities"):
            read_liabilities(text)


@pytest.mark.parametrize("left_out", [0, 1, 3])
def test_prove_liability_refuses_a_list_that_leaves_somebody_out(left_out: int) -> None:
    short = tuple(each for number, each in enumerate(FOUND.holdings) if number != left_out)
    with pytest.raises(NotProvable, match="sums"):
        prove_liability(listed(state_of(MEMBERS), short), short[0].account)


def test_prove_liability_refuses_a_list_that_counts_somebody_with_less() -> None:
    first, *rest = FOUND.holdings
    less = Holding(account=first.account, points=first.points - 1, value=first.value, salt=first.salt)
    with pytest.raises(NotProvable, match="sums"):
        prove_liability(listed(state_of(MEMBERS), (less, *rest)), rest[0].account)


Change = Callable[[dict[str, Any]], None]


def _add(*path: Any) -> Change:
    """One more, at this place."""
    *way, last = path

    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for step in way:
            place = place[step]
        place[last] += 1

    return change


def _put(name: str, value: Any) -> Change:
    return lambda document: document.update({name: value})


@pytest.mark.parametrize(
    ("change", "step"),
    [
        (_add("holding", "points"), Step.SUMS),
        (_add("path", 0, "value"), Step.SUMS),
        (_add("epoch"), Step.ANCHOR),
        (lambda it: it["path"].pop(), Step.SUMS),
        (lambda it: it["path"].append(it["path"][-1]), Step.SUMS),
        (lambda it: it["path"][0].update(points=2**64 - 1), Step.SUMS),
        (lambda it: it["path"][0].update(points=-1), Step.DOCUMENT),
        (lambda it: it["path"][0].update(left=1), Step.DOCUMENT),
        (lambda it: it["path"][0].update(points=2**64), Step.DOCUMENT),
        (lambda it: it["supply"].pop(), Step.STATE),
        (_put("supply", PROOF["totals"]), Step.STATE),
        (_put("totals", PROOF["supply"]), Step.STATE),
        (_put("ledger", "0x" + "11" * 20), Step.ANCHOR),
        (_put("extra", 1), Step.DOCUMENT),
    ],
)
def test_verify_proof_names_the_step_that_fails_of_a_liability(change: Change, step: Step) -> None:
    made = copy.deepcopy(PROOF)
    change(made)
    with pytest.raises(ProofRefused) as refused:
        verify_proof(bytes_of(made), ANCHOR)
    assert refused.value.step is step


def test_verify_proof_leads_to_another_root_when_account_or_salt_are_changed() -> None:
    """The sums stay, so the root says it: it is not the one that everybody was given."""
    root = levels_of([each.leaf for each in FOUND.holdings])[-1][0]
    for name in ("account", "salt"):
        made = copy.deepcopy(PROOF)
        made["holding"][name] = made["holding"][name][:-1] + "f"
        proven = verify_proof(bytes_of(made), ANCHOR)
        assert isinstance(proven, ProvenLiability) and proven.root.hash != root.hash


amounts = st.integers(0, 2**40)
holdings = st.lists(
    st.builds(
        Holding,
        account=st.binary(min_size=20, max_size=20).map(Address),
        points=amounts,
        value=amounts,
        salt=st.binary(min_size=16, max_size=16),
    ),
    min_size=1,
    max_size=40,
)


@given(holdings, st.data())
def test_path_leads_from_each_leaf_to_the_sums_of_all(those: list[Holding], data: st.DataObject) -> None:
    levels = levels_of([each.leaf for each in those])
    root = levels[-1][0]
    assert (root.points, root.value) == (sum(each.points for each in those), sum(each.value for each in those))
    index = data.draw(st.integers(0, len(those) - 1))
    assert sums_from_path(those[index].leaf, path_of(levels, index)) == root


@settings(deadline=None)
@given(holdings.filter(lambda those: len(those) > 1), st.data())
def test_path_leads_elsewhere_when_anything_in_it_is_changed(those: list[Holding], data: st.DataObject) -> None:
    levels = levels_of([each.leaf for each in those])
    index = data.draw(st.integers(0, len(those) - 1))
    path = list(path_of(levels, index))
    place = data.draw(st.integers(0, len(path) - 1))
    node, left = path[place].node, path[place].left
    changes = [
        Beside(node=Sums(hash=keccak(node.hash), points=node.points, value=node.value), left=left),
        Beside(node=Sums(hash=node.hash, points=node.points + 1, value=node.value), left=left),
        Beside(node=Sums(hash=node.hash, points=node.points, value=node.value + 1), left=left),
    ]
    path[place] = data.draw(st.sampled_from(changes))
    assert sums_from_path(those[index].leaf, path) != levels[-1][0]


def test_join_never_turns_a_sum_over() -> None:
    most = Sums(hash=keccak(b"a"), points=2**64 - 1, value=0)
    with pytest.raises(OverflowError):
        join(most, Sums(hash=keccak(b"b"), points=1, value=0))


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_no_changed_byte_leads_to_the_published_root(data: st.DataObject) -> None:
    original = bytes_of(PROOF)
    root = levels_of([each.leaf for each in FOUND.holdings])[-1][0]
    place = data.draw(st.integers(0, len(original) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != original[place]))
    tampered = original[:place] + bytes([byte]) + original[place + 1 :]
    try:
        proven = verify_proof(tampered, ANCHOR)
    except ProofRefused:
        return
    assert isinstance(proven, ProvenLiability)
    # white space for white space, or a tree that nobody published
    assert proven.root.hash != root.hash or json.dumps(json.loads(tampered)) == json.dumps(PROOF)
