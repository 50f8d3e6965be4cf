"""Why a proof is refused: the step of docs/proofs.md that failed, and what was found there."""

from enum import StrEnum

from node.domain.errors import TillnetError


class Step(StrEnum):
    """What a proof leads through, from the top down; of the steps that fail, the first is named."""

    DOCUMENT = "document"
    ITEMS = "line items"
    LINES = "lines"
    LOG = "log"
    SUMS = "sums"
    STATE = "state"
    BLOCK = "block"
    HEADER = "header"
    VALIDATORS = "validators"
    SIGNATURES = "signatures"
    CHANGES = "changes of validators"
    ANCHOR = "anchor"


class ProofRefused(TillnetError):
    """The proof is refused."""

    def __init__(self, step: Step, reason: str) -> None:
        super().__init__(f"{step}: {reason}")
        self.step = step
        self.reason = reason
