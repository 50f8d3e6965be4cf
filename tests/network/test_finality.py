"""Four validators make one final chain, and a transaction sent to any of them is final on all."""

import json
import os
import signal
import time

import pytest

from node.network.control import start
from node.network.faults import kill_everything, kill_process, kill_supervisor, kill_validator
from node.network.launch import APP, COMETBFT, GETH
from node.network.processes import is_alive, read_state
from tests.network.chain import Chain, Sender, wait_until

pytestmark = [pytest.mark.chain, pytest.mark.alone]


def test_validators_agree_on_every_block(whole: Chain) -> None:
    height = whole.wait_for_blocks(3)
    whole.assert_same_chain(height)


def test_block_interval_is_one_second(whole: Chain) -> None:
    first = whole.height()
    started = time.monotonic()
    whole.wait_for_height(first + 10, "v1")
    seconds = time.monotonic() - started
    assert 8 < seconds < 20  # an idle machine: 10.0; a loaded one may be late, never early
    newest = whole.ask("eth_getBlockByNumber", "latest", False)
    assert abs(time.time() - int(newest["timestamp"], 16)) < 5


def test_block_carries_the_agreed_fields(whole: Chain) -> None:
    rules = whole.plan.rules
    block = whole.ask("eth_getBlockByNumber", "latest", False)
    assert int(block["gasLimit"], 16) == rules.gas_limit
    assert bytes.fromhex(block["extraData"][2:]) == rules.extra_data
    assert bytes.fromhex(block["miner"][2:]) == rules.fee_recipient
    assert block["mixHash"] == block["parentHash"]


def test_transfer_is_final_on_all_when_sent_to_one(whole: Chain, member: Sender) -> None:
    for name in whole.names:
        raw, tx_hash = member.sign()
        assert whole.send(raw, at=name) == tx_hash
        receipt = whole.wait_for_receipt(tx_hash)
        assert int(receipt["status"], 16) == 1


def test_chain_is_final_on_the_others_when_one_of_four_is_down(whole: Chain, member: Sender) -> None:
    state = read_state(whole.plan.run_folder)
    assert state is not None
    stopped = state.validators["v4"]
    # stopped, not killed: the supervisor sees nothing to mend, as with a machine that hangs
    try:
        for running in stopped.values():
            os.kill(running.pid, signal.SIGSTOP)
        others = [name for name in whole.names if name != "v4"]
        whole.wait_for_blocks(5, *others, seconds=40)
        raw, tx_hash = member.sign()
        whole.send(raw, at="v2")
        whole.wait_for_receipt(tx_hash, *others)
    finally:
        for running in stopped.values():
            os.kill(running.pid, signal.SIGCONT)
    whole.wait_for_receipt(tx_hash, "v4", seconds=60)


@pytest.mark.parametrize("kind", [GETH, APP, COMETBFT])
def test_validator_comes_back_when_one_process_is_killed(whole: Chain, kind: str) -> None:
    killed = kill_process(whole.plan, "v2", kind)
    wait_until(lambda: not is_alive(killed), seconds=5, what="it is dead")
    whole.wait_for_blocks(3, seconds=90)


def test_validator_comes_back_when_all_its_processes_are_killed(whole: Chain, member: Sender) -> None:
    kill_validator(whole.plan, "v3")
    raw, tx_hash = member.sign()
    whole.send(raw, at="v1")
    whole.wait_for_receipt(tx_hash, seconds=90)


def test_chain_goes_on_when_every_process_is_killed_at_once(whole: Chain, member: Sender) -> None:
    height = whole.height()
    final_hash = whole.hash_of(height)
    kill_everything(whole.plan)
    whole.wait_for_height(height + 3, seconds=120)
    assert whole.hash_of(height) == final_hash
    raw, tx_hash = member.sign()
    whole.send(raw, at="v4")
    whole.wait_for_receipt(tx_hash)


def test_network_starts_again_when_the_supervisor_was_killed_with_everything(whole: Chain) -> None:
    height = whole.height()
    final_hash = whole.hash_of(height)
    kill_everything(whole.plan, supervisor=True)
    assert start(whole.plan)
    whole.wait_for_height(height + 3, seconds=120)
    assert whole.hash_of(height) == final_hash


def test_network_starts_again_when_only_the_supervisor_was_killed(whole: Chain) -> None:
    state = read_state(whole.plan.run_folder)
    assert state is not None
    kill_supervisor(whole.plan)
    height = whole.height()
    assert start(whole.plan)
    whole.wait_for_height(height + 3, seconds=120)
    assert not any(is_alive(running) for running in state.all())


def test_transaction_is_final_when_the_proposers_pool_never_heard_of_it_before(whole: Chain, member: Sender) -> None:
    kill_process(whole.plan, "v2", GETH)
    raw, tx_hash = member.sign()
    whole.send(raw, at="v1")
    whole.wait_for_receipt(tx_hash, seconds=90)


def test_chain_stays_live_when_pools_are_full_of_large_transactions(whole: Chain) -> None:
    senders = [Sender(whole, number) for number in (1, 2, 3, 4)]
    size, count = 130_000, 96
    hashes = []
    for place in range(count):
        # half of zeros, half of bytes that do not compress
        data = bytes(size) if place % 2 else os.urandom(size)
        raw, tx_hash = senders[place % 4].sign(data=data, gas=21_000 + 16 * size)
        whole.send(raw, at=whole.names[place % 4])
        hashes.append(tx_hash)
    started, first = time.monotonic(), whole.height()
    for tx_hash in hashes:
        whole.wait_for_receipt(tx_hash, "v1", seconds=120)
    blocks, seconds = whole.height() - first, time.monotonic() - started
    print(json.dumps({"large_transactions": count, "seconds": round(seconds, 1), "blocks": blocks}))
    largest = max(
        int(whole.ask("eth_getBlockByNumber", hex(number), False)["size"], 16)
        for number in range(first, whole.height() + 1)
    )
    assert largest <= whole.plan.rules.payload_bytes
    assert seconds < 5 * blocks + 10
