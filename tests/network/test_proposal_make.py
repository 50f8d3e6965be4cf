"""The block that a proposer makes out of geth's pool and the gossip; no process is started."""

from collections.abc import Sequence
from typing import Any

import pytest

from node.consensus.errors import EngineFailed
from node.consensus.failpoints import FINALIZE
from node.consensus.gossip import Gossip
from node.consensus.payload import Payload, encode_payload
from node.consensus.proposals import Proposals
from tests.network.doubles import EveryoneMaySend
from tests.network.proposal_stage import (
    BLOCK_TIME,
    CLERK,
    GOOD,
    HEIGHT,
    MERCHANT,
    PARENT,
    RULES,
    THIEF,
    FakeEngine,
    judge,
    make,
    refusing,
    transfer,
)


async def test_make_leaves_out_senders_when_they_lost_their_permission() -> None:
    engine = FakeEngine([transfer(), transfer(THIEF), transfer(nonce=1)])
    payload = await make(engine, refusing(MERCHANT.address))
    assert payload.transactions == (transfer(), transfer(nonce=1))


async def test_make_takes_what_gossip_knows_when_those_who_may_not_clog_the_pool() -> None:
    pool = [transfer(THIEF, nonce=nonce) for nonce in range(20)]
    gossip = Gossip(lambda: 0.0)
    waiting = [transfer(nonce=nonce) for nonce in (7, 5, 6, 9)]
    for raw in (*pool, *waiting, transfer(CLERK, nonce=1)):
        gossip.heard(raw)
    engine = FakeEngine(pool)
    engine.nonces = {bytes.fromhex(MERCHANT.address[2:]): 5}
    payload = await make(engine, refusing(MERCHANT.address, CLERK.address), gossip=gossip)
    # each sender's in the order of its nonces, without gaps
    assert payload.transactions == (transfer(nonce=5), transfer(nonce=6), transfer(nonce=7))
    # and what may not be in a block is offered to nobody any more
    assert set(gossip.pending(100)) == {*waiting, transfer(CLERK, nonce=1)}


async def test_make_lists_no_more_than_the_gas_of_a_block() -> None:
    gossip = Gossip(lambda: 0.0)
    for nonce in range(30):
        gossip.heard(transfer(nonce=nonce, gas=90_000))
    payload = await make(FakeEngine([transfer(THIEF)]), refusing(MERCHANT.address), gossip=gossip)
    assert len(payload.transactions) == RULES.gas_limit // 90_000


async def test_make_stays_below_the_byte_budget_when_the_pool_is_full() -> None:
    pool = [transfer(nonce=nonce, data=bytes(1000), gas=90_000) for nonce in range(50)]
    payload = await make(FakeEngine(pool))
    assert len(encode_payload(payload)) <= RULES.payload_bytes
    assert payload.transactions == tuple(pool[: len(payload.transactions)])
    assert len(payload.transactions) > 10
    assert len((await make(FakeEngine(pool), max_bytes=4500)).transactions) == 3


async def test_make_gives_an_empty_block_when_the_full_one_fails() -> None:
    engine = FakeEngine([transfer()], fails=True)
    assert (await make(engine)).transactions == ()
    assert engine.built == [None, []]


async def test_make_raises_only_when_not_even_an_empty_block_can_be_built() -> None:
    class Dead(FakeEngine):
        async def build(self, **_: Any) -> Payload:
            raise EngineFailed("gone")

    with pytest.raises(EngineFailed):
        await make(Dead())


async def test_make_waits_until_a_second_after_its_parent() -> None:
    waits: list[float] = []

    async def note(seconds: float) -> None:
        waits.append(seconds)

    proposals = Proposals(
        engine=FakeEngine(),  # type: ignore[arg-type]
        rules=RULES,
        policy=EveryoneMaySend(),
        clock=lambda: 1000.25,
        sleep=note,
        gossip=Gossip(lambda: 0.0),
    )
    await proposals.make(parent=PARENT, height=HEIGHT, block_time=BLOCK_TIME, max_bytes=10**6)
    assert waits == [0.75]


async def test_execute_asks_geth_once_for_the_same_payload() -> None:
    engine = FakeEngine()
    proposals = judge(engine)
    data = encode_payload(GOOD)
    for _ in range(3):
        assert await proposals.execute(data, GOOD, call=FINALIZE)
    assert len(engine.executed) == 1
    proposals.forget()
    await proposals.execute(data, GOOD, call=FINALIZE)
    assert len(engine.executed) == 2


@pytest.mark.parametrize(("most", "kept"), [(40, 40), (20, 20), (10, 10), (5, 0)])
async def test_make_tries_half_of_a_list_that_cannot_be_built_and_ends_with_an_empty_block(
    most: int, kept: int
) -> None:
    class Choosy(FakeEngine):
        async def build(self, *, transactions: Sequence[bytes] | None, **more: Any) -> Payload:
            if transactions is not None and len(transactions) > most:
                raise EngineFailed("one of them lacks another")
            return await super().build(transactions=transactions, **more)

    pool = [*(transfer(nonce=nonce) for nonce in range(40)), transfer(THIEF)]
    assert len((await make(Choosy(pool), refusing(MERCHANT.address))).transactions) == kept
