"""The application's parts, as they are, with what they do counted and timed for Prometheus.

Before it comes node/consensus/__main__.py, which puts these together; the parts themselves know nothing of metrics.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from node.consensus.admission import ACCEPTED, ALREADY_KNOWN, FINAL_REASONS, Admission
from node.consensus.application import Application
from node.consensus.engine import Engine
from node.consensus.errors import ProposalRefused, SenderNotPermitted, TransactionRefused
from node.consensus.failpoints import PROCESS
from node.consensus.metrics import ChainMetrics
from node.consensus.payload import Payload, decode_payload
from node.consensus.proposals import Proposals
from node.consensus.rules import Head
from node.domain.ids import Address, Hash32

REJECTIONS: Final = {
    "bytes, at most": "too_large",
    "payload version": "malformed",
    "cut short": "malformed",
    "after the payload's end": "malformed",
    "payloads, expected one": "malformed",
    "parent hash": "parent",
    "number": "number",
    "fee recipient": "fee_recipient",
    "timestamp": "timestamp",
    "prevRandao": "randao",
    "gas limit": "gas_limit",
    "extra data": "extra_data",
    "blob gas": "blobs",
    "must not be in it": "transaction",
    "geth finds it invalid": "invalid",
}
"""What a reason for a rejection says -> its label; anything else is "other"."""
REFUSALS: Final = {
    "chain id": "chain_id",
    "gas limit": "gas",
    "allowed are 1 to": "size",
    "type": "type",
    "signature": "signature",
    "RLP": "malformed",
}
CODES: Final = {ACCEPTED: "accepted", 1: "refused"}


class MeteredEngine(Engine):
    """geth, with the time of each step."""

    def __init__(self, metrics: ChainMetrics, **settings: Any) -> None:
        super().__init__(**settings)
        self._metrics = metrics

    async def build(
        self,
        *,
        parent: Head,
        timestamp: int,
        version: int,
        randao: Hash32,
        fee_recipient: Address,
        extra_data: bytes,
        transactions: Sequence[bytes] | None,
    ) -> Payload:
        """As Engine's."""
        with self._metrics.timed("build"):
            return await super().build(
                parent=parent,
                timestamp=timestamp,
                version=version,
                randao=randao,
                fee_recipient=fee_recipient,
                extra_data=extra_data,
                transactions=transactions,
            )

    async def execute(self, payload: Payload) -> bool:
        """As Engine's."""
        with self._metrics.timed("execute"):
            return await super().execute(payload)

    async def make_final(self, block: Hash32) -> None:
        """As Engine's."""
        with self._metrics.timed("commit"):
            await super().make_final(block)


class MeteredProposals(Proposals):
    """Proposals, with what was made and why others were rejected."""

    def __init__(self, metrics: ChainMetrics, **settings: Any) -> None:
        super().__init__(**settings)
        self._metrics = metrics

    async def make(self, *, parent: Head, height: int, block_time: int, max_bytes: int) -> bytes:
        """As Proposals'."""
        try:
            data = await super().make(parent=parent, height=height, block_time=block_time, max_bytes=max_bytes)
        except Exception:
            self._metrics.proposals.labels("not_made").inc()
            raise
        self._metrics.proposals.labels("made" if decode_payload(data).transactions else "made_empty").inc()
        return data

    async def check(self, data: bytes, *, parent: Head, height: int, block_time: int, call: str = PROCESS) -> Payload:
        """As Proposals'."""
        try:
            return await super().check(data, parent=parent, height=height, block_time=block_time, call=call)
        except ProposalRefused as refusal:
            self._metrics.rejections.labels(_label(str(refusal), REJECTIONS)).inc()
            raise
        except Exception:
            self._metrics.rejections.labels("engine").inc()
            raise


class MeteredAdmission(Admission):
    """Admission, with what was let in and why the rest was not."""

    def __init__(self, metrics: ChainMetrics, **settings: Any) -> None:
        super().__init__(**settings)
        self._metrics = metrics

    async def check(self, raw: bytes) -> None:
        """As Admission's."""
        try:
            await super().check(raw)
        except TransactionRefused as refusal:
            permitted = not isinstance(refusal, SenderNotPermitted)
            reason = _label(str(refusal), REFUSALS) if permitted else "sender"
            self._metrics.transactions.labels("any", f"refused_{reason}").inc()
            raise

    def taken(self, raw: bytes, failure: str | None) -> None:
        """As Admission's."""
        super().taken(raw, failure)
        self._metrics.transactions.labels("client", _pool_outcome(failure)).inc()

    async def insert(self, raw: bytes) -> int:
        """As Admission's."""
        code = await super().insert(raw)
        self._metrics.transactions.labels("peer", CODES.get(code, "retry")).inc()
        return code


class MeteredApplication(Application):
    """The ABCI application, with heights and outcomes."""

    def __init__(self, metrics: ChainMetrics, monotonic: Callable[[], float], **settings: Any) -> None:
        super().__init__(**settings)
        self._metrics = metrics
        self._monotonic = monotonic
        self._committed_at: float | None = None

    async def info(self, request: Any) -> Any:
        """As Application's."""
        answer = await super().info(request)
        self._metrics.height.set(answer.last_block_height)
        return answer

    async def process_proposal(self, request: Any) -> Any:
        """As Application's."""
        answer = await super().process_proposal(request)
        accepted = answer.status == type(answer).ACCEPT
        self._metrics.proposals.labels("accepted" if accepted else "rejected").inc()
        return answer

    async def commit(self, request: Any) -> Any:
        """As Application's."""
        answer = await super().commit(request)
        head = await self.current_head()
        now = self._monotonic()
        self._metrics.height.set(head.number)
        self._metrics.drift.set(head.timestamp - self._clock())
        if self._committed_at is not None:
            self._metrics.interval.observe(now - self._committed_at)
        self._committed_at = now
        return answer


def _pool_outcome(failure: str | None) -> str:
    if failure is None:
        return "accepted"
    if failure.startswith(ALREADY_KNOWN):
        return "known"
    return "refused_pool" if any(reason in failure for reason in FINAL_REASONS) else "refused_pool_for_now"


def _label(text: str, table: dict[str, str]) -> str:
    return next((label for words, label in table.items() if words in text), "other")
