"""What can go wrong between consensus and execution. Part of the tree of node/domain/errors.py."""

from typing import Any

from node.domain.errors import Retryable, TillnetError


class ProposalRefused(TillnetError):
    """A proposed block is not in the one form that this network accepts."""


class EngineUnreachable(Retryable):
    """The execution engine does not answer."""


class EngineFailed(TillnetError):
    """The execution engine answered with an error."""

    def __init__(self, detail: str, code: int = 0) -> None:
        super().__init__(detail)
        self.code = code


class EngineBehind(Retryable):
    """The execution engine lacks the parent of this block, and has to be replayed to."""


class TransactionRefused(TillnetError):
    """This transaction is not accepted by the network."""


class SenderNotPermitted(TransactionRefused):
    """The sender of this transaction has no permission to send."""


class CreationNotPermitted(SenderNotPermitted):
    """The sender of this transaction has no permission to create contracts."""


class TooMuchAtOnce(Retryable):
    """The gateway has its hands full; try again."""


class AnswerTooLarge(TillnetError):
    """The answer is too large; ask for less at a time."""


class NotAdmitted(TillnetError):
    """The caller is not let in."""


class OverRate(Retryable):
    """The caller asks more than its rate allows; try again later."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"try again in {seconds} s")
        self.seconds = seconds


def explain(failure: Exception) -> dict[str, Any]:
    """Log fields of a failure: an expected one in a sentence, any other with its traceback."""
    return {"reason": str(failure) or type(failure).__name__, "exc_info": not isinstance(failure, TillnetError)}
