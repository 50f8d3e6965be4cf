"""Why sources are not verified; each with the code that Sourcify's clients know."""

from typing import ClassVar

from node.domain.errors import TillnetError


class NotVerifiable(TillnetError):
    """These sources cannot be verified."""

    custom_code: ClassVar[str] = "invalid_parameter"


class NoMatch(NotVerifiable):
    """The compiled code is not the code at this address."""

    custom_code = "no_match"


class CompilerFailed(NotVerifiable):
    """The sources do not compile."""

    custom_code = "compiler_error"


class UnknownCompiler(NotVerifiable):
    """This explorer does not have that compiler."""

    custom_code = "unsupported_compiler_version"


class NotDeployed(NotVerifiable):
    """There is no contract at this address."""

    custom_code = "contract_not_deployed"


class AlreadyVerified(NotVerifiable):
    """Contract source code already verified."""

    custom_code = "already_verified"


class TooManyWaiting(NotVerifiable):
    """Too many sources wait to be compiled; try again later."""

    custom_code = "too_many_requests"
