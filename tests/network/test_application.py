"""The ABCI application, against a geth in memory; no process is started."""

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from node.consensus.admission import ACCEPTED, REFUSED, RETRY
from node.consensus.engine import make_token
from node.consensus.errors import EngineBehind, EngineFailed, EngineUnreachable
from node.consensus.failpoints import BEFORE_COMMIT, FailPoints
from node.consensus.payload import Payload, decode_payload, encode_payload
from node.consensus.rules import Head
from node.consensus.wire import abci
from node.domain.errors import Unusable
from node.domain.ids import Hash32
from tests.network.application_stage import OURS, Stage, block_time
from tests.network.proposal_stage import (
    BLOCK_TIME,
    GOOD,
    HEIGHT,
    PARENT,
    RULES,
    refusing,
    transfer,
)


async def test_info_gives_geths_head_as_height_and_app_hash() -> None:
    stage = Stage()
    answer = await stage.ask("info")
    assert (answer.last_block_height, answer.last_block_app_hash) == (PARENT.number, PARENT.hash)
    assert stage.geth.synced
    stage.geth.now = Head(number=0, hash=RULES.genesis_hash, timestamp=0)
    answer = await stage.ask("info")
    assert (answer.last_block_height, answer.last_block_app_hash) == (0, b"")


async def test_init_chain_refuses_another_genesis_block() -> None:
    stage = Stage()
    answer = await stage.ask("init_chain")
    assert answer.app_hash == RULES.genesis_hash
    assert [(key.pub_key.ed25519, key.power) for key in answer.validators] == [(OURS.public_key, 10)]
    stage.geth.genesis = Hash32(b"\x66" * 32)
    with pytest.raises(Unusable):
        await stage.ask("init_chain")


async def test_a_block_is_final_in_geth_only_when_it_is_committed() -> None:
    stage = Stage()
    proposal = await stage.ask("prepare_proposal", height=HEIGHT, time=block_time(BLOCK_TIME), max_tx_bytes=10**6)
    (data,) = proposal.txs
    judged = await stage.ask("process_proposal", height=HEIGHT, time=block_time(BLOCK_TIME), txs=[data])
    assert judged.status == abci.ResponseProcessProposal.ACCEPT
    answer = await stage.ask("finalize_block", height=HEIGHT, txs=[data])
    assert answer.app_hash == decode_payload(data).block_hash
    assert len(answer.tx_results) == 1 and not answer.validator_updates
    # a crash here must leave geth one block behind CometBFT, never ahead of it
    assert stage.geth.final == [] and stage.geth.now == PARENT
    assert (await stage.ask("commit")).retain_height == 0
    assert stage.geth.now.hash == answer.app_hash
    assert len(stage.geth.executed) == 1


async def test_finalize_block_tells_cometbft_what_the_registry_changed() -> None:
    stage = Stage()
    stage.validators.changes[GOOD.block_hash] = [(b"\x05" * 32, 0), (b"\x06" * 32, 7)]
    updates = (await stage.decide()).validator_updates
    assert [(each.pub_key.ed25519, each.power) for each in updates] == [(b"\x05" * 32, 0), (b"\x06" * 32, 7)]


async def test_commit_raises_when_geths_head_is_another_block() -> None:
    stage = Stage()
    with pytest.raises(Unusable):
        await stage.ask("commit")
    await stage.decide()
    stage.geth.executed.clear()
    with pytest.raises(EngineBehind):
        await stage.ask("commit")


async def test_commit_keeps_the_newest_blocks_when_told_how_many(tmp_path: Path) -> None:
    stage = Stage(keep_blocks=25_000)
    for number, retained in ((HEIGHT, 0), (25_000, 0), (30_000, 5_000)):
        stage.geth.now = replace(PARENT, number=number - 1)
        await stage.decide(replace(GOOD, number=number, block_hash=Hash32(number.to_bytes(32, "big"))))
        assert (await stage.ask("commit")).retain_height == retained
    with pytest.raises(Unusable):
        Stage(keep_blocks=9_999)
    with pytest.raises(Unusable, match="150 at least"):
        Stage(keep_blocks=149, fail_points=tmp_path)
    Stage(keep_blocks=150, fail_points=tmp_path)


async def test_process_proposal_rejects_when_it_is_not_one_good_payload() -> None:
    stage = Stage()
    good = encode_payload(GOOD)
    for txs in ([], [good, good], [b"junk"], [good + b"\x00"], [encode_payload(replace(GOOD, gas_limit=1))]):
        answer = await stage.ask("process_proposal", height=HEIGHT, time=block_time(BLOCK_TIME), txs=txs)
        assert answer.status == abci.ResponseProcessProposal.REJECT
    answer = await stage.ask("process_proposal", height=HEIGHT + 1, time=block_time(BLOCK_TIME), txs=[good])
    assert answer.status == abci.ResponseProcessProposal.REJECT


async def test_prepare_proposal_answers_without_a_payload_when_geth_is_gone() -> None:
    stage = Stage()

    async def gone(**_: Any) -> Payload:
        raise EngineUnreachable("gone")

    stage.geth.build = gone
    answer = await stage.ask("prepare_proposal", height=HEIGHT, time=block_time(BLOCK_TIME), max_tx_bytes=10**6)
    assert list(answer.txs) == []


async def test_finalize_block_raises_when_geth_finds_the_decided_block_invalid() -> None:
    stage = Stage()
    stage.geth.valid = False
    with pytest.raises(Unusable):
        await stage.decide()
    with pytest.raises(Unusable):
        await stage.ask("finalize_block", txs=[encode_payload(GOOD)], height=HEIGHT + 1)


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (None, ACCEPTED),
        (EngineFailed("already known"), ACCEPTED),
        (EngineFailed("nonce too low: next nonce 2"), REFUSED),
        (EngineFailed("insufficient funds for gas * price + value"), RETRY),
        (EngineFailed("txpool is full"), RETRY),
        (EngineUnreachable("gone"), RETRY),
    ],
)
async def test_insert_tx_answers_a_code_that_lets_cometbft_try_again(failure: Exception | None, code: int) -> None:
    stage = Stage()
    stage.geth.pool_failure = failure
    assert (await stage.ask("insert_tx", tx=transfer())).code == code


async def test_insert_tx_refuses_what_the_network_does_not_take() -> None:
    stage = Stage()
    for raw in (b"\x03\xc0", transfer(chainId=1), transfer(gas=RULES.transaction_gas_cap + 1), b"junk"):
        assert (await stage.ask("insert_tx", tx=raw)).code == REFUSED
    assert stage.geth.pool == []


async def test_insert_tx_lets_cometbft_try_again_when_its_sender_has_no_permission_yet() -> None:
    stage = Stage(policy=refusing())
    # in a later block the sender may have one, and CometBFT must not have the transaction barred for ever then
    assert (await stage.ask("insert_tx", tx=transfer())).code == RETRY
    assert stage.geth.pool == []


async def test_reap_txs_hands_out_what_clients_sent() -> None:
    stage = Stage()
    stage.gossip.offer(b"a")
    assert list((await stage.ask("reap_txs")).txs) == [b"a"]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/p2p/filter/id/" + OURS.node_id, 0),
        ("/p2p/filter/id/" + OURS.node_id.upper(), 0),
        ("/p2p/filter/id/" + "bb" * 20, 1),
        ("/p2p/filter/id/", 1),
        ("/p2p/filter/addr/10.0.0.1:5", 0),
    ],
)
async def test_query_lets_only_our_own_connect(path: str, code: int) -> None:
    assert (await Stage().ask("query", path=path)).code == code


async def test_state_sync_is_not_offered() -> None:
    stage = Stage()
    assert not (await stage.ask("list_snapshots")).snapshots
    assert (await stage.ask("offer_snapshot")).result == abci.ResponseOfferSnapshot.ABORT
    with pytest.raises(Unusable):
        await stage.ask("extend_vote")


def test_fail_point_is_inert_unless_it_is_armed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []
    monkeypatch.setattr(os, "kill", lambda _, number: killed.append(number))
    FailPoints(None).reach(BEFORE_COMMIT)
    points = FailPoints(tmp_path)
    points.reach(BEFORE_COMMIT)
    assert killed == []
    (tmp_path / BEFORE_COMMIT).touch()
    points.reach(BEFORE_COMMIT)
    points.reach(BEFORE_COMMIT)
    assert killed == [signal.SIGKILL]


def test_make_token_is_a_jwt_as_geth_expects() -> None:
    # made with an independent implementation: HS256 over {"iat": 1700000000}, secret 32 zero bytes
    token = make_token(bytes(32), 1_700_000_000)
    head, claims, signature = token.split(".")
    assert head == "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
    assert claims == "eyJpYXQiOiAxNzAwMDAwMDAwfQ"
    assert len(signature) == 43
