"""The chain that tests ask from several threads at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from benchmarks.devchain import anvil

pytestmark = pytest.mark.anvil
THREADS, CALLS = 8, 400


def test_request_gives_each_thread_its_own_answer_when_many_ask_at_once() -> None:
    with anvil() as chain, ThreadPoolExecutor(THREADS) as pool:
        numbers = [f"0x{number:x}" for number in range(CALLS)]
        slots = pool.map(
            lambda slot: chain.request("eth_call", {"to": f"0x{4:040x}", "data": f"0x{int(slot, 16):064x}"}), numbers
        )
        # address 4 is the precompile that returns what it is given
        assert [int(each, 16) for each in slots] == list(range(CALLS))
