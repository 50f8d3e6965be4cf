"""What the tests of this folder do to a real network: ask, send, wait."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from eth_account import Account as EthAccount

from node.network.agreement import compare_chains
from node.network.keys import read_account
from node.network.plan import NetworkPlan
from node.network.rpc import NoAnswer, call

NOBODY: Final = "0x000000000000000000000000000000000000dEaD"
GAS_PRICE: Final = 2 * 10**9
_WAKE = threading.Event()  # never set: waiting on it is how a poll yields without a sleep


def wait_until(condition: Callable[[], Any], *, seconds: float, what: str) -> Any:
    """The condition's first true value; fails the test when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        _WAKE.wait(0.05)
    return value


@dataclass
class Chain:
    """A running network, as its clients see it."""

    plan: NetworkPlan

    @property
    def names(self) -> list[str]:
        return [validator.name for validator in self.plan.validators]

    def url(self, name: str = "v1") -> str:
        return self.plan.rpc_url(self.plan.validator(name))

    def ask(self, method: str, *params: Any, at: str = "v1") -> Any:
        return call(self.url(at), method, list(params))

    def height(self, name: str = "v1") -> int:
        """-1 when the validator does not answer."""
        try:
            return int(self.ask("eth_blockNumber", at=name), 16)
        except NoAnswer:
            return -1

    def hash_of(self, number: int, at: str = "v1") -> str:
        block = self.ask("eth_getBlockByNumber", hex(number), False, at=at)
        return str(block["hash"]) if block else ""

    def wait_for_height(self, height: int, *names: str, seconds: float = 60) -> None:
        for name in names or self.names:
            wait_until(lambda name=name: self.height(name) >= height, seconds=seconds, what=f"{name} at {height}")

    def wait_for_blocks(self, count: int, *names: str, seconds: float = 60) -> int:
        """Waits until each of them is `count` blocks further than the furthest is now; returns that height."""
        target = max(self.height(name) for name in self.names) + count
        self.wait_for_height(target, *names, seconds=seconds)
        return target

    def assert_same_chain(self, height: int, *names: str) -> list[str]:
        """All of them (or those named) have the same hash at every height up to this one; these hashes."""
        return compare_chains(self.plan, last=height, names=names or self.names)

    def send(self, raw: str, *, at: str = "v1") -> str:
        return str(self.ask("eth_sendRawTransaction", raw, at=at))

    def receipt(self, tx_hash: str, *, at: str = "v1") -> Any:
        try:
            return self.ask("eth_getTransactionReceipt", tx_hash, at=at)
        except NoAnswer:
            return None

    def wait_for_receipt(self, tx_hash: str, *names: str, seconds: float = 30) -> Any:
        found = None
        for name in names or self.names:
            found = wait_until(
                lambda name=name: self.receipt(tx_hash, at=name), seconds=seconds, what=f"{tx_hash} on {name}"
            )
        return found


class Sender:
    """A funded account that signs transactions one nonce after the other."""

    def __init__(self, chain: Chain, number: int) -> None:
        self.chain = chain
        account = read_account(chain.plan.folder / "keys" / "accounts" / f"{number}.json")
        self.address = account.address
        self.key = account.private_key
        self.nonce = int(chain.ask("eth_getTransactionCount", self.address, "latest"), 16)

    def sign(self, **fields: Any) -> tuple[str, str]:
        """A raw transaction and its hash; a transfer of 1 wei to nobody unless told otherwise."""
        transaction = {
            "chainId": self.chain.plan.chain_id,
            "nonce": self.nonce,
            "to": NOBODY,
            "value": 1,
            "gas": 21_000,
            "maxFeePerGas": GAS_PRICE,
            "maxPriorityFeePerGas": 1,
            **fields,
        }
        if "gasPrice" in transaction:
            del transaction["maxFeePerGas"], transaction["maxPriorityFeePerGas"]
        signed = EthAccount.sign_transaction(transaction, self.key)
        self.nonce += 1
        return "0x" + signed.raw_transaction.hex().removeprefix("0x"), "0x" + signed.hash.hex().removeprefix("0x")
