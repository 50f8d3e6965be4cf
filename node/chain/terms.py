"""What was fixed when a ledger was deployed; apart, for programs that read it without asking a chain."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class LedgerTerms:
    """What was fixed when the ledger was deployed (docs/batch.md, constants); times in seconds."""

    units_per_minor_unit: int
    epoch_start: int
    epoch_length: int
    clock_tolerance: int

    def epoch(self, timestamp: int) -> int:
        """The epoch of a block's time."""
        return (timestamp - self.epoch_start) // self.epoch_length if self.epoch_length else 0
