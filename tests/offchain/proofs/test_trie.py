"""The Merkle Patricia trie, built and walked: published roots, and whatever keys there are, present and absent.

The roots are those of ethereum/tests, TrieTests/trieanyorder.json.
"""

import pytest
import rlp
from hypothesis import given
from hypothesis import strategies as st

from node.domain.ids import Hash32
from node.domain.merkle import keccak
from node.explorer.receipt_trie import prove_entry
from node.proofs.ethereum import EMPTY_TRIE, index_key, read_header, read_log, storage_root, stored_word, trie_value
from node.proofs.refusal import ProofRefused, Step

keys = st.one_of(
    st.binary(min_size=1, max_size=6),
    st.binary(min_size=32, max_size=32),
    st.integers(0, 4_000).map(index_key),
)
tries = st.dictionaries(keys, st.binary(min_size=1, max_size=80), min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("entries", "root"),
    [
        (
            {"doe": "reindeer", "dog": "puppy", "dogglesworth": "cat"},
            "8aad789dff2f538bca5d8ea56e8abe10f4c7ba3a5dea95fea4cd6e7c3a1168d3",
        ),
        (
            {"do": "verb", "horse": "stallion", "doge": "coin", "dog": "puppy"},
            "5991bb8c6514148a29db676a14ac506cd2cd5775ace63c30a4fe457715e9ac84",
        ),
        ({"foo": "bar", "food": "bass"}, "17beaa1648bafa633cda809c90c04af50fc8aed3cb40d16efbddee6fdf63c4c3"),
        ({}, "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"),
    ],
)
def test_prove_entry_has_the_published_root(entries: dict[str, str], root: str) -> None:
    trie = {name.encode(): value.encode() for name, value in entries.items()}
    for name in ("dog", "doge", "x", ""):
        found, nodes = prove_entry(trie, name.encode())
        assert found.hex() == root
        assert trie_value(found, name.encode(), nodes, Step.STATE) == trie.get(name.encode())


@given(tries, st.data())
def test_trie_value_is_what_stands_there_and_none_where_nothing_does(
    entries: dict[bytes, bytes], data: st.DataObject
) -> None:
    key = data.draw(st.one_of(st.sampled_from(sorted(entries)), keys))
    root, nodes = prove_entry(entries, key)
    assert trie_value(root, key, nodes, Step.STATE) == entries.get(key)


@given(tries, st.data())
def test_trie_value_never_is_another_value_whatever_nodes_are_shown(
    entries: dict[bytes, bytes], data: st.DataObject
) -> None:
    """Nodes of proofs of other keys, left out, repeated, in another order: the truth, or a refusal."""
    key = data.draw(st.sampled_from(sorted(entries)))
    root, nodes = prove_entry(entries, key)
    pool = [*nodes, *(node for other in sorted(entries)[:5] for node in prove_entry(entries, other)[1])]
    shown = data.draw(st.lists(st.sampled_from(pool), max_size=len(nodes) + 2))
    if shown == nodes:
        return
    with pytest.raises(ProofRefused) as refused:
        trie_value(root, key, shown, Step.STATE)
    assert refused.value.step is Step.STATE


def test_trie_value_of_an_empty_trie_needs_no_node() -> None:
    assert trie_value(EMPTY_TRIE, b"\x01", [], Step.STATE) is None
    with pytest.raises(ProofRefused, match="missing"):
        trie_value(keccak(b"else"), b"\x01", [], Step.STATE)


@pytest.mark.parametrize(
    "node",
    [
        b"",
        b"\xc0",
        b"\x83abc",
        rlp.encode([b"a"] * 16),
        rlp.encode([b"", b"value"]),
        rlp.encode([b"\x40\x12", b"value"]),
        rlp.encode([b"\x00\x01", b"short"]),
        rlp.encode([b"\x20\x01", [b"no", b"value"]]),
        b"\xc1" * 100_000 + b"\xc0",
    ],
)
def test_trie_value_refuses_nodes_that_are_none_though_their_hashes_fit(node: bytes) -> None:
    with pytest.raises(ProofRefused):
        trie_value(keccak(node), b"\x01", [node], Step.STATE)


@given(st.one_of(st.binary(max_size=700), st.recursive(st.binary(max_size=9), st.lists).map(rlp.encode)))
def test_readers_read_or_refuse_whatever_bytes_there_are(raw: bytes) -> None:
    for read in (
        read_header,
        lambda data: read_log(data, 0),
        storage_root,
        stored_word,
        lambda data: trie_value(Hash32(keccak(data)), b"\x01\x02", [data], Step.STATE),
    ):
        try:
            read(raw)  # type: ignore[operator]
        except ProofRefused:
            continue
