"""What stops an index: each says what was found, and what the operator does next."""

from node.domain.errors import TillnetError, Unusable


class Reorganised(TillnetError):
    """A block that was final is another one now."""

    def __init__(self, number: int, ours: bytes, theirs: bytes) -> None:
        super().__init__(
            f"block {number} was 0x{ours.hex()} when it was final, and is 0x{theirs.hex()} now: nothing was changed. "
            "Ask another validator (--rpc); if the chain was really begun anew, till index rebuild"
        )


class OtherChain(Unusable):
    """The index is of another chain, or of other contracts."""


class TooLarge(TillnetError):
    """One block's answer is larger than what is read."""
