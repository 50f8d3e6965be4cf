"""A proposer that cheats, in a real network of four: the other three reject its block, and all four go on."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
import rlp
from coincurve import PrivateKey
from eth_hash.auto import keccak

from node.network.control import stop, wait_until_final
from node.network.init import NetworkOrder, init_network
from node.network.launch import APP, PROJECT
from node.network.rpc import NoAnswer, call, call_many
from tests.network.byzantine import HUGE, MISDEEDS, TOO_LARGE
from tests.network.chain import GAS_PRICE, NOBODY, Chain, Sender, wait_until

pytestmark = [pytest.mark.chain, pytest.mark.slow]

CHEAT = "v4"
BLOB = b"\x03"
ONE_BLOB_BYTES = 4096 * 32
CELLS = 128
INFINITY = b"\xc0" + bytes(47)
TURN_SECONDS = 60
REASONS = {
    "wrong_timestamp": "timestamp is",
    "wrong_parent": "parent hash is",
    "wrong_recipient": "fee recipient is",
    "withdrawal": "geth finds it invalid",
    "json_with_a_withdrawal": "payload version 123",
    "doubled_field": "payload version 123",
    "unknown_fields": "24 bytes after the payload's end",
    "invalid_state": "geth finds it invalid",
    "false_hash": "geth finds it invalid",
    "two_payloads": "2 payloads, expected one",
    "nothing": "0 payloads, expected one",
}
"""What the three others say to each misdeed."""
LARGE_ATTEMPTS = 5


class Court:
    """The network, and what its honest validators write down about the cheat."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.honest = [name for name in chain.names if name != CHEAT]
        self._orders = chain.plan.home(CHEAT) / "misdeed"

    def order(self, misdeed: str, *words: str) -> None:
        fresh = self._orders.with_suffix(".new")
        fresh.write_text(" ".join([misdeed, *words]))
        fresh.replace(self._orders)

    def wait_for_the_deed(self) -> int:
        """The height at which it was proposed."""
        wait_until(lambda: not self._orders.exists(), seconds=TURN_SECONDS, what="the cheat's turn")
        return int(wait_until(lambda: self._lines(CHEAT, "misdeed.done"), seconds=5, what="said so")[-1]["height"])

    def wait_for_rejections(self, height: int, reason: str) -> None:
        for name in self.honest:
            said = wait_until(
                lambda name=name: self.rejections(name, height), seconds=15, what=f"{name} rejects block {height}"
            )
            assert reason in said[0], said

    def rejections(self, name: str, height: int) -> list[str]:
        """Why a validator rejected what was proposed for a height."""
        return [line["reason"] for line in self._lines(name, "proposal.rejected") if line["height"] == height]

    def assert_all_go_on(self, seconds: float = 60) -> None:
        height = self.chain.wait_for_blocks(2, seconds=seconds)
        self.chain.assert_same_chain(height)

    def _lines(self, name: str, event: str) -> list[dict[str, Any]]:
        text = self.chain.plan.log(name, APP).read_text(errors="replace")
        return [json.loads(line) for line in text.splitlines() if f'"event": "{event}"' in line]


@pytest.fixture(scope="module")
def court(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Court]:
    folder = tmp_path_factory.mktemp("byzantine") / "net"
    plan = init_network(NetworkOrder(folder=folder, validators=4, accounts=2), now=datetime.now(UTC))
    plan.run_folder.mkdir()
    with plan.supervisor_log.open("ab") as log:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "tests.network.byzantine_supervisor", str(folder)],
            stdout=log,
            stderr=log,
            cwd=PROJECT,
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
            start_new_session=True,
        )
    try:
        wait_until_final(plan, blocks=1, seconds=60)
        yield Court(Chain(plan))
    finally:
        stop(plan)
        supervisor.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("misdeed", REASONS)
def test_block_is_rejected_when_its_proposer_cheats(court: Court, misdeed: str) -> None:
    court.order(misdeed)
    height = court.wait_for_the_deed()
    court.wait_for_rejections(height, REASONS[misdeed])
    court.assert_all_go_on()


def test_block_is_rejected_when_it_is_larger_than_the_rules_allow(court: Court) -> None:
    # a busy machine may not spread so much before the others stop to wait for it: then they vote for nothing unread
    for _ in range(LARGE_ATTEMPTS):
        court.order("too_large")
        height = court.wait_for_the_deed()
        court.assert_all_go_on()
        reasons = [reason for name in court.honest for reason in court.rejections(name, height)]
        assert all("bytes, at most 3000000 are allowed" in reason for reason in reasons)
        if len(reasons) == len(court.honest):
            return
    pytest.fail(f"nobody judged it in {LARGE_ATTEMPTS} turns")


def test_block_is_rejected_when_a_transaction_must_not_stand_in_it(court: Court) -> None:
    # geth itself would take it: more gas than one transaction may have here. A sender without permission goes the
    # same way: order("transactions", RAW) with one of theirs, and the same sentence is said
    sender = Sender(court.chain, 1)
    raw, tx_hash = sender.sign(gas=court.chain.plan.rules.transaction_gas_cap + 1)
    court.order("transactions", raw)
    height = court.wait_for_the_deed()
    court.wait_for_rejections(height, "transaction 0 must not be in it")
    court.assert_all_go_on()
    assert court.chain.receipt(tx_hash) is None


def test_others_go_on_when_a_proposal_is_larger_than_a_block_may_be(court: Court) -> None:
    # the cheat's own CometBFT does not even send this, and ends its consensus; the supervisor sees it stand
    court.order("huge")
    height = court.wait_for_the_deed()
    court.chain.wait_for_height(height + 3, *court.honest)
    court.assert_all_go_on(seconds=150)


def test_no_block_has_a_blob_when_one_is_in_a_proposers_own_pool(court: Court) -> None:
    chain, sender = court.chain, Sender(court.chain, 2)
    raw, blob_hash = blob_transaction(sender)
    for name in chain.names:
        with pytest.raises(NoAnswer):
            chain.send(raw, at=name)
    # past the gateway, as somebody on the machine could
    geth = f"http://{chain.plan.host}:{chain.plan.validator('v1').ports.geth}"

    def taken() -> bool:
        # geth's first blob takes it many seconds, in which it reads the trusted setup
        with suppress(NoAnswer):
            call(geth, "eth_sendRawTransaction", [raw], seconds=40)
        return bool(call(geth, "txpool_status", [])["pending"] != "0x0")

    wait_until(taken, seconds=120, what="the blob is in v1's pool")
    other, paid = Sender(chain, 1).sign()
    chain.send(other)
    chain.wait_for_receipt(paid)
    height = chain.wait_for_blocks(len(chain.names))
    assert chain.receipt(blob_hash) is None
    calls = [("eth_getHeaderByNumber", [hex(height - place)]) for place in range(len(chain.names))]
    assert {header["blobGasUsed"] for header in call_many(chain.url(), calls)} == {"0x0"}
    assert call(geth, "txpool_status", [])["pending"] != "0x0"
    court.assert_all_go_on()


def blob_transaction(sender: Sender) -> tuple[str, str]:
    """A type 3 transaction with a blob of zeros, its commitment and cell proofs (EIP-4844, EIP-7594), and its hash.

    The commitment to zeros, and every proof of it, is the point at infinity: no trusted setup is needed.
    """
    versioned_hash = b"\x01" + hashlib.sha256(INFINITY).digest()[1:]
    body: list[Any] = [
        *(
            sender.chain.plan.chain_id,
            sender.nonce,
            GAS_PRICE,
            GAS_PRICE,
            21_000,
            bytes.fromhex(NOBODY[2:]),
            0,
            b"",
            [],
        ),
        *(GAS_PRICE, [versioned_hash]),
    ]
    signature = PrivateKey(sender.key).sign_recoverable(keccak(BLOB + rlp.encode(body)), hasher=None)
    body += [signature[64], int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")]
    carried = BLOB + rlp.encode([body, 1, [bytes(ONE_BLOB_BYTES)], [INFINITY], [INFINITY] * CELLS])
    return "0x" + carried.hex(), "0x" + keccak(BLOB + rlp.encode(body)).hex()


def test_every_misdeed_is_judged() -> None:
    assert {*REASONS, "too_large", "transactions", "huge"} == set(MISDEEDS)
    assert TOO_LARGE < HUGE
