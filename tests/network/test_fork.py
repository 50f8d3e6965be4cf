"""A scheduled EVM fork: what the rules say of it, and four validators that go through it."""

import json
import os
import re
import time
from dataclasses import replace
from itertools import pairwise

import pytest
from eth_account import Account

from node.consensus.errors import ProposalRefused
from node.consensus.payload import CANCUN, PRAGUE, decode_payload, encode_payload
from node.consensus.rules import ChainRules
from node.domain.errors import Unusable
from node.network.fork import geth_schedule, schedule_fork, tell_validator
from node.network.genesis import SYSTEM_CONTRACTS
from node.network.hold import held
from node.network.init import init_geth
from node.network.plan import read_plan
from node.network.rpc import NoAnswer
from tests.network.application_stage import Stage
from tests.network.chain import Chain, Sender, wait_until
from tests.network.proposal_stage import BLOCK_TIME, GOOD, HEIGHT, PARENT, RULES, FakeEngine, judge, transfer

FORKED = replace(RULES, prague_time=BLOCK_TIME)
LATER = replace(RULES, prague_time=BLOCK_TIME + 1)
HISTORY = "0x0000F90827F1C53a10cb7A02335B175320002935"
"""EIP-2935: the hashes of the last 8191 blocks, written by each block from Prague on."""
BLS_ADD = "0x" + "00" * 19 + "0b"
"""EIP-2537: adds two points of BLS12-381; before Prague an address without code."""
WITHDRAWALS = "0x00000961Ef480Eb55e80D19ad83579A64c007002"
LEAD_SECONDS = 50
LEAD_SECONDS_A_LOAD = 5
"""From the order to the fork: five restarts of 4 s on an idle machine, each the longer the more is at work."""


@pytest.mark.parametrize(
    ("rules", "version"), [(RULES, PRAGUE), (FORKED, CANCUN), (LATER, PRAGUE)], ids=["never", "now", "a second later"]
)
async def test_check_refuses_a_payload_of_the_other_fork(rules: ChainRules, version: int) -> None:
    other = PRAGUE if version == CANCUN else CANCUN
    proposals = judge(FakeEngine(), rules=rules)
    with pytest.raises(ProposalRefused, match="payload version"):
        await proposals.check(
            encode_payload(replace(GOOD, version=version)), parent=PARENT, height=HEIGHT, block_time=BLOCK_TIME
        )
    good = encode_payload(replace(GOOD, version=other))
    assert (await proposals.check(good, parent=PARENT, height=HEIGHT, block_time=BLOCK_TIME)).version == other


async def test_make_builds_for_the_fork_of_its_timestamp() -> None:
    for rules, version in ((RULES, CANCUN), (FORKED, PRAGUE), (LATER, CANCUN)):
        proposals = judge(FakeEngine([transfer()]), rules=rules)
        data = await proposals.make(parent=PARENT, height=HEIGHT, block_time=BLOCK_TIME, max_bytes=10**6)
        assert data[0] == version and len(decode_payload(data).transactions) == 1


def test_rules_come_back_from_json_with_and_without_a_fork() -> None:
    assert ChainRules.from_json(RULES.to_json()) == RULES
    assert "prague_time" not in RULES.to_json()
    assert ChainRules.from_json(FORKED.to_json()) == FORKED


async def test_finalize_block_stops_the_validator_when_the_others_have_forked_and_it_has_not() -> None:
    stage = Stage()
    with pytest.raises(Unusable, match="till net fork"):
        await stage.decide(replace(GOOD, version=PRAGUE))
    assert stage.geth.executed == [] and stage.geth.final == []


@pytest.mark.parametrize("kind", [b"\x03", b"\x04"])
async def test_check_refuses_blobs_and_delegations_after_the_fork_too(kind: bytes) -> None:
    proposals = judge(FakeEngine(), rules=FORKED)
    block = encode_payload(replace(GOOD, version=PRAGUE, transactions=(kind + b"\xc0",)))
    with pytest.raises(ProposalRefused, match="transaction 0"):
        await proposals.check(block, parent=PARENT, height=HEIGHT, block_time=BLOCK_TIME)


@pytest.mark.chain
def test_fork_is_refused_when_it_is_too_near_or_the_genesis_would_make_requests(own_chain: Chain) -> None:
    plan = own_chain.plan
    with pytest.raises(Unusable, match="too near"):
        schedule_fork(plan, at=int(time.time()) + 10)
    genesis = plan.folder / "genesis.json"
    kept = genesis.read_text()
    changed = json.loads(kept)
    changed["alloc"][WITHDRAWALS]["code"] = SYSTEM_CONTRACTS[HISTORY]
    genesis.write_text(json.dumps(changed))
    with pytest.raises(Unusable, match="another contract"):
        schedule_fork(plan, at=int(time.time()) + 1000)
    genesis.write_text(kept)
    assert read_plan(plan.folder).rules.prague_time is None


@pytest.mark.chain
@pytest.mark.long
def test_network_goes_over_to_prague_at_the_scheduled_time(own_chain: Chain) -> None:
    """v4 is set back to before the order, as one whose operator forgot: it stops at the fork, and comes back told."""
    plan = own_chain.plan
    old_genesis = plan.folder / "genesis-before.json"
    old_genesis.write_bytes((plan.folder / "genesis.json").read_bytes())
    member = Sender(own_chain, 1)
    fork_time = int(time.time() + LEAD_SECONDS + LEAD_SECONDS_A_LOAD * min(os.getloadavg()[0], 20))
    forked = schedule_fork(plan, at=fork_time)
    assert read_plan(plan.folder).rules.prague_time == fork_time
    for validator in forked.validators:
        assert fork_time in geth_schedule(forked, validator)
    assert int(time.time()) < fork_time - 8
    with pytest.raises(Unusable, match="not moved"):
        schedule_fork(forked, at=fork_time + 100)

    v4 = plan.validator("v4")
    with held(plan, "v4"):
        init_geth(plan.home("v4") / "geth", old_genesis)
        settings = plan.home("v4") / "app.json"
        settings.write_text(json.dumps({**json.loads(settings.read_text()), "prague_time": None}))

    others = ["v1", "v2", "v3"]
    raw, tx_hash = member.sign()
    own_chain.send(raw, at="v1")
    own_chain.wait_for_receipt(tx_hash, *others)
    wait_until(lambda: _timestamp(own_chain, "v1") >= fork_time + 4, seconds=180, what="the fork has come")
    newest = own_chain.height("v1")
    first = _first_block_at(own_chain, fork_time, newest)

    # at rest at the last block before the fork: it neither goes on alone nor follows
    stopped_at = wait_until(lambda: _stopped_at(own_chain, "v4"), seconds=150, what="v4 has come to the fork")
    assert stopped_at == {str(first)}
    assert own_chain.height("v4") in (-1, first - 1)

    for number in range(first - 4, newest + 1):
        assert len({own_chain.hash_of(number, at=name) for name in others}) == 1
    _assert_prague_from(own_chain, first, newest)
    timestamps = [_timestamp(own_chain, "v1", number) for number in range(first - 4, newest + 1)]
    assert all(0 < after - before < 8 for before, after in pairwise(timestamps)), timestamps

    with held(forked, "v4"):
        tell_validator(forked, v4)
    own_chain.wait_for_height(newest + 1, "v4", seconds=90)
    raw, tx_hash = member.sign()
    own_chain.send(raw, at="v4")
    own_chain.wait_for_receipt(tx_hash, seconds=60)
    height = own_chain.wait_for_blocks(2)
    for number in range(first - 2, height + 1):
        assert len({own_chain.hash_of(number, at=name) for name in own_chain.names}) == 1


@pytest.mark.chain
@pytest.mark.long
def test_prague_gives_no_requests_and_no_delegations(own_chain: Chain) -> None:
    """After the fork of the test before."""
    if own_chain.ask("eth_getBlockByNumber", "latest", False).get("requestsHash") is None:
        pytest.fail("the network has not forked")
    member = Sender(own_chain, 1)
    raw, tx_hash = member.sign(to=WITHDRAWALS, data="0x" + "11" * 56, value=10, gas=500_000)
    own_chain.send(raw, at="v1")
    receipt = own_chain.wait_for_receipt(tx_hash)
    assert int(receipt["status"], 16) == 0
    delegation = Account.from_key("0x" + "55" * 32).sign_authorization(
        {"chainId": own_chain.plan.chain_id, "address": "0x" + "00" * 19 + "01", "nonce": 0}
    )
    raw, _ = member.sign(authorizationList=[delegation], gas=100_000)
    with pytest.raises(NoAnswer):
        own_chain.send(raw, at="v1")
    own_chain.wait_for_blocks(2)


def _timestamp(chain: Chain, name: str, number: int | None = None) -> int:
    block = chain.ask("eth_getBlockByNumber", "latest" if number is None else hex(number), False, at=name)
    return int(block["timestamp"], 16)


def _stopped_at(chain: Chain, name: str) -> set[str]:
    """The blocks that a validator says it stopped at for their form."""
    return set(re.findall(r"[Bb]lock (\d+) is of version 2", chain.plan.log(name, "app").read_text()))


def _first_block_at(chain: Chain, timestamp: int, newest: int) -> int:
    number = newest
    while _timestamp(chain, "v1", number - 1) >= timestamp:
        number -= 1
    return number


def _assert_prague_from(chain: Chain, first: int, newest: int) -> None:
    for number, forked in ((first - 1, False), (first, True), (newest, True)):
        block = chain.ask("eth_getBlockByNumber", hex(number), False)
        assert (block.get("requestsHash") is not None) == forked
        history = {"to": HISTORY, "data": "0x" + (number - 1).to_bytes(32, "big").hex()}
        # the block's own parent is written at its beginning
        answer = chain.ask("eth_call", history, hex(number))
        assert (answer == chain.hash_of(number - 1)) == forked
        sum_of_nothing = chain.ask("eth_call", {"to": BLS_ADD, "data": "0x" + "00" * 256}, hex(number))
        assert sum_of_nothing == ("0x" + "00" * 128 if forked else "0x")
