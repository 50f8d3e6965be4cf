"""Holds the chain against what was anchored of it elsewhere: each block's hash, and the receipts roots up to it.

Stage before: evidence. Stage after: report.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from node.audit.anchors.record import Anchor, Sent
from node.audit.evidence import ProvenBlock
from node.audit.findings import Finding, Findings, Kind
from node.chain.rpc import Rpc
from node.domain.ids import Hash32
from node.domain.merkle import root_of


@dataclass(kw_only=True, slots=True)
class AnchorCheck:
    """Sees every block; `anchors` are the oldest first, and their blocks follow on each other."""

    anchors: Sequence[Anchor]
    findings: Findings
    checked: int = 0
    _roots: list[Hash32] = field(default_factory=list)

    def block(self, block: ProvenBlock) -> None:
        """Looks at a block."""
        if self.checked >= len(self.anchors):
            return
        anchor = self.anchors[self.checked]
        if block.number < anchor.first:
            return
        self._roots.append(block.receipts_root)
        if block.number < anchor.height:
            return
        self.checked += 1
        subject = f"block {anchor.height}"
        if block.hash != anchor.block_hash:
            text = f"its hash is 0x{block.hash.hex()}, anchored was 0x{anchor.block_hash.hex()}"
            self.findings.add(Finding(kind=Kind.ANCHOR, subject=subject, text=text, block=block.number))
        elif len(self._roots) == anchor.height - anchor.first + 1 and root_of(self._roots) != anchor.log_root:
            text = f"the logs of blocks {anchor.first} to {anchor.height} are not those that were anchored"
            self.findings.add(Finding(kind=Kind.ANCHOR, subject=subject, text=text, block=block.number))
        self._roots.clear()


async def anchored(target: Rpc, records: Sequence[Sent], chain_id: int, findings: Findings) -> list[Anchor]:
    """The anchors that the other chain has, by its own word of them; notes what it has not, or has otherwise."""
    found: list[Anchor] = []
    for sent in records:
        name = "0x" + sent.transaction.hex()
        subject = f"block {sent.anchor.height}"
        transaction = await target.call("eth_getTransactionByHash", name)
        receipt = await target.call("eth_getTransactionReceipt", name) if transaction else None
        if transaction is None or receipt is None or receipt.get("status") != "0x1":
            text = f"the other chain has no anchor {name}"
            findings.add(Finding(kind=Kind.ANCHOR, subject=subject, text=text))
            continue
        try:
            anchor = Anchor.unpack(bytes.fromhex(transaction["input"][2:]))
        except ValueError as failure:
            findings.add(Finding(kind=Kind.ANCHOR, subject=subject, text=f"{name} on the other chain: {failure}"))
            continue
        if anchor != sent.anchor or anchor.chain_id != chain_id:
            text = f"{name} on the other chain says other than the record of it here"
            findings.add(Finding(kind=Kind.ANCHOR, subject=subject, text=text))
        found.append(anchor)
    return sorted(found, key=lambda each: each.height)
