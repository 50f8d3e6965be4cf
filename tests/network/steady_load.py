"""A little load beside a test that breaks the network: nothing that was seen final may be lost."""

import threading

from node.network.rpc import NoAnswer
from tests.network.chain import Chain, Sender, wait_until

PAUSE_SECONDS = 0.5
FINAL_SECONDS = 90
MOST_WAITING = 60


class SteadyLoad:
    """Transfers of one account through one gateway, twice a second, from entering to leaving.

    Its thread starts in the network namespace of whoever enters.
    """

    def __init__(self, chain: Chain, account: int, at: str = "v1") -> None:
        self._chain = chain
        self._at = at
        self._sender = Sender(chain, account)
        self._waiting: list[str] = []
        self.final: dict[str, str] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._failure: BaseException | None = None

    def __enter__(self) -> "SteadyLoad":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def assert_nothing_lost(self) -> None:
        """All that was sent is final, and whatever was seen final is in that same block on every validator."""
        self._stop.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        wait_until(self._all_final, seconds=FINAL_SECONDS, what="all that was sent is final")
        assert self.final
        for name in self._chain.names:
            for tx_hash, block_hash in self.final.items():
                receipt = wait_until(
                    lambda tx_hash=tx_hash, name=name: self._chain.receipt(tx_hash, at=name),
                    seconds=FINAL_SECONDS,
                    what=f"{name} has {tx_hash}",
                )
                assert (receipt["blockHash"], receipt["status"]) == (block_hash, "0x1"), (name, tx_hash)

    def _run(self) -> None:
        try:
            while True:
                self._look()
                if len(self._waiting) < MOST_WAITING:
                    self._send()
                if self._stop.wait(PAUSE_SECONDS):
                    return
        except BaseException as failure:
            self._failure = failure

    def _send(self) -> None:
        raw, tx_hash = self._sender.sign()

        def taken() -> bool:
            try:
                return self._chain.send(raw, at=self._at) == tx_hash
            except NoAnswer:
                # it may have come in all the same; then it is known, and refused
                return self._chain.receipt(tx_hash, at=self._at) is not None

        wait_until(taken, seconds=FINAL_SECONDS, what=f"{self._at} takes {tx_hash}")
        self._waiting.append(tx_hash)

    def _look(self) -> None:
        for tx_hash in list(self._waiting):
            receipt = self._chain.receipt(tx_hash, at=self._at)
            if receipt is None:
                return
            self.final[tx_hash] = receipt["blockHash"]
            self._waiting.remove(tx_hash)

    def _all_final(self) -> bool:
        self._look()
        return not self._waiting
