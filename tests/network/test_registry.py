"""What the application makes of the registry's content: never an update that CometBFT would refuse."""

from collections.abc import Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.consensus.permissions import RegistrySenders, RegistryValidators
from node.consensus.registry import (
    ACCOUNT_REGISTRY,
    ALL_PERMISSIONS,
    MOST_POWER,
    MOST_VALIDATORS,
    SEND,
    VALIDATOR_REGISTRY,
    BadAnswer,
    NodeStatus,
    ValidatorKey,
    cleaned,
    difference,
    encode_word,
    read_observers,
    read_validators,
    selector,
)
from node.domain.ids import Address, Hash32
from tests.network.comet import CometHalts, apply_updates

GENESIS = [ValidatorKey(public_key=bytes([number]) * 32, power=10, node_id=f"{number:02x}" * 20) for number in (1, 2)]
GENESIS_SET = {each.public_key: each.power for each in GENESIS}
KEYS = st.one_of(
    st.integers(0, 3).map(lambda number: bytes([number]) * 32),
    st.binary(max_size=40),
    st.binary(min_size=32, max_size=32),
)
POWERS = st.one_of(st.integers(0, 20), st.integers(-(2**70), 2**70))
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A loaded machine is no failure."""
ENTRIES = st.lists(st.tuples(KEYS, POWERS), max_size=100)


@PATIENT
@given(ENTRIES)
def test_cleaned_is_a_set_that_cometbft_takes_whatever_stands_in_the_registry(entries: list[tuple[bytes, int]]) -> None:
    found = cleaned(entries, GENESIS)
    assert 1 <= len(found) <= MOST_VALIDATORS
    assert all(len(key) == 32 and 1 <= power <= MOST_POWER for key, power in found.items())
    # as the first set of a chain, too
    assert apply_updates({}, found.items()) == found
    assert cleaned(list(found.items()), GENESIS) == found
    good = [(key, power) for key, power in entries if len(key) == 32 and 1 <= power <= MOST_POWER]
    assert found == GENESIS_SET if not good else set(found.items()) <= set(good)


@PATIENT
@given(st.lists(ENTRIES, max_size=5))
def test_difference_leads_cometbft_from_set_to_set(blocks: list[list[tuple[bytes, int]]]) -> None:
    known = dict(GENESIS_SET)
    before = cleaned([], GENESIS)
    for entries in blocks:
        after = cleaned(entries, GENESIS)
        updates = difference(before, after)
        assert updates == sorted(updates)
        known = apply_updates(known, updates)
        assert known == after
        assert difference(after, after) == []
        before = after


def test_the_stand_in_for_cometbft_refuses_what_halts_it() -> None:
    for updates in ([(b"\x09" * 32, 0)], [(b"\x01" * 32, 5)] * 2, [(key, 0) for key in GENESIS_SET], [(b"short", 5)]):
        with pytest.raises(CometHalts):
            apply_updates(GENESIS_SET, updates)


@PATIENT
@given(st.binary(max_size=700))
def test_reading_an_answer_gives_entries_or_says_that_it_is_none(answer: bytes) -> None:
    for read in (read_validators, read_observers):
        try:
            read(answer)
        except BadAnswer:
            continue


class MemoryState:
    """Registries by block hash, and how often they were asked."""

    def __init__(self) -> None:
        self.validators: dict[Hash32, bytes] = {}
        self.nodes: dict[str, NodeStatus] = {}
        self.senders: Mapping[bytes, int] = {}
        self.asked: list[tuple[Address, Hash32]] = []

    async def call(self, to: Address, data: bytes, *, at: Hash32) -> bytes:
        self.asked.append((to, at))
        if to == ACCOUNT_REGISTRY:
            accounts = [data[place + 12 : place + 32] for place in range(68, len(data), 32)]
            return answer_of(*(encode_word(self.senders.get(account, 0)) for account in accounts))
        assert to == VALIDATOR_REGISTRY
        if data[:4] == selector("nodeStatus(bytes20)"):
            return encode_word(self.nodes.get(data[4:24].hex(), NodeStatus.UNKNOWN))
        return self.validators[at]


def answer_of(*words: bytes, width: int = 1) -> bytes:
    return encode_word(32) + encode_word(len(words) // width) + b"".join(words)


def validators_answer(*entries: tuple[int, int]) -> bytes:
    words = []
    for number, power in entries:
        account, node = bytes(12) + bytes([number]) * 20, bytes([number]) * 20
        words += [account, encode_word(power), bytes([number]) * 32, encode_word(node), encode_word(b"name")]
    return answer_of(*words, width=5)


def block(number: int) -> Hash32:
    return Hash32(number.to_bytes(32, "big"))


async def test_updates_compare_the_registry_at_both_blocks_and_ask_once_for_each() -> None:
    state = MemoryState()
    state.validators = {
        block(1): validators_answer((1, 10), (2, 10)),
        block(2): validators_answer((2, 15), (3, 10)),
        block(3): validators_answer((2, 15), (3, 10)),
    }
    source = RegistryValidators(state, GENESIS)
    expected = [(b"\x01" * 32, 0), (b"\x02" * 32, 15), (b"\x03" * 32, 10)]
    assert list(await source.updates(parent=block(1), at=block(2))) == expected
    assert list(await source.updates(parent=block(2), at=block(3))) == []
    assert [at for _, at in state.asked] == [block(1), block(2), block(3)]
    # replayed from another process, the answer is the same
    assert list(await RegistryValidators(state, GENESIS).updates(parent=block(1), at=block(2))) == expected


@pytest.mark.parametrize("broken", [b"", b"\x01", encode_word(32) + encode_word(2**200), validators_answer((0, 0))])
async def test_updates_keep_the_genesis_set_when_the_registry_says_nothing_of_use(broken: bytes) -> None:
    state = MemoryState()
    state.validators = {block(1): broken, block(2): validators_answer((3, 10)), block(3): broken}
    source = RegistryValidators(state, GENESIS)
    gone = [(key, 0) for key in GENESIS_SET]
    assert list(await source.updates(parent=block(1), at=block(2))) == sorted([*gone, (b"\x03" * 32, 10)])
    back = sorted([*GENESIS_SET.items(), (b"\x03" * 32, 0)])
    assert list(await source.updates(parent=block(2), at=block(3))) == back


@pytest.mark.parametrize(
    ("status", "persistent", "may"),
    [
        (NodeStatus.UNKNOWN, False, False),
        (NodeStatus.UNKNOWN, True, True),
        (NodeStatus.OF_VALIDATOR, False, True),
        (NodeStatus.OF_OBSERVER, False, True),
        (NodeStatus.REMOVED, False, False),
        (NodeStatus.REMOVED, True, False),
    ],
)
async def test_may_connect_says_what_the_registry_says_of_a_node(
    status: NodeStatus, persistent: bool, may: bool
) -> None:
    state = MemoryState()
    state.nodes = {"ab" * 20: status}
    source = RegistryValidators(state, GENESIS, ["AB" * 20] if persistent else [])
    assert await source.may_connect("aB" * 20, at=block(1)) is may
    assert await source.may_connect("ab" * 20, at=block(1)) is may
    assert len(state.asked) == 1


async def test_may_connect_unasked_goes_by_the_newest_answer() -> None:
    state = MemoryState()
    state.nodes = {"ab" * 20: NodeStatus.OF_VALIDATOR}
    source = RegistryValidators(state, GENESIS, ["cd" * 20])
    assert not source.may_connect_unasked("ab" * 20) and source.may_connect_unasked("CD" * 20)
    await source.may_connect("ab" * 20, at=block(1))
    assert source.may_connect_unasked("AB" * 20)
    state.nodes = {"ab" * 20: NodeStatus.REMOVED, "cd" * 20: NodeStatus.REMOVED}
    for node_id in ("ab" * 20, "cd" * 20):
        await source.may_connect(node_id, at=block(2))
        assert not source.may_connect_unasked(node_id)


@pytest.mark.parametrize("junk", ["", "zz" * 20, "ab" * 19, "ab" * 21])
async def test_may_connect_refuses_what_is_no_node_id(junk: str) -> None:
    assert not await RegistryValidators(MemoryState(), GENESIS, [junk]).may_connect(junk, at=block(1))


async def test_permissions_ask_once_for_a_sender_and_block() -> None:
    state = MemoryState()
    alice, bob, carol = (Address(bytes([number]) * 20) for number in (1, 2, 3))
    state.senders = {alice: ALL_PERMISSIONS, bob: SEND}
    policy = RegistrySenders(state)
    assert await policy.permissions({alice, bob}, at=block(1)) == {alice: ALL_PERMISSIONS, bob: SEND}
    assert await policy.permissions({bob, carol}, at=block(1)) == {bob: SEND, carol: 0}
    assert await policy.permissions({alice, bob, carol}, at=block(1)) == {alice: ALL_PERMISSIONS, bob: SEND, carol: 0}
    assert len(state.asked) == 2
    state.senders = {}
    assert await policy.permissions({alice}, at=block(1)) == {alice: ALL_PERMISSIONS}
    assert await policy.permissions({alice}, at=block(2)) == {alice: 0}


async def test_permissions_of_thousands_are_asked_in_parts() -> None:
    state = MemoryState()
    senders = {Address(number.to_bytes(20, "big")) for number in range(2_500)}
    state.senders = dict.fromkeys(senders, SEND)
    assert set((await RegistrySenders(state).permissions(senders, at=block(1))).values()) == {SEND}
    assert len(state.asked) == 3
