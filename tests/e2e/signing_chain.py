"""A real network as benchmarks/devchain.py sees a chain: transactions are signed by one key, sent in order, not waited
for one by one.
"""

import time
from typing import Any, Final

from benchmarks.devchain import Chain, Receipt
from node.chain.signer import Call, Signer
from node.domain.ids import Address

GAS: Final = 3_000_000
FEE: Final = 10**9
FINAL_SECONDS: Final = 30.0


class SigningChain(Chain):
    """A gateway of the network; `finish` waits until everything that was sent is in a block, and worked."""

    def __init__(self, port: int, key: bytes) -> None:
        super().__init__(port)
        self._signer = Signer(key)
        self.sender = "0x" + self._signer.address.hex()
        self._nonce = int(self.request("eth_getTransactionCount", self.sender, "latest"), 16)
        self._chain_id = int(self.request("eth_chainId"), 16)
        self._sent: list[tuple[str, str]] = []

    def request(self, method: str, *params: Any) -> Any:
        """The result of one call; a gateway has no accounts."""
        return [] if method == "eth_accounts" else super().request(method, *params)

    def send(self, *, sender: str, to: str | None, data: str, gas: int = GAS) -> Receipt:
        """Signs and sends; the receipt says nothing yet."""
        assert to is not None and sender == self.sender
        call = Call(
            chain_id=self._chain_id,
            nonce=self._nonce,
            to=Address(bytes.fromhex(to[2:])),
            data=bytes.fromhex(data[2:]),
            gas=min(gas, GAS),
            max_fee=FEE,
            priority_fee=10,
        )
        signed = self._signer.sign(call)
        self.request("eth_sendRawTransaction", "0x" + signed.raw.hex())
        self._nonce += 1
        self._sent.append(("0x" + signed.hash.hex(), data))
        return Receipt(gas=0, block=0, logs=[], created=None)

    def finish(self) -> None:
        """Waits for all; AssertionError names what failed."""
        deadline = time.monotonic() + FINAL_SECONDS
        for digest, data in self._sent:
            while (receipt := self.request("eth_getTransactionReceipt", digest)) is None:
                assert time.monotonic() < deadline, f"no block took {digest}"
                time.sleep(0.05)
            assert receipt["status"] == "0x1", f"{data[:10]} was refused"
        self._sent.clear()
