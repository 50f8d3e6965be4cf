"""The ABCI application and its socket, against a geth in memory; no process is started."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from node.consensus import server
from node.consensus.account import Account
from node.consensus.admission import ACCEPTED, REFUSED, RETRY, Admission
from node.consensus.application import Application
from node.consensus.engine import make_token
from node.consensus.errors import EngineBehind, EngineFailed, EngineUnreachable
from node.consensus.evidence import Evidence
from node.consensus.failpoints import BEFORE_COMMIT, FailPoints
from node.consensus.gossip import Gossip
from node.consensus.payload import Payload, decode_payload, encode_payload
from node.consensus.proposals import Proposals
from node.consensus.registry import ValidatorKey
from node.consensus.rules import Head
from node.consensus.server import start_server
from node.consensus.wire import MAX_MESSAGE_BYTES, abci, encode_frame
from node.domain.errors import Unusable
from node.domain.ids import Hash32
from node.network.genesis import BLOCK_BYTES
from tests.network.doubles import EveryoneMaySend, FixedValidators
from tests.network.test_proposal_check import (
    BLOCK_TIME,
    GOOD,
    HEIGHT,
    PARENT,
    RULES,
    FakeEngine,
    refusing,
    transfer,
)

OURS = ValidatorKey(public_key=b"\x05" * 32, power=10, node_id="aa" * 20)


class MemoryGeth(FakeEngine):
    """A FakeEngine with a head."""

    def __init__(self) -> None:
        super().__init__()
        self.now = PARENT
        self.final: list[Hash32] = []
        self.genesis = RULES.genesis_hash
        self.pool_failure: Exception | None = None

    async def head(self) -> Head:
        return self.now

    async def genesis_hash(self) -> Hash32:
        return self.genesis

    async def make_final(self, block: Hash32) -> None:
        known = {payload.block_hash: payload for payload in self.executed}
        if block not in known:
            raise EngineBehind("no such block")
        self.final.append(block)
        self.now = Head(number=known[block].number, hash=block, timestamp=known[block].timestamp)

    async def send_transaction(self, raw: bytes) -> None:
        if self.pool_failure is not None:
            raise self.pool_failure
        self.pool.append(raw)


class Stage:
    """An application with everything around it."""

    def __init__(
        self,
        *,
        keep_blocks: int = 0,
        fail_points: Path | None = None,
        policy: EveryoneMaySend | None = None,
        account: Account | None = None,
        geth: Any = None,
        evidence_file: Path | None = None,
    ) -> None:
        async def no_wait(_: float) -> None:
            return None

        self.geth: Any = geth or MemoryGeth()
        self.gossip = Gossip(lambda: 0.0)
        policy = policy or EveryoneMaySend()
        engine: Any = self.geth
        self.validators = FixedValidators([OURS])
        admission = Admission(engine=engine, rules=RULES, policy=policy, gossip=self.gossip, head=lambda: engine.head())
        reporting = Admission(
            engine=engine,
            rules=replace(RULES, transaction_gas_cap=2**24),
            policy=policy,
            gossip=self.gossip,
            head=lambda: engine.head(),
        )
        self.evidence = Evidence(
            engine=engine,
            admission=reporting,
            account=account,
            chain_id=RULES.chain_id,
            clock=lambda: 2000.0,
            file=evidence_file,
        )
        self.application = Application(
            engine=engine,
            rules=RULES,
            validators=self.validators,
            proposals=Proposals(
                engine=engine, rules=RULES, policy=policy, clock=lambda: 2000.0, sleep=no_wait, gossip=self.gossip
            ),
            admission=admission,
            gossip=self.gossip,
            evidence=self.evidence,
            keep_blocks=keep_blocks,
            clock=lambda: 2000.0,
            fail_points=FailPoints(fail_points),
        )

    async def ask(self, name: str, **fields: Any) -> Any:
        request = abci.Request(**{name: getattr(abci, "Request" + _camel(name))(**fields)})
        return getattr(await self.application.answer(request), name)

    async def decide(self, payload: Payload = GOOD) -> Any:
        return await self.ask("finalize_block", txs=[encode_payload(payload)], height=payload.number)


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _time(seconds: int) -> Any:
    return abci.RequestPrepareProposal.DESCRIPTOR.fields_by_name["time"].message_type._concrete_class(seconds=seconds)


async def test_info_gives_geths_head_as_height_and_app_hash() -> None:
    stage = Stage()
    answer = await stage.ask("info")
    assert (answer.last_block_height, answer.last_block_app_hash) == (PARENT.number, PARENT.hash)
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
    proposal = await stage.ask("prepare_proposal", height=HEIGHT, time=_time(BLOCK_TIME), max_tx_bytes=10**6)
    (data,) = proposal.txs
    judged = await stage.ask("process_proposal", height=HEIGHT, time=_time(BLOCK_TIME), txs=[data])
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


async def test_commit_keeps_the_newest_blocks_when_told_how_many() -> None:
    stage = Stage(keep_blocks=25_000)
    for number, retained in ((HEIGHT, 0), (25_000, 0), (30_000, 5_000)):
        stage.geth.now = replace(PARENT, number=number - 1)
        await stage.decide(replace(GOOD, number=number, block_hash=Hash32(number.to_bytes(32, "big"))))
        assert (await stage.ask("commit")).retain_height == retained
    with pytest.raises(Unusable):
        Stage(keep_blocks=9_999)


async def test_process_proposal_rejects_when_it_is_not_one_good_payload() -> None:
    stage = Stage()
    good = encode_payload(GOOD)
    for txs in ([], [good, good], [b"junk"], [good + b"\x00"], [encode_payload(replace(GOOD, gas_limit=1))]):
        answer = await stage.ask("process_proposal", height=HEIGHT, time=_time(BLOCK_TIME), txs=txs)
        assert answer.status == abci.ResponseProcessProposal.REJECT
    answer = await stage.ask("process_proposal", height=HEIGHT + 1, time=_time(BLOCK_TIME), txs=[good])
    assert answer.status == abci.ResponseProcessProposal.REJECT


async def test_prepare_proposal_answers_without_a_payload_when_geth_is_gone() -> None:
    stage = Stage()

    async def gone(**_: Any) -> Payload:
        raise EngineUnreachable("gone")

    stage.geth.build = gone
    answer = await stage.ask("prepare_proposal", height=HEIGHT, time=_time(BLOCK_TIME), max_tx_bytes=10**6)
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


class Comet:
    """CometBFT's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def write(self, name: str, **fields: Any) -> None:
        message = getattr(abci, "Request" + _camel(name))(**fields)
        self.writer.write(encode_frame(abci.Request(**{name: message})))

    async def read(self) -> Any:
        length = shift = 0
        while True:
            (byte,) = await self.reader.readexactly(1)
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        answer = abci.Response()
        answer.ParseFromString(await self.reader.readexactly(length))
        return answer


@pytest.fixture
async def comet() -> AsyncIterator[tuple[Comet, Stage]]:
    stage = Stage()
    listener = await start_server(stage.application, stage.gossip, host="127.0.0.1", port=0)
    port = listener.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    yield Comet(reader, writer), stage
    writer.close()
    listener.close()


async def test_server_answers_in_order_when_requests_come_together(comet: tuple[Comet, Stage]) -> None:
    client, _ = comet
    client.write("echo", message="x" * 100_000)
    client.write("flush")
    client.write("info")
    client.write("flush")
    kinds = [(await asyncio.wait_for(client.read(), 5)).WhichOneof("value") for _ in range(4)]
    assert kinds == ["echo", "flush", "info", "flush"]


async def test_server_holds_reap_txs_until_there_is_something(comet: tuple[Comet, Stage]) -> None:
    client, stage = comet
    client.write("reap_txs")
    client.write("flush")
    waiting = asyncio.ensure_future(client.read())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(waiting), 0.2)
    stage.gossip.offer(b"a")
    assert list((await asyncio.wait_for(waiting, 0.5)).reap_txs.txs) == [b"a"]
    assert (await client.read()).HasField("flush")


@pytest.mark.parametrize("other", ["flush", "insert_tx"])
async def test_server_ends_the_wait_of_reap_txs_when_something_else_is_asked(
    comet: tuple[Comet, Stage], other: str
) -> None:
    client, _ = comet
    client.write("reap_txs")
    client.write("flush")
    client.write(other)
    kinds = [(await asyncio.wait_for(client.read(), 0.5)).WhichOneof("value") for _ in range(3)]
    assert kinds == ["reap_txs", "flush", other]


async def test_server_answers_an_exception_and_hangs_up_when_a_call_fails(comet: tuple[Comet, Stage]) -> None:
    client, _ = comet
    client.write("commit")
    assert "Commit came without FinalizeBlock" in (await asyncio.wait_for(client.read(), 5)).exception.error
    assert await asyncio.wait_for(client.reader.read(), 5) == b""


@pytest.mark.parametrize("junk", [b"\xff" * 11, b"\x05junk!", b"\xff\xff\xff\xff\x0f"])
async def test_server_hangs_up_when_what_comes_is_no_message(comet: tuple[Comet, Stage], junk: bytes) -> None:
    client, _ = comet
    client.writer.write(junk)
    client.writer.write_eof()
    assert await asyncio.wait_for(client.reader.read(), 5) == b""


async def test_server_reads_no_further_when_much_waits_already(
    comet: tuple[Comet, Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, _ = comet
    monkeypatch.setattr(server, "MAX_WAITING_BYTES", 1_000_000)
    # nobody takes the answers, so the requests wait; a client without bound would have them all held here
    flooding = asyncio.ensure_future(_flood(client, megabytes=64))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(flooding), 2)
    answers = 0
    while answers < 64:
        answers += (await asyncio.wait_for(client.read(), 5)).HasField("echo")
    await flooding


async def _flood(client: Comet, *, megabytes: int) -> None:
    for _ in range(megabytes):
        client.write("echo", message="x" * 1_000_000)
        await client.writer.drain()


async def test_server_refuses_a_connection_when_there_are_too_many(
    comet: tuple[Comet, Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, _ = comet
    client.write("echo", message="first")
    assert (await asyncio.wait_for(client.read(), 5)).echo.message == "first"
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 1)
    host, port = client.writer.get_extra_info("peername")
    reader, writer = await asyncio.open_connection(host, port)
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
    client.write("echo", message="still here")
    assert (await asyncio.wait_for(client.read(), 5)).echo.message == "still here"


def test_a_message_may_be_several_times_as_large_as_a_block() -> None:
    assert MAX_MESSAGE_BYTES >= 3 * BLOCK_BYTES
