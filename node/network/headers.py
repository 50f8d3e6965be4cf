"""Where signed headers of any height come from: a folder's validators, or the archive that `till net archive` keeps.

Before it node/network/proofs.py; after it node/explorer/signed_headers.py, which asks for those that a proof needs.
"""

from pathlib import Path
from typing import Any, Final, Protocol

from node.domain.errors import Retryable, Unusable
from node.network.plan import NetworkPlan, ValidatorPlan
from node.network.proofs import NoArchiveSource, ProofParts, ask_comet, read_archive, set_at

KEPT: Final = ("address", "pub_key", "voting_power")
"""Of a validator: its priority as a proposer is not hashed, so nothing proves it."""


class NoHeader(Retryable):
    """No validator of this folder has the header that the proof needs."""


class Headers(Protocol):
    """Signed headers by height, as CometBFT's RPC gives them."""

    def header(self, height: int) -> dict[str, Any]:
        """The header alone. Raises NoHeader, Unusable."""

    def parts(self, height: int) -> ProofParts:
        """The header, the commit for it, and the validators that it names. Raises NoHeader, Unusable."""


class ValidatorHeaders:
    """Asks the CometBFT of the folder's validators, those that keep everything first."""

    def __init__(self, plan: NetworkPlan) -> None:
        if not plan.validators:
            raise Unusable(f"no validator runs from {plan.folder}; name an archive of theirs (till net archive)")
        self._plan = plan

    def header(self, height: int) -> dict[str, Any]:
        """The header alone."""
        _, signed = self._signed(height)
        found: dict[str, Any] = signed["header"]
        return found

    def parts(self, height: int) -> ProofParts:
        """The header, the commit for it, and the validators that it names."""
        source, signed = self._signed(height)
        try:
            validators = set_at(self._plan, source, height)
        except NoArchiveSource as failure:
            raise NoHeader(str(failure)) from None
        return ProofParts(header=signed["header"], commit=signed["commit"], validators=kept_of(validators))

    def _signed(self, height: int) -> tuple[ValidatorPlan, dict[str, Any]]:
        said = ""
        for validator in sorted(self._plan.validators, key=lambda each: each.keep_blocks != 0):
            try:
                return validator, ask_comet(self._plan, validator, f"commit?height={height}")["signed_header"]
            except NoArchiveSource as failure:
                said = failure.detail
        raise NoHeader(f"height {height}; {said}")


class ArchivedHeaders:
    """Reads the archive in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def header(self, height: int) -> dict[str, Any]:
        """The header alone."""
        return read_archive(self._folder, height).header

    def parts(self, height: int) -> ProofParts:
        """The header, the commit for it, and the validators that it names."""
        found = read_archive(self._folder, height)
        return ProofParts(header=found.header, commit=found.commit, validators=kept_of(found.validators))


def kept_of(validators: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of each validator what is hashed. Raises KeyError."""
    return [{name: each[name] for name in KEPT} for each in validators]
