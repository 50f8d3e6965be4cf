"""What a finding of the fuzzer is, and which answers say yes."""

from typing import Final

SAYS_YES: Final = frozenset({"00", "08", "10", "11", "16", "32", "85", "87"})
"""DE39 that some gateway or other takes for an approval (ISO 8583:1987, annex A)."""
WE_SAY_YES: Final = frozenset({"00", "10"})


class Misread(AssertionError):
    """A reply that a client would misread, or that must not have been sent."""
