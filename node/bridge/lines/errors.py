"""What can go wrong when line items are read or shown; beside the tree's own, for people and not for terminals."""

from node.domain.errors import TillnetError


class NotForThisKey(TillnetError):
    """The line items are not sealed for this key."""


class LinesAltered(TillnetError):
    """The sealed line items were altered, or belong to another payment."""


class NotOnTheChain(TillnetError):
    """The line items are not those that the chain has for this payment."""


class BadLinesFile(TillnetError):
    """The file is not what it should be."""
