"""Validators that are dead for a while: one of four costs time, two of four stop the chain, and nothing is lost."""

import json
import time

import pytest

from node.network.faults import down
from tests.network.chain import Chain, Sender, wait_until

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.alone]

STANDSTILL_SECONDS = 8
BACK_SECONDS = 30
MEASURED_BLOCKS = 16
"""Four turns of each proposer."""


class Standing:
    """True once the height of none of them has changed for so many seconds."""

    def __init__(self, chain: Chain, names: list[str], seconds: float) -> None:
        self._chain = chain
        self._names = names
        self._seconds = seconds
        self._seen: list[int] = []
        self._since = time.monotonic()

    def __call__(self) -> bool:
        heights = [self._chain.height(name) for name in self._names]
        if heights != self._seen:
            self._seen, self._since = heights, time.monotonic()
        return time.monotonic() - self._since > self._seconds


def test_chain_stands_when_two_of_four_are_down_and_goes_on_when_they_are_back(whole: Chain, member: Sender) -> None:
    alive = whole.names[:2]
    known = whole.assert_same_chain(whole.wait_for_blocks(1))
    with down(whole.plan, *whole.names[2:]):
        wait_until(Standing(whole, alive, STANDSTILL_SECONDS), seconds=40, what="v1 and v2 stand")
        stood_at = max(whole.height(name) for name in alive)
        whole.assert_same_chain(min(whole.height(name) for name in alive), *alive)
        raw, tx_hash = member.sign()
        whole.send(raw, at="v1")
        assert whole.receipt(tx_hash) is None
    started = time.monotonic()
    whole.wait_for_height(stood_at + 1, *alive, seconds=BACK_SECONDS)
    seconds = time.monotonic() - started
    print(json.dumps({"two_of_four_back_after_s": round(seconds, 1)}))
    whole.wait_for_receipt(tx_hash, seconds=60)
    now = whole.assert_same_chain(min(whole.height(name) for name in whole.names))
    assert now[: len(known)] == known


def test_chain_goes_on_at_half_its_speed_at_least_when_one_of_four_is_down(whole: Chain, member: Sender) -> None:
    *alive, dead = whole.names
    with down(whole.plan, dead):
        assert whole.height(dead) == -1
        first = whole.wait_for_blocks(1, *alive)
        started = time.monotonic()
        whole.wait_for_height(first + MEASURED_BLOCKS, alive[0], seconds=120)
        interval = (time.monotonic() - started) / MEASURED_BLOCKS
        raw, tx_hash = member.sign()
        whole.send(raw, at=alive[1])
        whole.wait_for_receipt(tx_hash, *alive)
    print(json.dumps({"interval_with_one_of_four_down_s": round(interval, 2)}))
    assert interval < 2.0
    whole.wait_for_receipt(tx_hash, dead, seconds=60)
