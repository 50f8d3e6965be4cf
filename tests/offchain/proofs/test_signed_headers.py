"""Which signed headers lead from trusted validators to a height, however often the validators change between."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.domain.errors import Unusable
from node.explorer.signed_headers import lead_to
from node.network.proofs import ProofParts
from node.proofs.comet import read_signed_header
from node.proofs.consensus import check_anchor, check_walk
from tests.offchain.proofs.chain_of_our_own import anchor_at, hash_of, signed_header, signers

SETS = (signers(10, 10, 10, 10), signers(10, 10, 10, 12, seed="second"), signers(7, seed="third"))


@dataclass
class Kept:
    """A chain, by the set that signs each height from 1 on; `asked` counts headers that were asked for."""

    sets: list[int]
    asked: int = 0

    def header(self, height: int) -> dict[str, Any]:
        self.asked += 1
        names = (hash_of(SETS[self.sets[at]]).hex().upper() for at in (height - 1, height))
        return dict(zip(("validators_hash", "next_validators_hash"), names, strict=True))

    def parts(self, height: int) -> ProofParts:
        now, then = SETS[self.sets[height - 1]], SETS[self.sets[height]]
        return ProofParts(**signed_header(height, now, following=then))


@settings(deadline=None)
@given(st.lists(st.integers(0, 2), min_size=2, max_size=40), st.data())
def test_headers_lead_from_the_trusted_set_to_the_height(sets: list[int], data: st.DataObject) -> None:
    kept, most = Kept(sets), len(sets) - 1
    since = data.draw(st.integers(1, most))
    height = data.draw(st.integers(since, most))
    found = [read_signed_header(each, "found") for each in lead_to(height, kept, since=since)]
    check_walk(found)
    trusted = SETS[sets[since - 1]]
    assert check_anchor(found, anchor_at(since, trusted)) == 0
    assert found[-1].header.height == height
    changes = sum(one != other for one, other in pairwise(sets[since - 1 : height]))
    assert len(found) - 1 <= changes
    assert (len(found) == 1) == (sets[since - 1] == sets[height - 1])


def test_headers_are_found_without_reading_all_of_them() -> None:
    kept = Kept([0] * 30_000 + [1] * 30_000)
    (change, last) = lead_to(60_000 - 1, kept, since=1)
    assert (change["header"]["height"], last["header"]["height"]) == ("30000", "59999")
    assert kept.asked < 20


def test_headers_lead_nowhere_from_a_later_height() -> None:
    with pytest.raises(Unusable, match="before height 9"):
        lead_to(8, Kept([0] * 20), since=9)
