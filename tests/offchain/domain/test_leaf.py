"""A leaf read back from its bytes is the leaf that was packed."""

from hypothesis import given
from hypothesis import strategies as st

from node.domain.ids import Hash32, MemberId, MerchantId, RuleVersion, Sequence, StreamId
from node.domain.leaf import LEAF_BYTES, Leaf


def whole(bits: int) -> st.SearchStrategy[int]:
    return st.integers(min_value=0, max_value=2**bits - 1)


leaves = st.builds(
    Leaf,
    stream=whole(32).map(StreamId),
    sequence=whole(64).map(Sequence),
    line=whole(8),
    tender=whole(8),
    terminal=whole(16),
    merchant=whole(32).map(MerchantId),
    rule_version=whole(16).map(RuleVersion),
    tier_bps=whole(16),
    epoch=whole(16),
    rate=whole(40),
    member=whole(64).map(MemberId),
    amount=whole(48),
    time=whole(32),
    points=whole(56),
    last=whole(56),
    items_root=st.binary(min_size=32, max_size=32).map(Hash32),
    authorisation=st.binary(min_size=32, max_size=32).map(Hash32),
)


@given(leaves)
def test_unpack_gives_back_what_was_packed(leaf: Leaf) -> None:
    packed = b"".join(leaf.words())
    assert len(packed) == LEAF_BYTES
    assert Leaf.unpack(packed) == leaf
