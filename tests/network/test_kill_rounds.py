"""Processes killed at random moments under load, round after round; `make soak ROUNDS=50` does the same for longer."""

import asyncio
import json
import random

import pytest

from benchmarks.audit import BACK_SECONDS, Sample, judge
from benchmarks.breakage import ALL_FAULTS, KILLS, ONE, Fault, Repaired, draw_faults
from benchmarks.soak import LEAST_REACHED, Order, figures_of, soak
from benchmarks.sources import Transfers
from benchmarks.traffic import ChainChanged, Entry, Traffic
from node.chain.signer import Signer
from node.network.agreement import compare_chains
from node.network.plan import NetworkPlan
from tests.network.chain import Chain, Sender

ROUNDS = 8
RATE = 30.0
SEED = 20_260
ACCOUNTS = (1, 2, 3, 4)


def transfers(chain: Chain) -> Transfers:
    senders = [Sender(chain, number) for number in ACCOUNTS]
    return Transfers(
        chain.plan.chain_id, [Signer(sender.key) for sender in senders], [sender.nonce for sender in senders]
    )


@pytest.mark.chain
@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.long
def test_promises_are_kept_when_processes_are_killed_under_load(own_chain: Chain) -> None:
    order = Order(seconds=0, pause=0, rounds=ROUNDS, seed=SEED, rate=RATE)
    lines: list[str] = []
    run, traffic = asyncio.run(soak(own_chain.plan, transfers(own_chain), order, lines.append))
    print(json.dumps(figures_of(run, traffic, own_chain.plan)))
    assert run.broken == [], lines
    assert len(run.repaired) == ROUNDS
    # the load was one: the verdict asks for half of what was ordered
    assert traffic.final == len(traffic.entries) > RATE * run.seconds * LEAST_REACHED


@pytest.mark.chain
@pytest.mark.alone
def test_judge_names_each_promise_that_is_broken(own_chain: Chain) -> None:
    height = own_chain.wait_for_blocks(1)
    traffic = Traffic(own_chain.plan, transfers(own_chain), rate=RATE, in_flight=1)
    traffic.heights = dict.fromkeys(own_chain.names, height)
    traffic.hashes = {height: "0x" + "66" * 32}
    traffic.entries[b"\x01" * 32] = Entry(raw=b"", sent_at=0, tried_at=0, final_at=1, height=height)
    late = Fault(kind=ONE, validators=("v1",), process="app")
    slow = [Repaired(fault=late, seconds={"v1": BACK_SECONDS + 1})]
    greedy = [Sample(at_s=1, validator="v1", memory_mb=5_000, handles=5_000)]
    traffic.waiting[b"\x02" * 32] = Entry(raw=b"", sent_at=0, tried_at=0)
    traffic.longest_standstill = 1000.0
    broken = judge(own_chain.plan, traffic, slow, greedy)
    words = (
        "was final as",
        "not in block",
        "back after 31",
        "are not final",
        "no block for",
        "5000 MB",
        "file handles",
    )
    assert len(broken) == len(words)
    for word, sentence in zip(words, broken, strict=True):
        assert word in sentence


@pytest.mark.chain
@pytest.mark.alone
def test_judge_takes_no_harm_when_blocks_go_on_while_it_reads(
    own_chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    height = own_chain.wait_for_blocks(1)
    traffic = Traffic(own_chain.plan, transfers(own_chain), rate=RATE, in_flight=1)
    traffic.heights = dict.fromkeys(own_chain.names, height)
    traffic.hashes = {height: own_chain.ask("eth_getBlockByNumber", hex(height), False)["hash"]}

    def compare(plan: NetworkPlan, *, last: int) -> list[str]:
        traffic.hashes[last + 1] = "0x" + "66" * 32
        return compare_chains(plan, last=last)

    monkeypatch.setattr("benchmarks.audit.compare_chains", compare)
    assert judge(own_chain.plan, traffic, [], []) == []
    monkeypatch.undo()
    assert any("is 0x" in sentence or "has no block" in sentence for sentence in judge(own_chain.plan, traffic, [], []))


@pytest.mark.chain
@pytest.mark.alone
def test_traffic_sees_it_when_a_final_block_changes(own_chain: Chain) -> None:
    traffic = Traffic(own_chain.plan, transfers(own_chain), rate=RATE, in_flight=1)
    traffic._see("v1", 7, {"hash": "0xaa", "transactions": []})
    traffic._see("v2", 7, {"hash": "0xaa", "transactions": []})
    with pytest.raises(ChainChanged, match="block 7"):
        traffic._see("v3", 7, {"hash": "0xbb", "transactions": []})


@pytest.mark.chain
@pytest.mark.alone
def test_draw_faults_repeats_itself_for_a_seed_and_reaches_every_process(own_chain: Chain) -> None:
    first, second = (draw_faults(own_chain.plan, KILLS, random.Random(5)) for _ in range(2))
    drawn = [next(first) for _ in range(len(KILLS))]
    assert drawn == [next(second) for _ in range(len(KILLS))]
    single = {(fault.validators, fault.process) for fault in drawn if fault.kind == ONE}
    assert len(single) == 12
    mixed = draw_faults(own_chain.plan, ALL_FAULTS, random.Random(6))
    assert {next(mixed).kind for _ in ALL_FAULTS} == set(ALL_FAULTS)
