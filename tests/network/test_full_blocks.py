"""Full blocks and full pools: the chain stays live, the validators equal, and what may not be in a block is in none."""

import json
import os
import time
from collections.abc import Iterator, Sequence

import pytest

from benchmarks.erc20 import FILL_STORAGE
from node.chain.signer import Call, Signer
from node.domain.ids import Address
from node.network.keys import read_account
from node.network.rpc import NoAnswer, call_many
from tests.network.chain import GAS_PRICE, NOBODY, Chain, Sender, wait_until

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.alone]

SENDERS = (1, 2, 3, 4)
MANY = 10_000
BATCH = 100
TAKE_MEMORY = b"\x5f\x62" + (91_000 * 32 - 32).to_bytes(3, "big") + b"\x52\x00"
"""Touches word 91,000 of memory, which costs 16.4M gas and no time (creation code; yellow paper, appendix H.1)."""
REVERT = bytes.fromhex("5f5ffd")


@pytest.fixture
def senders(whole: Chain) -> list[Sender]:
    """Four funded accounts."""
    return [Sender(whole, number) for number in SENDERS]


def blocks_of(chain: Chain, hashes: Sequence[str], *, seconds: float) -> set[int]:
    """The heights of the blocks in which these transactions became final."""
    return {int(chain.wait_for_receipt(each, "v1", seconds=seconds)["blockNumber"], 16) for each in hashes}


def test_twelve_of_the_largest_that_fill_storage_become_final(whole: Chain, senders: list[Sender]) -> None:
    # of 30M gas each they are refused, a transaction has 16,777,216 at most: so six pairs of that
    raw, _ = senders[0].sign(to=None, data=FILL_STORAGE, gas=30_000_000)
    senders[0].nonce -= 1
    with pytest.raises(NoAnswer):
        whole.send(raw)
    cap = whole.plan.rules.transaction_gas_cap
    signed = [each.sign(to=None, data=FILL_STORAGE, gas=cap) for _ in range(3) for each in senders]
    started = time.monotonic()
    for place, (raw, _) in enumerate(signed):
        whole.send(raw, at=whole.names[place % 4])
    used = [gas_used(whole, height) for height in blocks_of(whole, [each for _, each in signed], seconds=90)]
    seconds = time.monotonic() - started
    print(json.dumps({"twelve_at_the_cap_s": round(seconds, 1), "mgas": [round(gas / 1e6, 1) for gas in used]}))
    assert sum(used) > 11 * cap and seconds < 60


def test_blocks_are_full_of_gas_when_the_pool_holds_more_than_one_may_carry(
    whole: Chain, senders: list[Sender]
) -> None:
    cap = whole.plan.rules.transaction_gas_cap
    first = [each.sign() for each in senders]
    signed = [each.sign(to=None, data=TAKE_MEMORY, gas=cap) for _ in range(3) for each in senders]
    for raw, _ in signed:
        whole.send(raw)
    for name in whole.names:
        # they wait for the one that is held back, so that they come into a block together
        wait_until(lambda name=name: pool(whole, name)[1] >= len(signed), seconds=30, what=f"{name} has all of them")
    for raw, _ in first:
        whole.send(raw)
    used = [gas_used(whole, height) for height in blocks_of(whole, [each for _, each in signed], seconds=90)]
    print(json.dumps({"gas_of_full_blocks": used}))
    assert max(used) > 0.9 * whole.plan.rules.gas_limit


def test_blocks_are_full_of_bytes_when_the_pool_holds_more_than_one_may_carry(
    whole: Chain, senders: list[Sender]
) -> None:
    size, count = 120_000, 48
    signed = [senders[place % 4].sign(data=os.urandom(size), gas=21_000 + 16 * size) for place in range(count)]
    for place, (raw, _) in enumerate(signed):
        whole.send(raw, at=whole.names[place % 4])
    heights = blocks_of(whole, [tx_hash for _, tx_hash in signed], seconds=120)
    sizes = [int(whole.ask("eth_getBlockByNumber", hex(height), False)["size"], 16) for height in heights]
    print(json.dumps({"bytes_a_block": sizes}))
    limit = whole.plan.rules.payload_bytes
    assert 0.9 * limit < max(sizes) <= limit


def gas_used(chain: Chain, height: int) -> int:
    return int(chain.ask("eth_getHeaderByNumber", hex(height))["gasUsed"], 16)


@pytest.fixture
def pool_is_empty_after(whole: Chain) -> Iterator[None]:
    """Nothing of a test stays in the pools for the next."""
    yield
    for name in whole.names:
        wait_until(lambda name=name: pool(whole, name) == (0, 0), seconds=60, what=f"{name}'s pool is empty")


def pool(chain: Chain, name: str) -> tuple[int, int]:
    """Pending and queued transactions."""
    status = chain.ask("txpool_status", at=name)
    return int(status["pending"], 16), int(status["queued"], 16)


@pytest.mark.usefixtures("pool_is_empty_after")
def test_ten_thousand_become_final_when_the_gaps_before_them_are_filled(whole: Chain, senders: list[Sender]) -> None:
    # each sender's first is held back: what follows waits in the pool, and the others' go on meanwhile
    first = [sign_many(whole, number, sender.nonce, 1)[0] for number, sender in zip(SENDERS, senders, strict=True)]
    each = MANY // len(senders)
    for number, sender in zip(SENDERS, senders, strict=True):
        send_all(whole, whole.names[number - 1], sign_many(whole, number, sender.nonce + 1, each))
    assert pool(whole, "v1")[0] == 0 and pool(whole, "v1")[1] >= each
    wait_until(lambda: pool(whole, "v1")[1] >= MANY, seconds=120, what="v1 has all of them, none may be in a block")
    height = whole.height()
    started = time.monotonic()
    send_all(whole, "v1", first)
    for sender in senders:
        wanted = sender.nonce + 1 + each
        wait_until(lambda who=sender.address, n=wanted: nonce_of(whole, who) == n, seconds=120, what="all are final")
    seconds = time.monotonic() - started
    print(json.dumps({"ten_thousand_final_s": round(seconds, 1), "blocks": whole.height() - height}))


def test_chain_goes_on_when_transactions_always_revert(whole: Chain, senders: list[Sender]) -> None:
    signed = [each.sign(to=None, data=REVERT, gas=100_000) for _ in range(5) for each in senders]
    for raw, _ in signed:
        whole.send(raw)
    raw, paid = senders[0].sign()
    whole.send(raw)
    for _, tx_hash in signed:
        assert int(whole.wait_for_receipt(tx_hash)["status"], 16) == 0
    assert int(whole.wait_for_receipt(paid)["status"], 16) == 1


def sign_many(chain: Chain, number: int, nonce: int, count: int) -> list[bytes]:
    """Transfers of nothing to nobody by an account, with the nonces from `nonce` on."""
    signer = Signer(read_account(chain.plan.folder / "keys" / "accounts" / f"{number}.json").private_key)
    return [
        signer.sign(
            Call(
                chain_id=chain.plan.chain_id,
                nonce=nonce + place,
                to=Address(bytes.fromhex(NOBODY[2:])),
                data=b"",
                gas=21_000,
                max_fee=GAS_PRICE,
                priority_fee=1,
            )
        ).raw
        for place in range(count)
    ]


def send_all(chain: Chain, at: str, transactions: Sequence[bytes]) -> None:
    for start in range(0, len(transactions), BATCH):
        part = transactions[start : start + BATCH]
        call_many(chain.url(at), [("eth_sendRawTransaction", ["0x" + raw.hex()]) for raw in part], seconds=60)


def nonce_of(chain: Chain, address: str) -> int:
    return int(chain.ask("eth_getTransactionCount", address, "latest"), 16)
