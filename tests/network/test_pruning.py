"""Validators that prune: what goes, what stays, and that whoever needs the rest finds it with the one that keeps all.

A real network of four. Fail points let it keep as few blocks as a SIGKILL of geth allows, and make blocks as fast as
votes travel. The tests build on each other, in their order.
"""

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from node.consensus.application import LEAST_IN_TESTS
from node.network.control import start, stop, wait_until_final
from node.network.faults import kill_process, set_clock
from node.network.governance import validator_signers, with_registries
from node.network.governance_acts import Act, Kind
from node.network.hold import held
from node.network.init import NetworkOrder, init_network
from node.network.launch import GETH
from node.network.links import is_syncing
from node.network.plan import with_validator, write_plan
from node.network.proofs import NoArchiveSource, extend_archive, read_archive
from node.network.rpc import NoAnswer, call
from node.network.signstate import read_sign_state
from tests.network.chain import Chain, wait_until
from tests.network.newcomer import make_newcomer

pytestmark = [pytest.mark.chain, pytest.mark.long, pytest.mark.timeout(900)]

PRUNED = ("v2", "v3", "v4")
FAST_SECONDS = 3_600
"""A clock that is so much ahead has the application wait for nothing before it proposes."""
ENOUGH = LEAST_IN_TESTS + 100
"""Blocks: beyond 128 above the first that is left, so that geth cannot need an earlier one."""
BACK_SECONDS = 60


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """v1 keeps every block, the others few; the chain is as long as it takes for that to show."""
    folder = tmp_path_factory.mktemp("pruning") / "net"
    plan = init_network(NetworkOrder(folder=folder, validators=4, accounts=1, fail_points=True), now=datetime.now(UTC))
    for name in PRUNED:
        plan = with_validator(plan, name, keep_blocks=LEAST_IN_TESTS)
    write_plan(plan)
    chain = Chain(plan)
    try:
        start(plan)
        wait_until_final(plan, blocks=1, seconds=60)
        started, first = time.monotonic(), chain.height()
        for name in chain.names:
            set_clock(plan, name, FAST_SECONDS)
        chain.wait_for_height(ENOUGH, seconds=400)
        print(json.dumps({"blocks_a_second": round((ENOUGH - first) / (time.monotonic() - started), 1)}))
        for name in chain.names:
            set_clock(plan, name, 0)
        yield chain
    finally:
        stop(plan)
        shutil.rmtree(folder, ignore_errors=True)


def comet(net: Chain, name: str, method: str, *params: Any) -> Any:
    return call(f"http://{net.plan.host}:{net.plan.validator(name).ports.comet_rpc}", method, list(params))


def first_block(net: Chain, name: str) -> int:
    return int(comet(net, name, "status")["sync_info"]["earliest_block_height"])


def supervisor_says(net: Chain, event: str) -> int:
    """How often."""
    return net.plan.supervisor_log.read_text().count(event)


def test_validators_prune_below_what_they_keep_and_one_keeps_all(net: Chain) -> None:
    before = {name: first_block(net, name) for name in net.names}
    net.wait_for_blocks(3)
    for name in PRUNED:
        head = int(comet(net, name, "status")["sync_info"]["latest_block_height"])
        # CometBFT prunes after a block, beside its other work
        wait_until(
            lambda name=name, head=head: first_block(net, name) >= head - LEAST_IN_TESTS, seconds=20, what="pruned"
        )
        assert 1 < before[name] < first_block(net, name) <= net.height(name) - LEAST_IN_TESTS + 1
        with pytest.raises(NoAnswer, match="lowest height"):
            comet(net, name, "block", "5")
        # geth has headers, bodies and receipts of all of them
        assert net.hash_of(5, at=name) == net.hash_of(5)
    assert first_block(net, "v1") == 1 and comet(net, "v1", "block", "5")["block"]["header"]["height"] == "5"
    net.assert_same_chain(net.height())


def test_archive_takes_old_blocks_from_the_one_that_keeps_them(net: Chain, tmp_path: Path) -> None:
    height = net.height()
    first, last = extend_archive(net.plan, tmp_path / "proofs")
    assert first == 1 and last >= height - 1
    assert read_archive(tmp_path / "proofs", 5).header["app_hash"].lower() == net.hash_of(4)[2:]
    others = replace(net.plan, validators=tuple(net.plan.validator(name) for name in PRUNED))
    with pytest.raises(NoArchiveSource, match=r"block 1 is wanted; there is v2 from \d+ on"):
        extend_archive(others, tmp_path / "none")


def test_pruned_validator_follows_again_when_its_geth_was_killed(net: Chain) -> None:
    lost_before, first = net.height("v2"), first_block(net, "v2")
    kill_process(net.plan, "v2", GETH)
    killed = time.monotonic()
    wait_until(lambda: net.height("v2") >= 0, seconds=BACK_SECONDS, what="geth of v2 answers")
    thrown_back_to = net.height("v2")
    net.wait_for_blocks(2, seconds=BACK_SECONDS)
    seconds = round(time.monotonic() - killed, 1)
    print(json.dumps({"was_at": lost_before, "back_to": thrown_back_to, "first": first, "back_s": seconds}))
    assert first_block(net, "v2") >= first > 1
    assert not supervisor_says(net, "geth.renewed") and not supervisor_says(net, "blocks.dropped")
    net.assert_same_chain(net.height("v2"))


def test_newcomer_syncs_from_the_one_that_keeps_all_and_waits_while_it_is_away(net: Chain, tmp_path: Path) -> None:
    fifth = make_newcomer(net.plan, tmp_path / "fifth", "v5")
    act = Act(kind=Kind.ADD_OBSERVER, node_id=bytes.fromhex(fifth.validators[0].node_id), name="v5")

    async def let_in(registries: Any) -> None:
        (_, first), *others = validator_signers(net.plan, ["v1", "v2", "v3"])
        number = await registries.propose(first, act, drastic=False)
        for _, signer in others:
            await registries.vote(signer, number, approves=True)

    with_registries(net.plan, let_in)
    newcomer = Chain(fifth)
    try:
        with held(net.plan, "v1"):
            start(fifth)
            node_url = f"http://{fifth.host}:{fifth.validators[0].ports.comet_rpc}"

            def peers() -> int:
                try:
                    return int(call(node_url, "net_info", [])["n_peers"])
                except NoAnswer:
                    return 0

            wait_until(lambda: peers() == len(PRUNED), seconds=60, what="v5 is connected to all that prune")
            height = max(net.height(name) for name in PRUNED) + 5
            net.wait_for_height(height, *PRUNED)
            assert newcomer.height("v5") == 0
            print(json.dumps({"takes_itself_for_synced": not is_syncing(fifth, fifth.validators[0])}))
        started = time.monotonic()
        height = max(net.height(name) for name in PRUNED)
        newcomer.wait_for_height(height, "v5", seconds=180)
        print(json.dumps({"synced": height, "seconds": round(time.monotonic() - started, 1)}))
        assert newcomer.assert_same_chain(height) == net.assert_same_chain(height)
    finally:
        stop(fifth)
        shutil.rmtree(fifth.folder, ignore_errors=True)


def test_pruned_validator_whose_geth_lost_its_data_fetches_all_blocks_anew(net: Chain) -> None:
    home = net.plan.home("v3")
    with held(net.plan, "v3"):
        before = read_sign_state(home)
        shutil.rmtree(home / "geth" / "geth")
        height = net.wait_for_blocks(3, "v1", "v2", "v4")
    started = time.monotonic()
    net.wait_for_height(height, "v3", seconds=180)
    print(json.dumps({"fetched_anew": height, "seconds": round(time.monotonic() - started, 1)}))
    assert supervisor_says(net, "blocks.dropped") == 1 and supervisor_says(net, "blocks.not_dropped") == 0
    net.assert_same_chain(net.wait_for_blocks(2))
    # it votes again, beyond what it had signed before
    wait_until(
        lambda: (now := read_sign_state(home)) is not None and before is not None and now.height > before.height + 3,
        seconds=30,
        what="v3 signs again",
    )
    address = net.plan.validator("v3").address

    def signs() -> bool:
        commit = comet(net, "v1", "commit", None)["signed_header"]["commit"]
        return any(each["validator_address"] == address for each in commit["signatures"])

    wait_until(signs, seconds=30, what="the others have v3's votes")
